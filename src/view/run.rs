//! The value itself, and what it says in a word: of the run and of one host.

use jiff::Timestamp;

use super::{Counts, clean};
use crate::{
    event::{HostAt, HostState, RunState, Tally},
    host::HostName,
};

/// What is said wherever a plan without its windows is shown.
pub const WINDOWS_IGNORED: &str = "maintenance windows ignored (--ignore-window)";

/// A run at one moment.
#[derive(Clone, Copy, Debug)]
pub struct RunView<'a> {
    /// What its events say.
    pub state: &'a RunState,
    /// Whether a controller is running it: then its hosts in flight go on; else nobody knows about them.
    pub running: bool,
    /// The moment.
    pub now: Timestamp,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A controller is running it.
    Running,
    /// Every selected host had its slot, and the run ended.
    Done,
    /// It ended with hosts that were not started.
    Stopped,
    /// Its controller left without an end.
    Interrupted,
}

impl Phase {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

impl<'a> RunView<'a> {
    /// A run that no controller is running, at the moment of its newest event.
    pub fn of(state: &'a RunState) -> Self {
        Self { state, running: false, now: state.last_at }
    }

    /// The same run with a controller that is running it, or without.
    #[must_use]
    pub fn running(self, running: bool) -> Self {
        Self { running, ..self }
    }

    /// `maintenance windows ignored (--ignore-window), by root@jump1`; `None` when the run keeps to them.
    pub fn windows_ignored(&self) -> Option<String> {
        let started = &self.state.started;
        started.plan.ignores_windows.then(|| format!("{WINDOWS_IGNORED}, by {}", clean(&started.owner(), 100)))
    }

    /// What the run does.
    pub fn phase(&self) -> Phase {
        match (self.running, self.state.finished) {
            (true, _) => Phase::Running,
            (false, false) => Phase::Interrupted,
            (false, true) if self.state.tally.waiting() > 0 => Phase::Stopped,
            (false, true) => Phase::Done,
        }
    }

    /// Whether this host is in flight and somebody takes it on.
    pub fn goes_on(&self, host: &HostState) -> bool {
        self.running && host.at == HostAt::InFlight
    }

    /// `in_flight` while the host goes on, else its outcome.
    pub fn host_word(&self, host: &HostState) -> &'static str {
        if self.goes_on(host) { "in_flight" } else { host.outcome().as_str() }
    }

    /// The counts with one outcome for each host: hosts in flight are `unknown` when no controller is running the run.
    pub fn counts(&self, tally: &Tally) -> Counts {
        let counts = Counts::from(tally);
        match self.running {
            true => counts,
            false => Counts { unknown: counts.unknown + counts.in_flight, in_flight: 0, ..counts },
        }
    }

    /// A line for each lease that went from one run to another, with the host.
    pub fn leases(&self) -> impl Iterator<Item = (&'a HostName, String)> {
        self.state.hosts.iter().flat_map(|host| host.lease_lines().map(move |line| (&host.name, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, sample::*};

    #[test]
    fn a_host_in_flight_is_unknown_once_its_controller_is_gone() {
        let mut sample = Sample::of(plan(&[("edge", &["a b c"])]));
        sample.good("a").start("b");
        let gone = RunView::of(&sample.state);
        let word = |view: RunView<'_>| view.host_word(&sample.state.hosts[1]);
        assert_eq!((gone.phase().as_str(), word(gone)), ("interrupted", "unknown"));
        let runs = gone.running(true);
        assert_eq!((runs.phase().as_str(), word(runs)), ("running", "in_flight"));
        let seen = |view: RunView<'_>| {
            let counts = view.counts(&sample.state.tally);
            (counts.ok, counts.unknown, counts.in_flight, counts.not_started)
        };
        assert_eq!((seen(gone), seen(runs)), ((1, 1, 0, 1), (1, 0, 1, 1)));
        assert_eq!((gone.broken().count(), runs.broken().count()), (1, 0));
        assert_eq!((gone.troubles().len(), runs.troubles().len()), (1, 0));
    }

    #[test]
    fn the_end_is_done_or_stopped() {
        let mut sample = Sample::of(plan(&[("edge", &["a b"])]));
        sample.good("a").tell(Kind::RunFinished);
        assert_eq!(RunView::of(&sample.state).phase(), Phase::Stopped);
        let mut sample = Sample::of(plan(&[("edge", &["a"])]));
        sample.good("a").tell(Kind::RunFinished);
        assert_eq!(RunView::of(&sample.state).phase(), Phase::Done);
    }
}
