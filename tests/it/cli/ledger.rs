//! `runs`, `show`, `log`: the ledger read back.

use patchwave::demo::Fault;

use crate::support::{
    case::Case,
    cli::{Desk, record_lines},
};

#[test]
fn a_run_that_halted() {
    let site = Case::hosts(3)
        .broken("web002.test", Fault::DiskFull)
        .play(crate::support::cli::PLAYBOOK.replace("when: required", "when: required, warn: 0s"))
        .site();
    let said = site.run("run play.yml -i inv.yml").ended(6);
    let run = site.last_run();
    insta::assert_snapshot!(site.run("runs").page(), @r#"
    exit code 0
    -- stdout
    run                    playbook  started           by   state    hosts
    20260101-000000-abcd   Patch     2026-01-01 00:00  ann  stopped  1 ok, 1
                                                                     failed, 1 not
                                                                     started
    "#);
    // The same page as at the end of the run.
    assert_eq!(
        site.run("show").ended(0).page(),
        said.page().split("-- stderr").next().unwrap().replace("exit code 6", "exit code 0")
    );
    insta::assert_snapshot!(site.run(&format!("show {run} --all")).page(), @r#"
    exit code 0
    -- stdout
    Patch, run 20260101-000000-abcd, 1s

    failed at "Ready": web002.test
      / has 0 MiB free, 1.0 GiB needed
      changed: nothing

    ok           web001.test: 11 packages, 1 reboot, 1s
    not started  web003.test

    3 hosts: 1 ok, 1 failed, 1 not started
    changed: 11 packages on 1 host, 1 reboot

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web002.test
      # when fixed: retry 1 host
      patchwave run play.yml -i inv.yml --limit @failed
      # then the other host
      patchwave run play.yml -i inv.yml --limit @20260101-000000-abcd:not_started
    "#);
    insta::assert_snapshot!(site.run(&format!("log {run} web002.test")).page(), @r#"
    exit code 0
    -- stdout
    web002.test: failed
      failed      Ready  (1s): / has 0 MiB free, 1.0 GiB needed
    (no output)
    "#);
    insta::assert_snapshot!(site.run(&format!("log {run} web003.test")).page(), @r#"
    exit code 0
    -- stdout
    web003.test: not started
      it had no slot in this run
    (no output)
    "#);
    site.run(&format!("log {run} web001.test")).ended(0).says(&["Setting up openssl"]);
    insta::assert_snapshot!(site.run(&format!("log {run} web009.test")).page(), @r#"
    exit code 2
    -- stderr
    error: web009.test is not in run 20260101-000000-abcd
    help: its hosts: `patchwave show 20260101-000000-abcd --all`
    "#);
    insta::assert_snapshot!(site.run("show 1999").page(), @r#"
    exit code 2
    -- stderr
    error: there is no run "1999" in this ledger
    help: `patchwave runs` lists them; the four letters at the end are enough
    "#);
}

#[test]
fn nothing_yet() {
    let desk = Desk::empty();
    let pages: String =
        ["runs", "show", "log 2026 web1", "resume", "approve 2026"].map(|line| desk.run(line).page()).concat();
    assert!(!desk.folder().join("state/ledger.db").exists(), "a command that only looks made a ledger");
    insta::assert_snapshot!(pages, @r#"
    exit code 0
    -- stdout
    no run has been recorded yet
    exit code 2
    -- stderr
    error: state/ledger.db: no run has been recorded here
    help: `patchwave run` records one; `--state-dir DIR` names another state folder
    exit code 2
    -- stderr
    error: state/ledger.db: no run has been recorded here
    help: `patchwave run` records one; `--state-dir DIR` names another state folder
    exit code 2
    -- stderr
    error: state/ledger.db: no run has been recorded here
    help: `patchwave run` records one; `--state-dir DIR` names another state folder
    exit code 2
    -- stderr
    error: state/ledger.db: no run has been recorded here
    help: `patchwave run` records one; `--state-dir DIR` names another state folder
    "#);
}

#[test]
fn the_head_is_printed_and_is_found_again() {
    let site = Case::hosts(1).play("name: Quick\nsteps:\n  - command: 'true'\n").site();
    let head = |text: &str| record_lines().captures(text).map(|found| (found[1].to_owned(), found[2].to_owned()));
    let said = site.run("run play.yml -i inv.yml").ended(0);
    let (short, whole) = head(&said.out).unwrap_or_else(|| panic!("{}", said.out));
    assert!(whole.starts_with(&short));
    let first = site.last_run();
    assert_eq!(head(&site.run("show").out), Some((short.clone(), whole.clone())));
    assert!(site.run("report").out.contains(&format!("events, head {whole}\n")));
    let json: serde_json::Value = serde_json::from_str(&site.run("report --format json").out).unwrap();
    assert_eq!(json["record"]["head"], whole.as_str());
    site.run("run play.yml -i inv.yml").ended(0);
    for line in [format!("--head {short}"), format!("--head {} {first}", whole.to_uppercase())] {
        let found = format!("of run {}, its last", said.plain(&first).trim());
        site.run(&format!("ledger verify {line}")).ended(0).says(&[": the hashes fit", &found]);
    }
    let said = site.run("ledger verify").ended(0).says(&["2 runs, ", "verify --head HASH"]);
    let ledger = said.out.lines().find_map(|line| line.strip_prefix("ledger: head ")).unwrap();
    site.run(&format!("ledger verify --head {ledger}")).ended(0).says(&["of the ledger's history"]);
    site.run("ledger verify --head 0123456789abcdef0").ended(3).says(&["no event has the hash", "cut or rewritten"]);
    site.run("ledger verify --head nonsense").ended(2).says(&["16 to 64 hexadecimal digits"]);
    site.run("ledger prune --keep-runs 1 --yes").ended(0);
    site.run("ledger verify").ended(0).says(&["1 run, "]);
    site.run(&format!("ledger verify --head {short}")).ended(3).says(&["which ann@jump pruned"]);
}

#[test]
fn a_run_that_somebody_took_away_is_missed_and_salvage_goes_on_without_it() {
    let site = Case::hosts(1).play("name: Quick\nsteps:\n  - command: 'true'\n").site();
    for _ in 0..2 {
        site.run("run play.yml -i inv.yml").ended(0);
    }
    let db = rusqlite::Connection::open(site.folder().join("state/ledger.db")).unwrap();
    db.execute_batch("DELETE FROM events WHERE no = 1; DELETE FROM runs WHERE no = 1").unwrap();
    drop(db);
    site.run("ledger verify")
        .ended(3)
        .says(&["is missing, and the history does not say that it was pruned", "ledger salvage"]);
    site.run("ledger salvage").ended(0).says(&["whole", "the damaged file is kept"]);
    site.run("ledger verify").ended(0).says(&["1 run, "]);
    site.run("run play.yml -i inv.yml").ended(0);
    site.run("ledger verify").ended(0).says(&["2 runs, "]);
}
