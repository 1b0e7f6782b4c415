//! Every command that `next:` prints is typed, and does what the sentence beside it says. The table of all endings is
//! in `src/view/next_tests.rs`.

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::{Event, HostAt, Kind, RunState},
};
use rustix::process::Signal;

use crate::support::cli::Desk;

/// One host after the other, in the stages that `rollout` names; a host with a file `bad` fails.
fn desk(fleet: &Fleet, rollout: &str, seconds: u32) -> Desk {
    let mut desk = Desk::of(fleet);
    // A command and its reason are on one line.
    desk.columns = Some(400);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1"));
    let steps = format!(
        "name: Slow\nrollout: {rollout}\nsteps:\n  - command: test ! -e $PATCHWAVE_ROOT/bad; sleep {seconds}\n  - command: test ! -e \
         $PATCHWAVE_ROOT/bad\n"
    );
    desk.write("play.yml", &steps);
    desk
}

const PLAIN: &str = "{}";

fn bad(fleet: &Fleet, host: &str, is: bool) {
    let file = fleet.host(host).unwrap().folder().join("bad");
    if is { std::fs::write(file, "").unwrap() } else { std::fs::remove_file(file).unwrap() }
}

/// The commands of a run with their reasons, as `show` prints them; those of the run's own page are the same.
fn hints(desk: &Desk, run: &str) -> Vec<(String, String)> {
    let page = desk.run(&format!("show {run}")).ended(0).out;
    let Some((_, lines)) = page.split_once("\nnext:\n") else { return Vec::new() };
    let hint = |line: &str| {
        let (command, why) = line.split_once("  # ").unwrap_or_else(|| panic!("{line}"));
        (command.trim().to_owned(), why.trim().to_owned())
    };
    lines.lines().map(hint).collect()
}

fn state(desk: &Desk, run: &str) -> RunState {
    RunState::fold(&desk.events(run)).unwrap()
}

fn started(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::HostStarted { .. })).count()
}

/// The number before one of these words.
fn number(why: &str, words: &[&str]) -> Option<usize> {
    let all: Vec<&str> = why.split_whitespace().collect();
    let at = (1..all.len()).find(|at| words.contains(&all[*at]) && all[at - 1].parse::<usize>().is_ok())?;
    all[at - 1].parse().ok()
}

/// Types a hint and compares what happens with its sentence.
fn keeps_its_word(desk: &Desk, run: &str, (command, why): &(String, String)) {
    let line = command.strip_prefix("patchwave ").unwrap();
    if line.starts_with("log ") {
        assert_eq!(why, "everything it printed");
        desk.run(line).ended(0);
    } else if line.starts_with("run ") {
        let hosts = number(why, &["host", "hosts", "host,", "hosts,"]).unwrap_or(1);
        let noun = if hosts == 1 { "host" } else { "hosts" };
        desk.run(line).ended(0).says(&[&format!("{hosts} {noun}: {hosts} ok")]);
    } else if line.starts_with("resume ") {
        let before = desk.events(run).len();
        desk.run(line);
        let events = desk.events(run);
        let seen = started(&events[before..]);
        let promised = match why.as_str() {
            why if why.contains("not started") => number(why, &["host", "hosts", "not"]),
            why if why.contains("then goes on") => None,
            _ => Some(0),
        };
        // `1 paused host and the 2 not started`.
        let promised = if why.contains("paused") { number(why, &["not"]).or(Some(0)) } else { promised };
        assert_eq!(seen, promised.unwrap_or(seen.max(1)), "{why}: {command}");
        assert!(state(desk, run).hosts.iter().all(|host| host.at != HostAt::InFlight), "{why}: a host is open still");
        if why.contains("gate") {
            let gate = |event: &Event| matches!(event.kind, Kind::GateFinished { .. });
            assert!(events[before..].iter().any(gate), "{why}");
        }
    } else {
        panic!("nobody typed {command}");
    }
}

/// Types the hints of the newest run in their order. Their reasons must begin with these words.
#[track_caller]
fn follow(desk: &Desk, expected: &[&str]) {
    let run = desk.last_run();
    let hints = hints(desk, &run);
    let reasons: Vec<&str> = hints.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(reasons, expected);
    // What the hint says is resumed, is resumed; nothing else is.
    let status = desk.run(&format!("status {run}")).ended(0).out;
    let resumes = hints.iter().any(|(command, _)| command.contains(" resume "));
    assert_eq!(status.contains(&format!("patchwave resume {run}")), resumes, "{status}");
    for hint in &hints {
        keeps_its_word(desk, &run, hint);
    }
}

#[test]
fn after_a_spent_budget() {
    let fleet = Fleet::start(FleetSpec::quick(3)).unwrap();
    let desk = desk(&fleet, PLAIN, 0);
    bad(&fleet, "web001.test", true);
    desk.run("run play.yml -i inv.yml").ended(6);
    bad(&fleet, "web001.test", false);
    follow(&desk, &["everything it printed", "when fixed: retry 1 host", "then the other 2 hosts"]);
}

#[test]
fn after_a_stage_that_was_halted_alone() {
    let fleet = Fleet::start(FleetSpec::quick(4)).unwrap();
    let stages = "{stages: [{hosts: 'web00[1-3].test', batch: 1, on_budget_spent: halt_stage}, {hosts: all}]}";
    let desk = desk(&fleet, stages, 0);
    bad(&fleet, "web001.test", true);
    let said = desk.run("run play.yml -i inv.yml").ended(6);
    said.says(&["1 ok, 1 failed, 2 not started", "stopped: stage web00[1-3].test is halted, its max_failures is 0"]);
    bad(&fleet, "web001.test", false);
    follow(&desk, &["everything it printed", "when fixed: retry 1 host", "then the other 2 hosts"]);
}

/// In the middle, and after the only wave: then there is nothing to type, and the run has not ended well.
#[test]
fn after_a_gate_that_did_not_pass() {
    for (batch, hosts, reasons) in [(1, "1 ok, 1 not started", true), (2, "2 ok", false)] {
        let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
        let mut desk = desk(&fleet, PLAIN, 0);
        let stage = format!("{{stages: [{{hosts: all, batch: {batch}, gate: [{{command: hooks/gate}}]}}]}}");
        let flag = desk.folder().join("good");
        desk.program("hooks/gate", &format!("#!/bin/sh\ntest -e {}\n", flag.display()));
        desk.write("play.yml", &format!("name: Gated\nrollout: {stage}\nsteps:\n  - command: 'true'\n"));
        desk.run("run play.yml -i inv.yml")
            .ended(4)
            .says(&[hosts, "stopped: the gate after wave 1 of stage all did not"]);
        let run = desk.last_run();
        desk.columns = Some(80);
        desk.run("show").ended(0).says(&["stopped: the gate after wave 1 of stage all did not"]);
        desk.columns = Some(400);
        desk.run("runs").ended(0).says(&["stopped"]);
        let resumed = desk.run(&format!("resume {run}")).ended(4).says(&["stays halted: the gate after wave 1"]);
        assert!(!resumed.page().contains("patchwave resume"), "{}", resumed.page());
        std::fs::write(flag, "").unwrap();
        let expected = ["when the gate passes again: the 1 host not started"];
        follow(&desk, &expected[..usize::from(reasons)]);
        desk.run("run play.yml -i inv.yml").ended(0);
    }
}

fn at_work(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event.kind, Kind::StepStarted { .. }))
}

#[test]
fn after_a_stop_and_after_a_limit() {
    let fleet = Fleet::start(FleetSpec::quick(3)).unwrap();
    let desk = desk(&fleet, PLAIN, 2);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host at work", at_work);
    desk.run(&format!("stop {run}")).ended(0);
    running.end().ended(4);
    desk.run(&format!("resume {run} --limit web002.test")).ended(4).says(&["stopped: hosts are outside the limit"]);
    follow(&desk, &["goes on with the 1 host not started"]);
    assert_eq!(state(&desk, &run).exit_code(), 0);
}

#[test]
fn after_a_stop_between_two_steps() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, PLAIN, 3);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host at work", at_work);
    (0..2).for_each(|_| drop(desk.run(&format!("stop {run}")).ended(0)));
    running.end().ended(4);
    desk.run("report").ended(0).says(&["stopped early, no host broke", "## Paused", "1 paused, 1 not started"]);
    let hosts = |pattern: &str| desk.run(&format!("inventory hosts -i inv.yml {pattern}")).ended(0).out;
    assert_eq!((hosts("@paused"), hosts("@unfinished")), ("web001.test\n".into(), "web001.test\nweb002.test\n".into()));
    follow(&desk, &["goes on with the 1 paused host and the 1 not started"]);
    assert_eq!(state(&desk, &run).exit_code(), 0);
}

#[test]
fn after_a_controller_that_was_killed() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, PLAIN, 2);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host at work", at_work);
    running.signal(Signal::KILL);
    running.end();
    follow(&desk, &["everything it printed", "settles the 1 unknown host, then goes on"]);
    assert_eq!(state(&desk, &run).exit_code(), 0);
}

/// The command that `show` prints answers the question; after a kill, `resume` asks it again.
#[test]
fn while_a_run_waits_for_approval_and_after_that() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let stages = "{stages: [{hosts: all, approve: before}]}";
    let mut desk = desk(&fleet, stages, 0);
    for kill in [false, true] {
        let running = desk.start("run play.yml -i inv.yml");
        std::thread::sleep(std::time::Duration::from_millis(200));
        let run = desk.until("a run that began", |events| events.len() == 1);
        let live = hints(&desk, &run);
        assert_eq!(live.iter().map(|hint| hint.1.as_str()).collect::<Vec<_>>(), ["lets stage all go on", "follows it"]);
        if kill {
            running.signal(Signal::KILL);
            running.end();
            desk.types = Some("yes");
            follow(&desk, &["waits for the approval of stage all, then goes on with the 1 host not started"]);
        } else {
            // The question must exist before it can be answered.
            std::thread::sleep(std::time::Duration::from_millis(700));
            desk.run(live[0].0.strip_prefix("patchwave ").unwrap()).ended(0);
            running.end().ended(0);
        }
        assert_eq!(state(&desk, &run).exit_code(), 0);
    }
}

#[test]
fn after_a_record_that_was_cut() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, PLAIN, 0);
    desk.run("run play.yml -i inv.yml").ended(0);
    let sql = rusqlite::Connection::open(desk.folder().join("state/ledger.db")).unwrap();
    sql.execute("UPDATE events SET at = '2026-01-01T00:00:00Z' WHERE seq = 3", []).unwrap();
    drop(sql);
    desk.run("ledger salvage").ended(0);
    let page = desk.run("show").ended(0).out;
    assert!(page.contains("1 unknown, 1 not started") && !page.contains("paused"), "{page}");
    follow(&desk, &["everything it printed", "after you have looked at them: 2 hosts, whose record is cut"]);
}
