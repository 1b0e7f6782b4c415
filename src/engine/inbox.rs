//! Messages from the hosts, in batches: one transaction records what many hosts say at the same time.

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::record::{Ack, Message};
use crate::event::{Kind, Progress};

/// The most messages in one transaction.
pub(super) const BATCH: usize = 512;

/// The dispatcher's end of the channel that all hosts write to.
pub(super) struct Inbox {
    receiver: mpsc::Receiver<Message>,
    batch: Vec<Message>,
}

/// What is in a batch of messages.
#[derive(Default)]
pub(super) struct Said {
    pub(super) progress: Vec<Progress>,
    /// To be recorded in this order, all or nothing.
    pub(super) kinds: Vec<Kind>,
    /// The hosts that wait, and their answers once it is recorded.
    pub(super) acks: Vec<(oneshot::Sender<Ack>, Ack)>,
}

impl Inbox {
    /// An inbox, and its sender; each host gets a clone.
    pub(super) fn new() -> (mpsc::Sender<Message>, Self) {
        let (sender, receiver) = mpsc::channel(1024);
        (sender, Self { receiver, batch: Vec::with_capacity(BATCH) })
    }

    /// Puts a message into the batch, as if a host had sent it.
    #[cfg(test)]
    pub(super) fn put(&mut self, message: Message) {
        self.batch.push(message);
    }

    /// Waits for the first message. If this is dropped, no message is lost.
    pub(super) async fn wait(&mut self) {
        self.receiver.recv_many(&mut self.batch, BATCH).await;
    }

    /// Takes more messages until that moment, but at most `most`: with one from every host in flight, waiting is
    /// useless.
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

    /// Takes the batch. At a step border, the events of a host count up to its next step, which it does not begin.
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
