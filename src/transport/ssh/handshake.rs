//! Banner, key exchange and host key over an open stream, within one deadline; what it means when the peer hangs up.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use russh::client::{self, Config, DisconnectReason, Handle};
use russh::keys::PublicKeyOrCertificate;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    super::{Class, ConnectError, Phase},
    abortable::{AbortOnDrop, Abortable, StreamControl},
    failure::{connect as failed, span},
    host_key::HostKeyCheck,
};

/// What sshd sends, since 9.8, to an address that it penalises (its `sshd.c`).
const PENALTY: &str = "Not allowed at this time";
/// What it says to a connection beyond `MaxStartups`.
const CROWDED: &str = "Exceeded MaxStartups";

/// A connection whose host key was accepted, not logged in yet.
pub(super) struct Connection {
    pub(super) handle: Handle<Peer>,
    pub(super) status: Arc<ConnectionStatus>,
    /// Ends the connection's task when it is dropped.
    pub(super) _abort: AbortOnDrop,
}

/// What the connection's own task has reported.
#[derive(Debug, Default)]
pub(super) struct ConnectionStatus {
    inner: Mutex<StatusInner>,
}

#[derive(Debug, Default)]
struct StatusInner {
    banner: String,
    end: Option<End>,
    key: Option<String>,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) how: HowEnded,
    /// For people.
    pub(super) why: String,
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HowEnded {
    /// The peer sent a disconnect message.
    Disconnected,
    /// The peer refused the last login and offers no other method.
    NoMethodLeft,
    /// The stream ended or broke.
    Broken,
    /// Keepalives were not answered.
    Silent,
    /// The peer broke the protocol.
    Protocol,
}

impl ConnectionStatus {
    /// The text that the host shows before login, for example that it is still booting. Printable.
    pub(super) fn banner(&self) -> String {
        self.lock().banner.clone()
    }

    /// The fingerprint of the host key that was accepted.
    pub(super) fn key(&self) -> Option<String> {
        self.lock().key.clone()
    }

    /// Why the connection ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        self.lock().end.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, StatusInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client side's handler.
pub(super) struct Peer {
    check: HostKeyCheck,
    status: Arc<ConnectionStatus>,
}

/// What ends a connection's task.
#[derive(Debug)]
pub(super) enum PeerError {
    Protocol(russh::Error),
    HostKey(Box<ConnectError>),
}

impl From<russh::Error> for PeerError {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl client::Handler for Peer {
    type Error = PeerError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, PeerError> {
        match self.check.check(shown).await {
            Ok(()) => {
                let print = shown.public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
                self.status.lock().key = Some(print);
                Ok(true)
            }
            Err(refusal) => Err(PeerError::HostKey(Box::new(refusal))),
        }
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut client::Session) -> Result<(), PeerError> {
        let line = banner.lines().map(crate::command::printable).find(|line| !line.trim().is_empty());
        self.status.lock().banner = line.unwrap_or_default();
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<PeerError>) -> Result<(), PeerError> {
        let end = match reason {
            DisconnectReason::ReceivedDisconnect(info) => End {
                how: HowEnded::Disconnected,
                why: format!("the host said {:?}", crate::command::printable(&info.message)),
            },
            DisconnectReason::Error(PeerError::Protocol(error)) => ended(&error),
            DisconnectReason::Error(PeerError::HostKey(refusal)) => {
                End { how: HowEnded::Protocol, why: refusal.message }
            }
        };
        self.status.lock().end.get_or_insert(end);
        Ok(())
    }
}

fn ended(error: &russh::Error) -> End {
    let (how, why) = match error {
        russh::Error::NoAuthMethod => (HowEnded::NoMethodLeft, "no login method is left".to_owned()),
        russh::Error::KeepaliveTimeout => (HowEnded::Silent, "the host has stopped answering".to_owned()),
        russh::Error::IO(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            (HowEnded::Broken, "the host closed the connection".to_owned())
        }
        russh::Error::IO(error) => (HowEnded::Broken, format!("the connection broke: {error}")),
        russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError => {
            (HowEnded::Broken, "the host closed the connection".to_owned())
        }
        other => (HowEnded::Protocol, format!("protocol error: {other}")),
    };
    End { how, why }
}

/// Does the handshake over `stream`.
pub(super) async fn shake<S>(
    (stream, control): (Abortable<S>, Arc<StreamControl>),
    peer: &str,
    config: Arc<Config>,
    check: HostKeyCheck,
    limit: Duration,
) -> Result<Connection, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // From here on, every exit without a connection aborts the stream.
    let abort = AbortOnDrop(Arc::clone(&control));
    let status = Arc::new(ConnectionStatus::default());
    let prompt_time = Arc::clone(&check.prompt_time);
    let handler = Peer { check, status: Arc::clone(&status) };
    tokio::select! {
        shaken = client::connect_stream(config, stream, handler) => match shaken {
            Ok(handle) => Ok(Connection { handle, status, _abort: abort }),
            Err(PeerError::HostKey(refusal)) => Err(*refusal),
            Err(PeerError::Protocol(error)) => Err(broken(peer, &control, &error)),
        },
        () = prompt_time.over(limit) => Err(late(peer, &control, limit)),
    }
}

fn late(peer: &str, control: &StreamControl, limit: Duration) -> ConnectError {
    let limit = span(limit);
    if control.speaks_ssh() {
        let message = format!("{peer} did not finish the key exchange within {limit}");
        return failed(Phase::KeyExchange, Class::TimedOut, message);
    }
    let message = match control.greeting_text() {
        text if text.is_empty() => format!("no SSH banner from {peer} within {limit}"),
        text => format!("no SSH banner from {peer} within {limit}, but {text:?}"),
    };
    let mut error = failed(Phase::Banner, Class::TimedOut, message);
    let booting =
        || "the host accepts connections but sshd does not answer: it may be overloaded or booting".to_owned();
    error.help = Some(not_sshd(&control.greeting_text()).unwrap_or_else(booting));
    error
}

/// What it is, when a greeting shows that it is not sshd.
fn not_sshd(greeting: &str) -> Option<String> {
    let who = match greeting {
        text if text.starts_with("HTTP/") || text.starts_with('<') => {
            "it answers HTTP): a proxy or a web server on this port?"
        }
        text if text.starts_with("220") => "it greets like a mail or FTP server): is `ansible_port` right?",
        text if text.starts_with("RFB ") => "it answers VNC): is `ansible_port` right?",
        _ => return None,
    };
    Some(format!("this is not an SSH server ({who}"))
}

fn broken(peer: &str, control: &StreamControl, error: &russh::Error) -> ConnectError {
    let phase = if control.speaks_ssh() { Phase::KeyExchange } else { Phase::Banner };
    let end = ended(error);
    match (phase, end.how) {
        (Phase::Banner, HowEnded::Protocol) => {
            let message = format!("{peer} does not speak SSH: it sent {:?}", control.greeting_text());
            let mut error = failed(phase, Class::Protocol, message);
            let other = || "is `ansible_port` the port of sshd?".to_owned();
            error.help = Some(not_sshd(&control.greeting_text()).unwrap_or_else(other));
            error
        }
        (Phase::Banner, _) => {
            let text = control.greeting_text();
            let message = match text.is_empty() {
                true => format!("{peer} closed the connection before its banner"),
                false => format!("{peer} closed the connection before its banner, saying {text:?}"),
            };
            let mut error = failed(phase, Class::Closed, message);
            error.help = Some(match text.as_str() {
                text if text.starts_with(PENALTY) => {
                    "sshd blocks this address for a while, because logins from here failed or were abandoned \
                     (`PerSourcePenalties`); wait a few minutes, or list it in `PerSourcePenaltyExemptList` there"
                        .to_owned()
                }
                text if text.is_empty() || text.starts_with(CROWDED) => {
                    "sshd drops connections beyond `MaxStartups`, and those that its rules deny".to_owned()
                }
                text => not_sshd(text).unwrap_or_else(|| {
                    "is this sshd? Is `ansible_port` right, or is there something in front of it?".to_owned()
                }),
            });
            error
        }
        (_, HowEnded::Protocol) => {
            let message = match error {
                russh::Error::NoCommonAlgo { kind, theirs, .. } => {
                    let theirs: String = crate::command::printable(&theirs.join(", "));
                    format!("{peer} and patchwave have no common {kind:?} algorithm; it offers {theirs}")
                }
                russh::Error::WrongServerSig => format!("{peer} could not prove that it holds its host key"),
                other => format!("{peer} broke the protocol in the key exchange: {other}"),
            };
            failed(phase, Class::Protocol, message)
        }
        _ => failed(phase, Class::Closed, format!("{peer} closed the connection during the key exchange")),
    }
}
