//! A table of all endings: which commands are shown, and the reason beside each. `tests/it/cli/hints.rs` checks that
//! they really do that.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    calendar::Window,
    event::{Kind, Outcome, RunState, Stop, Verdict, sample::*},
    plan::{Moment, Plan},
    policy::OnBudgetSpent,
};

/// `a`, then `b c`, then stage `core` with `d`.
fn fleet() -> Plan {
    plan(&[("edge", &["a", "b c"]), ("core", &["d"])])
}

fn gated() -> Plan {
    let mut plan = fleet();
    plan.stages[0].gate = vec![step_spec("No errors in the shop")];
    plan
}

fn stop(how: Stop) -> Kind {
    Kind::StopRequested { how, by: "Ctrl-C".to_owned() }
}

fn gate(passed: bool) -> Kind {
    Kind::GateFinished { stage: 0, wave: 0, passed, summary: "5 errors".to_owned() }
}

/// The hints as lines.
fn hints(view: RunView<'_>) -> Vec<String> {
    let line = |next: Next| {
        let command = match next.command {
            NextCommand::Log(host) => format!("log {host}"),
            NextCommand::Watch => "watch".to_owned(),
            NextCommand::Approve => "approve".to_owned(),
            NextCommand::Resume => "resume".to_owned(),
            NextCommand::Report => "report".to_owned(),
            NextCommand::CarryOut(limit) => format!("carry out {}", limit.unwrap_or_default()),
            NextCommand::Rerun(limit) => format!("run {}", limit.replace("20261122-020000-kxfa", "RUN")),
        };
        format!("{command}  # {}", next.why)
    };
    let seen: Vec<String> = view.next(&view.troubles(), true).into_iter().map(line).collect();
    assert_eq!(view.resume_does().is_some(), seen.iter().any(|line| line.starts_with("resume")), "{seen:?}");
    seen
}

#[track_caller]
fn check(what: &str, sample: &Sample, expected: &[&str]) {
    let view = RunView { now: sample.now(), ..RunView::of(&sample.state) };
    assert_eq!(hints(view), expected, "{what}");
}

#[test]
fn an_end_without_broken_hosts() {
    let mut done = Sample::of(fleet());
    done.good("a").good("b").good("c").good("d").tell(Kind::RunFinished);
    check("done", &done, &["report  # for the ticket"]);

    let mut drained = Sample::of(fleet());
    drained.good("a").tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    check("stopped", &drained, &["resume  # goes on with the 3 hosts not started"]);

    let mut killed = Sample::of(fleet());
    killed.good("a").good("b").good("c");
    check("killed between waves", &killed, &["resume  # goes on with the 1 host not started"]);
    killed.good("d");
    check("killed before its end", &killed, &["resume  # records that it is over"]);

    let mut limited = Sample::of(fleet());
    limited.good("a").tell(resumed(&["b", "d"])).good("c").tell(Kind::RunFinished);
    check("outside the limit of a resume", &limited, &["resume  # goes on with the 2 hosts not started"]);
}

#[test]
fn hosts_in_flight_without_a_controller() {
    let mut paused = Sample::of(fleet());
    paused.good("a").start("b").tell(stop(Stop::StepBorder));
    check("paused", &paused, &["resume  # goes on with the 1 paused host and the 2 not started"]);
    paused.start("c");
    let mut spent = paused.clone();
    check("two of them", &paused, &["resume  # goes on with the 2 paused hosts and the 1 not started"]);
    paused.begin("c", main_step(0));
    let expected = ["log c  # everything it printed", "resume  # settles the 2 open hosts, then goes on"];
    check("one in a step", &paused, &expected);
    spent.begin("c", main_step(0)).end("c", main_step(0), failure("x", "y")).finish("c", Outcome::Failed);
    let expected = ["log c  # everything it printed", "resume  # goes on with the 1 paused host; no other host starts"];
    check("halted, and one paused", &spent, &expected);

    let mut killed = Sample::of(fleet());
    killed.start("a").begin("a", main_step(0));
    let expected = ["log a  # everything it printed", "resume  # settles the 1 unknown host, then goes on"];
    check("killed in a step", &killed, &expected);
    killed.tell(Kind::RecordCut { why: "it is damaged".to_owned() });
    let expected = [
        "log a  # everything it printed",
        "run @RUN:unfinished  # after you have looked at them: 4 hosts, whose record is cut",
    ];
    check("cut by salvage", &killed, &expected);
}

#[test]
fn a_spent_budget_is_not_resumed_away() {
    let halted = [
        "log a  # everything it printed",
        "run @failed  # when fixed: retry 1 host",
        "run @RUN:not_started  # then the other 3 hosts",
    ];
    let mut sample = Sample::of(fleet());
    sample.bad("a", "lock", "held");
    check("killed before the end was recorded", &sample, &halted);
    sample.tell(Kind::RunFinished);
    check("the budget", &sample, &halted);

    let mut alone = fleet();
    alone.stages[0].on_budget_spent = OnBudgetSpent::HaltStage;
    let mut sample = Sample::of(alone);
    sample.bad("a", "lock", "held");
    let mut stopped = sample.clone();
    sample.good("d").tell(Kind::RunFinished);
    let [log, retry, _] = halted;
    check("a stage alone", &sample, &[log, retry, "run @RUN:not_started  # then the other 2 hosts"]);
    stopped.tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    let expected =
        [log, "resume  # goes on with the 1 host not started", retry, "run @RUN:not_started  # then the other 2 hosts"];
    check("a stage alone, and stopped before the next", &stopped, &expected);

    let mut tolerant = fleet();
    tolerant.stages[0].max_failures = 2;
    let mut sample = Sample::of(tolerant);
    sample.bad("a", "lock", "held").tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    check("tolerated, and stopped", &sample, &[log, "resume  # goes on with the 3 hosts not started", retry]);
}

#[test]
fn a_gate_that_did_not_pass_is_not_resumed_away() {
    let mut sample = Sample::of(gated());
    sample.good("a").tell(gate(false)).tell(Kind::RunFinished);
    check("the gate", &sample, &["run @RUN:not_started  # when the gate passes again: the 3 hosts not started"]);

    let mut stopped = Sample::of(gated());
    stopped.good("a").tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    check("before the gate", &stopped, &["resume  # runs the gate, then goes on with the 3 hosts not started"]);

    let mut last = Sample::of(gated());
    last.good("a").tell(gate(true)).good("b").good("c").good("d").tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    check("the last gate was not waited for", &last, &["resume  # runs the gate that has not run"]);
    let failed = Kind::GateFinished { stage: 0, wave: 1, passed: false, summary: "x".to_owned() };
    let mut over = Sample::of(gated());
    over.good("a").tell(gate(true)).good("b").good("c").tell(failed).tell(Kind::RunFinished);
    check("later stages", &over, &["run @RUN:not_started  # when the gate passes again: the 1 host not started"]);
}

#[test]
fn windows_canaries_and_failure_domains() {
    let closed = Window::cron("0 4 * * *", Duration::from_secs(3600), "UTC");
    let closed = Arc::new(closed.into());
    let mut window = fleet();
    window.stages[1].waves[0].hosts[0].window = Some(Arc::clone(&closed));
    let mut sample = Sample::of(window);
    sample.good("a").good("b").good("c").tell(Kind::RunFinished);
    let later = "resume  # when the maintenance window is open (Sun 22 Nov 2026, 04:00 UTC): goes on with the 1 host not started";
    check("a closed window", &sample, &[later]);
    sample.wait(2 * 3600);
    check("an open window", &sample, &["resume  # goes on with the 1 host not started"]);

    let mut canary = plan(&[("edge", &["a", "b c"])]);
    canary.stages[0].waves[0].hosts[0].window = Some(closed);
    let mut sample = Sample::of(canary);
    sample.tell(Kind::RunFinished);
    let later = "resume  # when the maintenance window is open (Sun 22 Nov 2026, 04:00 UTC): goes on with the 3 hosts not started";
    check("the window of a canary", &sample, &[later]);

    let mut full = fleet();
    full.stages[0].max_failures = 2;
    for name in ["a", "d"] {
        put_in_domain(&mut full, name, "x");
    }
    let mut sample = Sample::of(full);
    sample.bad("a", "lock", "held").good("b").good("c").tell(Kind::RunFinished);
    let expected = [
        "log a  # everything it printed",
        "run @failed  # when fixed: retry 1 host",
        "run @RUN:not_started  # then the other host",
    ];
    check("a failure domain that is full of broken hosts", &sample, &expected);
}

#[test]
fn approvals() {
    let mut asks = fleet();
    asks.stages[1].approve = Some(Moment::Before);
    let mut sample = Sample::of(asks);
    sample.good("a").good("b").good("c");
    let view = RunView { now: sample.now(), ..RunView::of(&sample.state) };
    assert_eq!(hints(view.running(true)), ["approve  # lets stage core go on", "watch  # follows it"]);
    let later = "resume  # waits for the approval of stage core, then goes on with the 1 host not started";
    check("killed while it waited", &sample, &[later]);
}

/// A check has nothing to resume: the hosts that it did not reach are checked again.
#[test]
fn a_check_is_never_resumed() {
    let check_only = || {
        let mut sample = Sample::of(fleet());
        Arc::make_mut(&mut sample.state.started).check = true;
        sample
    };
    let mut done = check_only();
    done.good("a").good("b").good("c").good("d");
    check("before its end was recorded", &done, &["carry out   # carries it out"]);
    done.tell(Kind::RunFinished);
    Arc::make_mut(&mut done.state.started).limit = Some("web*".to_owned());
    check("done", &done, &["carry out web*  # carries it out"]);

    let mut killed = check_only();
    killed.good("a").start("b");
    check("between two steps", &killed, &["run @RUN:unfinished  # checks the 3 hosts that are left"]);
    killed.begin("b", main_step(0));
    let expected = ["log b  # everything it printed", "run @RUN:unfinished  # checks the 3 hosts that are left"];
    check("in a step", &killed, &expected);

    let mut stopped = check_only();
    stopped.good("a").tell(stop(Stop::Drain)).tell(Kind::RunFinished);
    check("stopped", &stopped, &["run @RUN:unfinished  # checks the 3 hosts that are left"]);

    let mut bad = check_only();
    bad.bad("a", "lock", "held").good("b").good("c").good("d").tell(Kind::RunFinished);
    let expected = ["log a  # everything it printed", "run @RUN:failed  # when fixed: check 1 host"];
    check("one would fail", &bad, &expected);
}

/// Wherever a run is cut off: a host is paused exactly if none of its steps is open in the record and nothing on it is
/// broken.
#[test]
fn a_paused_host_has_no_step_that_has_begun() {
    let mut sample = Sample::of(fleet());
    sample.good("a").start("b").start("c");
    for name in ["b", "c"] {
        sample.begin(name, main_step(0)).note(name, main_step(0), "boot", serde_json::json!("x"));
        sample.end(name, main_step(0), result(Verdict::Ok, "ready"));
        sample.begin(name, main_step(1)).end(name, main_step(1), failure("lock", "held"));
        let restore = crate::event::StepRef { phase: crate::event::StepPhase::OnFailure, index: 0 };
        sample.begin(name, restore).end(name, restore, result(Verdict::Ok, "restored")).finish(name, Outcome::Failed);
    }
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for cut in 1..=sample.events.len() {
        let state = RunState::fold(&sample.events[..cut]).unwrap();
        for (host, outcome) in state.outcomes() {
            let (mut begun, mut broke, mut open) = (0, false, false);
            for event in &sample.events[..cut] {
                match &event.kind {
                    Kind::HostStarted { host: name } if *name == host.name => open = true,
                    Kind::HostFinished { host: name, .. } if *name == host.name => open = false,
                    Kind::StepStarted { host: name, .. } if *name == host.name => begun += 1,
                    Kind::StepFinished { host: name, result, .. } if *name == host.name => {
                        (begun, broke) = (begun - 1, broke || result.verdict == Verdict::Failed);
                    }
                    _ => {}
                }
            }
            assert_eq!(outcome == Outcome::Paused, open && begun == 0 && !broke, "{} after {cut} events", host.name);
            assert_eq!(outcome == Outcome::Unknown, open && begun > 0, "{} after {cut} events", host.name);
            *seen.entry(outcome.as_str()).or_default() += 1;
        }
    }
    assert!(
        ["paused", "unknown", "failed", "ok", "not_started"].iter().all(|word| seen.contains_key(word)),
        "{seen:?}"
    );
}
