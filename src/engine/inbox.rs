//! What the hosts say, gathered into batches: one transaction records what many of them say at the same moment.

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::record::{Ack, Message};
use crate::event::{Kind, Progress};

/// Most messages in one transaction.
pub(super) const BATCH: usize = 512;

/// The dispatcher's end of all hosts' channels.
pub(super) struct Inbox {
    receiver: mpsc::Receiver<Message>,
    batch: Vec<Message>,
}

/// What a batch of messages asks for.
#[derive(Default)]
pub(super) struct Said {
    pub(super) progress: Vec<Progress>,
    /// To be recorded, in this order, all of it or nothing.
    pub(super) kinds: Vec<Kind>,
    /// Who waits, and the answer once that is recorded.
    pub(super) acks: Vec<(oneshot::Sender<Ack>, Ack)>,
}

impl Inbox {
    /// An inbox, and the sender that hosts get clones of.
    pub(super) fn new() -> (mpsc::Sender<Message>, Self) {
        let (sender, receiver) = mpsc::channel(1024);
        (sender, Self { receiver, batch: Vec::with_capacity(BATCH) })
    }

    /// Puts a message into the batch, as if a host had sent it.
    #[cfg(test)]
    pub(super) fn put(&mut self, message: Message) {
        self.batch.push(message);
    }

    /// Waits for the first message. What has come is kept when this is dropped.
    pub(super) async fn wait(&mut self) {
        self.receiver.recv_many(&mut self.batch, BATCH).await;
    }

    /// Takes what other hosts say until then, at most so many messages: nobody waits for hosts that have spoken.
    pub(super) async fn gather(&mut self, most: usize, until: Instant) {
        let most = most.min(BATCH);
        while self.batch.len() < most {
            let room = most - self.batch.len();
            let more = self.receiver.recv_many(&mut self.batch, room);
            if !matches!(tokio::time::timeout_at(until, more).await, Ok(n) if n > 0) {
                return;
            }
        }
    }

    /// Takes the batch. At a border, what a host says counts up to its next step, which it does not begin.
    pub(super) fn take(&mut self, at_border: bool) -> Said {
        let mut said = Said { kinds: Vec::with_capacity(2 * self.batch.len()), ..Said::default() };
        for message in self.batch.drain(..) {
            match message {
                Message::Progress(progress) => said.progress.push(progress),
                Message::Record { mut kinds, ack } => {
                    let next = kinds.iter().position(|kind| matches!(kind, Kind::StepStarted { .. }));
                    let answer = match next.filter(|_| at_border) {
                        Some(border) => {
                            kinds.truncate(border);
                            Ack::StopHere
                        }
                        None => Ack::Recorded,
                    };
                    said.kinds.append(&mut kinds);
                    said.acks.push((ack, answer));
                }
            }
        }
        said
    }
}
