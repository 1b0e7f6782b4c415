//! What may not be done now: exit code 3, with the run or setting that blocks it, and nothing touched.

use crate::support::case::{Case, Site};

/// The hosts' risk and window, and a look at them.
fn site(hosts: usize, policy: &str) -> Site {
    let site = Case::hosts(hosts).play("name: Look\nsteps:\n  - command: \"true\"\n").site();
    let inventory = site.fleet.inventory().replace("risk: medium,", &format!("{policy},"));
    assert_ne!(inventory, site.fleet.inventory());
    site.write("inv.yml", &inventory);
    site
}

#[test]
fn a_high_risk_that_nobody_confirms() {
    let mut site = site(2, "risk: critical");
    insta::assert_snapshot!(site.run("run play.yml -i inv.yml").page(), @r#"
    exit code 3
    -- stderr
    Look, plan 0123456789ab
      production/critical                           2 hosts in 2 waves
      in total                                      2 hosts
    error: this run touches production/critical (2 hosts, risk critical), and there is no terminal to confirm it on
    help: give --yes to confirm
    "#);
    for answer in ["no", "", "y"] {
        site.types = Some(answer);
        site.run("run play.yml -i inv.yml").ended(3).says(&["not confirmed; nothing was done"]);
    }
    assert!(site.logins() == 0);
    assert!(!site.folder().join("state/ledger.db").exists());
    site.types = Some("yes");
    site.run("run play.yml -i inv.yml").ended(0);
    site.types = None;
    site.run("run play.yml -i inv.yml --yes").ended(0);
    site.run("run play.yml -i inv.yml --check").ended(0);
}

#[test]
fn a_window_that_is_closed() {
    let site = site(2, "risk: low, window: { start: '0 0 29 2 *', duration: 1m, timezone: UTC }");
    insta::assert_snapshot!(site.run("run play.yml -i inv.yml").ended(3).page(), @r#"
    exit code 3
    -- stderr
    Look, plan 0123456789ab
    error: the maintenance window of web[001-002].test is closed now; it opens on 2026-01-01 00:00 UTC
    help: wait for it, leave these hosts out with --limit, or give --ignore-window
    "#);
    assert!(site.logins() == 0);
    site.run("run play.yml -i inv.yml --check").ended(0);
    // The digest of a plan is that of its run, with windows and without; a check is a check of the same plan.
    let digest = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["digest"].clone();
    let planned = |options: &str| digest(&site.run(&format!("plan play.yml -i inv.yml --json{options}")).ended(0).out);
    let ran = || digest(&site.run(&format!("report {} --format json", site.last_run())).ended(0).out);
    assert_eq!(ran(), planned(""));
    let told = ["maintenance windows ignored (--ignore-window)"];
    site.run("run play.yml -i inv.yml --ignore-window").ended(0).says(&told);
    assert_eq!(ran(), planned(" --ignore-window"));
    assert_ne!(planned(" --ignore-window"), planned(""));
    site.run("plan play.yml -i inv.yml --ignore-window").ended(0).says(&told);
    for command in ["show", "status", "report"] {
        site.run(command).says(&["maintenance windows ignored (--ignore-window), by ann@jump"]);
    }
}

#[test]
fn a_run_that_somebody_else_drives_and_one_that_nobody_does() {
    let site = site(1, "risk: low");
    site.write("play.yml", "name: Slow\nsteps:\n  - command: sleep 3\n");
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a host that started", |events| events.len() > 2);
    let resume = site.run("resume --yes").ended(3);
    insta::assert_snapshot!(resume.page(), @r#"
    exit code 3
    -- stderr
    error: another controller is running run 20260101-000000-abcd: ann@jump, process 1, since 2026-01-01 00:00 UTC
    help: `patchwave status RUN` shows how far it is; `patchwave stop RUN` drains it
    "#);
    site.run("runs").ended(0).says(&["running"]);
    running.end().ended(0);
    for command in ["approve", "stop"] {
        site.run(&format!("{command} {run}")).ended(3).says(&["no controller is running run"]);
    }
    insta::assert_snapshot!(site.run(&format!("stop {run}")).page(), @r#"
    exit code 3
    -- stderr
    error: no controller is running run 20260101-000000-abcd
    help: `patchwave show 20260101-000000-abcd`
    "#);
}

#[test]
fn passwords_that_nobody_can_type() {
    let site = site(1, "risk: low");
    insta::assert_snapshot!(site.run("run play.yml -i inv.yml -K").page(), @r#"
    exit code 3
    -- stderr
    error: the sudo password cannot be asked for: there is no terminal
    "#);
    site.run("exec -i inv.yml all -k -- true").ended(3);
}
