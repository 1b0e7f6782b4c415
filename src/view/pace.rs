//! How far a run is, and how long it still takes: from how long its steps and hosts took before, in earlier runs and in
//! this one. What is not known stays unknown. Start at [`RunView::pace`].

use std::{collections::HashMap, time::Duration};

use super::{RunView, step_name};
use crate::{
    event::{HostAt, HostState, Outcome, RunState, StepPhase, StepRef},
    host::HostName,
    plan::{self, Experience, Moment, of_nine_in_ten},
    rollout,
};

/// What is known about the time that hosts and steps take.
#[derive(Debug)]
pub struct Pace<'a> {
    view: RunView<'a>,
    /// The weight of each step of the playbook.
    weights: Vec<Duration>,
    /// How long each host took in earlier runs.
    past: &'a HashMap<HostName, Duration>,
    /// How much longer than before the hosts of this run took.
    slower: f64,
    /// How long a host takes that is not in `past`.
    typical: Option<Duration>,
    forks: usize,
}

/// How long a run still takes, without the waits for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLeft {
    /// How long.
    pub about: Duration,
    /// A host in flight takes longer than expected, so it may be more.
    pub or_more: bool,
    /// How often the run will wait for a person besides.
    pub approvals: usize,
}

impl<'a> RunView<'a> {
    /// The pace of the run. `past`: what earlier runs say. `forks`: the most hosts at once.
    pub fn pace(&self, past: &'a Experience, forks: usize) -> Pace<'a> {
        let state = self.state;
        let fine = |host: &&HostState| host.at == HostAt::Done(Outcome::Ok);
        let mut own: Vec<Duration> = Vec::new();
        let (mut now, mut before) = (Duration::ZERO, Duration::ZERO);
        for host in state.hosts.iter().filter(fine) {
            let Some(took) = host.took(state.last_at) else { continue };
            own.push(took);
            if let Some(then) = past.hosts.get(&host.name) {
                (now, before) = (now + took, before + *then);
            }
        }
        // A check does not take as long as a run.
        let typical = of_nine_in_ten(own).or_else(|| {
            if state.started.check { None } else { of_nine_in_ten(past.hosts.values().copied().collect()) }
        });
        let slower = if before.is_zero() || now.is_zero() { 1.0 } else { now.as_secs_f64() / before.as_secs_f64() };
        Pace { view: *self, weights: weights(state, past), past: &past.hosts, slower, typical, forks: forks.max(1) }
    }
}

impl Pace<'_> {
    /// The part of its walk that a host has behind it, from 0 to 1: the steps that are over.
    pub fn walked(&self, host: &HostState) -> f64 {
        match host.at {
            HostAt::Waiting => 0.0,
            HostAt::Done(_) => 1.0,
            HostAt::InFlight => {
                let main = host.steps.iter().filter(|(step, _)| step.phase == StepPhase::Main);
                let over: Duration = main.map(|(step, _)| self.weight(step.index)).sum();
                part(over, self.weights.iter().sum())
            }
        }
    }

    /// The part of a wave that is over, from 0 to 1.
    pub fn of_wave(&self, stage: usize, wave: usize) -> f64 {
        self.of_hosts(self.view.state.wave_hosts(stage, wave))
    }

    /// The part of the run that is over, from 0 to 1.
    pub fn of_run(&self) -> f64 {
        self.of_hosts(&self.view.state.hosts)
    }

    fn of_hosts(&self, hosts: &[HostState]) -> f64 {
        let walked: f64 = hosts.iter().map(|host| self.walked(host)).sum();
        if hosts.is_empty() { 0.0 } else { walked / hosts.len() as f64 }
    }

    /// How long the run still takes; `None` if that is not known.
    pub fn left(&self) -> Option<TimeLeft> {
        let state = self.view.state;
        let in_flight: Vec<&HostState> = state.hosts.iter().filter(|host| host.at == HostAt::InFlight).collect();
        let or_more = in_flight.iter().try_fold(false, |any, host| Some(self.is_late(host)? || any))?;
        // Nothing starts any more.
        if rollout::halt(state).is_some() {
            let times = in_flight.iter().map(|host| self.of_host(host));
            let about = times.collect::<Option<Vec<_>>>()?.into_iter().max().unwrap_or_default();
            return Some(TimeLeft { about, or_more, approvals: 0 });
        }
        let about = if state.started.check {
            plan::side_by_side(self.of_each(&state.hosts)?, self.forks)
        } else {
            self.of_stages()?
        };
        let approvals = if state.started.check { 0 } else { approvals(state) };
        Some(TimeLeft { about, or_more, approvals })
    }

    fn of_stages(&self) -> Option<Duration> {
        let state = self.view.state;
        let mut left = Duration::ZERO;
        // The soak after a wave counts only if something follows.
        let mut soak = Duration::ZERO;
        for (s, stage) in state.plan().stages.iter().enumerate() {
            if state.stage_halted(s) {
                continue;
            }
            for (w, wave) in stage.waves.iter().enumerate() {
                let tally = &state.stages[s].waves[w].tally;
                if tally.total - tally.done() == state.stages[s].waves[w].left_out {
                    soak = if tally.done() > 0 { self.soak_left(stage.soak) } else { soak };
                    continue;
                }
                // Between waves nothing is in flight, so a wave that has begun has its soak before it behind it.
                left += if tally.waiting() == tally.total { soak } else { Duration::ZERO };
                let at_once = stage.at_once(wave, self.forks);
                left += plan::side_by_side(self.of_each(state.wave_hosts(s, w))?, at_once);
                soak = stage.soak;
            }
        }
        Some(left)
    }

    /// The rest of the soak after the last host that is done.
    fn soak_left(&self, soak: Duration) -> Duration {
        let rested = self.view.state.last_done_at.map(|done| self.view.since(done));
        soak.saturating_sub(rested.unwrap_or_default())
    }

    fn of_each(&self, hosts: &[HostState]) -> Option<Vec<Duration>> {
        let open = |host: &&HostState| match host.at {
            HostAt::Done(_) => false,
            HostAt::InFlight => true,
            HostAt::Waiting => !host.left_out,
        };
        hosts.iter().filter(open).map(|host| self.of_host(host)).collect()
    }

    /// How long a host still takes: the steps ahead of it, and the rest of its current one.
    fn of_host(&self, host: &HostState) -> Option<Duration> {
        let ahead = self.whole(host)?.mul_f64(1.0 - self.walked(host));
        let Some((step, since)) = self.in_step(host)? else { return Some(ahead) };
        Some(ahead.saturating_sub(step.min(since)))
    }

    /// Whether its current step takes much longer than expected.
    fn is_late(&self, host: &HostState) -> Option<bool> {
        let late = |(step, since): (Duration, Duration)| since > step + (step / 2).max(Duration::from_secs(5));
        Some(self.in_step(host)?.is_some_and(late))
    }

    /// How long a host takes from its first step to its last; `None` if that is not known.
    fn whole(&self, host: &HostState) -> Option<Duration> {
        let before = self.past.get(&host.name).filter(|_| !self.view.state.started.check);
        before.map(|took| took.mul_f64(self.slower)).or(self.typical)
    }

    /// How long its current step takes, and how long the host has been in it.
    fn in_step(&self, host: &HostState) -> Option<Option<(Duration, Duration)>> {
        let whole = self.whole(host)?;
        let current = host.current.as_ref().filter(|current| current.step.phase == StepPhase::Main);
        Some(current.map(|current| {
            let share = part(self.weight(current.step.index), self.weights.iter().sum());
            (whole.mul_f64(share), self.view.since(current.since))
        }))
    }

    fn weight(&self, step: usize) -> Duration {
        self.weights.get(step).copied().unwrap_or_default()
    }
}

/// How long each step takes, compared with the others: as in earlier runs, else as in this one, else all the same.
fn weights(state: &RunState, past: &Experience) -> Vec<Duration> {
    let mut own = vec![(Duration::ZERO, 0); state.plan().steps.len()];
    for host in state.hosts.iter().filter(|host| host.at == HostAt::Done(Outcome::Ok)) {
        for (step, result) in host.steps.iter().filter(|(step, _)| step.phase == StepPhase::Main) {
            if let Some((sum, count)) = own.get_mut(step.index) {
                (*sum, *count) = (*sum + result.took, *count + 1);
            }
        }
    }
    let known = |(index, (sum, count)): (usize, (Duration, u32))| {
        let name = step_name(state.plan(), StepRef { phase: StepPhase::Main, index });
        let before = past.steps.get(&*name).copied().filter(|_| !state.started.check);
        before.or_else(|| (count > 0).then(|| sum / count))
    };
    let known: Vec<Option<Duration>> = own.into_iter().enumerate().map(known).collect();
    let sum: Duration = known.iter().flatten().sum();
    let count = u32::try_from(known.iter().flatten().count()).unwrap_or(u32::MAX);
    let mean = if sum.is_zero() { Duration::from_secs(1) } else { sum / count.max(1) };
    // A step that takes no time still moves the bar.
    known.into_iter().map(|weight| weight.unwrap_or(mean).max(mean / 10)).collect()
}

fn part(some: Duration, all: Duration) -> f64 {
    if all.is_zero() { 0.0 } else { (some.as_secs_f64() / all.as_secs_f64()).clamp(0.0, 1.0) }
}

/// How often the run will wait for a person.
fn approvals(state: &RunState) -> usize {
    let waits = |s: usize, first: usize| {
        state.stages[s].waves.iter().skip(first).any(|wave| wave.tally.waiting() > wave.left_out)
    };
    let later = |s: usize| (s + 1..state.stages.len()).any(|s| waits(s, 0));
    let stages = state.plan().stages.iter().enumerate();
    let ahead = stages.filter(|(s, stage)| match stage.approve {
        Some(moment) if state.stages[*s].approved(moment) || state.stage_halted(*s) => false,
        Some(Moment::Before) => state.stages[*s].tally.waiting() == state.stages[*s].tally.total,
        Some(Moment::AfterCanary) => waits(*s, 1) || later(*s),
        None => false,
    });
    ahead.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Stop, sample::*};

    const S: Duration = Duration::from_secs(1);

    fn past(hosts: &[(&str, u32)], steps: &[(&str, u32)]) -> Experience {
        let hosts = hosts.iter().map(|(name, secs)| (host(name), S * *secs)).collect();
        let steps = steps.iter().map(|(name, secs)| ((*name).to_owned(), S * *secs)).collect();
        Experience { runs: 1, hosts, steps }
    }

    fn at<'a>(sample: &'a Sample, past: &'a Experience, forks: usize) -> Pace<'a> {
        RunView { state: &sample.state, running: true, now: sample.now() }.pace(past, forks)
    }

    fn left(sample: &Sample, past: &Experience, forks: usize) -> Option<(u64, bool)> {
        at(sample, past, forks).left().map(|left| (left.about.as_secs(), left.or_more))
    }

    fn fine() -> crate::event::StepResult {
        result(crate::event::Verdict::Ok, "")
    }

    #[test]
    fn a_host_moves_with_each_step_that_is_over() {
        let mut sample = Sample::of(plan(&[("all", &["a"])]));
        let nothing = past(&[], &[]);
        let known =
            past(&[], &[("Ready to be patched", 0), ("Security updates", 60), ("Reboot where it is needed", 40)]);
        let percent = |sample: &Sample, past| (at(sample, past, 1).of_wave(0, 0) * 100.0).round();
        let mut seen = vec![(percent(&sample, &nothing), percent(&sample, &known))];
        sample.start("a");
        for step in 0..3 {
            sample.begin("a", main_step(step)).wait(1).end("a", main_step(step), fine());
            seen.push((percent(&sample, &nothing), percent(&sample, &known)));
        }
        // A step that took no time counts for a tenth of the mean.
        assert_eq!(seen, [(0.0, 0.0), (33.0, 3.0), (67.0, 61.0), (100.0, 100.0)]);
    }

    #[test]
    fn the_time_left_comes_from_earlier_runs_or_from_this_one_or_is_unknown() {
        let mut plan = plan(&[("edge", &["a", "b c"]), ("core", &["d"])]);
        plan.stages[0].soak = S * 10;
        let nothing = past(&[], &[]);
        let known = past(&[("a", 30), ("b", 30), ("c", 90)], &[]);
        let mut sample = Sample::of(plan);
        assert_eq!(left(&sample, &nothing, 9), None, "nobody knows");
        // d is new, and takes as long as most.
        assert_eq!(left(&sample, &known, 9), Some((30 + 10 + 90 + 10 + 90, false)));
        assert_eq!(left(&sample, &known, 1), Some((30 + 10 + 120 + 10 + 90, false)));
        sample.start("a").begin("a", main_step(0)).wait(4);
        assert_eq!(left(&sample, &known, 9), Some((30 - 4 + 200, false)), "a third of the host is in this step");
        sample.end("a", main_step(0), fine());
        assert_eq!(left(&sample, &known, 9), Some((20 + 200, false)), "it was done sooner");
        for step in 1..3 {
            sample.begin("a", main_step(step)).wait(28).end("a", main_step(step), fine());
        }
        sample.finish("a", Outcome::Ok).wait(3);
        assert_eq!(
            left(&sample, &known, 9),
            Some((7 + 180 + 10 + 60, false)),
            "a took twice as long as before, d as a"
        );
        assert_eq!(left(&sample, &nothing, 9), Some((7 + 60 + 10 + 60, false)), "all take as long as a");
    }

    #[test]
    fn a_host_that_takes_longer_than_expected_makes_it_at_least_that_long() {
        let known = past(&[("a", 30), ("b", 30)], &[]);
        let mut sample = Sample::of(plan(&[("edge", &["a", "b"])]));
        sample.start("a");
        for step in 0..2 {
            sample.begin("a", main_step(step)).end("a", main_step(step), fine());
        }
        sample.begin("a", main_step(2)).wait(9);
        assert_eq!(left(&sample, &known, 9), Some((1 + 30, false)));
        sample.wait(60);
        assert_eq!(left(&sample, &known, 9), Some((30, true)));
        sample.tell(Kind::StopRequested { how: Stop::Drain, by: "Ctrl-C".to_owned() });
        assert_eq!(left(&sample, &known, 9), Some((0, true)), "nothing starts any more");
    }

    #[test]
    fn approvals_that_are_ahead_are_counted() {
        let mut plan = plan(&[("edge", &["a", "b"]), ("core", &["c"])]);
        plan.stages[0].approve = Some(Moment::AfterCanary);
        plan.stages[1].approve = Some(Moment::Before);
        let mut sample = Sample::of(plan);
        let known = past(&[("a", 1)], &[]);
        let ahead = |sample: &Sample| at(sample, &known, 9).left().map(|left| left.approvals);
        assert_eq!(ahead(&sample), Some(2));
        sample.good("a").tell(Kind::Approved { stage: 0, moment: Moment::AfterCanary, by: "ann".to_owned() });
        assert_eq!(ahead(&sample), Some(1));
        sample.good("b").tell(Kind::Approved { stage: 1, moment: Moment::Before, by: "ann".to_owned() });
        assert_eq!(ahead(&sample), Some(0));
    }

    /// A check is not as long as a run.
    #[test]
    fn a_check_goes_by_its_own_hosts() {
        let mut sample = Sample::of(plan(&[("edge", &["a", "b"])]));
        std::sync::Arc::make_mut(&mut sample.state.started).check = true;
        let known = past(&[("a", 300), ("b", 300)], &[]);
        assert_eq!(left(&sample, &known, 9), None);
        sample.start("b").good("a");
        assert_eq!(left(&sample, &known, 9), Some((3, false)));
    }
}
