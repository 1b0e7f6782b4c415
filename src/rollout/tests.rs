//! Tables for the rule, at every boundary: 0, 1, all, equal, mixed.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Directive, Ending, Halt, Limits, Now, next};
use crate::{
    calendar::Window,
    event::{Event, Kind, Outcome, RunId, RunResumed, RunStarted, RunState, Stop},
    host::HostName,
    plan::{Domain, Moment, Plan, PlannedHost, Stage, Wave},
    playbook::{CommandLine, CommandSpec, Side, StepKind, StepSpec, Template},
    policy::{Mode, OnBudgetSpent, Spread},
};

/// A run whose hosts the test starts and finishes.
struct Run {
    state: RunState,
    now: Timestamp,
    forks: usize,
}

fn host(name: &str) -> PlannedHost {
    PlannedHost { name: HostName::new(name).unwrap(), domain: None, window: None, freezes: None, undo: None }
}

/// A stage whose waves are written as `"a | b c | d"`.
fn stage(name: &str, waves: &str) -> Stage {
    Stage {
        name: name.to_owned(),
        environment: None,
        risk: None,
        waves: waves
            .split('|')
            .map(|wave| Wave { canary: false, hosts: wave.split_whitespace().map(host).collect() })
            .collect(),
        window_size: None,
        mode: Mode::Waves,
        max_failures: 0,
        on_budget_spent: OnBudgetSpent::HaltRun,
        soak: Duration::ZERO,
        approve: None,
        gate: vec![],
    }
}

fn gate() -> Vec<StepSpec> {
    let kind = StepKind::Command(CommandSpec {
        run: CommandLine::Shell(Template("true".to_owned())),
        changes: false,
        environment: Default::default(),
        ok_codes: vec![0],
    });
    vec![StepSpec { on: Side::Controller, ..StepSpec::of(kind) }]
}

impl Run {
    fn new(stages: Vec<Stage>, max_failures: Option<usize>) -> Self {
        let plan = Plan {
            playbook: "p".to_owned(),
            stages,
            steps: vec![],
            on_failure: vec![],
            max_failures,
            on_budget_spent: OnBudgetSpent::HaltRun,
            ignores_windows: false,
            skipped: Vec::new(),
            dates: Default::default(),
            undoes: None,
            vars_digest: String::new(),
            pinned: Default::default(),
        };
        let started = RunStarted::of(RunId("r".to_owned()), plan);
        let now = "2026-11-22T02:00:00Z".parse().unwrap();
        let first = Event { seq: 1, at: now, kind: Kind::RunStarted(Box::new(started)) };
        Self { state: RunState::begin(&first).unwrap(), now, forks: 100 }
    }

    fn push(&mut self, kind: Kind) {
        let event = Event { seq: self.state.seq + 1, at: self.now, kind };
        self.state.apply(&event).unwrap();
    }

    fn next(&self) -> Directive {
        next(&self.state, Now::by_the_record(&self.state, self.now), Limits { forks: self.forks })
    }

    /// Expects exactly these hosts to start, and starts them.
    #[track_caller]
    fn starts(&mut self, expected: &str) -> &mut Self {
        let Directive::Start(hosts) = self.next() else { panic!("expected {expected:?}, got {:?}", self.next()) };
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        assert_eq!(names.join(" "), expected);
        for host in hosts {
            self.push(Kind::HostStarted { host });
        }
        self
    }

    fn end(&mut self, names: &str, outcome: Outcome) -> &mut Self {
        for name in names.split_whitespace() {
            self.push(Kind::HostFinished { host: HostName::new(name).unwrap(), outcome, lost_lease: None });
        }
        self
    }

    #[track_caller]
    fn says(&mut self, expected: Directive) -> &mut Self {
        assert_eq!(self.next(), expected);
        self
    }

    fn passes(&mut self, seconds: i64) -> &mut Self {
        self.now += jiff::SignedDuration::from_secs(seconds);
        self
    }
}

const OVER: Directive = Directive::Finished(Ending::AllStarted);

#[test]
fn a_wave_starts_whole_and_the_next_waits_for_its_last_host() {
    Run::new(vec![stage("s", "a | b c | d")], None)
        .starts("a")
        .says(Directive::WaitForHosts)
        .end("a", Outcome::Ok)
        .starts("b c")
        .end("b", Outcome::Ok)
        .says(Directive::WaitForHosts)
        .end("c", Outcome::Ok)
        .starts("d")
        .end("d", Outcome::Ok)
        .says(OVER);
}

#[test]
fn more_than_max_failures_halts_and_exactly_max_failures_does_not() {
    for outcome in [Outcome::Failed, Outcome::Unreachable, Outcome::Unknown] {
        for max in [0, 1, 2] {
            let mut s = stage("s", "a b c d | e");
            s.max_failures = max;
            let mut run = Run::new(vec![s], None);
            run.starts("a b c d");
            let broken = ["a", "b", "c"];
            for (n, name) in broken.iter().enumerate().take(max + 1) {
                assert!(!matches!(run.next(), Directive::Drain(_)), "{n} broken of {max} borne");
                run.end(name, outcome);
            }
            let why = Halt::StageBudget { stage: "s".to_owned(), broken: max + 1, max };
            run.says(Directive::Drain(why.clone()));
            for name in ["a", "b", "c", "d"].iter().skip(max + 1) {
                run.end(name, Outcome::Ok);
            }
            run.says(Directive::Finished(Ending::Halted(why)));
        }
    }
}

#[test]
fn ok_hosts_use_up_nothing() {
    Run::new(vec![stage("s", "a b | c")], Some(0))
        .starts("a b")
        .end("a", Outcome::Ok)
        .end("b", Outcome::Ok)
        .starts("c")
        .end("c", Outcome::Ok)
        .says(OVER);
}

#[test]
fn the_budget_of_the_run_counts_over_stages() {
    let tolerant = |name: &str, waves: &str| Stage { max_failures: 9, ..stage(name, waves) };
    let mut run = Run::new(vec![tolerant("s", "a b"), tolerant("t", "c d | e")], Some(1));
    run.starts("a b").end("a", Outcome::Failed).end("b", Outcome::Ok);
    run.starts("c d").end("c", Outcome::Unreachable);
    run.says(Directive::Drain(Halt::RunBudget { broken: 2, max: 1 }));
}

#[test]
fn halt_stage_leaves_the_stage_and_goes_on_and_continue_never_stops() {
    let s = Stage { on_budget_spent: OnBudgetSpent::HaltStage, ..stage("s", "a b | c") };
    let mut run = Run::new(vec![s, stage("t", "d")], None);
    run.starts("a b").end("a", Outcome::Failed).says(Directive::WaitForHosts).end("b", Outcome::Ok);
    run.starts("d").end("d", Outcome::Ok);
    let why = "stage s is halted, its max_failures is 0".to_owned();
    run.says(Directive::Finished(Ending::Left { why }));

    let s = Stage { on_budget_spent: OnBudgetSpent::Continue, ..stage("s", "a b | c") };
    let mut run = Run::new(vec![s], None);
    run.starts("a b").end("a b", Outcome::Failed).starts("c").end("c", Outcome::Failed).says(OVER);
}

fn leave_out(names: &str) -> Kind {
    Kind::RunResumed(Box::new(RunResumed {
        limit: Some("x".to_owned()),
        left_out: names.split_whitespace().map(|name| HostName::new(name).unwrap()).collect(),
        ..RunResumed::default()
    }))
}

#[test]
fn hosts_outside_the_limit_of_a_resume_get_no_slot_and_hold_nothing_up() {
    let s = Stage { soak: Duration::from_secs(60), ..stage("s", "a b c | d e | f") };
    let mut run = Run::new(vec![s, stage("t", "g | h")], None);
    run.starts("a b c").end("a b", Outcome::Ok);
    run.push(leave_out("d f g h"));
    run.says(Directive::WaitForHosts).end("c", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Soak { .. }));
    run.passes(60).starts("e").says(Directive::WaitForHosts).end("e", Outcome::Ok);
    // Nothing follows, so there is no wait.
    let Directive::Finished(Ending::Left { why }) = run.next() else { panic!("{:?}", run.next()) };
    assert!(why.contains("outside the limit"), "{why}");
    run.push(leave_out("f"));
    run.starts("d").end("d", Outcome::Ok).passes(60).starts("g").end("g", Outcome::Ok).starts("h");
    run.end("h", Outcome::Failed);
    run.push(leave_out(""));
    assert!(matches!(run.next(), Directive::Finished(Ending::Halted(_))), "a limit is not a way around the budget");
}

#[test]
fn soak_comes_after_every_wave_but_the_last_of_the_run() {
    let s = Stage { soak: Duration::from_secs(60), ..stage("s", "a | b") };
    let mut run = Run::new(vec![s, stage("t", "c")], None);
    run.starts("a").end("a", Outcome::Ok);
    let Directive::Soak { left, .. } = run.next() else { panic!("{:?}", run.next()) };
    assert_eq!(left, Duration::from_secs(60));
    run.passes(59);
    assert!(matches!(run.next(), Directive::Soak { .. }));
    run.passes(1).starts("b").end("b", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Soak { .. }), "between stages as well");
    run.passes(60).starts("c").end("c", Outcome::Ok).says(OVER);
}

/// A soak is a duration: it is over when that much time has passed, whatever the wall clock says.
#[test]
fn the_wall_clock_neither_shortens_nor_lengthens_a_soak() {
    let soaked = |soak: u64, rested: u64, jump: i64| {
        let s = Stage { soak: Duration::from_secs(soak), ..stage("s", "a | b") };
        let mut run = Run::new(vec![s], None);
        run.starts("a").end("a", Outcome::Ok).passes(jump);
        let now = Now { wall: run.now, rested: Duration::from_secs(rested) };
        match next(&run.state, now, Limits { forks: 1 }) {
            Directive::Soak { left, .. } => Some(left.as_secs()),
            Directive::Start(_) => None,
            other => panic!("{other:?}"),
        }
    };
    for jump in [0, 86_400, -7_200] {
        assert_eq!(soaked(60, 0, jump), Some(60), "{jump}");
        assert_eq!(soaked(60, 59, jump), Some(1), "{jump}");
        assert_eq!(soaked(60, 60, jump), None, "{jump}");
        assert_eq!(soaked(0, 0, jump), None, "a soak of nothing is never waited for: {jump}");
    }
    // A controller that takes over has only the record. It never waits longer than the whole soak.
    let s = Stage { soak: Duration::from_secs(60), ..stage("s", "a | b") };
    let mut run = Run::new(vec![s, stage("t", "c")], None);
    run.starts("a").end("a", Outcome::Ok).passes(-7_200);
    let whole = Directive::Soak { left: Duration::from_secs(60), why: "soak after wave 1 of stage s".to_owned() };
    run.says(whole);
    run.passes(7_259)
        .says(Directive::Soak { left: Duration::from_secs(1), why: "soak after wave 1 of stage s".to_owned() });
}

fn asks(stage: usize, moment: Moment) -> Directive {
    Directive::WaitForApproval { stage, moment }
}

impl Run {
    fn approve(&mut self, stage: usize, moment: Moment) -> &mut Self {
        self.push(Kind::Approved { stage, moment, by: "me".to_owned() });
        self
    }
}

#[test]
fn approval_is_asked_for_once_after_the_first_wave() {
    let s = Stage { approve: Some(Moment::AfterCanary), ..stage("s", "a | b | c") };
    let mut run = Run::new(vec![s], None);
    run.starts("a").end("a", Outcome::Ok).says(asks(0, Moment::AfterCanary));
    run.passes(86_400).says(asks(0, Moment::AfterCanary)).approve(0, Moment::Before);
    run.says(asks(0, Moment::AfterCanary)).approve(0, Moment::AfterCanary);
    run.starts("b").end("b", Outcome::Ok).starts("c").end("c", Outcome::Ok).says(OVER);
}

/// As in recorded plans of older versions: after the first wave, if anything follows.
#[test]
fn a_stage_of_one_wave_is_approved_before_the_next_stage() {
    let s = Stage { approve: Some(Moment::AfterCanary), ..stage("s", "a") };
    let mut run = Run::new(vec![s.clone(), stage("t", "b")], None);
    run.starts("a").end("a", Outcome::Ok).says(asks(0, Moment::AfterCanary));
    Run::new(vec![s], None).starts("a").end("a", Outcome::Ok).says(OVER);
}

#[test]
fn a_stage_that_asks_before_starts_no_host_without_a_yes() {
    let s = |waves| Stage { approve: Some(Moment::Before), soak: Duration::from_secs(60), ..stage("s", waves) };
    for waves in ["a", "a | b"] {
        let mut run = Run::new(vec![s(waves)], None);
        run.says(asks(0, Moment::Before)).passes(86_400).says(asks(0, Moment::Before));
        run.approve(0, Moment::AfterCanary).says(asks(0, Moment::Before));
        run.approve(0, Moment::Before).starts("a").end("a", Outcome::Ok);
    }
    // Once for the stage, after the soak and the gate before it.
    let mut run = Run::new(vec![Stage { gate: gate(), ..s("a | b") }, s("c | d")], None);
    run.approve(0, Moment::Before).starts("a").end("a", Outcome::Ok);
    run.passes(60).says(Directive::RunGate { stage: 0, wave: 0 });
    run.push(Kind::GateFinished { stage: 0, wave: 0, passed: true, summary: String::new() });
    run.starts("b").end("b", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Soak { .. }));
    run.passes(60).says(Directive::RunGate { stage: 0, wave: 1 });
    run.push(Kind::GateFinished { stage: 0, wave: 1, passed: true, summary: String::new() });
    run.says(asks(1, Moment::Before)).approve(1, Moment::Before).starts("c").end("c", Outcome::Ok);
    run.passes(60).starts("d").end("d", Outcome::Ok).says(OVER);
}

#[test]
fn no_approval_is_needed_for_hosts_that_cannot_start_or_after_a_halt() {
    let closed = Window::cron("0 3 * * *", Duration::from_secs(3600), "UTC");
    let mut s = Stage { approve: Some(Moment::Before), ..stage("s", "a") };
    s.waves[0].hosts[0].window = Some(Arc::new(closed.into()));
    assert!(matches!(Run::new(vec![s], None).next(), Directive::Finished(Ending::Left { .. })));

    let s = Stage { approve: Some(Moment::Before), ..stage("s", "c") };
    let mut run = Run::new(vec![stage("r", "a b"), s], None);
    run.starts("a b").end("a", Outcome::Failed).end("b", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Finished(Ending::Halted(_))), "{:?}", run.next());
}

/// Neither waves nor broken hosts, approvals, soaks, gates, closed windows and full failure domains hold it back.
#[test]
fn a_check_visits_every_host_at_once() {
    let mut s = Stage { soak: Duration::from_secs(60), approve: Some(Moment::Before), ..stage("s", "a | b c") };
    s.gate = gate();
    let closed = Window::cron("0 3 * * *", Duration::from_secs(3600), "UTC");
    s.waves[0].hosts[0].window = Some(Arc::new(closed.into()));
    let mut run = Run::new(vec![s, stage("t", "d e")], Some(0));
    Arc::make_mut(&mut run.state.started).check = true;
    run.forks = 4;
    run.starts("a b c d").end("a", Outcome::Failed).starts("e").end("b", Outcome::Unreachable);
    run.says(Directive::WaitForHosts);
    run.end("c d e", Outcome::Ok).says(OVER);

    let mut run = Run::new(vec![stage("s", "a | b")], None);
    Arc::make_mut(&mut run.state.started).check = true;
    run.forks = 1;
    run.starts("a");
    run.push(Kind::StopRequested { how: Stop::Drain, by: "me".to_owned() });
    run.says(Directive::Drain(Halt::Asked(Stop::Drain)));
    run.end("a", Outcome::Ok).says(Directive::Finished(Ending::Halted(Halt::Asked(Stop::Drain))));
}

#[test]
fn a_request_to_stop_drains() {
    let mut run = Run::new(vec![stage("s", "a b | c")], None);
    run.starts("a b");
    run.push(Kind::StopRequested { how: Stop::Drain, by: "me".to_owned() });
    run.says(Directive::Drain(Halt::Asked(Stop::Drain)));
    run.end("a b", Outcome::Ok).says(Directive::Finished(Ending::Halted(Halt::Asked(Stop::Drain))));
}

#[test]
fn forks_bound_the_hosts_in_flight() {
    let mut run = Run::new(vec![stage("s", "a b c d")], None);
    run.forks = 2;
    run.starts("a b").says(Directive::WaitForHosts).end("b", Outcome::Ok).starts("c").end("a", Outcome::Ok);
    run.starts("d");
}

#[test]
fn a_sliding_window_replaces_each_host_that_is_done() {
    let mut s = stage("s", "a | b c d e");
    s.waves[0].canary = true;
    s.mode = Mode::Sliding;
    s.window_size = Some(2);
    let mut run = Run::new(vec![s], None);
    run.starts("a").says(Directive::WaitForHosts).end("a", Outcome::Ok);
    run.starts("b c").says(Directive::WaitForHosts).end("c", Outcome::Ok).starts("d");
    run.says(Directive::WaitForHosts).end("b d", Outcome::Ok).starts("e").end("e", Outcome::Ok).says(OVER);
}

fn in_domain(name: &str, value: &str, max: u32) -> PlannedHost {
    let spread = Arc::new(Spread { by: "cluster".to_owned(), max_unavailable: max });
    PlannedHost { domain: Some(Domain { spread, value: value.into() }), ..host(name) }
}

#[test]
fn a_failure_domain_is_never_emptied_even_over_stages_and_by_broken_hosts() {
    let spread_stage = |name: &str, hosts: Vec<PlannedHost>| Stage {
        waves: vec![Wave { canary: false, hosts }],
        max_failures: 9,
        ..stage(name, "")
    };
    let s = spread_stage("s", vec![in_domain("a1", "a", 1), in_domain("a2", "a", 1), in_domain("b1", "b", 1)]);
    let t = spread_stage("t", vec![in_domain("b2", "b", 1), in_domain("a3", "a", 1)]);
    let mut run = Run::new(vec![s, t], None);
    run.starts("a1 b1").says(Directive::WaitForHosts).end("b1", Outcome::Ok).says(Directive::WaitForHosts);
    run.end("a1", Outcome::Failed);
    // a2 can never start in this run: a1 is broken. The rest of the fleet goes on.
    run.starts("b2").end("b2", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());
    assert_eq!(run.state.tally.waiting(), 2);
}

#[test]
fn hosts_outside_their_window_are_left() {
    let window = Window::cron("0 2 * * *", Duration::from_secs(3600), "UTC");
    let mut s = stage("s", "a | b");
    for wave in &mut s.waves {
        for host in &mut wave.hosts {
            host.window = Some(Arc::new(window.clone().into()));
        }
    }
    let mut run = Run::new(vec![s], None);
    run.starts("a").passes(3600).says(Directive::WaitForHosts).end("a", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());
}

#[test]
fn a_canary_that_cannot_start_holds_its_stage_and_no_other() {
    let closed = Window::cron("0 3 * * *", Duration::from_secs(3600), "UTC");
    let mut s = stage("s", "a b | c");
    s.waves[0].canary = true;
    for host in &mut s.waves[0].hosts {
        host.window = Some(Arc::new(closed.clone().into()));
    }
    let mut run = Run::new(vec![s.clone(), stage("t", "d")], None);
    run.starts("d").end("d", Outcome::Ok);
    let Directive::Finished(Ending::Left { why }) = run.next() else { panic!("{:?}", run.next()) };
    assert_eq!(why, "the maintenance window of a is closed, and stage s does not go on without its canary");

    // One of two canary hosts is not the whole canary.
    s.waves[0].hosts[0].window = None;
    let mut run = Run::new(vec![s], None);
    run.starts("a").end("a", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());

    let mut s = stage("s", "a | b");
    s.waves[0].canary = true;
    let mut run = Run::new(vec![s, stage("t", "c")], None);
    run.push(leave_out("a"));
    run.starts("c").end("c", Outcome::Ok);
    let Directive::Finished(Ending::Left { why }) = run.next() else { panic!("{:?}", run.next()) };
    assert_eq!(why, "the canary of stage s is outside the limit of the resume");
}

#[test]
fn an_empty_wave_is_passed_over_and_an_empty_plan_is_over() {
    Run::new(vec![stage("s", " | a")], None).starts("a").end("a", Outcome::Ok).says(OVER);
    Run::new(vec![], None).says(OVER);
}

#[path = "freeze_tests.rs"]
mod freezes;
#[path = "gate_tests.rs"]
mod gates;
