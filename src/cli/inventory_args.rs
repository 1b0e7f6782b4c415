//! The part of the command line that is about inventories. Start at [`InventoryArgs`].

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where hosts come from, and variables from the command line.
#[derive(Clone, Debug, Args)]
pub struct InventoryArgs {
    /// An inventory: a file, a folder, a program, or a list of hosts like `web1,web2,`. May be repeated.
    #[arg(short, long, value_name = "FILE", required = true)]
    pub inventory: Vec<PathBuf>,
    /// Where Ansible only warns about an inventory, warn as well and go on.
    #[arg(long)]
    pub lenient: bool,
    /// Set a variable: `key=value` or `@file.yml`; wins over all others.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub vault: VaultArgs,
}

/// Passwords of Ansible Vault.
#[derive(Clone, Debug, Default, Args)]
pub struct VaultArgs {
    /// A file with a vault password, or a program that prints it; may be repeated.
    #[arg(help_heading = "Ansible Vault", long, visible_alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// A vault password with a label: LABEL@FILE, LABEL@PROGRAM or LABEL@prompt; may be repeated.
    #[arg(help_heading = "Ansible Vault", long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// Ask for a vault password.
    #[arg(help_heading = "Ansible Vault", short = 'J', long, visible_alias = "ask-vault-pass")]
    pub ask_vault_password: bool,
}

/// `inventory …`.
#[derive(Clone, Debug, Subcommand)]
pub enum InventoryCommand {
    /// Report all mistakes of the inventory at once.
    Check(InventoryArgs),
    /// Print the hosts of a pattern, one per line.
    Hosts {
        #[command(flatten)]
        #[allow(missing_docs)]
        inventory: InventoryArgs,
        /// Which hosts, in the order of this pattern.
        #[arg(default_value = "all", value_name = "PATTERN")]
        pattern: String,
        /// The same as PATTERN.
        #[arg(long = "pattern", value_name = "PATTERN", conflicts_with = "pattern")]
        also: Option<String>,
        /// Only these of them.
        #[arg(short, long, value_name = "PATTERN")]
        limit: Option<String>,
    },
    /// Print groups, hosts and variables as JSON, like `ansible-inventory --list`; secrets are masked.
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        inventory: InventoryArgs,
        /// Print JSON, which is the only form.
        #[arg(long)]
        json: bool,
        /// Print exactly what `ansible-inventory --list` prints, but for masked secrets: sorted, and `patchwave` as
        /// one value.
        #[arg(long)]
        ansible: bool,
    },
    /// Print each variable of a host, and where its value is written; secrets are masked.
    Show {
        #[command(flatten)]
        #[allow(missing_docs)]
        inventory: InventoryArgs,
        /// The host.
        host: String,
    },
    /// Print the tree of groups.
    Graph(InventoryArgs),
}
