//! [`Resolved`]: how to reach one host, as plain data.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::sshconfig::{AlgorithmList, Hop, Problem, resolve::gathered::Gathered};
use crate::target::{LoginSettings, Variables};

/// The configuration of one host. Where a field is an `Option`, `None` means that nothing is set and the client's
/// default applies.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The host as it was asked for.
    pub host: String,
    /// `HostName`: where to connect to, in lower case; `host` where it is not set.
    pub host_name: String,
    /// `User`.
    pub user: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `IdentityFile`, in order; empty: the client's usual files.
    pub identity_files: Vec<KeyPath>,
    /// `CertificateFile`, in order.
    pub certificate_files: Vec<KeyPath>,
    /// How to log in: `PreferredAuthentications`, `IdentitiesOnly` and the like.
    pub login: LoginSettings,
    /// `IdentityAgent`.
    pub agent: AgentSocket,
    /// `UserKnownHostsFile`; an empty list is `none`.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    /// `GlobalKnownHostsFile`; an empty list is `none`.
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// `RevokedHostKeys`; `none` counts as not set.
    pub revoked_host_keys: Option<PathBuf>,
    /// `HostKeyAlias`, in lower case.
    pub host_key_alias: Option<String>,
    /// `StrictHostKeyChecking`.
    pub host_key_checking: Option<HostKeyChecking>,
    /// `HashKnownHosts`.
    pub hash_known_hosts: bool,
    /// `ProxyJump` or `ProxyCommand`, whichever came first.
    pub proxy: Proxy,
    /// `AddressFamily`.
    pub family: AddressFamily,
    /// `BindAddress`, or the addresses of `BindInterface`, at most one per family.
    pub bind: Vec<IpAddr>,
    /// `ConnectTimeout`; zero means no limit, as in OpenSSH.
    pub connect_timeout: Option<Duration>,
    /// `ConnectionAttempts`, at least 1.
    pub connection_attempts: u32,
    /// `ServerAliveInterval`; zero is off.
    pub alive_interval: Option<Duration>,
    /// `ServerAliveCountMax`.
    pub alive_count: u32,
    /// `TCPKeepAlive`.
    pub tcp_keep_alive: bool,
    /// `KexAlgorithms`.
    pub kex: Option<AlgorithmList>,
    /// `Ciphers`.
    pub ciphers: Option<AlgorithmList>,
    /// `MACs`.
    pub macs: Option<AlgorithmList>,
    /// `HostKeyAlgorithms`.
    pub host_keys: Option<AlgorithmList>,
    /// `CASignatureAlgorithms`, as names.
    pub authorities: Option<Vec<String>>,
    /// `RequiredRSASize`, in bits.
    pub required_rsa_size: Option<u32>,
    /// `SetEnv` and `SendEnv`, without the locale.
    pub environment: Variables,
    /// Keywords that OpenSSH would follow when it connects and that stop us from connecting. `ssh -G` prints them.
    pub(crate) refused: Vec<Refused>,
    pub(crate) gathered: Arc<Gathered>,
    pub(crate) shown: Shown,
}

/// What `ssh -G` prints with tokens replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) user: String,
    pub(crate) home: PathBuf,
    pub(crate) control_path: Option<String>,
    pub(crate) identity_agent: Option<String>,
    pub(crate) forward_agent: Option<String>,
    pub(crate) remote_command: Option<String>,
    pub(crate) user_known_hosts: Option<Vec<String>>,
}

/// Why we cannot connect to a host although its configuration is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is set, and where.
    pub problem: Problem,
}

impl Resolved {
    /// Whether everything that is set can be honoured by a client without a terminal that runs commands.
    ///
    /// # Errors
    /// The first keyword that cannot be, with its place.
    pub fn connectable(&self) -> Result<(), &Problem> {
        self.refusals().next().map_or(Ok(()), Err)
    }

    /// Every keyword that cannot be honoured.
    pub fn refusals(&self) -> impl Iterator<Item = &Problem> {
        self.refused.iter().map(|refused| &refused.problem)
    }
}

/// A key file that was named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPath {
    /// As it was written.
    pub written: String,
    /// With `~`, tokens and variables replaced.
    pub path: PathBuf,
}

/// Which agent signs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AgentSocket {
    /// The one of `SSH_AUTH_SOCK`.
    #[default]
    Environment,
    /// None.
    None,
    /// This one.
    Path(PathBuf),
}

/// What to do with host keys that are not on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKeyChecking {
    /// Refuse.
    Yes,
    /// Ask a person.
    Ask,
    /// Record new keys, refuse changed ones.
    AcceptNew,
    /// Accept everything.
    No,
}

/// What is between us and the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Proxy {
    /// Nothing.
    #[default]
    Direct,
    /// Bastions, the nearest to us first.
    Jump(Vec<Hop>),
    /// A shell command that talks to the host's port; tokens are replaced.
    Command(String),
}

/// IPv4, IPv6 or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// Both.
    #[default]
    Any,
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}
