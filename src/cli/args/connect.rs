//! The options that say how hosts are reached.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

/// How hosts are reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// Log in as this user, unless the inventory says otherwise.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Log in with this private key, unless the inventory says otherwise.
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Read this ssh_config instead of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads none. The inventory wins
    /// over it.
    #[arg(short = 'F', long, value_name = "FILE")]
    pub ssh_config: Option<String>,
    /// What to do with an unknown host key.
    #[arg(long, value_name = "POLICY", default_value = "strict")]
    pub host_keys: HostKeys,
    /// File of trusted host keys, instead of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// Ask for the login password.
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Ask for the password of sudo or su.
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Read the login password from the output of this command, for example a password manager. `/bin/sh` runs it once
    /// on this machine; a trailing newline is removed.
    #[arg(long, value_name = "CMD", conflicts_with = "ask_pass")]
    pub password_command: Option<String>,
    /// Read the password of sudo or su from the output of this command, like --password-command.
    #[arg(long, value_name = "CMD", conflicts_with = "ask_become_pass")]
    pub become_password_command: Option<String>,
    /// The most hosts in flight.
    #[arg(short, long, value_name = "N", default_value_t = Self::FORKS as u32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub forks: u32,
    /// The most new connections per second, after the first few; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub connect_rate: u32,
    /// Time limit for name lookup and TCP connect, and the same again for the handshake.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration)]
    pub connect_timeout: Option<Duration>,
    /// Time limit for authentication.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration)]
    pub auth_timeout: Option<Duration>,
}

impl ConnectArgs {
    /// The most hosts in flight by default.
    pub(in crate::cli) const FORKS: usize = 256;
}

/// What to do with an unknown host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostKeys {
    /// Refuse the host.
    Strict,
    /// Record the key; a changed key is still refused.
    AcceptNew,
    /// Ask at the terminal, once for hosts whose keys come together, and record the keys that are confirmed.
    Ask,
}
