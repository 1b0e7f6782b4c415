//! A run that waits for a person, or is asked to stop: from another process, by a key, by a signal.

use patchwave::{
    event::{Event, Kind, Outcome, Stop},
    plan::Moment,
};
use rustix::process::Signal;

use crate::support::case::{Case, Site, begun, finished};

/// Each host takes `seconds`, and writes down once that it was there.
fn site(hosts: usize, policy: &str, seconds: u32) -> Site {
    let first = format!("  - command: echo once >>$PATCHWAVE_ROOT/once; sleep {seconds}\n");
    let steps = first + "  - command: echo twice >>$PATCHWAVE_ROOT/twice\n";
    Case::hosts(hosts).policy(policy).steps(&steps).site()
}

fn a_host_has_begun(site: &Site) -> impl Fn(&[Event]) -> bool {
    |events| begun(events) > 0 && site.lines("once") > 0
}

#[test]
fn another_process_opens_the_gate() {
    let site = site(2, "batch: 1, approve: true", 0);
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("the end of the first wave", |events| finished(events) == 1);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(site.lines("once"), 1, "it waits");
    let line = "(ann@jump, process 1, since 2026-01-01 00:00 UTC): the waiting stage continues\n";
    site.run(&format!("approve {}", &run[..15])).ended(0).prints("").says(&[line]);
    running.end().ended(0).says(&[
        "waits for approval after its first wave: patchwave approve 20260101-000000-abcd\n\
         00:00:00  approved     production/medium goes on; by ann@jump\n\
         00:00:00  wave         production/medium, wave 2 of 2: 1 host\n",
        "\n2 hosts: 2 ok\nchanged: other changes on 2 hosts\n\
         approved: production/medium after its first wave, by ann@jump\n",
    ]);
}

/// A stage of one wave: with `approve: true` there, the question comes before anything is touched, and `--yes` does not
/// answer it.
#[test]
fn a_stage_of_one_wave_waits_before_its_first_host_and_an_approval_outlives_its_controller() {
    for policy in ["batch: 100%, approve: true", "batch: 1, approve: before, soak: 1s"] {
        let site = site(2, policy, 2);
        let waits = "production/medium: waits for approval before its first host";
        site.run("plan play.yml -i inv.yml").ended(0).says(&[waits]);
        let running = site.start("run play.yml -i inv.yml --yes");
        let run = site.until("the start", |events| !events.is_empty());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(site.lines("once"), 0, "nothing was touched");
        let status = format!("status {run}");
        site.run(&status).says(&["waits: approval of stage production/medium before its first host"]);
        site.run(&format!("approve {run}")).ended(0);
        site.until("a host that works", a_host_has_begun(&site));
        running.signal(Signal::KILL);
        running.end();
        let by = "approved: production/medium before its first host, by ann@jump";
        site.run(&format!("show {run}")).says(&[by]);
        site.run(&format!("report {run}")).says(&["approved before its first host by ann@jump"]);
        // It was approved once, and there is no second question.
        site.really("resume --yes").ended(0).says(&["2 hosts: 2 ok", by]);
        let approved = |kind| matches!(kind, Kind::Approved { moment: Moment::Before, .. }).then_some(());
        assert_eq!(site.facts(&run, approved).len(), 1);
        assert_eq!((site.lines("once"), site.lines("twice")), (2, 2));
    }
}

#[test]
fn a_check_asks_nobody() {
    let check = site(2, "batch: 1, approve: before, soak: 1h", 0).run("run play.yml -i inv.yml --check");
    check.ended(0).says(&["2 hosts: 2 without a problem"]);
}

#[test]
fn another_process_stops_it() {
    let site = site(3, "batch: 1", 2);
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a host that works", a_host_has_begun(&site));
    let who = "(ann@jump, process 1, since 2026-01-01 00:00 UTC)";
    let line = format!("{who}: no new host starts; hosts in flight finish (stop again: before their next step)\n");
    site.run(&format!("stop {run}")).ended(0).prints("").says(&[&line]);
    insta::assert_snapshot!(running.end().ended(4).page(), @r#"
    exit code 4
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    ok           web001.test: other changes, 1s
    not started  2 hosts: web[002-003].test

    3 hosts: 1 ok, 2 not started
    changed: other changes on 1 host

    next:
      patchwave resume 20260101-000000-abcd  # goes on with the 2 hosts not started
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             3 hosts in 3 waves
      in total                                      3 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 3: 1 host
    00:00:00  stop         no new host starts, hosts in flight finish (1 in flight); by ann@jump
    00:00:00  --           halted: asked to stop; hosts in flight finish, no other host starts
    00:00:00  ok           web001.test  changed (1s)
    00:00:00  wave         production/medium, wave 1 of 3 is done: 1 ok
    00:00:00  over         1 ok, 2 not started
    "#);
    assert_eq!((site.lines("once"), site.lines("twice")), (1, 1), "the host in flight finished");
    site.really("resume --yes").ended(0).says(&["3 hosts: 3 ok"]);
    assert_eq!((site.lines("once"), site.lines("twice")), (3, 3));
}

#[test]
fn a_key_drains_and_a_second_one_stops_at_the_next_step() {
    let site = site(2, "batch: 1", 2);
    let running = site.start("run play.yml -i inv.yml");
    site.until("a host that works", a_host_has_begun(&site));
    running.signal(Signal::INT);
    running
        .end()
        .ended(4)
        .says(&["no new host starts, hosts in flight finish (1 in flight); by Ctrl-C", "1 ok, 1 not started"]);

    let running = site.start("resume --yes");
    site.until("the second host at work", |_| site.lines("once") == 2);
    running.signal(Signal::INT);
    site.until("the drain", |events| events.iter().any(drained));
    running.signal(Signal::INT);
    let said = running.end();
    assert_eq!(site.lines("twice"), 1, "{}", said.page());
    insta::assert_snapshot!(said.page(), @r#"
    exit code 4
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    paused: web002.test
      after "Command: echo once >>$PATCHWAVE_ROOT/once; slee…", before "Command:
      echo twice >>$PATCHWAVE_ROOT/twice"
      changed: other changes

    ok           web001.test: other changes, 1s

    2 hosts: 1 ok, 1 paused
    changed: other changes on 2 hosts

    next:
      patchwave resume 20260101-000000-abcd  # goes on with the 1 paused host
    -- stderr
    resuming run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: goes on with the 1 host not started
    run 20260101-000000-abcd: 1 of 2 hosts are done, 0 open and settled first, 1 not started
    00:00:00  wave         production/medium, wave 2 of 2: 1 host
    00:00:00  stop         no new host starts, hosts in flight finish (1 in flight); by Ctrl-C; Ctrl-C again: stop before their next step
    00:00:00  --           halted: asked to stop; hosts in flight finish, no other host starts
    00:00:00  stop         no new host starts, hosts in flight stop at their next step (1 in flight); by Ctrl-C; Ctrl-C again: leave now, jobs on the hosts go on
    00:00:00  --           halted: asked to stop before the next step of each host; no other host starts
    "#);
    site.really("resume --yes").ended(0).says(&["2 hosts: 2 ok"]);
    assert_eq!((site.lines("once"), site.lines("twice")), (2, 2));
}

/// `stop` escalates as Ctrl-C does, whether or not the controller has already taken the first request.
#[test]
fn another_process_stops_it_in_a_harder_way_each_time() {
    for (times, code) in [(2, 4), (3, 7)] {
        let site = site(2, "batch: 1", 3);
        let running = site.start("run play.yml -i inv.yml");
        let run = site.until("a host that works", a_host_has_begun(&site));
        let told = [
            "hosts in flight finish",
            "stop before their next step",
            "the controller leaves now; jobs on the hosts go on",
        ];
        for told in &told[..times] {
            site.run(&format!("stop {run}")).ended(0).says(&[told]);
        }
        let word = if code == 4 { "1 paused, 1 not started" } else { "1 unknown, 1 not started" };
        running.end().ended(code).says(&[word]);
        assert_eq!(site.lines("twice"), 0);
        site.run("status").ended(0).says(&[word]);
        site.really("resume --yes").ended(0).says(&["2 hosts: 2 ok"]);
        assert_eq!((site.lines("once"), site.lines("twice")), (2, 2));
    }
}

fn drained(event: &Event) -> bool {
    matches!(event.kind, Kind::StopRequested { how: Stop::Drain, .. })
}

#[test]
fn a_termination_detaches_and_a_resume_settles() {
    let site = site(2, "batch: 1", 3);
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a host that works", a_host_has_begun(&site));
    running.signal(Signal::TERM);
    let said = running.end();
    assert_eq!(site.lines("twice"), 0, "it left at once");
    insta::assert_snapshot!(said.page(), @r#"
    exit code 7
    -- stdout
    Slow, run 20260101-000000-abcd, 1s

    unknown at "Command: echo once >>$PATCHWAVE_ROOT/once; slee…": web001.test
      "Command: echo once >>$PATCHWAVE_ROOT/once; slee…" had begun when the
      controller left
      changed: nothing known; 1 host unknown

    not started  web002.test

    2 hosts: 1 unknown, 1 not started
    changed: nothing known; 1 host unknown

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web001.test
      # settles the 1 unknown host, then goes on
      patchwave resume 20260101-000000-abcd
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             2 hosts in 2 waves
      in total                                      2 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  wave         production/medium, wave 1 of 2: 1 host
    00:00:00  stop         the controller leaves now; jobs on the hosts go on (1 in flight); by SIGTERM
    left; go on with: patchwave resume 20260101-000000-abcd
    "#);
    site.really("resume --yes").ended(0).says(&["2 hosts: 2 ok"]);
    assert_eq!((site.lines("once"), site.lines("twice")), (2, 2), "nothing was done twice");
    let ok = |kind| matches!(kind, Kind::HostFinished { outcome: Outcome::Ok, .. }).then_some(());
    assert_eq!(site.facts(&run, ok).len(), 2);
}
