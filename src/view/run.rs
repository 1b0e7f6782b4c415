//! The value itself, and the words for the state of the run and of a host.

use jiff::Timestamp;

use super::{Counts, clean};
use crate::{
    event::{HostAt, HostState, Outcome, RunState},
    host::HostName,
    rollout::{self, Directive, Ending, Halt, Limits, Now},
};

/// Shown with every plan whose windows are ignored.
pub const WINDOWS_IGNORED: &str = "maintenance windows ignored (--ignore-window)";

/// A run at one moment.
#[derive(Clone, Copy, Debug)]
pub struct RunView<'a> {
    /// What its events say.
    pub state: &'a RunState,
    /// Whether a controller is running it: then its hosts in flight go on.
    pub running: bool,
    /// The time.
    pub now: Timestamp,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A controller is running it.
    Running,
    /// Everything in the plan was done, and the run ended.
    Done,
    /// A run with `--check` ended. It changed nothing, whatever the outcomes of its hosts are.
    Checked,
    /// It ended with hosts that were not started, or with a gate that did not pass.
    Stopped,
    /// Its controller stopped or left, and its hosts in flight are between two steps.
    Paused,
    /// Its controller left in the middle of a step, or without an end.
    Interrupted,
}

impl Phase {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Checked => "checked",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
        }
    }
}

impl<'a> RunView<'a> {
    /// A run that no controller is running, at the time of its newest event.
    pub fn of(state: &'a RunState) -> Self {
        Self { state, running: false, now: state.last_at }
    }

    /// The same run, with or without a controller that is running it.
    #[must_use]
    pub fn running(self, running: bool) -> Self {
        Self { running, ..self }
    }

    /// `maintenance windows ignored (--ignore-window), by root@jump1`; `None` if the run obeys them.
    pub fn windows_ignored(&self) -> Option<String> {
        let started = &self.state.started;
        started.plan.ignores_windows.then(|| format!("{WINDOWS_IGNORED}, by {}", clean(&started.owner(), 100)))
    }

    /// The state of the run.
    pub fn phase(&self) -> Phase {
        match (self.running, self.state.finished) {
            (true, _) => Phase::Running,
            (false, _) if self.is_paused() => Phase::Paused,
            (false, false) => Phase::Interrupted,
            (false, true) if self.state.started.check => Phase::Checked,
            (false, true) if self.state.stopped_early() => Phase::Stopped,
            (false, true) => Phase::Done,
        }
    }

    /// The same for people. They see no field `check` or `rehearsal` beside it, so the words themselves say it.
    pub fn phase_words(&self) -> String {
        match self.phase() {
            phase if self.state.started.rehearsal => format!("rehearsal {}", phase.as_str()),
            phase if !self.state.started.check || phase == Phase::Checked => phase.as_str().to_owned(),
            phase => format!("check {}", phase.as_str()),
        }
    }

    /// Whether this host is in flight and a controller is working on it.
    pub fn goes_on(&self, host: &HostState) -> bool {
        self.running && host.at == HostAt::InFlight
    }

    /// `in_flight` while a controller is working on the host, else its outcome.
    pub fn host_word(&self, host: &HostState) -> &'static str {
        if self.goes_on(host) { "in_flight" } else { host.outcome().as_str() }
    }

    /// Whether hosts are in flight and all of them are paused.
    fn is_paused(&self) -> bool {
        let mut open = self.state.hosts.iter().filter(|host| host.at == HostAt::InFlight).peekable();
        open.peek().is_some() && open.all(|host| host.outcome() == Outcome::Paused)
    }

    /// The exit code of the run; `None` while a controller is running it.
    pub fn exit_code(&self) -> Option<u8> {
        (!self.running).then(|| self.state.exit_code())
    }

    /// Why a run without a controller did not do everything in its plan, if its hosts do not show it: a gate, a window,
    /// a full failure domain, a limit, a halted stage.
    pub fn stopped_because(&self) -> Option<String> {
        let state = self.state;
        if self.running || state.tally.in_flight > 0 {
            return None;
        }
        match rollout::next(state, Now::by_the_record(state, self.now), Limits { forks: usize::MAX }) {
            Directive::Finished(Ending::Halted(why @ Halt::Gate { .. })) => Some(why.to_string()),
            Directive::Finished(Ending::Left { why }) => Some(why),
            _ if state.tally.waiting() == 0 && state.stopped_early() => {
                let (stage, wave) = state.gate_due()?;
                let stage = &state.plan().stages[stage].name;
                Some(format!("the gate after wave {} of stage {stage} has not run", wave + 1))
            }
            _ => None,
        }
    }

    /// The counts, by the word of each host ([`RunView::host_word`]).
    pub fn counts(&self) -> Counts {
        self.count(&self.state.hosts)
    }

    /// The same over one stage.
    pub fn stage_counts(&self, stage: usize) -> Counts {
        self.count(self.state.hosts.iter().filter(|host| host.stage == stage))
    }

    /// The same over one wave.
    pub fn wave_counts(&self, stage: usize, wave: usize) -> Counts {
        self.count(self.state.wave_hosts(stage, wave))
    }

    fn count<'h>(&self, hosts: impl IntoIterator<Item = &'h HostState>) -> Counts {
        let mut counts = Counts::default();
        for host in hosts {
            if self.goes_on(host) {
                counts += Counts { total: 1, in_flight: 1, ..Counts::default() };
            } else {
                counts.add(host.outcome());
            }
        }
        counts
    }

    /// One line for each lease that went from one run to another, with the host.
    pub fn leases(&self) -> impl Iterator<Item = (&'a HostName, String)> {
        self.state.hosts.iter().flat_map(|host| host.lease_lines().map(move |line| (&host.name, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, sample::*};

    #[test]
    fn a_host_in_flight_without_a_controller_is_paused_or_unknown() {
        let mut sample = Sample::of(plan(&[("edge", &["a b c"])]));
        sample.good("a").start("b");
        let seen = |sample: &Sample, running: bool| {
            let view = RunView::of(&sample.state).running(running);
            let counts = view.counts();
            let numbers = (counts.ok, counts.unknown, counts.paused, counts.in_flight, counts.not_started);
            let word = view.host_word(&sample.state.hosts[1]);
            (view.phase().as_str(), word, numbers, view.broken().count(), view.troubles().len(), view.exit_code())
        };
        assert_eq!(seen(&sample, false), ("paused", "paused", (1, 0, 1, 0, 1), 0, 1, Some(4)));
        assert_eq!(seen(&sample, true), ("running", "in_flight", (1, 0, 0, 1, 1), 0, 0, None));
        sample.begin("b", main_step(0));
        assert_eq!(seen(&sample, false), ("interrupted", "unknown", (1, 1, 0, 0, 1), 1, 1, Some(7)));
        assert_eq!(seen(&sample, true), ("running", "in_flight", (1, 0, 0, 1, 1), 0, 0, None));
        sample.end("b", main_step(0), failure("disk", "/ is full"));
        assert_eq!(seen(&sample, false), ("interrupted", "failed", (1, 0, 0, 0, 1), 1, 1, Some(6)));
    }

    #[test]
    fn what_the_hosts_do_not_show_is_said() {
        let gated = |passed| {
            let mut plan = plan(&[("edge", &["a"])]);
            plan.stages[0].gate = vec![step_spec("No errors in the shop")];
            let mut sample = Sample::of(plan);
            sample.good("a").tell(Kind::GateFinished { stage: 0, wave: 0, passed, summary: "5 errors".to_owned() });
            sample.tell(Kind::RunFinished);
            let view = RunView::of(&sample.state);
            (view.phase().as_str(), view.stopped_because())
        };
        let why = "the gate after wave 1 of stage edge did not pass: 5 errors";
        assert_eq!((gated(true), gated(false)), (("done", None), ("stopped", Some(why.to_owned()))));
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
