use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    event::{PackageChange, RunId, StepPhase, sample::*},
    plan::Moment,
};

fn two_stages() -> Plan {
    plan(&[("staging", &["s1", "s2 s3"]), ("production", &["p1 p2 p3"])])
}

fn sample() -> Sample {
    Sample::of(two_stages())
}

fn started(name: &str) -> Kind {
    Kind::HostStarted { host: host(name) }
}

fn step_started(name: &str, index: usize, attempt: u32) -> Kind {
    Kind::StepStarted { host: host(name), step: main_step(index), attempt }
}

fn step_finished(name: &str, index: usize, verdict: Verdict) -> Kind {
    Kind::StepFinished { host: host(name), step: main_step(index), result: result(verdict, "") }
}

fn finished(name: &str, outcome: Outcome) -> Kind {
    Kind::HostFinished { host: host(name), outcome, lost_lease: None }
}

/// Every kind of event wherever it cannot happen; the state must stay unchanged.
#[test]
fn what_cannot_follow_is_an_error_and_changes_nothing() {
    let mut waiting = sample();
    waiting.wait(1);
    let mut walking = waiting.clone();
    walking.start("s1").begin("s1", main_step(0)).note("s1", main_step(0), "job", json!("j1"));
    let mut between = walking.clone();
    between.end("s1", main_step(0), result(Verdict::Ok, ""));
    let mut broken = between.clone();
    broken.begin("s1", main_step(1)).end("s1", main_step(1), failure("lock", "held"));
    let mut done = broken.clone();
    done.finish("s1", Outcome::Failed);
    let mut over = done.clone();
    over.tell(Kind::RunFinished);

    let noted = |name: &str, index| Kind::StepNoted {
        host: host(name),
        step: main_step(index),
        key: "k".to_owned(),
        value: json!(1),
    };
    let gate = |stage, wave| Kind::GateFinished { stage, wave, passed: true, summary: String::new() };
    let approved = |stage| Kind::Approved { stage, moment: Moment::Before, by: "x".to_owned() };
    let cases: Vec<(&Sample, Kind, &str)> = vec![
        (&waiting, waiting.events[0].kind.clone(), "has started before"),
        (&waiting, started("nobody"), "not in the plan"),
        (&waiting, step_started("s1", 0, 1), "not in flight"),
        (&waiting, noted("s1", 0), "not in flight"),
        (&waiting, step_finished("s1", 0, Verdict::Ok), "not in flight"),
        (&waiting, step_finished("s1", 0, Verdict::Skipped), "not in flight"),
        (&waiting, finished("s1", Outcome::Ok), "not in flight"),
        (&waiting, gate(2, 0), "no such wave"),
        (&waiting, gate(0, 2), "no such wave"),
        (&waiting, approved(2), "no such stage"),
        (&walking, started("s1"), "has already started"),
        (&walking, step_started("s1", 1, 1), "in another step"),
        (&walking, step_started("s1", 0, 0), "attempt"),
        (&walking, noted("s1", 1), "not in that step"),
        (&walking, step_finished("s1", 1, Verdict::Ok), "not in that step"),
        (&walking, step_finished("s1", 1, Verdict::Skipped), "not in that step"),
        (&walking, finished("s1", Outcome::NotStarted), "was started"),
        (&walking, finished("s1", Outcome::Paused), "was started"),
        (&walking, finished("s1", Outcome::Ok), "is in a step"),
        (&between, step_started("s1", 0, 2), "has done that step"),
        (&between, step_finished("s1", 0, Verdict::Skipped), "has done that step"),
        (&between, step_finished("s1", 1, Verdict::Ok), "not in that step"),
        (&between, noted("s1", 0), "not in that step"),
        (&broken, finished("s1", Outcome::Ok), "did not end well"),
        (&done, started("s1"), "has already started"),
        (&done, step_started("s1", 2, 1), "not in flight"),
        (&done, finished("s1", Outcome::Failed), "not in flight"),
        (&over, started("s2"), "is finished"),
        (&over, Kind::RunFinished, "is finished"),
    ];
    for (before, kind, why) in cases {
        let mut sample = before.clone();
        let error = sample.try_tell(kind.clone()).expect_err(&format!("{kind:?}"));
        assert!(error.why.contains(why), "{kind:?}: {error}");
        assert_eq!(error.seq, before.state.seq + 1);
        assert_eq!(format!("{:?}", sample.state.hosts), format!("{:?}", before.state.hosts), "{kind:?}");
        assert_eq!((sample.state.tally, sample.state.seq), (before.state.tally, before.state.seq));
    }
}

#[test]
fn numbers_have_no_gaps_and_the_first_event_says_what_was_meant() {
    let sample = sample();
    for seq in [0, 1, 3] {
        let mut state = sample.state.clone();
        let error = state.apply(&Event { seq, at: time(0), kind: started("s1") }).unwrap_err();
        assert_eq!(error.why, "it should have number 2");
    }
    assert!(RunState::begin(&Event { seq: 1, at: time(0), kind: started("s1") }).is_err());
    assert!(RunState::begin(&Event { seq: 2, ..sample.events[0].clone() }).is_err());
    assert!(RunState::fold([]).is_err());
    let twice = Kind::RunStarted(Box::new(RunStarted {
        plan: plan(&[("a", &["x"]), ("b", &["x"])]),
        ..(*sample.state.started).clone()
    }));
    let error = RunState::begin(&Event { seq: 1, at: time(0), kind: twice }).unwrap_err();
    assert_eq!(error.why, "x is in the plan twice");
}

#[test]
fn counts_agree_on_every_level_after_every_event() {
    let mut sample = sample();
    sample.good("s1").good("s2").bad("s3", "lock", "held").start("p1");
    sample.walk("p2", vec![result(Verdict::Unreachable, "timed out")]);
    let mut state = RunState::begin(&sample.events[0]).unwrap();
    for event in &sample.events[1..] {
        state.apply(event).unwrap();
        let sum = |tallies: &[Tally]| {
            tallies.iter().fold(Tally::default(), |a, b| Tally {
                total: a.total + b.total,
                in_flight: a.in_flight + b.in_flight,
                ok: a.ok + b.ok,
                rolled_back: a.rolled_back + b.rolled_back,
                failed: a.failed + b.failed,
                unreachable: a.unreachable + b.unreachable,
                unknown: a.unknown + b.unknown,
            })
        };
        for stage in &state.stages {
            assert_eq!(sum(&stage.waves.iter().map(|w| w.tally).collect::<Vec<_>>()), stage.tally);
        }
        assert_eq!(sum(&state.stages.iter().map(|s| s.tally).collect::<Vec<_>>()), state.tally);
        let at = |at| state.hosts.iter().filter(|h| h.at == at).count();
        assert_eq!(state.tally.in_flight, at(HostAt::InFlight));
        assert_eq!(state.tally.waiting(), at(HostAt::Waiting));
        assert_eq!(state.tally.ok, at(HostAt::Done(Outcome::Ok)));
    }
    assert_eq!(
        state.tally,
        Tally { total: 6, in_flight: 1, ok: 2, rolled_back: 0, failed: 1, unreachable: 1, unknown: 0 }
    );
    assert_eq!((state.tally.broken(), state.tally.done(), state.tally.waiting()), (2, 4, 1));
    let outcomes: Vec<_> = state.outcomes().map(|(h, o)| format!("{} {o}", h.name)).collect();
    assert_eq!(outcomes, ["s1 ok", "s2 ok", "s3 failed", "p1 paused", "p2 unreachable", "p3 not_started"]);
}

#[test]
fn the_cursor_passes_every_host_that_has_left_the_queue() {
    let mut sample = sample();
    let cursor = |sample: &Sample| sample.state.stages[1].waves[0].cursor;
    assert_eq!(cursor(&sample), 0);
    sample.start("p2");
    assert_eq!(cursor(&sample), 0, "p1 still waits");
    sample.start("p1");
    assert_eq!(cursor(&sample), 2);
    sample.start("p3");
    assert_eq!(cursor(&sample), 3);
    let names: Vec<_> = sample.state.wave_hosts(1, 0).iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["p1", "p2", "p3"]);
}

#[test]
fn a_domain_counts_hosts_in_flight_and_hosts_that_broke_over_all_stages() {
    let mut plan = two_stages();
    for (name, value) in [("s1", "a"), ("s2", "a"), ("p1", "a"), ("p2", "b")] {
        put_in_domain(&mut plan, name, value);
    }
    let domain = |value: usize| plan.hosts().filter_map(|(h, ..)| h.domain.clone()).nth(value).unwrap();
    let (a, b) = (domain(0), domain(3));
    let mut sample = Sample::of(plan);
    let out = |sample: &Sample| (sample.state.out_of_service(&a), sample.state.out_of_service(&b));
    assert_eq!(out(&sample), (0, 0));
    sample.good("s1");
    assert_eq!(out(&sample), (0, 0), "an ok host is back");
    sample.bad("s2", "lock", "held");
    assert_eq!(out(&sample), (1, 0), "a broken host stays out");
    sample.start("p1").start("p2");
    assert_eq!(out(&sample), (2, 1));
    sample.finish("p1", Outcome::Ok).finish("p2", Outcome::Unknown);
    assert_eq!(out(&sample), (1, 1));
}

#[test]
fn attempts_keep_their_notes_and_a_new_step_has_none() {
    let mut sample = sample();
    sample.start("s1").begin("s1", main_step(0)).note("s1", main_step(0), "boot", json!("a"));
    sample.wait(5).tell(step_started("s1", 0, 2)).note("s1", main_step(0), "boot", json!("b"));
    let current = sample.state.host(&host("s1")).unwrap().current.clone().unwrap();
    assert_eq!((current.attempt, current.since, current.notes["boot"].clone()), (2, time(5), json!("b")));
    sample.end("s1", main_step(0), result(Verdict::Ok, "")).begin("s1", main_step(1));
    assert!(sample.state.host(&host("s1")).unwrap().current.as_ref().unwrap().notes.is_empty());
    let skipped = Kind::StepFinished {
        host: host("s2"),
        step: main_step(0),
        result: result(Verdict::Skipped, "`when` is false"),
    };
    sample.start("s2").tell(skipped);
    assert_eq!(sample.state.host(&host("s2")).unwrap().steps.len(), 1, "a skipped step need not begin");
}

#[test]
fn a_resumed_run_forgets_the_stop_and_keeps_everything_else() {
    let mut sample = sample();
    sample.start("s1").begin("s1", main_step(0)).note("s1", main_step(0), "job", json!("j1"));
    let stop = |how| Kind::StopRequested { how, by: "ann@jump".to_owned() };
    sample.tell(stop(Stop::Detach)).tell(stop(Stop::Drain));
    assert_eq!(sample.state.stop, Some(Stop::Detach), "requests only rise");
    sample.tell(Kind::RunFinished);
    assert_eq!((sample.state.finished, sample.state.exit_code()), (true, 7));
    sample.tell(resumed(&[]));
    assert_eq!((sample.state.finished, sample.state.stop, sample.state.resumes), (false, None, 1));
    let open = sample.state.host(&host("s1")).unwrap();
    assert_eq!(open.at, HostAt::InFlight);
    assert_eq!(open.current.as_ref().unwrap().notes["job"], json!("j1"));
    // The first controller may also be killed without recording anything.
    sample.tell(resumed(&[]));
    sample.tell(step_started("s1", 0, 1)).end("s1", main_step(0), result(Verdict::Ok, ""));
    sample.finish("s1", Outcome::Ok);
    assert_eq!(sample.state.resumes, 2);
}

#[test]
fn a_resume_may_leave_out_hosts_without_a_slot_until_the_next_one() {
    let mut sample = sample();
    sample.good("s1").start("s2");
    for wrong in ["s1", "s2", "nobody"] {
        assert!(sample.try_tell(resumed(&["s3", wrong])).is_err(), "{wrong}");
    }
    assert!(sample.state.hosts.iter().all(|host| !host.left_out), "nothing of a refused event is kept");
    sample.tell(resumed(&["s3", "s3"]));
    let counted = |sample: &Sample| -> usize {
        sample.state.stages.iter().flat_map(|stage| &stage.waves).map(|wave| wave.left_out).sum()
    };
    assert_eq!((counted(&sample), sample.state.tally.in_flight), (1, 1));
    assert!(sample.try_tell(Kind::HostStarted { host: host("s3") }).is_err());
    sample.tell(resumed(&[])).start("s3");
    assert_eq!(counted(&sample), 0);
}

#[test]
fn records_of_the_first_version_are_read_and_a_cut_one_says_so() {
    let text = r#"{"seq":2,"at":"2026-11-22T02:00:00Z","event":"run_resumed","operator":"bob","controller":"jump"}"#;
    let event: Event = serde_json::from_str(text).unwrap();
    assert_eq!(event.kind, resumed(&[]));
    assert_eq!(serde_json::to_string(&event).unwrap(), text, "what is not used takes no room");
    let mut sample = sample();
    sample.tell(Kind::RunFinished).tell(Kind::RecordCut { why: "a bad page".to_owned() });
    assert_eq!(sample.state.cut.as_deref(), Some("a bad page"));
    // What happened to a host in flight after the cut is lost, so it is not paused.
    let mut cut = self::sample();
    cut.start("s1");
    assert_eq!(cut.state.host(&host("s1")).unwrap().outcome(), Outcome::Paused);
    cut.tell(Kind::RecordCut { why: "a bad page".to_owned() });
    assert_eq!(cut.state.host(&host("s1")).unwrap().outcome(), Outcome::Unknown);
}

#[test]
fn a_host_tells_where_it_broke_what_changed_and_how_long_it_took() {
    let mut sample = sample();
    sample.start("s1").begin("s1", main_step(0)).wait(2).end("s1", main_step(0), upgraded(&["a", "b"]));
    sample.begin("s1", main_step(1)).wait(3).end("s1", main_step(1), failure("boot-timeout", "never came back"));
    let after = StepRef { phase: StepPhase::OnFailure, index: 0 };
    sample.begin("s1", after).end("s1", after, rebooted()).finish("s1", Outcome::Failed);
    let s1 = sample.state.host(&host("s1")).unwrap();
    assert_eq!(s1.broke_at().map(|(step, r)| (step, r.class.as_str())), Some((main_step(1), "boot-timeout")));
    assert_eq!((s1.packages_changed(), s1.rebooted()), (2, true));
    assert_eq!(s1.took(time(99)), Some(Duration::from_secs(5)));
    assert_eq!(s1.result(main_step(0)).unwrap().packages.len(), 2);
    let s2 = sample.state.host(&host("s2")).unwrap();
    assert_eq!((s2.broke_at(), s2.took(time(9))), (None, None));
    assert_eq!(sample.state.last_done_at, Some(time(5)));
}

#[test]
fn a_broken_host_tells_whether_it_was_brought_back() {
    use crate::playbook::{Rollback, StepKind, StepSpec};
    let change = |words: &str| {
        let version = |word: &str| (word != "-").then(|| word.to_owned());
        let [name, from, to] = words.split(' ').collect::<Vec<_>>()[..] else { panic!("{words}") };
        PackageChange { name: name.to_owned(), from: version(from), to: version(to) }
    };
    let step = |verdict, summary: &str, changes: &[&str]| {
        let packages: Vec<_> = changes.iter().map(|words| change(words)).collect();
        StepResult { changed: !packages.is_empty(), packages, ..result(verdict, summary) }
    };
    let up = ["a 1 2", "kernel - 3", "gone 1 -"];
    let (half, none) = ("not as before: a is 2, not 1", "nothing to undo");
    for (back, left, then) in [
        (
            step(Verdict::Ok, "3 packages rolled back", &["a 2 1", "kernel 3 -", "gone - 1"]),
            vec![],
            Some("then rolled back"),
        ),
        (
            step(Verdict::Failed, half, &["kernel 3 -", "gone - 1"]),
            vec!["a 1 2"],
            Some("its rollback failed: not as before: a is 2, not 1"),
        ),
        (
            step(Verdict::Ok, "2 packages rolled back", &["a 2 0", "kernel 3 -"]),
            vec!["a 1 0", "gone 1 -"],
            Some("then rolled back"),
        ),
        (step(Verdict::Skipped, none, &[]), up.to_vec(), None),
    ] {
        let mut plan = plan(&[("all", &["h"])]);
        plan.on_failure = vec![StepSpec::of(StepKind::Rollback(Rollback::default()))];
        let mut sample = Sample::of(plan);
        sample.start("h").begin("h", main_step(0)).end("h", main_step(0), step(Verdict::Ok, "upgraded", &up));
        sample.begin("h", main_step(1)).end("h", main_step(1), failure("command", "exit code 1"));
        let after = StepRef { phase: StepPhase::OnFailure, index: 0 };
        sample.begin("h", after).end("h", after, back).finish("h", Outcome::Failed);
        let h = sample.state.host(&host("h")).unwrap();
        assert_eq!(h.and_then(sample.state.plan()).as_deref(), then);
        assert_eq!(h.changes(), left.iter().map(|words| change(words)).collect::<Vec<_>>());
        assert_eq!(h.packages_changed(), left.len());
    }
}

#[test]
fn gates_and_approvals_are_kept_where_they_belong() {
    let mut sample = sample();
    sample.good("s1");
    sample.tell(Kind::GateFinished { stage: 0, wave: 0, passed: false, summary: "5xx".to_owned() });
    sample.tell(Kind::Approved { stage: 0, moment: Moment::Before, by: "bob@jump".to_owned() });
    assert_eq!(sample.state.stages[0].waves[0].gate, Some((false, "5xx".to_owned())));
    assert_eq!(sample.state.stages[0].approvals, [(Moment::Before, "bob@jump".to_owned())]);
    assert!(!sample.state.stages[0].approved(Moment::AfterCanary), "one approval is not the other");
    assert_eq!(sample.state.stages[1].approvals, []);
}

#[test]
fn a_fold_of_what_was_written_is_the_state_that_was_live() {
    let mut sample = sample();
    sample.good("s1").bad("s2", "lock", "held").start("s3").begin("s3", main_step(0)).tell(Kind::RunFinished);
    let text: Vec<String> = sample.events.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    let read: Vec<Event> = text.iter().map(|t| serde_json::from_str(t).unwrap()).collect();
    assert_eq!(read, sample.events);
    let state = RunState::fold(&read).unwrap();
    assert_eq!(format!("{:?}", state.hosts), format!("{:?}", sample.state.hosts));
    assert_eq!(state.tally, sample.state.tally);
    assert_eq!(state.started.run, RunId("20261122-020000-kxfa".to_owned()));
}

#[test]
fn an_approval_of_an_older_ledger_is_the_one_after_the_first_wave() {
    let old: Kind = serde_json::from_str(r#"{"event":"approved","stage":0,"by":"ann@jump"}"#).unwrap();
    assert_eq!(old, Kind::Approved { stage: 0, moment: Moment::AfterCanary, by: "ann@jump".to_owned() });
}
