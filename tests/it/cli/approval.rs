//! A run that waits for a person, or is asked to stop: from another process, by a key, by a signal.

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::{Event, Kind, Outcome, Stop},
    plan::Moment,
};
use rustix::process::Signal;

use crate::support::cli::Desk;

/// One host after the other; each takes `seconds`, and says once that it was there.
fn desk(fleet: &Fleet, policy: &str, seconds: u32) -> Desk {
    let desk = Desk::of(fleet);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", policy));
    let steps = format!(
        "name: Slow\nsteps:\n  - command: echo once >>$PATCHWAVE_ROOT/once; sleep {seconds}\n  - command: echo twice >>$PATCHWAVE_ROOT/twice\n"
    );
    desk.write("play.yml", &steps);
    desk
}

fn count(fleet: &Fleet, file: &str) -> usize {
    fleet
        .hosts()
        .map(|host| std::fs::read_to_string(host.folder().join(file)).unwrap_or_default().lines().count())
        .sum()
}

fn finished(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::HostFinished { .. })).count()
}

fn a_host_has_begun(fleet: &Fleet) -> impl Fn(&[Event]) -> bool {
    |events| events.iter().any(|event| matches!(event.kind, Kind::StepStarted { .. })) && count(fleet, "once") > 0
}

#[test]
fn another_process_opens_the_gate() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, "batch: 1, approve: true", 0);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("the end of the first wave", |events| finished(events) == 1);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(count(&fleet, "once"), 1, "it waits");
    let said = desk.run(&format!("approve {}", &run[..15])).ended(0);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 0
    -- stderr
    run 20260101-000000-abcd (ann@jump, process 1, since 2026-01-01 00:00 UTC): the stage that waits goes on
    "#);
    let said = running.end().ended(0);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 0
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    outcome  hosts            reason  packages  reboot  took
    ok       web001.test                     0  no 1s
    ok       web002.test                     0  no 1s

    2 hosts: 2 ok
    changed: other things on 2 hosts
    approved: production/medium after its first wave, by ann@jump
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             2 hosts in 2 waves
      in all                                        2 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 2: 1 host
    00:00:00  ok           web001.test  changed (1s)
    00:00:00  wave         production/medium, wave 1 of 2 is done: 1 ok
    00:00:00  --           stage production/medium waits for approval after its first wave: patchwave approve 20260101-000000-abcd
    00:00:00  approved     production/medium goes on; by ann@jump
    00:00:00  wave         production/medium, wave 2 of 2: 1 host
    00:00:00  ok           web002.test  changed (1s)
    00:00:00  wave         production/medium, wave 2 of 2 is done: 1 ok
    00:00:00  over         2 ok
    "#);
}

/// A stage of one wave: whoever says `approve: true` there is asked before anything is touched, and by nobody's
/// `--yes`.
#[test]
fn a_stage_of_one_wave_waits_before_its_first_host_and_an_approval_outlives_its_controller() {
    for policy in ["batch: 100%, approve: true", "batch: 1, approve: before, soak: 1s"] {
        let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
        let desk = desk(&fleet, policy, 2);
        let waits = "production/medium: waits for approval before its first host";
        desk.run("plan play.yml -i inv.yml").ended(0).says(&[waits]);
        let running = desk.start("run play.yml -i inv.yml --yes");
        let run = desk.until("the start", |events| !events.is_empty());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(count(&fleet, "once"), 0, "nothing was touched");
        let status = format!("status {run}");
        desk.run(&status).says(&["waits: approval of stage production/medium before its first host"]);
        desk.run(&format!("approve {run}")).ended(0);
        desk.until("a host that works", a_host_has_begun(&fleet));
        running.signal(Signal::KILL);
        running.end();
        let by = "approved: production/medium before its first host, by ann@jump";
        desk.run(&format!("show {run}")).says(&[by]);
        desk.run(&format!("report {run}")).says(&["approved before its first host by ann@jump"]);
        // It was said once, and is not asked for again.
        desk.really("resume").ended(0).says(&["2 hosts: 2 ok", by]);
        let approved = |event: &&Event| matches!(event.kind, Kind::Approved { moment: Moment::Before, .. });
        assert_eq!(desk.events(&run).iter().filter(approved).count(), 1);
        assert_eq!((count(&fleet, "once"), count(&fleet, "twice")), (2, 2));
    }
}

#[test]
fn a_check_asks_nobody() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, "batch: 1, approve: before, soak: 1h", 0);
    desk.run("run play.yml -i inv.yml --check").ended(0).says(&["2 hosts: 2 ok"]);
}

#[test]
fn another_process_stops_it() {
    let fleet = Fleet::start(FleetSpec::quick(3)).unwrap();
    let desk = desk(&fleet, "batch: 1", 2);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host that works", a_host_has_begun(&fleet));
    let said = desk.run(&format!("stop {run}")).ended(0);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 0
    -- stderr
    run 20260101-000000-abcd (ann@jump, process 1, since 2026-01-01 00:00 UTC): no new host starts; hosts in flight finish
    "#);
    let said = running.end().ended(4);
    insta::assert_snapshot!(said.page(), @r#"
    exit code 4
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    outcome      hosts            reason  packages  reboot  took
    ok           web001.test                     0  no 1s
    not started  web002.test
    not started  web003.test

    3 hosts: 1 ok, 2 not started
    changed: other things on 1 host

    next:
      patchwave resume 20260101-000000-abcd  # goes on with the 2 hosts not started
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             3 hosts in 3 waves
      in all                                        3 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3: 1 host
    00:00:00  stop         no new host starts, hosts in flight finish (1 in flight); by ann@jump
    00:00:00  --           halted: asked to stop; hosts in flight finish, no other host starts
    00:00:00  ok           web001.test  changed (1s)
    00:00:00  wave         production/medium, wave 1 of 3 is done: 1 ok
    00:00:00  over         1 ok, 2 not started
    "#);
    assert_eq!((count(&fleet, "once"), count(&fleet, "twice")), (1, 1), "the host in flight finished");
    desk.really("resume").ended(0).says(&["3 hosts: 3 ok"]);
    assert_eq!((count(&fleet, "once"), count(&fleet, "twice")), (3, 3));
}

#[test]
fn a_key_drains_and_a_second_one_stops_at_the_next_step() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, "batch: 1", 2);
    let running = desk.start("run play.yml -i inv.yml");
    desk.until("a host that works", a_host_has_begun(&fleet));
    running.signal(Signal::INT);
    running
        .end()
        .ended(4)
        .says(&["no new host starts, hosts in flight finish (1 in flight); by Ctrl-C", "1 ok, 1 not started"]);

    let running = desk.start("resume");
    desk.until("the second host at work", |_| count(&fleet, "once") == 2);
    running.signal(Signal::INT);
    desk.until("the drain", |events| events.iter().any(stopped(Stop::Drain, 2)));
    running.signal(Signal::INT);
    let said = running.end();
    assert_eq!(count(&fleet, "twice"), 1, "{}", said.page());
    insta::assert_snapshot!(said.page(), @r#"
    exit code 7
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    outcome  hosts            reason                         packages  reboot  took
    ok       web001.test                                            0  no 1s
    unknown  web002.test      it was between two steps when         0  no 1s
                              the controller left

    unknown on web002.test
      changed: other things on 1 host, 1 host still open

    2 hosts: 1 ok, 1 in flight
    changed: other things on 2 hosts, 1 host still open

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web002.test
      # settles the 1 host left in flight, then goes on
      patchwave resume 20260101-000000-abcd
    -- stderr
    run 20260101-000000-abcd: 1 of 2 hosts are done, 0 open and settled first, 1 not started
    00:00:00  wave         production/medium, wave 2 of 2: 1 host
    00:00:00  stop         no new host starts, hosts in flight finish (1 in flight); by Ctrl-C; Ctrl-C again: stop before their next step
    00:00:00  --           halted: asked to stop; hosts in flight finish, no other host starts
    00:00:00  stop         no new host starts, hosts in flight stop at their next step (1 in flight); by Ctrl-C; Ctrl-C again: leave now, jobs on the hosts go on
    00:00:00  --           halted: asked to stop before the next step of each host; no other host starts
    "#);
    desk.really("resume").ended(0).says(&["2 hosts: 2 ok"]);
    assert_eq!((count(&fleet, "once"), count(&fleet, "twice")), (2, 2));
}

/// The n-th request to stop is of this kind; sequence numbers are not looked at.
fn stopped(wanted: Stop, _nth: usize) -> impl Fn(&Event) -> bool {
    move |event| matches!(&event.kind, Kind::StopRequested { how, .. } if *how == wanted)
}

#[test]
fn a_termination_detaches_and_a_resume_settles() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = desk(&fleet, "batch: 1", 3);
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a host that works", a_host_has_begun(&fleet));
    running.signal(Signal::TERM);
    let said = running.end();
    assert_eq!(count(&fleet, "twice"), 0, "it left at once");
    insta::assert_snapshot!(said.page(), @r#"
    exit code 7
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    outcome      hosts            reason                     packages  reboot  took
    unknown      web001.test      Command: echo once                0  no 1s
                                  >>$PATCHWAVE_ROOT/once;
                                  slee…: "Command: echo
                                  once
                                  >>$PATCHWAVE_ROOT/once;
                                  slee…" had begun when the
                                  controller left
    not started  web002.test

    unknown at "Command: echo once >>$PATCHWAVE_ROOT/once; slee…" on web001.test
      changed: nothing that is known yet; 1 host still open

    2 hosts: 1 in flight, 1 not started
    changed: nothing that is known yet; 1 host still open

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web001.test
      # settles the 1 host left in flight, then goes on
      patchwave resume 20260101-000000-abcd
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             2 hosts in 2 waves
      in all                                        2 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 2: 1 host
    00:00:00  stop         leaving now; jobs on the hosts go on (1 in flight); by SIGTERM
    left; go on with: patchwave resume 20260101-000000-abcd
    "#);
    desk.really("resume").ended(0).says(&["2 hosts: 2 ok"]);
    assert_eq!((count(&fleet, "once"), count(&fleet, "twice")), (2, 2), "nothing was done twice");
    let ok = |event: &Event| matches!(event.kind, Kind::HostFinished { outcome: Outcome::Ok, .. });
    assert_eq!(desk.events(&run).iter().filter(|event| ok(event)).count(), 2);
}
