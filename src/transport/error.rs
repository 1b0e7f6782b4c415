//! Why a host could not be reached, or why a command's result is unknown.

use std::fmt;

/// The connection phase in which something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name lookup.
    Resolve,
    /// TCP connect (or the proxy before it).
    Connect,
    /// Until the peer's banner.
    Banner,
    /// Key exchange.
    KeyExchange,
    /// The host key check.
    HostKey,
    /// Authentication.
    Auth,
    /// Opening a channel.
    Channel,
    /// Privilege escalation.
    Escalate,
    /// A command was being sent, or was running.
    Exec,
}

/// The kind of failure: short and stable, so that equal failures of many hosts can be grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The name has no address.
    Resolve,
    /// Nothing listens on the port.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The peer hung up or reset.
    Closed,
    /// The peer does not speak SSH, or there is no common algorithm.
    Protocol,
    /// The host key is not on file.
    HostKeyUnknown,
    /// A different host key is on file.
    HostKeyChanged,
    /// The key is revoked.
    HostKeyRevoked,
    /// A different machine answers than the one on which the host's steps started.
    OtherMachine,
    /// No login method was accepted.
    Auth,
    /// sudo, doas or su refused.
    Escalation,
    /// The login shell did not run the command, or redirects its output.
    LoginShell,
    /// The connection was lost while a command ran.
    Lost,
    /// The command exceeded its timeout.
    CommandTimeout,
    /// A local problem: a missing key file, an unsupported option, too many open files.
    Local,
}

impl Class {
    /// The word in events and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::HostKeyUnknown => "host-key-unknown",
            Self::HostKeyChanged => "host-key-changed",
            Self::HostKeyRevoked => "host-key-revoked",
            Self::OtherMachine => "other-machine",
            Self::Auth => "auth",
            Self::Escalation => "escalation",
            Self::LoginShell => "login-shell",
            Self::Lost => "lost",
            Self::CommandTimeout => "command-timeout",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A session could not be opened. Nothing was sent to the host.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ConnectError {
    /// The phase in which it failed.
    pub phase: Phase,
    /// What kind.
    pub class: Class,
    /// What happened, for people; contains no secret.
    pub message: String,
    /// What to type next, if there is something to type.
    pub help: Option<String>,
}

/// A command whose result is unknown, or that was not run.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ExecError {
    /// False: the host never saw the command. True: it may have run, completely or in part.
    pub sent: bool,
    /// What kind.
    pub class: Class,
    /// What happened, for people; contains no secret.
    pub message: String,
    /// What to type next, where something can be typed.
    pub help: Option<String>,
}
