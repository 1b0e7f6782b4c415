//! Hosts in flight: in which step and attempt, and for how long; or between which steps.

use std::time::Duration;

use jiff::Timestamp;

use super::{RunView, clean, step_name};
use crate::event::{HostAt, HostState, StepPhase, StepRef};

impl<'a> RunView<'a> {
    /// Hosts in flight; first the one that has been in its step longest.
    pub fn in_flight(&self) -> Vec<&'a HostState> {
        let mut open: Vec<&HostState> = self.state.hosts.iter().filter(|host| host.at == HostAt::InFlight).collect();
        open.sort_by_key(|host| host.current.as_ref().map_or(host.started_at, |current| Some(current.since)));
        open
    }

    /// The step that a host is in, such as `Security updates (attempt 2)` or `Back to the snapshot (after its
    /// failure)`; `None` between two steps.
    pub fn step_of(&self, host: &HostState) -> Option<String> {
        let current = host.current.as_ref()?;
        let name = clean(&step_name(self.state.plan(), current.step), 60);
        let phase = match current.step.phase {
            StepPhase::Main | StepPhase::Gate => "",
            StepPhase::Always | StepPhase::OnFailure => " (after its failure)",
        };
        let attempt = if current.attempt > 1 { format!(" (attempt {})", current.attempt) } else { String::new() };
        Some(format!("{name}{phase}{attempt}"))
    }

    /// Between which steps a paused host stopped: `after "Security updates", before "Reboot where it is needed"`.
    pub fn between(&self, host: &HostState) -> String {
        let (plan, last) = (self.state.plan(), host.steps.last().map(|(step, _)| *step));
        let next = StepRef { phase: StepPhase::Main, index: last.map_or(0, |step| step.index + 1) };
        let before = match plan.steps.get(next.index) {
            Some(_) => format!("before {:?}", step_name(plan, next)),
            None => "before its end".to_owned(),
        };
        match last {
            Some(last) => format!("after {:?}, {before}", step_name(plan, last)),
            None => before,
        }
    }

    /// How long the host has been in its step; `None` between two steps.
    pub fn in_step_for(&self, host: &HostState) -> Option<Duration> {
        Some(self.since(host.current.as_ref()?.since))
    }

    /// The time from `then` to the time of the view; zero if the clock was set back.
    pub fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.now.duration_since(then)).unwrap_or_default()
    }
}
