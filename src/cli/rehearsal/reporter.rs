//! Listens to a rehearsal between the engine and the screen: faults strike in time, the controller dies, questions are
//! answered. Decides nothing about the rollout. Start at [`Listener`].

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    event::{Event, Kind, Progress, RunState, StepPhase},
    sim::AtSteps,
    step,
    ui::Reporter,
};

/// Passes everything on to the screen.
pub(super) struct Listener {
    pub(super) screen: Box<dyn Reporter>,
    pub(super) faults: Arc<AtSteps>,
    /// Notified when the first host of the first wave begins a change.
    pub(super) first_change: Option<Arc<Notify>>,
}

impl Reporter for Listener {
    fn event(&mut self, state: &RunState, event: &Event) {
        self.screen.event(state, event);
        self.faults.follow(state.plan(), event);
        if let Kind::StepStarted { step, .. } = &event.kind
            && step.phase == StepPhase::Main
        {
            let steps = &state.plan().steps;
            let changes = steps.iter().any(step::takes_lease);
            // A playbook that only looks has its first step instead.
            if steps.get(step.index).is_some_and(|spec| !changes || step::takes_lease(spec))
                && let Some(first_change) = self.first_change.take()
            {
                first_change.notify_one();
            }
        }
    }

    fn progress(&mut self, _: &Progress) {}

    fn note(&mut self, at: Timestamp, text: &str) {
        self.screen.note(at, text);
    }

    /// Nobody is asked.
    fn ask(&mut self, at: Timestamp, text: &str) {
        let (question, _) = text.split_once(": type yes").unwrap_or((text, ""));
        self.screen.note(at, &format!("{question}; the rehearsal says yes, a real run asks a person"));
    }

    fn tick(&mut self, _: &RunState, _: Timestamp) {}

    fn finish(&mut self, state: &RunState) {
        self.screen.finish(state);
    }
}
