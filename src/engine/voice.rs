//! What a host task says to the dispatcher, and waits for.

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{
    event::{Kind, Progress, StepRef},
    host::HostName,
    mask::Secrets,
    step::{Interrupted, Journal},
};

/// One message to the dispatcher.
pub(super) enum Message {
    /// Record these, in one transaction, then answer.
    Record { kinds: Vec<Kind>, ack: oneshot::Sender<Ack> },
    /// Show this, or not.
    Progress(Progress),
}

/// The dispatcher's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// All of it is durable: go on.
    Recorded,
    /// The host stops here, at a step border: what comes before the next step is durable, the rest is not recorded.
    StopHere,
    /// It is not recorded: the run is leaving.
    Leave,
}

/// One host's way of speaking.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) host: HostName,
    pub(super) messages: mpsc::Sender<Message>,
}

impl Voice {
    /// Has facts recorded, all or none of them but at a border; returns when they are durable, or were refused.
    pub(super) async fn record(&self, kinds: Vec<Kind>) -> Ack {
        let (ack, answer) = oneshot::channel();
        if self.messages.send(Message::Record { kinds, ack }).await.is_err() {
            return Ack::Leave;
        }
        answer.await.unwrap_or(Ack::Leave)
    }

    /// Says what is going on; dropped when the dispatcher is busy.
    pub(super) fn progress(&self, text: &str) {
        let progress = Progress { host: self.host.clone(), text: text.to_owned() };
        let _ = self.messages.try_send(Message::Progress(progress));
    }
}

/// A voice inside one step.
pub(super) struct StepVoice<'a> {
    pub(super) voice: &'a Voice,
    pub(super) step: StepRef,
    /// What was noted with it.
    pub(super) noted: Map<String, Value>,
    /// What is not said.
    pub(super) secrets: Secrets,
}

impl Journal for StepVoice<'_> {
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        let (host, step) = (self.voice.host.clone(), self.step);
        Box::pin(async move {
            let kind = Kind::StepNoted { host, step, key: key.to_owned(), value: value.clone() };
            match self.voice.record(vec![kind]).await {
                Ack::Recorded => {
                    self.noted.insert(key.to_owned(), value);
                    Ok(())
                }
                Ack::StopHere | Ack::Leave => Err(Interrupted),
            }
        })
    }

    fn progress(&mut self, text: &str) {
        self.voice.progress(&self.secrets.hide(text));
    }
}
