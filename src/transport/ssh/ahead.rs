//! The channel of a command: opened while the command before it runs, which is a round trip less, or when it is needed.
//! Knows nothing of what is said on it. Start at [`Ahead`].

use std::time::Duration;

use futures::FutureExt as _;
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, client::Msg};
use tokio::time::{Instant, sleep, timeout};

use super::{
    super::{Class, ExecError},
    failure::{span, unsent},
    session::SshSession,
};
use crate::command::Command;

/// A healthy host opens a channel at once.
pub(super) const CHANNEL: Duration = Duration::from_secs(10);
/// A host with `MaxSessions 1` also counts a channel until it has read that we closed it.
const OPEN_AGAIN: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500)];
/// A server may close a channel on which nothing happens (`ChannelTimeout`).
const FRESH: Duration = Duration::from_secs(30);
/// The most time for saying that it is not needed.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Both halves of a channel.
pub(super) type Halves = (ChannelReadHalf, ChannelWriteHalf<Msg>);

/// What a session knows about channels that are opened ahead.
#[derive(Default)]
pub(super) struct Ahead {
    waits: Option<(Instant, Halves)>,
    /// More than one command is expected, or has come.
    many: bool,
    /// The host allows one session at a time (`MaxSessions 1`), or does not like this: then each command opens its own.
    refused: bool,
}

impl Ahead {
    /// Whether a channel is opened while the next command runs. A session that runs a single command needs none.
    pub(super) fn begins(&mut self) -> bool {
        std::mem::replace(&mut self.many, true) && !self.refused
    }

    /// More than one command will run.
    pub(super) fn expect_more(&mut self) {
        self.many = true;
    }

    /// Takes the channel that was opened ahead; `None`: the host refused.
    pub(super) fn opened(&mut self, channel: Option<Channel<Msg>>) {
        match channel {
            Some(channel) => self.waits = Some((Instant::now(), channel.split())),
            None => self.refused = true,
        }
    }

    /// From now on each command opens its own.
    pub(super) fn give_up(&mut self) {
        self.refused = true;
    }

    /// The channel that waits, unless the host may have closed it.
    pub(super) async fn take(&mut self) -> Option<Halves> {
        let (since, (mut read, write)) = self.waits.take()?;
        let open = matches!(read.wait().now_or_never(), None | Some(Some(ChannelMsg::WindowAdjusted { .. })));
        if open && since.elapsed() < FRESH {
            return Some((read, write));
        }
        let _ = timeout(BRIEFLY, write.close()).await;
        None
    }
}

impl SshSession {
    /// Opens a channel for this command now.
    pub(super) async fn open_channel(&self, command: &Command) -> Result<Halves, ExecError> {
        let (name, label) = (&self.target.name, command.label);
        let mut again = OPEN_AGAIN.into_iter();
        loop {
            let reason = match timeout(CHANNEL, self.connection.handle.channel_open_session()).await {
                Ok(Ok(channel)) => return Ok(channel.split()),
                Ok(Err(russh::Error::ChannelOpenFailure(reason))) => reason,
                Ok(Err(_)) => return Err(self.lost(command, false)),
                Err(_) => {
                    let why = format!("{name} did not open a channel for {label} within {}", span(CHANNEL));
                    return Err(unsent(Class::TimedOut, why));
                }
            };
            // The refusal shows that the host has read what we sent before: the channel of the last command is closed.
            match again.next().filter(|_| reason == ChannelOpenFailure::ConnectFailed) {
                Some(pause) => sleep(pause).await,
                None => {
                    let mut error =
                        unsent(Class::Protocol, format!("{name} refused a channel for {label} ({reason:?})"));
                    error.help = Some("check `MaxSessions` in the host's sshd_config: 1 is enough".to_owned());
                    return Err(error);
                }
            }
        }
    }
}
