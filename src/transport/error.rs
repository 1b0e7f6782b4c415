//! Why a host could not be reached, or a command's end is not known.

use std::fmt;

/// The phase of a connection in which something went wrong.
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
    /// Getting raised rights.
    Escalate,
    /// A command was on its way or running.
    Exec,
}

/// The kind of failure, stable and short, for folding equal failures of many hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The name has no address.
    Resolve,
    /// Nobody listens.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The peer hung up or reset.
    Closed,
    /// The peer does not speak SSH, or no common algorithm.
    Protocol,
    /// The key of the host is not on file.
    HostKeyUnknown,
    /// Another key is on file.
    HostKeyChanged,
    /// The key is revoked.
    HostKeyRevoked,
    /// Another machine answers than the one that the walk began on.
    OtherMachine,
    /// No way of logging in was accepted.
    Auth,
    /// sudo, doas or su refused.
    Escalation,
    /// The login shell did not come to the command, or keeps what the command answers.
    LoginShell,
    /// The connection was lost while a command ran.
    Lost,
    /// The command ran longer than it may.
    CommandTimeout,
    /// Something here, not there: a missing key file, an unsupported option, too many open files.
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
    /// How far it came.
    pub phase: Phase,
    /// What kind.
    pub class: Class,
    /// What happened, for people; holds no secret.
    pub message: String,
    /// What to type next, where something can be typed.
    pub help: Option<String>,
}

/// A command did not run to a known end.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ExecError {
    /// False: the host never saw the command. True: it may have run, wholly or in part.
    pub sent: bool,
    /// What kind.
    pub class: Class,
    /// What happened, for people; holds no secret.
    pub message: String,
    /// What to type next, where something can be typed.
    pub help: Option<String>,
}
