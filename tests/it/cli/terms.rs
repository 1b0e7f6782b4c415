//! `resume` with changed options, after a controller that was killed: what is in the logs, what may have changed, what
//! stays halted.

use std::time::{Duration, Instant};

use patchwave::event::Kind;
use rustix::process::Signal;

use crate::support::case::{Case, Site, started};

fn site(hosts: usize, steps: &str) -> Site {
    Case::hosts(hosts).one_by_one().steps(steps).site()
}

fn kill_when_started(site: &Site, hosts: usize) -> String {
    site.killed("run play.yml -i inv.yml", "hosts that started", |events| started(events) >= hosts)
}

#[test]
fn output_is_in_the_log_once_however_often_the_controller_was_killed() {
    let site = site(
        1,
        "  - command: 'i=0; while [ $i -lt 120 ]; do echo line $i of the output; i=$((i+1)); sleep 0.05; done'\n",
    );
    let log = |run: &str| {
        let path = site.folder().join(format!("state/logs/{run}/web001.test.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let mut running = site.start("run play.yml -i inv.yml");
    let run = site.until("a host that started", |events| started(events) == 1);
    for lines in [8, 30, 60, 90] {
        let until = Instant::now() + Duration::from_secs(60);
        while log(&run).lines().count() < lines {
            assert!(Instant::now() < until, "{}", log(&run));
            std::thread::sleep(Duration::from_millis(20));
        }
        running.signal(Signal::KILL);
        running.end().ended(128 + 9);
        running = site.start("resume --yes");
    }
    running.end().ended(0);
    let text = log(&run);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("==")).collect();
    let expected: Vec<String> = (0..120).map(|i| format!("line {i} of the output")).collect();
    assert_eq!(lines, expected);
    assert_eq!(text.matches("==").count(), 2, "one header for one job: {text}");
}

#[test]
fn a_log_that_cannot_be_written_is_told_while_the_run_goes_on() {
    let site = site(1, "  - command: sleep 1; echo lost; sleep 1\n");
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a host that started", |events| started(events) == 1);
    // A folder in place of the file: as unwritable as a full disk, even for root.
    std::fs::create_dir_all(site.folder().join(format!("state/logs/{run}/web001.test.log"))).unwrap();
    let said = running.end().ended(0).says(&["output is not logged"]);
    assert_eq!(said.err.matches("is not logged").count(), 1, "{}", said.err);
}

#[test]
fn a_resume_may_be_limited_and_the_next_one_has_the_rest() {
    let site = site(5, "  - command: sleep 1\n");
    let run = kill_when_started(&site, 2);
    site.run("resume --yes --limit web009.test").ended(2);
    site.run("resume --yes --limit web005.test").ended(4).says(&["2 of them left out", "2 not started"]);
    let left_out = site.fact(&run, |kind| match kind {
        Kind::RunResumed(resumed) => Some((resumed.limit.unwrap(), resumed.left_out.len())),
        _ => None,
    });
    assert_eq!(left_out, ("web005.test".to_owned(), 2));
    site.run("resume --yes --limit web001.test").ended(2).says(&["names no host of this run that has not started"]);
    site.run("resume --yes --forks 1").ended(0).says(&["5 ok"]);
    site.run("ledger verify").ended(0).says(&["1 run,", ": the hashes fit"]);
}

#[test]
fn changed_files_are_accepted_when_that_is_said_and_the_recorded_steps_are_done() {
    let site = site(2, "  - command: sleep 1; echo then >>$PATCHWAVE_ROOT/what\n");
    let run = kill_when_started(&site, 1);
    site.write("play.yml", "name: Slow\nsteps:\n  - command: echo now >>$PATCHWAVE_ROOT/what\n");
    site.run("resume --yes").ended(3).says(&["the playbook's steps have changed", "--accept-changed-plan"]);
    let inventory = std::fs::read_to_string(site.folder().join("inv.yml")).unwrap();
    let without: String =
        inventory.lines().filter(|line| !line.contains("web002.test")).map(|line| format!("{line}\n")).collect();
    site.write("inv.yml", &without);
    site.run("resume --yes --accept-changed-plan").ended(4).says(&["1 ok", "1 of them left out"]);
    site.write("inv.yml", &inventory);
    site.run("resume --yes --accept-changed-plan").ended(0).says(&["2 ok"]);
    for host in ["web001.test", "web002.test"] {
        assert_eq!(site.on(host, "what"), "then\n", "{host}");
    }
    let accepted = site.facts(&run, |kind| if let Kind::RunResumed(resumed) = kind { resumed.accepted } else { None });
    assert_eq!(accepted[0], "web002.test left the inventory; the playbook's steps have changed");
    assert_eq!(accepted[1], "the playbook's steps have changed");
}

#[test]
fn a_spent_budget_is_not_resumed_away() {
    let site = site(3, "  - command: exit 1\n");
    site.run("run play.yml -i inv.yml").ended(6);
    let events = site.events(&site.last_run()).len();
    site.run("resume --yes").ended(6).says(&["stays halted: 1 host of stage", "--limit @"]);
    assert_eq!(site.events(&site.last_run()).len(), events, "nothing was begun, so nothing is recorded");
}

#[test]
fn the_lease_of_another_jump_box_is_respected_or_stolen_with_a_record() {
    let site = site(1, "  - command: echo once >>$PATCHWAVE_ROOT/once\n");
    let host = site.host();
    let lease = host.folder().join("var/lib/patchwave/lease");
    std::fs::create_dir_all(lease.parent().unwrap()).unwrap();
    std::fs::write(&lease, "20250101-000000-zzzz\nbob@jump2\n1\n").unwrap();
    site.run("run play.yml -i inv.yml").ended(6).says(&["being changed by bob@jump2", "--steal-lease"]);
    assert!(!host.folder().join("once").exists());
    site.run("run play.yml -i inv.yml --steal-lease").ended(0);
    let noted = site.fact(&site.last_run(), |kind| match kind {
        Kind::StepNoted { key, value, .. } if key == "lease.stolen" => Some(value),
        _ => None,
    });
    assert_eq!(noted["owner"], "bob@jump2");
}
