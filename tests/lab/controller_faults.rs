//! The fault matrix on the jump box's side: it dies, is asked to leave, loses its connections, its disk space or the
//! right time, while its hosts are before, in and after their transactions and reboots. `resume` brings every host to
//! its end, and nothing is done twice.

use std::{fs, thread::sleep, time::Duration};

use rustix::process::Signal;

use crate::{
    clock,
    fleet::Lab,
    judge::{Before, judge_all},
    moments::{ALL_AT_ONCE, Moment, WALK, until_held},
    patchwave::{Patchwave, Running, run_id},
};

const MOMENTS: [Moment; 5] = [Moment::Refresh, Moment::Install, Moment::Between, Moment::Down, Moment::After];
/// The hosts whose reboot is still to come, or has just happened.
const REBOOTED: &str = "lab-reboot=h2,h3,h4,h5";

fn places() -> Vec<(String, Moment)> {
    (1..).zip(MOMENTS).map(|(n, moment)| (format!("h{n}"), moment)).collect()
}

/// Five hosts, each held at its moment.
fn standing<'a>(lab: &Lab, jump: &Patchwave<'a>) -> (Running<'a>, Vec<Before>) {
    let before = places().iter().map(|(host, _)| Before::of(lab, host)).collect();
    for (host, moment) in places() {
        lab.hold(&host, moment);
    }
    let mut running = jump.start_run(&[]);
    until_held(lab, &mut running, &places());
    (running, before)
}

fn let_go(lab: &Lab) {
    for (host, _) in places() {
        lab.let_go(&host);
    }
}

/// All five are ok, by the ledger and by themselves.
fn all_well(lab: &Lab, jump: &Patchwave, run: &str, before: &[Before]) {
    let events = jump.call(&["show", run, "--json"]).must(0).events();
    let judged = judge_all(lab, &before.iter().collect::<Vec<_>>(), &events, |_| 0);
    assert_eq!(judged, ["ok"; 5]);
    jump.call(&["ledger", "verify"]).must(0);
    for (host, moment) in places() {
        assert_eq!(lab.slow_installs(&host), (1, 1), "{host} {moment:?}: each transaction runs once");
    }
    assert_eq!(jump.resume().must(0).events().0.len(), 0, "there is nothing to be resumed");
}

#[test]
fn a_controller_that_is_killed_while_its_hosts_are_everywhere() {
    let Some(lab) = Lab::up(5, REBOOTED) else { return };
    let jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    let (running, before) = standing(&lab, &jump);
    running.signal(Signal::KILL);
    let run = run_id(&running.said());
    assert_eq!(running.wait().code, -1);
    // The next controller finds them where they are held.
    let mut resumed = jump.start_resume();
    resumed.until(|event| event["event"] == "run_resumed");
    let_go(&lab);
    resumed.wait().must(0);
    all_well(&lab, &jump, &run, &before);
}

#[test]
fn a_controller_that_is_terminated_while_its_hosts_are_everywhere() {
    let Some(lab) = Lab::up(5, REBOOTED) else { return };
    let jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    let (running, before) = standing(&lab, &jump);
    running.signal(Signal::TERM);
    let left = running.wait();
    assert!([4, 7].contains(&left.code), "exit {}: {}", left.code, left.err);
    assert_eq!(lab.slow_installs("h2"), (1, 0), "it leaves while the installation goes on");
    let_go(&lab);
    jump.resume().must(0);
    all_well(&lab, &jump, &left.run_id(), &before);
}

#[test]
fn lines_that_are_cut_while_the_hosts_are_everywhere() {
    let Some(lab) = Lab::up(5, REBOOTED) else { return };
    let jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    let (running, before) = standing(&lab, &jump);
    let run = run_id(&running.said());
    for ((host, _), how) in places().iter().zip(["rst", "silent", "link", "silent", "rst"]) {
        lab.sh(&["cut", host, how]);
    }
    // Longer than the silence after which a connection counts as lost.
    sleep(Duration::from_secs(8));
    for (host, _) in places() {
        lab.sh(&["heal", &host]);
    }
    let_go(&lab);
    running.wait().must(0);
    all_well(&lab, &jump, &run, &before);
}

/// No byte can be written any more: not to the ledger, not to a log, not to the output.
#[test]
fn a_jump_box_whose_disk_is_full_while_its_hosts_are_everywhere() {
    let Some(lab) = Lab::up(5, REBOOTED) else { return };
    let mut jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    jump.largest_file = Some(1 << 40);
    let (running, before) = standing(&lab, &jump);
    let run = run_id(&running.said());
    running.fill_its_disk();
    let_go(&lab);
    let ended = running.wait();
    assert_ne!(ended.code, 0, "{}", ended.err);
    jump.largest_file = None;
    jump.resume().must(0);
    all_well(&lab, &jump, &run, &before);
}

#[test]
fn a_jump_box_whose_clock_jumps_forward_while_its_hosts_are_everywhere() {
    clock_jumps(1);
}

#[test]
fn a_jump_box_whose_clock_jumps_back_while_its_hosts_are_everywhere() {
    clock_jumps(-1);
}

fn clock_jumps(days: i64) {
    let Some(lab) = Lab::up(5, REBOOTED) else { return };
    let file = lab.folder().join("clock");
    let mut jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    jump.preload = Some(clock::library(&lab, "clock.so", &file));
    let (running, before) = standing(&lab, &jump);
    fs::write(&file, format!("{}\n", days * 86_400)).expect("written");
    let_go(&lab);
    let ended = running.wait().must(0);
    let events = ended.events();
    let times: Vec<&str> = events.0.iter().filter_map(|event| event["at"].as_str()).collect();
    assert!(times[0][..10] != times[times.len() - 1][..10], "its clock did not jump: {times:?}");
    all_well(&lab, &jump, &ended.run_id(), &before);
}
