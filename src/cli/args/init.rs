//! `init` and `schema`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::inventory_args::VaultArgs;

/// `init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// The folder, which is made if it is not there. No file in it is overwritten.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Keep this inventory as it is, and propose environments and risk levels for its hosts, guessed from the names of
    /// its groups, in a file of their own. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub from_inventory: Vec<PathBuf>,
    /// Where Ansible only warns about an inventory, warn as well and go on.
    #[arg(long, requires = "from_inventory")]
    pub lenient: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub vault: VaultArgs,
}

/// `schema`.
#[derive(Clone, Debug, Args)]
pub struct SchemaArgs {
    /// The kind of file.
    #[arg(value_name = "KIND")]
    pub of: SchemaOf,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A playbook.
    Playbook,
    /// An inventory in YAML.
    Inventory,
    /// A file in `group_vars/` or `host_vars/`.
    Vars,
    /// The settings of a project: patchwave.yml.
    Project,
}

impl SchemaOf {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Playbook, Self::Inventory, Self::Vars, Self::Project];
}
