//! `status`, `report` and `ledger …`: a run seen from another shell, and its record.

use crate::support::{case::Case, cli::Desk};

#[test]
fn a_live_run_is_seen_and_watched_from_another_shell() {
    let site = Case::hosts(2).policy("batch: 1, approve: true").site();
    let go = site.folder().join("go");
    let waits = format!("until [ -e '{}' ]; do sleep 0.1; done", go.display());
    site.write("play.yml", &format!("name: Slow\nsteps:\n  - name: Sleeps\n    command: \"{waits}\"\n"));
    let running = site.start("run play.yml -i inv.yml");
    let run = site.until("a step that began", |events| events.len() > 3);
    site.run("status").ended(0).says(&["driven by ann@", "1 in flight, 1 not started", "web001.test", "Sleeps"]);
    let show = site.run("show").ended(0).says(&["in flight", "Sleeps", "patchwave status", "--watch"]);
    assert!(!show.out.contains("unknown"), "{}", show.out);
    site.run("report").ended(0).says(&[
        "still running",
        "1 in flight, 0 failed",
        "- **web001.test**: in \"Sleeps\" since",
    ]);
    let seen = site.run(&format!("status {run} --json")).ended(0).json();
    assert_eq!((&seen["state"], &seen["in_flight"][0]["step"]), (&"running".into(), &"Sleeps".into()), "{seen}");
    site.write("go", "");
    let approve = std::thread::scope(|scope| {
        let watch = scope.spawn(|| site.run("status --watch"));
        site.until("the first host that is done", |events| events.len() > 6);
        std::thread::sleep(std::time::Duration::from_millis(700));
        let waits = site.run("status").ended(0);
        site.run(&format!("approve {run}")).ended(0);
        running.end().ended(0);
        watch.join().unwrap().ended(0).says(&["waits: approval of stage", "approved", "2 ok"]);
        waits
    });
    approve.says(&["waits: approval of stage", "patchwave approve 20260101-000000-abcd"]);
    site.run("status").ended(0).says(&["\ndone\n", "2 ok"]);
    site.run("status --watch --json").ended(0);
    site.run("report").ended(0).says(&["# Slow: every selected host is ok", "web001.test"]);
    let report = site.run("report --format json").ended(0).json();
    assert_eq!(report["exit_code"], 0);
}

/// A ledger with this many finished runs.
fn runs(desk: &Desk, many: usize) -> Vec<String> {
    (0..many)
        .map(|_| {
            desk.run("run play.yml -i inv.yml").ended(0);
            desk.last_run()
        })
        .collect()
}

#[test]
fn the_record_is_checked_saved_and_forgotten() {
    let mut site = Case::hosts(1).play("name: Quick\nsteps:\n  - command: 'true'\n").site();
    site.run("ledger verify").ended(2);
    site.run("ledger prune --keep-runs 1").ended(2);
    let runs = runs(&site, 3);
    let db = site.folder().join("state/ledger.db");
    assert_eq!(site.run("ledger path").ended(0).out, format!("{}\n", db.display()));
    site.run("ledger verify").ended(0).says(&["3 runs,"]);
    site.run("ledger salvage").ended(0).says(&["not damaged"]);

    site.run("ledger prune").ended(2);
    site.run("ledger prune --older-than 1h").ended(0).says(&["no runs to delete"]);
    site.run("ledger prune --keep-runs 2").ended(3).says(&["there is no terminal to confirm it on", "--yes"]);
    site.types = Some("no");
    site.run("ledger prune --keep-runs 2").ended(3).says(&["nothing was deleted"]);
    site.types = Some("yes");
    site.run("ledger prune --keep-runs 2").ended(0).says(&["1 run deleted"]);
    site.run(&format!("show {}", runs[0])).ended(2);
    assert!(!site.folder().join("state/logs").join(&runs[0]).exists());

    let sql = rusqlite::Connection::open(&db).unwrap();
    sql.execute("UPDATE events SET kind = replace(kind, 'ann', 'eve') WHERE seq = 1 AND no = 3", []).unwrap();
    sql.execute("UPDATE events SET at = '2026-01-01T00:00:00Z' WHERE seq = 3 AND no = 2", []).unwrap();
    drop(sql);
    site.run(&format!("ledger verify {}", runs[1])).ended(3).says(&["damaged at event 3", "ledger salvage"]);
    site.run("resume --yes").ended(3).says(&["damaged at event 1"]);
    site.run("ledger salvage").ended(0).says(&["cut after 2 events", "the damaged file is kept"]);
    site.run("ledger verify").ended(0).says(&["1 run,"]);
    site.run("show").ended(0).says(&["the end of its record is lost", "unknown"]);
    site.run("resume --yes").ended(3).says(&["the end of this run's record is lost", ":unfinished"]);
}

#[test]
fn hints_find_the_ledger_of_another_state_folder() {
    let desk = Desk::empty();
    desk.run("--state-dir elsewhere runs").ended(0);
    desk.run("--state-dir elsewhere status").ended(2).says(&["`patchwave --state-dir elsewhere run` records one"]);
    desk.run("status").ended(2).says(&["`patchwave run` records one"]);
}
