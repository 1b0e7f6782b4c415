use super::*;
use crate::event::{Kind, LeftBehind, StepResult, Stop, Verdict, sample::*};

fn page(sample: &Sample, width: u16, verbose: bool) -> String {
    let next = CommandLines {
        run: "patchwave run rolling-patch.yml -i prod.yml".into(),
        program: "patchwave".into(),
        newest: true,
    };
    let summary = Summary {
        width,
        paint: Paint::plain(),
        verbose,
        impact: false,
        estimate: None,
        next: Some(next),
        record: None,
    };
    let page = summary.render(&RunView::of(&sample.state));
    for line in page.lines().filter(|line| !line.starts_with("  patchwave")) {
        assert!(console::measure_text_width(line) <= usize::from(width), "{line:?}");
    }
    page
}

fn halted() -> Sample {
    let mut sample = Sample::of(plan(&[
        ("staging", &["s1.example.com s2.example.com"]),
        ("production", &["db1.example.com", "db2.example.com db3.example.com db4.example.com", "db5 db6 db7 db8"]),
    ]));
    sample.good("s1.example.com").good("s2.example.com").good("db1.example.com");
    for (name, pid) in [("db2.example.com", 812), ("db3.example.com", 9)] {
        let lock = StepResult {
            detail: vec!["E: Could not get lock /var/lib/dpkg/lock-frontend".to_owned()],
            help: Some(format!("wait for process {pid}, it is unattended-upgrade")),
            ..failure("lock", &format!("lock held by unattended-upgrade (pid {pid})"))
        };
        sample.walk(name, vec![result(Verdict::Ok, "ready"), lock]);
    }
    sample.walk(
        "db4.example.com",
        vec![
            result(Verdict::Ok, "ready"),
            upgraded(&["openssl"]),
            result(Verdict::Unreachable, "it never came back after its reboot"),
        ],
    );
    sample.tell(Kind::RunFinished);
    sample
}

#[test]
fn a_halt_on_80_columns() {
    insta::assert_snapshot!(page(&halted(), 80, false), @r#"
    Rolling patch wave, run 20261122-020000-kxfa, 16s

    failed at "Security updates": 2 hosts: db[2-3].example.com
      lock held by unattended-upgrade (pid …)
      db2.example.com said:
      | E: Could not get lock /var/lib/dpkg/lock-frontend
      changed: nothing
      try: wait for process 812, it is unattended-upgrade

    unreachable at "Reboot where it is needed": db4.example.com
      it never came back after its reboot
      changed: 1 package

    ok           staging: 2 hosts: s[1-2].example.com: 4 packages, 2 reboots, at
                 most 3.0s
    ok           production: db1.example.com: 2 packages, 1 reboot, 3.0s
    not started  production: 4 hosts: db[5-8]

    10 hosts: 3 ok, 2 failed, 1 unreachable, 4 not started
    changed: 7 packages on 4 hosts, 3 reboots

    next:
      # everything it printed
      patchwave log 20261122-020000-kxfa db2.example.com
      # when fixed: retry 3 hosts
      patchwave run rolling-patch.yml -i prod.yml --limit @failed,@unreachable
      # then the other 4 hosts
      patchwave run rolling-patch.yml -i prod.yml --limit @20261122-020000-kxfa:not_started
    "#);
}

#[test]
fn a_halt_on_200_columns() {
    insta::assert_snapshot!(page(&halted(), 200, true), @r#"
    Rolling patch wave, run 20261122-020000-kxfa, 16s

    failed at "Security updates": 2 hosts: db[2-3].example.com
      lock held by unattended-upgrade (pid …)
      db2.example.com said:
      | E: Could not get lock /var/lib/dpkg/lock-frontend
      changed: nothing
      try: wait for process 812, it is unattended-upgrade

    unreachable at "Reboot where it is needed": db4.example.com
      it never came back after its reboot
      changed: 1 package

    ok           staging: s1.example.com: 2 packages, 1 reboot, 3.0s
    ok           staging: s2.example.com: 2 packages, 1 reboot, 3.0s
    ok           production: db1.example.com: 2 packages, 1 reboot, 3.0s
    not started  production: db5
    not started  production: db6
    not started  production: db7
    not started  production: db8

    10 hosts: 3 ok, 2 failed, 1 unreachable, 4 not started
    changed: 7 packages on 4 hosts, 3 reboots

    next:
      patchwave log 20261122-020000-kxfa db2.example.com                                     # everything it printed
      patchwave run rolling-patch.yml -i prod.yml --limit @failed,@unreachable               # when fixed: retry 3 hosts
      patchwave run rolling-patch.yml -i prod.yml --limit @20261122-020000-kxfa:not_started  # then the other 4 hosts
    "#);
}

#[test]
fn a_big_fleet_is_a_line_per_stage_and_one_per_trouble() {
    let names: Vec<String> = (1..=500).map(|i| format!("web{i:03}.example.com")).collect();
    let mut sample = Sample::of(plan(&[("edge", &[&names.join(" ")])]));
    for (i, name) in names.iter().enumerate() {
        match i % 50 {
            7 => sample.bad(name, "disk", &format!("/var on {name} has {i} MiB")),
            _ => sample.good(name),
        };
    }
    insta::assert_snapshot!(page(&sample, 100, false), @r#"
    Rolling patch wave, run 20261122-020000-kxfa, 24m50s

    failed at "Security updates": 10 hosts: web[008,058,108,158,208,258,308,358,408,458].example.com
      /var on … has … MiB
      changed: nothing

    ok           490 hosts: web[001-007,009-057,059-107,109-157,159-207,209].example.com and 286 more:
                 980 packages, 490 reboots, at most 3.0s

    500 hosts: 490 ok, 10 failed
    changed: 980 packages on 490 hosts, 490 reboots

    next:
      patchwave log 20261122-020000-kxfa web008.example.com        # everything it printed
      patchwave run rolling-patch.yml -i prod.yml --limit @failed  # when fixed: retry 10 hosts
    "#);
    assert!(page(&sample, 100, true).lines().count() > 490);
}

#[test]
fn what_is_left_behind_is_folded_and_cut() {
    let names: Vec<String> = (1..=40).map(|i| format!("web{i:02}.prod.example.com")).collect();
    let mut sample = Sample::of(plan(&[("edge", &[&names.join(" ")])]));
    for (i, name) in names.iter().enumerate() {
        // The first 29 share the same files, each of the others has its own.
        let files = (0..10).map(|n| format!("/etc/{}/{n}.conf.new", i.saturating_sub(28)));
        sample.walk(name, vec![result(Verdict::Ok, "").left_behind(LeftBehind::default().and_files(files))]);
    }
    let text = page(&sample, 80, false);
    let first = "left behind on 29 hosts: web[01-29].prod.example.com
  configuration files to merge: /etc/0/0.conf.new, /etc/0/1.conf.new,
    /etc/0/2.conf.new, /etc/0/3.conf.new, /etc/0/4.conf.new, /etc/0/5.conf.new,
    /etc/0/6.conf.new, /etc/0/7.conf.new and 2 more
left behind on 1 host: web30.prod.example.com
";
    assert!(text.contains(first), "{text}");
    let more = "and 2 more groups of hosts: patchwave show 20261122-020000-kxfa --all\n";
    assert!(text.matches("left behind on").count() == DETAILED && text.contains(more), "{text}");
    let all = page(&sample, 80, true);
    assert!(all.matches("left behind on").count() == 12 && !all.contains("more"), "{all}");
}

#[test]
fn a_lease_taken_from_another_run_is_shown_once() {
    let mut sample = Sample::of(plan(&[("all", &["a b"])]));
    let from = || serde_json::json!({ "run": "R1\u{1b}[2J", "owner": "bob@jump2", "age_s": 3700 });
    sample.start("a").begin("a", main_step(1));
    // The second note is from a controller that took over.
    sample.note("a", main_step(1), "lease.stolen", from()).note("a", main_step(1), "lease.stolen", from());
    let text = page(&sample, 120, false);
    let line = "lease: a: its lease was taken from run R1[2J of bob@jump2, 61 min after that run last reported (--steal-lease)\n";
    assert_eq!(text.matches(line).count(), 1, "{text}");
    assert_eq!(
        crate::ui::host_text(&RunView::of(&sample.state), &sample.state.hosts[0], "patchwave")
            .matches("run R1[2J of bob")
            .count(),
        1
    );
    assert!(!page(&Sample::of(plan(&[("all", &["a"])])), 120, true).contains("lease"));
}

#[test]
fn what_to_type_depends_on_what_is_left() {
    let hints = |sample: &Sample| page(sample, 200, false).split_once("next:\n").map(|(_, hints)| hints.to_owned());
    let fresh = || Sample::of(plan(&[("all", &["a b c"])]));
    let mut all_fine = fresh();
    all_fine.good("a").good("b").good("c").tell(Kind::RunFinished);
    assert_eq!(hints(&all_fine).unwrap(), "  patchwave report 20261122-020000-kxfa  # for the ticket\n");
    let mut drained = fresh();
    drained.good("a").tell(Kind::RunFinished);
    assert!(
        hints(&drained).unwrap().starts_with("  patchwave resume 20261122-020000-kxfa  # goes on with the 2 hosts")
    );
    let mut detached = fresh();
    detached.good("a").start("b").begin("b", main_step(1)).tell(Kind::RunFinished);
    let text = hints(&detached).unwrap();
    let settles = "resume 20261122-020000-kxfa  # settles the 1 unknown host, then goes on";
    assert!(text.contains(settles), "{text}");
    assert!(!text.contains("--limit"), "{text}");
    assert!(page(&detached, 80, false).contains("1 reboot, 1 host unknown\n\nnext:"));
    let mut mixed = fresh();
    mixed.bad("a", "x", "y").walk("b", vec![result(Verdict::Unknown, "lost")]).good("c");
    let text = hints(&mixed).unwrap();
    assert!(text.contains("--limit @failed,@unknown  # when fixed: retry 2 hosts"), "{text}");
}

#[test]
fn hostile_output_reaches_no_terminal() {
    let mut sample = Sample::of(plan(&[("all", &["a"])]));
    let evil = format!("\x1b[2J{}\u{9b}31m", "x".repeat(1 << 20));
    let broken = StepResult { detail: vec![evil.clone(); 9], help: Some(evil.clone()), ..failure("x", &evil) };
    sample.walk("a", vec![broken]);
    let next = CommandLines { run: "r".into(), program: "p".into(), newest: true };
    let summary = Summary {
        width: 80,
        paint: Paint::plain(),
        verbose: true,
        impact: false,
        estimate: None,
        next: Some(next),
        record: None,
    };
    let text = summary.render(&RunView::of(&sample.state));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(text.len() < 20_000);
}

#[test]
fn a_run_with_a_controller_shows_what_its_hosts_do() {
    let mut sample = Sample::of(plan(&[("edge", &["a b c", "d"])]));
    sample.good("a").start("b").begin("b", main_step(1)).wait(61).start("c");
    let next = CommandLines { run: "r".into(), program: "patchwave".into(), newest: true };
    let summary = Summary {
        width: 120,
        paint: Paint::plain(),
        verbose: false,
        impact: false,
        estimate: None,
        next: Some(next),
        record: None,
    };
    let view = RunView { now: sample.now(), ..RunView::of(&sample.state) };
    insta::assert_snapshot!(summary.render(&view.running(true)), @r#"
    Rolling patch wave, run 20261122-020000-kxfa, 1m04s

    in flight    b: Security updates, for 1m01s
    in flight    c: between steps
    ok           a: 2 packages, 1 reboot, 3.0s
    not started  d

    4 hosts: 1 ok, 2 in flight, 1 not started
    changed: 2 packages on 1 host, 1 reboot, 2 hosts in flight

    next:
      patchwave status 20261122-020000-kxfa --watch  # follows it
    "#);
    let page = summary.render(&view);
    assert!(page.contains("unknown") && page.contains("had begun when the controller left"), "{page}");
    assert!(page.contains("4 hosts: 1 ok, 1 unknown, 1 paused, 1 not started\n"), "{page}");
}

/// A run that was stopped at the step border: the host has one word everywhere.
#[test]
fn a_paused_host_has_one_word() {
    let mut sample = Sample::of(plan(&[("edge", &["h1 h2"])]));
    let stop = |how| Kind::StopRequested { how, by: "Ctrl-C".to_owned() };
    sample.start("h1").begin("h1", main_step(0)).tell(stop(Stop::Drain)).tell(stop(Stop::StepBorder));
    sample.end("h1", main_step(0), result(Verdict::Ok, "ready"));
    insta::assert_snapshot!(page(&sample, 80, false), @r#"
    Rolling patch wave, run 20261122-020000-kxfa, 0.0s

    paused: h1
      after "Ready to be patched", before "Security updates"
      changed: nothing

    not started  h2

    2 hosts: 1 paused, 1 not started
    changed: nothing

    next:
      # goes on with the 1 paused host and the 1 not started
      patchwave resume 20261122-020000-kxfa
    "#);
    assert_eq!(sample.state.exit_code(), 4);
    let log = crate::ui::host_text(&RunView::of(&sample.state), &sample.state.hosts[0], "patchwave");
    assert!(log.starts_with("h1: paused\n"), "{log}");
    let row = crate::ui::runs_text(&[(sample.state.clone(), false)], 120, jiff::tz::TimeZone::UTC);
    assert!(row.contains("paused") && row.contains("1 paused, 1 not started"), "{row}");
    for word in ["unknown", "in flight", "open", "interrupted"] {
        assert!(!page(&sample, 80, true).contains(word) && !row.contains(word), "{word}");
    }
}

#[test]
fn messages_that_were_not_sent_are_counted_and_the_record_has_its_head() {
    let mut sample = Sample::of(plan(&[("all", &["web01 web02 web03"])]));
    for host in ["web01", "web02", "web03"] {
        let why = format!("https://chat.example.com: no answer for {host} within 10 s");
        sample.walk(host, vec![failure("notify", &why).unsent(), result(Verdict::Ok, "fine")]);
    }
    let record = Record { events: 9, head: "00ff".repeat(16) };
    let summary = Summary {
        width: 80,
        paint: Paint::plain(),
        verbose: false,
        impact: false,
        estimate: None,
        next: None,
        record: Some(record),
    };
    let page = summary.render(&RunView::of(&sample.state));
    let end = page.split_once("\n\n3 hosts").unwrap().1;
    insta::assert_snapshot!(end, @r"
    : 3 ok
    changed: nothing
    warning: 3 messages not sent: https://chat.example.com: no answer for … within … s (web[01-03])
    record: 9 events, head 00ff00ff00ff00ff
      in full: 00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
    ");
}
