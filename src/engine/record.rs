//! What a host's task says, and the answer that it waits for. The task knows the trait; in one process there is a
//! channel to the dispatcher behind it. Start at [`Record`].

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{
    event::{Kind, Progress, StepRef},
    host::HostName,
    mask::Secrets,
    step::{Interrupted, StepJournal},
};

/// Where one host's task has its facts recorded.
pub(super) trait Record: Send + Sync {
    /// Has facts recorded, all or none of them but at a border; returns when they are durable, or were refused.
    fn record(&self, kinds: Vec<Kind>) -> BoxFuture<'_, Ack>;

    /// Says what is going on; may be dropped.
    fn progress(&self, text: &str);
}

/// The answer to what a host had recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// All of it is durable: go on.
    Recorded,
    /// The host stops here, at a step border: what comes before the next step is durable, the rest is not recorded.
    StopHere,
    /// It is not recorded: the run is leaving.
    Leave,
}

/// One message to the dispatcher.
pub(super) enum Message {
    /// Record these, in one transaction, then answer.
    Record { kinds: Vec<Kind>, ack: oneshot::Sender<Ack> },
    /// Show this, or not.
    Progress(Progress),
}

/// The dispatcher of this process.
pub(super) struct Channel {
    pub(super) host: HostName,
    pub(super) messages: mpsc::Sender<Message>,
}

impl Record for Channel {
    fn record(&self, kinds: Vec<Kind>) -> BoxFuture<'_, Ack> {
        Box::pin(async {
            let (ack, answer) = oneshot::channel();
            if self.messages.send(Message::Record { kinds, ack }).await.is_err() {
                return Ack::Leave;
            }
            answer.await.unwrap_or(Ack::Leave)
        })
    }

    /// Dropped when the dispatcher is busy.
    fn progress(&self, text: &str) {
        let progress = Progress { host: self.host.clone(), text: text.to_owned() };
        let _ = self.messages.try_send(Message::Progress(progress));
    }
}

/// What one step on a host says.
pub(super) struct StepRecord<'a> {
    pub(super) record: &'a dyn Record,
    pub(super) host: &'a HostName,
    pub(super) step: StepRef,
    /// What was noted with it.
    pub(super) noted: Map<String, Value>,
    /// What is not said.
    pub(super) secrets: Secrets,
}

impl StepJournal for StepRecord<'_> {
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        let (host, step) = (self.host.clone(), self.step);
        Box::pin(async move {
            let kind = Kind::StepNoted { host, step, key: key.to_owned(), value: value.clone() };
            match self.record.record(vec![kind]).await {
                Ack::Recorded => {
                    self.noted.insert(key.to_owned(), value);
                    Ok(())
                }
                Ack::StopHere | Ack::Leave => Err(Interrupted),
            }
        })
    }

    fn progress(&mut self, text: &str) {
        self.record.progress(&self.secrets.hide(text));
    }
}
