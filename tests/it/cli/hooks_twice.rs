//! A program on the jump box when its controller is killed: `resume` waits for it, and never starts a second one beside
//! it.

use std::time::Duration;

use crate::support::case::Case;

/// Runs a playbook whose program takes a while, kills the controller in the middle of it, and resumes. Returns what the
/// program wrote.
fn killed(play: &str, code: u8, ends: &str) -> String {
    let site = Case::hosts(1).play(format!("name: Slow\n{play}\n")).site();
    let log = site.folder().join("did");
    let program = format!("#!/bin/sh\necho begin >>{0}\nsleep 3\n{ends}\necho end >>{0}\necho id-1\n", log.display());
    site.program("hooks/slow", &program);
    let did = || std::fs::read_to_string(&log).unwrap_or_default();
    site.killed("run play.yml -i inv.yml", "the beginning of the program", |_| did().contains("begin"));
    site.really("resume --yes").ended(code);
    // A second program would still be running.
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
