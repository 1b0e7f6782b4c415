//! Arguments of `known-hosts`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `known-hosts …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KnownHostsCommand {
    /// Check a server's keys: accept, changed, unknown or revoked. Records nothing. The exit code is 0 for accept, else
    /// 3.
    Check(KnownHostsCheck),
    /// Print the numbers of the lines that name a host, as `ssh-keygen -F` finds them.
    Find(KnownHostsFind),
}

/// `known-hosts check`.
#[derive(Clone, Debug, Args)]
pub struct KnownHostsCheck {
    /// The host's name or address, as in a connection.
    #[arg(long, value_name = "HOST")]
    pub host: String,
    /// Its port.
    #[arg(long, value_name = "PORT", default_value_t = 22)]
    pub port: u16,
    /// The server's host keys and certificates: lines of `.pub` files, or of `ssh-keyscan`.
    #[arg(long, value_name = "FILE")]
    pub server_keys: PathBuf,
    /// How to treat an unknown key. A changed or revoked key is never accepted.
    #[arg(long, value_name = "HOW", default_value = "yes")]
    pub strict: Strictness,
    /// A known_hosts file; may be repeated [default: ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts].
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Vec<PathBuf>,
    /// Look the keys up under this name instead of host and port.
    #[arg(long, value_name = "NAME")]
    pub host_key_alias: Option<String>,
}

/// `StrictHostKeyChecking` of `known-hosts check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strictness {
    /// An unknown key is refused.
    Yes,
    /// An unknown key would be recorded.
    AcceptNew,
    /// As accept-new.
    No,
}

/// `known-hosts find`.
#[derive(Clone, Debug, Args)]
pub struct KnownHostsFind {
    /// The name as in the file: `web01`, `[web01]:2222`.
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub name: String,
    /// The file [default: ~/.ssh/known_hosts].
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
