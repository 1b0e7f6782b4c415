//! The only writer of events once a run has begun: append to the journal, fold, show, in this order. Decides nothing
//! and starts nothing. Start at [`EventWriter::append`].

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Begun, group_commit::GroupCommit};
use crate::{
    clock::Clock,
    event::{Event, Kind, Progress, RunState},
    hint::Hint,
    ledger::{Journal, Request},
    rollout::Now,
    ui::Reporter,
};

/// Events can no longer be recorded, so nothing more may be done.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{why}")]
pub struct Lost {
    /// What is wrong, in words.
    pub why: String,
    /// What to type next.
    pub help: Option<Hint>,
}

/// The journal of a run, the state from its events, and the reporter that shows them.
pub(super) struct EventWriter {
    state: RunState,
    journal: Box<dyn Journal>,
    reporter: Box<dyn Reporter>,
    clock: Arc<dyn Clock>,
    lost: Option<Lost>,
    /// The last sentence about the run as a whole, so that it is shown once.
    said: Option<String>,
    group_commit: GroupCommit,
    /// How long ago the last host was done, and when that was computed. Wall time is used only once, when the run is
    /// taken over; after that the time is measured.
    rested: (Duration, Instant),
}

impl EventWriter {
    pub(super) fn new(begun: Begun, reporter: Box<dyn Reporter>, clock: Arc<dyn Clock>) -> Self {
        let Begun { state, journal, .. } = begun;
        let rested = (Now::by_the_record(&state, clock.now()).rested, Instant::now());
        let group_commit = GroupCommit::default();
        Self { state, journal, reporter, clock, lost: None, said: None, group_commit, rested }
    }

    /// The fold of all events so far.
    pub(super) fn state(&self) -> &RunState {
        &self.state
    }

    /// Why nothing more can be recorded.
    pub(super) fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// The current time, as the rollout rule needs it.
    pub(super) fn present(&self) -> Now {
        let (rested, since) = self.rested;
        Now { wall: self.clock.now(), rested: rested + since.elapsed() }
    }

    /// How long an event may wait for others, to be recorded in one transaction.
    pub(super) fn group_wait(&self) -> Duration {
        self.group_commit.wait(self.state.tally.in_flight)
    }

    /// Appends, folds and shows. False if the ledger is lost; then nothing was done.
    pub(super) fn append(&mut self, kinds: Vec<Kind>) -> bool {
        if self.lost.is_some() {
            return false;
        }
        let at = self.clock.now();
        let first = self.state.seq + 1;
        let events: Vec<Event> = kinds.into_iter().zip(first..).map(|(kind, seq)| Event { seq, at, kind }).collect();
        if let Err(error) = self.journal.append(&events) {
            tracing::error!(%error, "the ledger is lost");
            self.lost = Some(Lost { why: error.to_string(), help: error.help() });
            return false;
        }
        for event in &events {
            if let Err(error) = self.state.apply(event) {
                // The event is recorded and cannot be taken back. The state is no longer the fold of the events, so it
                // must not be used for decisions.
                tracing::error!(%error, "an event does not fit the state");
                self.lost = Some(Lost { why: error.to_string(), help: None });
                return false;
            }
            if let Kind::HostFinished { host, .. } = &event.kind {
                self.rested = (Duration::ZERO, Instant::now());
                if let Some(took) = self.state.host(host).and_then(|host| host.took(at)) {
                    self.group_commit.walk_ended(took);
                }
            }
            self.reporter.event(&self.state, event);
        }
        true
    }

    /// Requests from other shells for this run.
    pub(super) fn requests(&mut self) -> Vec<Request> {
        self.journal.requests()
    }

    /// Shows what a host is doing.
    pub(super) fn progress(&mut self, progress: &Progress) {
        self.reporter.progress(progress);
    }

    /// Lets the reporter update the time.
    pub(super) fn tick(&mut self) {
        self.reporter.tick(&self.state, self.clock.now());
    }

    /// Shows a sentence.
    pub(super) fn note(&mut self, sentence: &str) {
        self.reporter.note(self.clock.now(), sentence);
    }

    /// Shows a question to the person at the terminal.
    pub(super) fn ask(&mut self, question: &str) {
        self.reporter.ask(self.clock.now(), question);
    }

    /// Shows a sentence about the run as a whole, unless it was the last one shown.
    pub(super) fn say(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            self.note(&sentence);
            self.said = Some(sentence);
        }
    }

    /// Whether the last sentence about the run as a whole began with this.
    pub(super) fn has_said(&self, beginning: &str) -> bool {
        self.said.as_ref().is_some_and(|said| said.starts_with(beginning))
    }

    /// Ends the reporter.
    pub(super) fn finish(mut self) -> (RunState, Option<Lost>) {
        self.reporter.finish(&self.state);
        (self.state, self.lost)
    }
}
