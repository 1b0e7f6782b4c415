//! `resume` on other terms, after a controller that was killed: what is in the logs, what may have changed, what stays
//! halted.

use std::time::{Duration, Instant};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::{Event, Kind},
};
use rustix::process::Signal;

use crate::support::cli::Desk;

/// One host after the other.
fn desk(fleet: &Fleet, steps: &str) -> Desk {
    let desk = Desk::of(fleet);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1"));
    desk.write("play.yml", &format!("name: Slow\nsteps:\n{steps}"));
    desk
}

fn started(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::HostStarted { .. })).count()
}

fn kill_when_started(desk: &Desk, hosts: usize) -> String {
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("hosts that started", |events| started(events) >= hosts);
    running.signal(Signal::KILL);
    running.end().ended(128 + 9);
    run
}

#[test]
fn output_is_in_the_log_once_however_often_the_controller_was_killed() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(
        &fleet,
        "  - command: 'i=0; while [ $i -lt 120 ]; do echo line $i of the output; i=$((i+1)); sleep 0.05; done'\n",
    );
    let log = |run: &str| {
        let path = desk.folder().join(format!("state/logs/{run}/web001.test.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let mut running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host that started", |events| started(events) == 1);
    for lines in [8, 30, 60, 90] {
        let until = Instant::now() + Duration::from_secs(60);
        while log(&run).lines().count() < lines {
            assert!(Instant::now() < until, "{}", log(&run));
            std::thread::sleep(Duration::from_millis(20));
        }
        running.signal(Signal::KILL);
        running.end().ended(128 + 9);
        running = desk.start("resume");
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
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet, "  - command: sleep 1; echo lost; sleep 1\n");
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host that started", |events| started(events) == 1);
    // A folder where the file belongs: as unwritable as a full disk, for root as well.
    std::fs::create_dir_all(desk.folder().join(format!("state/logs/{run}/web001.test.log"))).unwrap();
    let said = running.end().ended(0).says(&["output is not logged"]);
    assert_eq!(said.err.matches("is not logged").count(), 1, "{}", said.err);
}

#[test]
fn a_resume_may_be_limited_and_the_next_one_has_the_rest() {
    let fleet = Fleet::start(FleetSpec::quick(5)).unwrap();
    let desk = desk(&fleet, "  - command: sleep 1\n");
    let run = kill_when_started(&desk, 2);
    desk.run("resume --limit web009.test").ended(2);
    desk.run("resume --limit web005.test").ended(4).says(&["2 of them left out", "2 not started"]);
    let events = desk.events(&run);
    let left_out = events.iter().find_map(|event| match &event.kind {
        Kind::RunResumed(resumed) => Some((resumed.limit.clone(), resumed.left_out.len())),
        _ => None,
    });
    assert_eq!(left_out, Some((Some("web005.test".to_owned()), 2)));
    desk.run("resume --limit web001.test").ended(2).says(&["names no host of this run that has not started"]);
    desk.run("resume --forks 1").ended(0).says(&["5 ok"]);
    desk.run("ledger verify").ended(0).says(&["1 run,", "each record is as it was written"]);
}

#[test]
fn changed_files_are_accepted_when_that_is_said_and_the_recorded_steps_are_done() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, "  - command: sleep 1; echo then >>$PATCHWAVE_ROOT/what\n");
    let run = kill_when_started(&desk, 1);
    desk.write("play.yml", "name: Slow\nsteps:\n  - command: echo now >>$PATCHWAVE_ROOT/what\n");
    desk.run("resume").ended(3).says(&["the playbook's steps have changed", "--accept-changed-plan"]);
    let inventory = std::fs::read_to_string(desk.folder().join("inv.yml")).unwrap();
    let without: String =
        inventory.lines().filter(|line| !line.contains("web002.test")).map(|line| format!("{line}\n")).collect();
    desk.write("inv.yml", &without);
    desk.run("resume --accept-changed-plan").ended(4).says(&["1 ok", "1 of them left out"]);
    desk.write("inv.yml", &inventory);
    desk.run("resume --accept-changed-plan").ended(0).says(&["2 ok"]);
    for host in fleet.hosts() {
        assert_eq!(std::fs::read_to_string(host.folder().join("what")).unwrap(), "then\n", "{}", host.name());
    }
    let accepted: Vec<String> = desk
        .events(&run)
        .into_iter()
        .filter_map(|event| match event.kind {
            Kind::RunResumed(resumed) => resumed.accepted,
            _ => None,
        })
        .collect();
    assert_eq!(accepted[0], "web002.test left the inventory; the playbook's steps have changed");
    assert_eq!(accepted[1], "the playbook's steps have changed");
}

#[test]
fn a_spent_budget_is_not_resumed_away() {
    let fleet = Fleet::start(FleetSpec::quick(3)).unwrap();
    let desk = desk(&fleet, "  - command: exit 1\n");
    desk.run("run play.yml -i inv.yml").ended(6);
    let events = desk.events(&desk.last_run()).len();
    desk.run("resume").ended(6).says(&["stays halted: 1 host of stage", "--limit @"]);
    assert_eq!(desk.events(&desk.last_run()).len(), events, "nothing was begun, so nothing is recorded");
}

#[test]
fn the_lease_of_another_jump_box_is_respected_or_stolen_with_a_record() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let desk = desk(&fleet, "  - command: echo once >>$PATCHWAVE_ROOT/once\n");
    let host = fleet.hosts().next().unwrap();
    let lease = host.folder().join("var/lib/patchwave/lease");
    std::fs::create_dir_all(lease.parent().unwrap()).unwrap();
    std::fs::write(&lease, "20250101-000000-zzzz\nbob@jump2\n1\n").unwrap();
    desk.run("run play.yml -i inv.yml").ended(6).says(&["being changed by bob@jump2", "--steal-lease"]);
    assert!(!host.folder().join("once").exists());
    desk.run("run play.yml -i inv.yml --steal-lease").ended(0);
    let noted = desk.events(&desk.last_run()).into_iter().find_map(|event| match event.kind {
        Kind::StepNoted { key, value, .. } if key == "lease.stolen" => Some(value),
        _ => None,
    });
    assert_eq!(noted.unwrap()["owner"], "bob@jump2");
}
