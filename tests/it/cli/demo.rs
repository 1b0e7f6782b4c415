//! `demo`: the story that a newcomer sees, told by the real program.

use std::time::{Duration, Instant};

use crate::support::cli::Desk;

#[test]
fn it_shows_the_canary_the_waves_the_halt_and_the_rerun() {
    let desk = Desk::empty();
    let temporary = desk.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // A dozen seconds on a machine that is idle.
    let began = Instant::now();
    let mut command = desk.command("demo --hosts 8");
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(180), "{:?}", began.elapsed());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    for text in [
        "SIMULATED",
        "(canary): 1 host",
        "wave 2 of",
        "halted: 1 host",
        "--limit @failed",
        "Every simulated host is patched",
    ] {
        assert!(err.contains(text), "{text}\n{err}");
    }
    for text in ["1 failed", "not started", "1 host: 1 ok"] {
        assert!(out.contains(text), "{text}\n{out}");
    }
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(!desk.folder().join("state").exists(), "the demo keeps its ledger to itself");
}

#[test]
fn it_is_a_demo_with_one_host_and_in_json() {
    let desk = Desk::empty();
    let said = desk.really("demo --hosts 1 --json").ended(0);
    for line in said.out.lines() {
        assert!(serde_json::from_str::<patchwave::event::Event>(line).is_ok(), "{line}");
    }
}
