//! Hosts in flight, as `status` and `show` tell of them: in which step, since when, which try.

use std::time::Duration;

use jiff::Timestamp;

use super::text;
use crate::event::{HostAt, HostState, RunState, StepPhase};

/// Hosts in flight, the one that is longest in its step first.
pub(super) fn in_flight(state: &RunState) -> Vec<&HostState> {
    let mut open: Vec<&HostState> = state.hosts.iter().filter(|host| host.at == HostAt::InFlight).collect();
    open.sort_by_key(|host| host.current.as_ref().map_or(host.started_at, |current| Some(current.since)));
    open
}

/// The step that a host is in: `Security updates (attempt 2)`, `Back to the snapshot (after its failure)`.
pub(super) fn step(state: &RunState, host: &HostState) -> Option<String> {
    let current = host.current.as_ref()?;
    let name = text::clean(&text::step_name(state.plan(), current.step), 60);
    let phase = match current.step.phase {
        StepPhase::Main | StepPhase::Gate => "",
        StepPhase::Always | StepPhase::OnFailure => " (after its failure)",
    };
    let attempt = if current.attempt > 1 { format!(" (attempt {})", current.attempt) } else { String::new() };
    Some(format!("{name}{phase}{attempt}"))
}

/// How long ago something was.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    text::duration(Duration::try_from(now.duration_since(then)).unwrap_or_default())
}
