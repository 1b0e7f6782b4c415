//! Commands that patchwave prints, typed as they are printed.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{case::Case, cli::Said};

/// What follows `patchwave` in the only line that begins with it and contains `part`.
#[track_caller]
fn printed(text: &str, part: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix("patchwave "));
    let line = lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("no command with {part}:\n{text}"));
    line.split("  #").next().unwrap_or_default().trim().to_owned()
}

#[track_caller]
fn noted(said: &Said, part: &str) -> bool {
    said.err.contains(part)
}

#[test]
fn a_rerun_reaches_hosts_as_the_run_did() {
    let site = Case::hosts(2).play("name: Broken\nsteps:\n  - command: exit 1\n").site();
    let said = site.run("run play.yml -i inv.yml --connect-rate 7 --auth-timeout 9s").ended(6);
    let again = printed(&said.out, "--limit @failed");
    assert_eq!(again, "run play.yml -i inv.yml --connect-rate 7 --auth-timeout 9s --limit @failed");
    assert_eq!(printed(&site.run("show").out, "--limit @failed"), again, "the ledger knows it as well");
    let said = site.run(&again).ended(6);
    assert_eq!(printed(&said.out, "--limit @failed"), again);
}

#[test]
fn a_check_leads_to_another_check_of_its_own_hosts() {
    let site = Case::hosts(2).play("name: Tight\nsteps:\n  - precheck: { disk_free: { /: 900TiB } }\n").site();
    let said = site.run("run play.yml -i inv.yml --check").ended(6);
    let run = site.last_run();
    let again = printed(&said.out, ":failed");
    assert_eq!(again, format!("run play.yml -i inv.yml --check --limit @{run}:failed"));
    site.run(&again).ended(6).says(&["(check only)"]);
}

#[test]
fn a_resume_reaches_hosts_as_the_run_did() {
    let site = Case::hosts(1).steps("  - command: sleep 5\n").site();
    // Without this file the host keys are unknown.
    let inventory = std::fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    std::fs::copy(site.fleet.known_hosts(), site.folder().join("kh")).unwrap();
    site.write("inv.yml", &inventory.replace(&site.fleet.known_hosts().display().to_string(), "/nowhere"));
    let killed = |line: &str, events: usize| {
        let running = site.start(line);
        site.until("a controller that works", |all| all.len() >= events);
        running.signal(Signal::KILL);
        running.end().ended(128 + 9);
    };
    // The events: run started, host started, step started.
    killed("run play.yml -i inv.yml --known-hosts kh", 3);
    let line = printed(&site.run("show").out, "resume");
    // An option that `resume` replaces applies from then on, also for hints.
    std::fs::rename(site.folder().join("kh"), site.folder().join("kh2")).unwrap();
    let events = site.events(&site.last_run()).len();
    killed("resume --yes --known-hosts kh2", events + 1);
    let said = site.run(&line).ended(0);
    assert!(noted(&said, "connection options as before: --known-hosts kh2\n"), "{}", said.page());
    assert!(site.run("show --json").out.contains("\"connect\":[\"--known-hosts\""));
}

#[test]
fn the_way_to_approve_names_the_ledger() {
    let site =
        Case::hosts(2).policy("batch: 1, approve: true").play("name: Quick\nsteps:\n  - command: 'true'\n").site();
    let running = site.start("--state-dir elsewhere run play.yml -i inv.yml");
    let end = Instant::now() + Duration::from_secs(200);
    let line = loop {
        let said = site.run("--state-dir elsewhere status");
        if said.out.contains("waits: approval") {
            break printed(&said.out, "approve");
        }
        assert!(Instant::now() < end, "{}", said.page());
        std::thread::sleep(Duration::from_millis(50));
    };
    site.run(&line).ended(0);
    let said = running.end().ended(0);
    assert!(noted(&said, &format!("waits for approval after its first wave: patchwave {line}\n")), "{}", said.page());
}
