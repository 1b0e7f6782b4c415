//! `status`, `report` and `ledger …`: a run seen from another shell, and its record.

use patchwave::demo::{Fleet, FleetSpec};
use serde_json::Value;

use crate::support::cli::Desk;

#[test]
fn a_live_run_is_seen_and_watched_from_another_shell() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = Desk::of(&fleet);
    desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1, approve: true"));
    let go = desk.folder().join("go");
    let waits = format!("until [ -e '{}' ]; do sleep 0.1; done", go.display());
    desk.write("play.yml", &format!("name: Slow\nsteps:\n  - name: Sleeps\n    command: \"{waits}\"\n"));
    let running = desk.start("run play.yml -i inv.yml");
    let run = desk.until("a step that began", |events| events.len() > 3);
    desk.run("status").ended(0).says(&["driven by ann@", "1 in flight, 1 not started", "web001.test", "Sleeps"]);
    let show = desk.run("show").ended(0).says(&["in flight", "Sleeps", "patchwave status", "--watch"]);
    assert!(!show.out.contains("unknown"), "{}", show.out);
    desk.run("report").ended(0).says(&[
        "it still runs",
        "1 in flight, 0 failed",
        "- **web001.test**: in \"Sleeps\" since",
    ]);
    let seen: Value = serde_json::from_str(&desk.run(&format!("status {run} --json")).ended(0).out).unwrap();
    assert_eq!((&seen["state"], &seen["in_flight"][0]["step"]), (&"running".into(), &"Sleeps".into()), "{seen}");
    desk.write("go", "");
    let approve = std::thread::scope(|scope| {
        let watch = scope.spawn(|| desk.run("status --watch"));
        desk.until("the first host that is done", |events| events.len() > 6);
        std::thread::sleep(std::time::Duration::from_millis(700));
        let waits = desk.run("status").ended(0);
        desk.run(&format!("approve {run}")).ended(0);
        running.end().ended(0);
        watch.join().unwrap().ended(0).says(&["waits: approval of stage", "approved", "2 ok"]);
        waits
    });
    approve.says(&["waits: approval of stage", "patchwave approve 20260101-000000-abcd"]);
    desk.run("status").ended(0).says(&["\ndone\n", "2 ok"]);
    desk.run("status --watch --json").ended(0);
    desk.run("report").ended(0).says(&["# Slow: every selected host is ok", "web001.test"]);
    let report: Value = serde_json::from_str(&desk.run("report --format json").ended(0).out).unwrap();
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
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let mut desk = Desk::of(&fleet);
    desk.write("play.yml", "name: Quick\nsteps:\n  - command: 'true'\n");
    desk.run("ledger verify").ended(2);
    desk.run("ledger prune --keep-runs 1").ended(2);
    let runs = runs(&desk, 3);
    let db = desk.folder().join("state/ledger.db");
    assert_eq!(desk.run("ledger path").ended(0).out, format!("{}\n", db.display()));
    desk.run("ledger verify").ended(0).says(&["3 runs,"]);
    desk.run("ledger salvage").ended(0).says(&["nothing is wrong"]);

    desk.run("ledger prune").ended(2);
    desk.run("ledger prune --older-than 1h").ended(0).says(&["no run is to be forgotten"]);
    desk.run("ledger prune --keep-runs 2").ended(3).says(&["nobody is there to confirm it", "--yes"]);
    desk.types = Some("no");
    desk.run("ledger prune --keep-runs 2").ended(3).says(&["nothing was forgotten"]);
    desk.types = Some("yes");
    desk.run("ledger prune --keep-runs 2").ended(0).says(&["1 run forgotten"]);
    desk.run(&format!("show {}", runs[0])).ended(2);
    assert!(!desk.folder().join("state/logs").join(&runs[0]).exists());

    let sql = rusqlite::Connection::open(&db).unwrap();
    sql.execute("UPDATE events SET kind = replace(kind, 'ann', 'eve') WHERE seq = 1 AND no = 3", []).unwrap();
    sql.execute("UPDATE events SET at = '2026-01-01T00:00:00Z' WHERE seq = 3 AND no = 2", []).unwrap();
    drop(sql);
    desk.run(&format!("ledger verify {}", runs[1])).ended(3).says(&["damaged at event 3", "ledger salvage"]);
    desk.run("resume").ended(3).says(&["damaged at event 1"]);
    desk.run("ledger salvage").ended(0).says(&["cut after 2 events", "the damaged file is kept"]);
    desk.run("ledger verify").ended(0).says(&["1 run,"]);
    desk.run("show").ended(0).says(&["the end of its record is lost", "unknown"]);
    desk.run("resume").ended(3).says(&["the end of this run's record is lost", ":unfinished"]);
}

#[test]
fn hints_find_the_ledger_of_another_state_folder() {
    let desk = Desk::empty();
    desk.run("--state-dir elsewhere runs").ended(0);
    desk.run("--state-dir elsewhere status").ended(2).says(&["`patchwave --state-dir elsewhere run` records one"]);
    desk.run("status").ended(2).says(&["`patchwave run` records one"]);
}
