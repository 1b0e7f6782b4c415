//! What a host's task reports, and the answer that it waits for. The task knows only the trait; behind it is a channel
//! to the dispatcher. Start at [`Record`].

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{
    event::{Kind, Progress, StepRef},
    host::HostName,
    mask::Secrets,
    step::{Interrupted, StepJournal},
};

/// Where one host's task sends its events to be recorded.
pub(super) trait Record: Send + Sync {
    /// Records events, all or none of them (except at a step border). Returns when they are durable or were refused.
    fn record(&self, kinds: Vec<Kind>) -> BoxFuture<'_, Ack>;

    /// Reports what is going on; may be dropped.
    fn progress(&self, text: &str);
}

/// The answer to a host that sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// All of it is durable: go on.
    Recorded,
    /// The host stops here, at a step border: the events before its next step are durable, the rest are not recorded.
    StopHere,
    /// Nothing is recorded: the controller is leaving.
    Leave,
}

/// One message to the dispatcher.
pub(super) enum Message {
    /// Record these, in one transaction, then answer.
    Record { kinds: Vec<Kind>, ack: oneshot::Sender<Ack> },
    /// Show this; may be dropped.
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

/// The journal of one step on a host.
pub(super) struct StepRecord<'a> {
    pub(super) record: &'a dyn Record,
    pub(super) host: &'a HostName,
    pub(super) step: StepRef,
    /// The notes of the step so far.
    pub(super) noted: Map<String, Value>,
    /// The secrets that are masked.
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
