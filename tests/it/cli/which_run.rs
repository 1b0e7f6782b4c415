//! The run that a command uses if none is named: never a check, and `resume` asks first.

use patchwave::event::{Event, Kind};

use crate::support::{
    case::{Case, begun},
    cli::Desk,
};

/// Another run than `earlier`, killed while a host is in its only step, which takes no lease. It can be resumed.
fn interrupted(desk: &Desk, earlier: &str) -> String {
    let other = |events: &[Event]| matches!(&events[0].kind, Kind::RunStarted(started) if started.run.0 != earlier);
    desk.killed("run play.yml -i inv.yml", "a step that began", |events| begun(events) > 0 && other(events))
}

#[test]
fn a_resume_without_an_id_names_the_run_and_asks() {
    let mut site = Case::hosts(2).one_by_one().steps("  - pause: 2s\n").site();
    let run = interrupted(&site, "");
    let events = site.events(&run).len();
    insta::assert_snapshot!(site.run("resume").page(), @r#"
    exit code 3
    -- stderr
    error: `resume` without an id asks first, and there is no terminal to ask on:
      run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: settles the 1 unknown host, then goes on
    help: name the run: `patchwave resume 20260101-000000-abcd`; or give --yes to confirm
    "#);
    site.types = Some("no");
    site.run("resume").ended(3).says(&["not confirmed; nothing was done"]);
    assert_eq!(site.events(&run).len(), events);
    site.types = Some("yes");
    site.run("resume --limit web001.test").ended(4);
    site.types = None;
    let what = "resuming run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: goes on with the 1 host \
                not started\n";
    site.run("resume --yes").ended(0).says(&[what, "2 ok"]);
    // There is nothing to ask about.
    site.run("resume").ended(0).says(&["all its hosts are done, there is nothing to resume"]);
}

#[test]
fn a_resume_without_an_id_never_chooses_between_runs() {
    let mut site = Case::hosts(2).one_by_one().steps("  - pause: 2s\n").site();
    let first = interrupted(&site, "");
    let second = interrupted(&site, &first);
    site.types = Some("yes");
    insta::assert_snapshot!(site.run("resume --yes").page(), @r#"
    exit code 2
    -- stderr
    error: 2 runs can be resumed:
      run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: settles the 1 unknown host, then goes on
      run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: settles the 1 unknown host, then goes on
    help: say which one: `patchwave resume RUN`; the four letters at the end are enough
    "#);
    site.run(&format!("resume {second}")).ended(0);
    insta::assert_snapshot!(site.run("resume --yes").page(), @r#"
    exit code 2
    -- stderr
    error: the newest run, 20260101-000000-abcd, cannot be resumed now, but an older one can:
      run 20260101-000000-abcd, Slow, started 2026-01-01 00:00 by ann@jump: settles the 1 unknown host, then goes on
    help: `patchwave resume 20260101-000000-abcd`
    "#);
    // With an id there is no question.
    site.types = None;
    site.run(&format!("resume {first}")).ended(0);
}

#[test]
fn a_check_stands_in_for_no_run() {
    let site = Case::hosts(1).play("name: Broken\nsteps:\n  - command: exit 1\n").site();
    site.run("run play.yml -i inv.yml --check").ended(0);
    let first = site.last_run();
    for verb in ["show", "status", "report"] {
        let help = format!("help: `patchwave {verb} {first}`\n");
        let said = site.run(verb).ended(2).says(&["the ledger has only checks (--check), no run"]);
        assert!(said.err.contains(&help), "{}", said.err);
    }
    site.run("resume").ended(2).says(&["there is no run to resume"]);
    site.run("inventory hosts -i inv.yml @failed").ended(2).says(&["no run at all is in the ledger"]);

    site.run("run play.yml -i inv.yml").ended(6);
    let real = site.last_run();
    site.run("run play.yml -i inv.yml --check --limit web001.test").ended(0);
    let check = site.last_run();
    for verb in ["show", "status", "report"] {
        let said = site.run(verb).ended(0).says(&["1 failed"]);
        assert_eq!(said.err, format!("run {real}; there is a newer check: `patchwave {verb} {check}`\n"));
        site.run(&format!("{verb} {check}")).ended(0).says(&["check only"]);
    }
    site.run("resume").ended(6).says(&["its host is done, there is nothing to resume"]);
    assert_eq!(site.run("inventory hosts -i inv.yml @failed").ended(0).out, "web001.test\n");
    insta::assert_snapshot!(site.run("runs").page(), @r#"
    exit code 0
    -- stdout
    run                    playbook  started           by   state    hosts
    20260101-000000-abcd   Broken    2026-01-01 00:00  ann  checked  1 ok
    20260101-000000-abcd   Broken    2026-01-01 00:00  ann  done     1 failed
    20260101-000000-abcd   Broken    2026-01-01 00:00  ann  checked  1 ok
    "#);
    let rows = site.run("runs --json").ended(0).out;
    let checked: Vec<bool> = rows.lines().map(|row| row.contains("\"state\":\"checked\"")).collect();
    assert_eq!(checked, [true, false, true], "{rows}");
    insta::assert_snapshot!(site.run(&format!("status {check}")).page(), @r#"
    exit code 0
    -- stdout
    run 20260101-000000-abcd  Broken (check only)
    checked, nothing was changed
    began 1s ago, last record 1s ago: 1 ok

      production/medium (canary)                    1 ok
    "#);
    insta::assert_snapshot!(site.run(&format!("resume {check}")).page(), @r#"
    exit code 3
    -- stderr
    error: run 20260101-000000-abcd is only a check (--check): it changed nothing, and cannot be resumed
    help: to check again: `patchwave run play.yml -i inv.yml --check --limit web001.test`; to make the changes: `patchwave run play.yml -i inv.yml --limit web001.test`
    "#);
}

#[test]
fn a_check_that_was_interrupted_is_checked_again() {
    let mut site = Case::hosts(2).one_by_one().steps("  - command: { run: sleep 2, changes: false }\n").site();
    site.columns = Some(200);
    let check = site.killed("run play.yml -i inv.yml --check", "a step that began", |events| begun(events) > 0);
    site.run("runs").ended(0).says(&["check interrupted"]);
    site.run(&format!("status {check}")).ended(0).says(&["check interrupted", "patchwave show"]);
    let page = site.run(&format!("show {check}")).ended(0).out;
    let again = format!("run play.yml -i inv.yml --check --limit @{check}:unfinished");
    assert!(page.contains(&format!("patchwave {again}")) && !page.contains("resume"), "{page}");
    site.run(&again).ended(0).says(&["(check only)", "2 without a problem"]);
}

#[test]
fn the_run_that_is_going_on_comes_before_a_newer_one() {
    let site = Case::hosts(2).site();
    let go = site.folder().join("go");
    let waits = format!("until [ -e '{}' ]; do sleep 0.1; done", go.display());
    site.write("slow.yml", &format!("name: Slow\nsteps:\n  - command: \"{waits}\"\n"));
    site.write("quick.yml", "name: Quick\nsteps:\n  - command: 'true'\n");
    let running = site.start("run slow.yml -i inv.yml --limit web001.test");
    let slow = site.until("a step that began", |events| events.len() > 3);
    site.run("run quick.yml -i inv.yml --limit web002.test").ended(0);
    let quick = site.last_run();
    assert_ne!(slow, quick);
    for verb in ["show", "status", "report", "log web001.test"] {
        let said = site.run(verb).ended(0);
        let word = verb.split(' ').next().unwrap();
        let newer = format!("run {slow}, which is going on; there is a newer run: `patchwave {word} {quick}`\n");
        assert!(said.err.contains(&newer), "{verb}: {}", said.err);
    }
    site.run("retry").ended(3).says(&["no host failed"]);
    site.run(&format!("retry {slow}")).ended(3).says(&["is still going on", "patchwave status"]);
    site.write("go", "");
    running.end().ended(0);
    let said = site.run("show").ended(0).says(&["Quick"]);
    assert_eq!(said.err, "");
}

#[test]
fn the_log_of_a_host_needs_no_run() {
    let site = Case::hosts(1).play("name: Speaks\nsteps:\n  - command: echo spoken\n").site();
    site.run("run play.yml -i inv.yml").ended(0);
    let run = site.last_run();
    site.run("log web001.test").ended(0).says(&["spoken"]);
    site.run(&format!("log {run} web001.test")).ended(0).says(&["spoken"]);
    site.run("log web009.test").ended(2).says(&["web009.test is not in run", "patchwave show"]);
    site.run(&format!("log {run}")).ended(2).says(&["is a run; name a host of it: `patchwave log"]);
}
