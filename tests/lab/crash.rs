//! The controller dies or the line is cut in the middle of a change: the change goes on, once, and is found again.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    events::is,
    fleet::{Lab, at_once},
    moments::Moment,
    patchwave::{Patchwave, run_id},
};

const ONE: &str = "all: { vars: { patchwave: { environment: test, risk: low, silence_timeout: 5s, batch: 100% } } }";

const PLAYBOOK: &str = "
name: Wave that is cut off
steps:
  - { upgrade: security, timeout: 2m }
  - reboot: { when: required, stable: 1s, timeout: 60s }
  - verify: { services: [ssh, lab-svc], packages: healthy }
";

const INSTALLING: &str = "grep -q 'begin lab-slowsec' /var/log/lab-slow";

/// The log has every line that the installation printed on the host, in order and equally often.
fn the_log_is_whole(lab: &Lab, jump: &Patchwave, run: &str, host: &str) {
    let there = lab.on(host, "cat /var/lib/patchwave/jobs/*install*/out*");
    assert!(there.contains("Setting up lab-slowsec (1.0+deb12u1)"), "{there}");
    let log = jump.log_of(run, host);
    let mut rest = log.as_str();
    for line in there.lines().filter(|line| !line.trim().is_empty()) {
        let at = rest.find(line).unwrap_or_else(|| panic!("{host}: {line:?} is not in (the rest of) the log:\n{log}"));
        rest = &rest[at + line.len()..];
    }
    for line in there.lines().filter(|line| line.starts_with("Setting up")) {
        assert_eq!(log.matches(line).count(), 1, "{host}: {line:?} in\n{log}");
    }
}

#[test]
fn a_killed_controller_goes_on_with_the_same_installation() {
    let Some(lab) = Lab::up(1, "lab-reboot=h1") else { return };
    lab.hold("h1", Moment::Install);
    lab.sh(&["next-boot", "h1", "held"]);
    let before = lab.packages("h1");
    let jump = Patchwave::new(&lab, ONE, PLAYBOOK);
    let running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    running.signal(Signal::KILL);
    let run = run_id(&running.said());
    assert_eq!(running.wait().code, -1);
    assert_eq!(lab.slow_installs("h1"), (1, 0), "the installation was to be in its middle");
    let runs = jump.call(&["runs"]).must(0).out;
    assert!(runs.contains(&run), "{runs}");

    let mut resumed = jump.start_resume();
    resumed.until(|event| event["event"] == "run_resumed");
    lab.let_go("h1");
    // Once more, while the host reboots.
    resumed.until(|event| is(event, "step_noted", "h1") && event["key"] == "reboot");
    lab.in_time(|| lab.is_held_down("h1"), || "h1 does not go down".to_owned());
    resumed.signal(Signal::KILL);
    resumed.wait();
    lab.let_go("h1");

    let events = jump.resume().must(0).events();
    assert_eq!(events.outcome("h1"), "ok");
    assert_eq!(events.result("h1", 1)["rebooted"], true);
    lab.is_patched("h1", &before, &[("lab-reboot", "1.0+deb12u1")]);
    assert_eq!(lab.on("h1", "journalctl --list-boots -q | wc -l"), "2", "it reboots once");
    the_log_is_whole(&lab, &jump, &run, "h1");
    let all = jump.call(&["show", &run, "--json"]).must(0).events();
    let names: Vec<&str> = all.0.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "run_resumed").count(), 2, "{names:?}");
    assert_eq!((all.started().len(), all.finished().len()), (1, 1));
}

/// Killed at many points, one after the other: whatever it was doing, it ends well, and nothing is done twice.
#[test]
fn a_controller_that_is_killed_again_and_again() {
    let Some(lab) = Lab::up(3, "lab-reboot=h1") else { return };
    let before = ["h1", "h2", "h3"].map(|host| lab.packages(host));
    let jump = Patchwave::new(&lab, ONE, PLAYBOOK);
    let mut running = jump.start_run(&[]);
    running.until(|event| event["event"] == "host_started");
    let mut kills = 0;
    loop {
        // A different delay in each round, so that it hits different steps.
        sleep(Duration::from_millis(400 + 130 * kills));
        running.signal(Signal::KILL);
        let code = running.wait().code;
        if kills == 25 || code == 0 {
            break;
        }
        kills += 1;
        running = jump.start_resume();
    }
    let ended = jump.resume();
    assert!(kills > 3, "{kills}");
    let all = jump.call(&["show", "--json"]).must(0).events();
    for (host, before) in ["h1", "h2", "h3"].into_iter().zip(before) {
        assert_eq!(all.outcome(host), "ok", "{host}: {:#?}\n{}", all.0, ended.err);
        lab.is_patched(host, &before, if host == "h1" { &[("lab-reboot", "1.0+deb12u1")] } else { &[] });
    }
    assert_eq!(lab.on("h1", "journalctl --list-boots -q | wc -l"), "2", "it reboots once");
}

#[test]
fn a_line_that_is_cut_during_the_installation_is_taken_up_again() {
    let Some(lab) = Lab::up(2, "") else { return };
    let before = ["h1", "h2"].map(|host| lab.packages(host));
    for host in ["h1", "h2"] {
        lab.hold(host, Moment::Install);
    }
    let jump = Patchwave::new(&lab, ONE, PLAYBOOK);
    let running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    running.until_on("h2", INSTALLING);
    lab.sh(&["cut", "h1", "rst"]);
    lab.sh(&["cut", "h2", "silent"]);
    // Longer than the silence after which a connection counts as lost.
    sleep(Duration::from_secs(8));
    for host in ["h1", "h2"] {
        lab.sh(&["heal", host]);
        lab.let_go(host);
    }
    let ended = running.wait().must(0);
    for (host, before) in ["h1", "h2"].into_iter().zip(before) {
        assert_eq!(ended.events().outcome(host), "ok");
        lab.is_patched(host, &before, &[]);
        the_log_is_whole(&lab, &jump, &ended.run_id(), host);
    }
}

/// The jump box's disk is full in the middle of a run: no new work, nothing false, and `resume` once there is room.
#[test]
fn a_ledger_that_cannot_be_written_stops_the_run_and_nothing_is_lost() {
    let Some(lab) = Lab::up(6, "lab-reboot=h2") else { return };
    let lost = AtomicUsize::new(0);
    let hosts: Vec<(String, u64)> = (1..).map(|n| format!("h{n}")).zip([72, 90, 110, 130, 150, 170]).collect();
    at_once(&hosts, |(host, kibibytes)| {
        let before = lab.packages(host);
        let mut jump = Patchwave::named(&lab, host, ONE, PLAYBOOK);
        jump.largest_file = Some(kibibytes << 10);
        let ended = jump.run(&["--limit", host]);
        assert!([0, 1, 3, 4, 7].contains(&ended.code), "{host}: exit {}: {}", ended.code, ended.err);
        jump.largest_file = None;
        if ended.err.contains("resume") {
            lost.fetch_add(1, Ordering::Relaxed);
            assert_ne!(ended.code, 0, "{}", ended.err);
            jump.resume().must(0);
        } else if ended.code != 0 {
            assert_eq!(lab.packages(host), before, "{host}: {}", ended.err);
            jump.run(&["--limit", host]).must(0);
        }
        lab.is_patched(host, &before, if host == "h2" { &[("lab-reboot", "1.0+deb12u1")] } else { &[] });
        eprintln!("{host}: {kibibytes} KiB, exit {}", ended.code);
    });
    let lost = lost.into_inner();
    assert!(lost > 1, "no run was cut off in its middle: {lost}");
}
