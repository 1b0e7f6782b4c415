//! What ssh_config and ssh's options set for a connection, apart from address, port, login and proxy.

use std::{fmt, net::IpAddr, path::PathBuf};

/// Settings of a client for one host or bastion. The transport's defaults apply to what is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SshSettings {
    /// `IdentityFile`, in order, after the key that the inventory names.
    pub identity_files: Vec<PathBuf>,
    /// `CertificateFile`, in order. If there is one, certificates next to keys are ignored.
    pub certificate_files: Vec<PathBuf>,
    /// `IdentityAgent`.
    pub agent: AgentChoice,
    /// `UserKnownHostsFile`; empty: none.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    /// `GlobalKnownHostsFile`; empty: none.
    pub global_known_hosts: Option<Vec<PathBuf>>,
    /// `RevokedHostKeys`: a list or a KRL of keys that are refused; if it cannot be read, every key is refused.
    pub revoked: Option<PathBuf>,
    /// `HashKnownHosts`: names of new hosts are recorded as hashes.
    pub hash_names: bool,
    /// `HostKeyAlias`: the name under which the host's key is on file.
    pub host_key_alias: Option<String>,
    /// `AddressFamily`.
    pub family: Family,
    /// `BindAddress`, or the addresses of `BindInterface`, one per family; empty: any.
    pub bind: Vec<IpAddr>,
    /// `ConnectionAttempts`, one second apart; `None` is one.
    pub attempts: Option<u32>,
    /// `TCPKeepAlive no`.
    pub no_tcp_keepalive: bool,
    /// `KexAlgorithms`, as written.
    pub kex: Option<String>,
    /// `Ciphers`, as written.
    pub ciphers: Option<String>,
    /// `MACs`, as written.
    pub macs: Option<String>,
    /// `HostKeyAlgorithms`, as written.
    pub host_keys: Option<String>,
    /// `CASignatureAlgorithms` as names: what may sign a host's certificate.
    pub authorities: Option<Vec<String>>,
    /// `RequiredRSASize`, in bits; `None` is 1024, as in OpenSSH.
    pub least_rsa: Option<u32>,
    /// How to log in.
    pub login: LoginSettings,
    /// `SetEnv` and `SendEnv`: variables that are set before a command.
    pub variables: Variables,
}

/// The default of `RequiredRSASize`.
const LEAST_RSA: u32 = 1024;

impl SshSettings {
    /// RSA keys with fewer bits are neither accepted nor offered.
    pub fn least_rsa(&self) -> u32 {
        self.least_rsa.unwrap_or(LEAST_RSA)
    }
}

/// How to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LoginSettings {
    /// `PreferredAuthentications` and the switches of single methods: what may be tried, in this order.
    pub methods: Option<Vec<LoginMethod>>,
    /// `IdentitiesOnly`: use only those keys of the agent whose files are named.
    pub identities_only: bool,
    /// `PubkeyAcceptedAlgorithms` as names.
    pub accepted_keys: Option<Vec<String>>,
    /// `NumberOfPasswordPrompts`: how often a person is asked for one passphrase.
    pub questions: Option<u32>,
    /// `BatchMode`: no question is asked.
    pub batch: bool,
    /// `KbdInteractiveDevices`.
    pub devices: Option<String>,
}

/// A login method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginMethod {
    /// `publickey`.
    Keys,
    /// `password`.
    Password,
    /// `keyboard-interactive`.
    Interactive,
}

/// Variables with their values, which may be secrets: only names are shown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Variables(pub Vec<(String, String)>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
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
    /// Whether an address is of this family.
    pub fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}
