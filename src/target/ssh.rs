//! What ssh_config and ssh's options say of a connection, beside the name, the port, the login and the way.

use std::{net::IpAddr, path::PathBuf};

/// Settings of a client for one host or bastion. Where nothing is said, the transport's own hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SshSettings {
    /// `IdentityFile`, in order, behind the key that the inventory names.
    pub identity_files: Vec<PathBuf>,
    /// `IdentitiesOnly`: of the agent's keys only those whose files are named.
    pub identities_only: bool,
    /// `IdentityAgent`.
    pub agent: AgentChoice,
    /// `UserKnownHostsFile`; empty: none.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    /// `GlobalKnownHostsFile`; empty: none.
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// `HostKeyAlias`: the name under which the host's key is on file.
    pub host_key_alias: Option<String>,
    /// `AddressFamily`.
    pub family: Family,
    /// `BindAddress`.
    pub bind: Option<IpAddr>,
    /// `KexAlgorithms`, as written.
    pub kex: Option<String>,
    /// `Ciphers`, as written.
    pub ciphers: Option<String>,
    /// `MACs`, as written.
    pub macs: Option<String>,
    /// `HostKeyAlgorithms`, as written.
    pub host_keys: Option<String>,
    /// Ways of logging in that are switched off.
    pub without: Without,
}

/// Which agent signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AgentChoice {
    /// The usual one.
    #[default]
    Usual,
    /// None.
    None,
    /// The one behind this socket.
    Socket(PathBuf),
}

/// IPv4, IPv6 or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether an address is of it.
    pub fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// Ways of logging in that must not be tried (`PasswordAuthentication no`, `PreferredAuthentications` and the like).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Without {
    /// Keys.
    pub keys: bool,
    /// The `password` method.
    pub password: bool,
    /// The `keyboard-interactive` method.
    pub interactive: bool,
}
