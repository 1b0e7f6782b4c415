//! The channel for the next command, opened while the present one runs: a round trip less for each.
//! Knows nothing of commands; whether there is a next one, nobody can know. Start at [`Ahead`].

use std::time::Duration;

use futures::FutureExt as _;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client::Msg};
use tokio::time::{Instant, timeout};

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
    /// Commands so far.
    commands: u32,
    /// The host allows one session at a time (`MaxSessions 1`), or does not like this: then each command opens its own.
    refused: bool,
}

impl Ahead {
    /// Whether a channel is opened while the next command runs. A session that runs a single command needs none.
    pub(super) fn begins(&mut self) -> bool {
        self.commands += 1;
        self.commands > 1 && !self.refused
    }

    /// Takes what came of opening one; the host may have refused.
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
