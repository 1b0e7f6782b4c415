//! The settings for all hosts of a run.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    clock::{Clock, SystemClock},
    prompt::Prompt,
    target::HostKeyPolicy,
};

/// Options of the transport. Everything taken from the environment is in here.
#[derive(Clone)]
pub struct SshOptions {
    /// The login where a target names none.
    pub user: String,
    /// The user's files of trusted host keys. The first is where `accept-new` records.
    pub known_hosts: Vec<PathBuf>,
    /// The system's files of trusted host keys.
    pub global_known_hosts: Vec<PathBuf>,
    /// What to do with unknown host keys where a target does not say.
    pub host_keys: HostKeyPolicy,
    /// Key files that are tried where a target names none; those that do not exist are skipped.
    pub identities: Vec<PathBuf>,
    /// The socket of an SSH agent.
    pub agent: Option<PathBuf>,
    /// The most connections between name lookup and login at a time. Time spent in the queue does not count against
    /// a host's deadlines.
    pub handshakes: usize,
    /// The most of them to one sshd, which drops some beyond ten (`MaxStartups`).
    pub handshakes_per_endpoint: usize,
    /// New connections per second, after a small burst; 0: no limit. Spares firewalls, directories and name servers.
    pub connects_per_second: u32,
    /// The most connections to one bastion; each carries about [`Self::hosts_per_bastion_connection`] hosts.
    pub bastion_connections: usize,
    /// Hosts over one connection to a bastion before another is opened: one connection uses one core at most.
    pub hosts_per_bastion_connection: usize,
    /// Tells whether a host certificate is valid now.
    pub clock: Arc<dyn Clock>,
    /// Who can be asked for passphrases, about unknown host keys ([`HostKeyPolicy::Ask`]), and for codes and the like
    /// that a host wants in addition to a key or a password; `None`: no one.
    pub prompt: Option<Arc<dyn Prompt>>,
}

impl SshOptions {
    /// The files that OpenSSH's client uses, below `home`.
    pub fn for_user(user: impl Into<String>, home: Option<&Path>, agent: Option<PathBuf>) -> Self {
        let ssh = home.map(|home| home.join(".ssh"));
        let in_ssh = |names: &[&str]| -> Vec<PathBuf> {
            ssh.iter().flat_map(|ssh| names.iter().map(|name| ssh.join(name))).collect()
        };
        Self {
            user: user.into(),
            known_hosts: in_ssh(&["known_hosts", "known_hosts2"]),
            global_known_hosts: ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).into(),
            host_keys: HostKeyPolicy::Strict,
            identities: in_ssh(&["id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"]),
            agent,
            handshakes: 256,
            handshakes_per_endpoint: 8,
            connects_per_second: 200,
            bastion_connections: 8,
            hosts_per_bastion_connection: 128,
            clock: Arc::new(SystemClock),
            prompt: None,
        }
    }

    /// The user's files of trusted host keys, then the system's.
    pub fn trusted(&self) -> impl Iterator<Item = &PathBuf> {
        self.known_hosts.iter().chain(&self.global_known_hosts)
    }
}

impl fmt::Debug for SshOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshOptions")
            .field("user", &self.user)
            .field("known_hosts", &self.known_hosts)
            .field("global_known_hosts", &self.global_known_hosts)
            .field("host_keys", &self.host_keys)
            .field("identities", &self.identities)
            .field("agent", &self.agent)
            .field("handshakes", &self.handshakes)
            .field("prompt", &self.prompt.is_some())
            .finish()
    }
}
