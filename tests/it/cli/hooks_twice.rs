//! A program on the jump box when its controller is killed: `resume` waits for it, and never starts a second one
//! beside.

use std::time::{Duration, Instant};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::Kind,
};
use rustix::process::Signal;

use crate::support::cli::Desk;

/// Runs a playbook whose program takes a while, kills the controller in the middle of it, and resumes. What the program
/// wrote down.
fn killed(play: &str, code: u8, ends: &str) -> String {
    // A gate stands between waves.
    let hosts = if play.contains("gate") { 2 } else { 1 };
    let fleet = Fleet::start(FleetSpec::quick(hosts)).unwrap();
    let desk = Desk::of(&fleet);
    let log = desk.folder().join("did");
    let program = format!("#!/bin/sh\necho begin >>{0}\nsleep 3\n{ends}\necho end >>{0}\necho id-1\n", log.display());
    desk.program("hooks/slow", &program);
    desk.write("play.yml", &format!("name: Slow\n{play}\n"));
    let running = desk.start("run play.yml -i inv.yml");
    desk.until("the first event", |events| events.iter().any(|event| matches!(event.kind, Kind::HostStarted { .. })));
    let did = || std::fs::read_to_string(&log).unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(60);
    while !did().contains("begin") {
        assert!(Instant::now() < until, "it never began: {play}");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(Signal::KILL);
    running.end().ended(128 + 9);
    desk.really("resume").ended(code);
    // Whatever was started beside would still be at work.
    std::thread::sleep(Duration::from_millis(500));
    did()
}

#[test]
fn every_kind_of_program_runs_once() {
    let steps = [
        "steps:\n  - drain: hooks/slow\n  - command: 'true'\n  - undrain: 'true'",
        "steps:\n  - snapshot: { run: hooks/slow }\n  - command: 'true'",
        "steps:\n  - { command: { argv: [hooks/slow] }, on: controller }",
        "steps:\n  - { script: hooks/slow, on: controller }",
        "steps:\n  - notify: { command: hooks/slow, message: hi }",
        "rollout:\n  stages:\n    - hosts: all\n      batch: 1\n      gate:\n        - command: hooks/slow\nsteps:\n  - command: 'true'",
    ];
    let told: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = steps.iter().map(|play| scope.spawn(move || killed(play, 0, ""))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (play, did) in steps.iter().zip(told) {
        assert_eq!(did, "begin\nend\n", "{play}");
    }
}

#[test]
fn the_exit_code_of_the_first_one_counts() {
    assert_eq!(killed("steps:\n  - { command: { argv: [hooks/slow] }, on: controller }", 6, "exit 3"), "begin\n");
}
