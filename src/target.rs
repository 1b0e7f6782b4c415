//! How to reach one host: address, login, keys, privilege escalation, deadlines.
//! Data only; made from the inventory, used by the transport. Start at [`Target`].

mod bastion;
mod proxy;
mod ssh;
pub mod syntax;

pub use bastion::{BastionCaps, merge_bastion_limits};
pub use proxy::{JumpHop, Proxy};
pub use ssh::{AgentChoice, Family, LoginMethod, LoginSettings, SshSettings, Variables};

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;

use crate::{host::HostName, mask::Secrets};

/// sshd's default port (RFC 4253, section 4.1).
pub const SSH_PORT: u16 = 22;

/// Everything a transport needs to open a session on one host.
#[derive(Clone, Debug)]
pub struct Target {
    /// The inventory name.
    pub name: HostName,
    /// `ansible_host`, else the name: an address or a DNS name.
    pub address: String,
    /// `ansible_port`, if given.
    pub port: Option<u16>,
    /// `ansible_user`, if given.
    pub user: Option<String>,
    /// `ansible_ssh_private_key_file`, if given; [`Self::at_home`] replaces a `~/`.
    pub key_file: Option<PathBuf>,
    /// `ansible_password` / `ansible_ssh_pass`, if given.
    pub password: Option<SecretString>,
    /// Words of `ansible_ssh_common_args` and `ansible_ssh_extra_args`, split as a shell would. A transport that does
    /// not support one refuses the host and names it.
    pub ssh_args: Vec<String>,
    /// What is between here and the host (`-J`, `ProxyJump` or `ProxyCommand`, taken out of the arguments above);
    /// `None`: not set.
    pub proxy: Option<Proxy>,
    /// `patchwave.bastion_connections` and `patchwave.bastion_handshakes`: this host's limits for the bastions in front
    /// of it; [`merge_bastion_limits`] merges those of all hosts.
    pub bastion: BastionCaps,
    /// Further settings from ssh_config; hosts share them.
    pub ssh: Arc<SshSettings>,
    /// `patchwave.host_key_checking`: `None` takes the command line's choice.
    pub host_keys: Option<HostKeyPolicy>,
    /// How a privileged command is run.
    pub escalation: Escalation,
    /// Deadlines of the phases.
    pub limits: Limits,
    /// `--steal-lease`: a change takes the host's lease even if another run has it.
    pub steal_lease: bool,
    /// What is masked in everything that comes back from the host: its passwords, answers that a person typed, and what
    /// steps send there.
    pub secrets: Secrets,
    /// Which runs this jump box knows to be done with a host: a lease that they left there no longer counts.
    pub finished_runs: Option<FinishedRuns>,
}

/// Says whether this jump box knows that a run is done with a host.
#[derive(Clone)]
pub struct FinishedRuns(pub Arc<IsFinished>);

/// Takes a run and a host, and returns whether the run is done with the host. May read a file.
pub type IsFinished = dyn Fn(&str, &HostName) -> bool + Send + Sync;

impl std::fmt::Debug for FinishedRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FinishedRuns")
    }
}

/// What to do with a host key that is not on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKeyPolicy {
    /// Refuse it (the default).
    Strict,
    /// Record it; a changed key is still refused.
    AcceptNew,
    /// Ask the person at the terminal, then record it; without a person it is [`HostKeyPolicy::Strict`].
    Ask,
}

/// Deadlines, each counted from the moment its phase begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name lookup and TCP connect together. Default 10 s.
    pub connect: Duration,
    /// Banner, key exchange and host key. Default 15 s.
    pub handshake: Duration,
    /// Whether the handshake has a limit of its own, not only that of the connection.
    pub own_handshake: bool,
    /// Authentication. Default 20 s.
    pub auth: Duration,
    /// Privilege escalation, password prompt included. Default 20 s.
    pub escalate: Duration,
    /// How long the peer may be silent; keepalives notice it. Default 60 s.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            own_handshake: false,
            auth: Duration::from_secs(20),
            escalate: Duration::from_secs(20),
            silence: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Sets another limit for the connection, if there is one. As with ssh's `ConnectTimeout` it applies to the
    /// handshake too, unless that has its own: a host that accepts the connection and sends nothing is just as dead.
    #[must_use]
    pub fn connecting_within(self, limit: Option<Duration>) -> Self {
        let Some(limit) = limit else { return self };
        Self { connect: limit, handshake: if self.own_handshake { self.handshake } else { limit }, ..self }
    }
}

/// `ansible_become*`: how a privileged command is run.
#[derive(Clone, Debug, Default)]
pub struct Escalation {
    /// `ansible_become`: the default for steps that do not set it.
    pub on: bool,
    /// `ansible_become_method`.
    pub method: Method,
    /// `ansible_become_user`; `None` is root.
    pub user: Option<String>,
    /// `ansible_become_password` / `ansible_become_pass`.
    pub password: Option<SecretString>,
}

/// A program for privilege escalation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `sudo`, with or without a password.
    #[default]
    Sudo,
    /// `doas`, without a password (it reads one from a terminal only).
    Doas,
    /// `su`, with the target user's password.
    Su,
}

impl Target {
    /// A target with nothing but a name and an address: the base for tests and the embedded fleet.
    pub fn plain(name: HostName, address: impl Into<String>) -> Self {
        Self {
            name,
            address: address.into(),
            port: None,
            user: None,
            key_file: None,
            password: None,
            ssh_args: Vec::new(),
            proxy: None,
            bastion: BastionCaps::default(),
            ssh: Arc::default(),
            host_keys: None,
            escalation: Escalation::default(),
            limits: Limits::default(),
            steal_lease: false,
            secrets: Secrets::default(),
            finished_runs: None,
        }
    }

    /// Replaces `~/` in the key file by this home folder; without a home folder it stays as written.
    #[must_use]
    pub fn at_home(mut self, home: Option<&Path>) -> Self {
        if let (Some(file), Some(home)) = (&mut self.key_file, home)
            && let Ok(rest) = file.strip_prefix("~")
        {
            *file = home.join(rest);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_below_the_home_folder_is_found_there() {
        let home = Some(Path::new("/home/ann"));
        for (written, home, meant) in [
            ("~/.ssh/id", home, "/home/ann/.ssh/id"),
            ("/etc/id", home, "/etc/id"),
            ("~bob/id", home, "~bob/id"),
            ("keys/~/id", home, "keys/~/id"),
            ("~/.ssh/id", None, "~/.ssh/id"),
        ] {
            let name = HostName::new("web01").expect("a name");
            let target = Target { key_file: Some(written.into()), ..Target::plain(name, "web01") };
            assert_eq!(target.at_home(home).key_file, Some(PathBuf::from(meant)), "{written}");
        }
    }
}
