use std::fs;

use super::*;
use crate::ledger::tests::{at, first, later};

/// Checks a salvaged ledger: events up to here are unchanged, and the next one says that the record was cut, if it was.
#[track_caller]
fn saved(ledger: &Ledger, run: &str, events: u64, cut: bool) {
    let run = RunId(run.to_owned());
    ledger.verify(&run).unwrap();
    let found = ledger.events(&run).unwrap();
    assert_eq!(found.len() as u64, events + u64::from(cut), "{run}");
    assert_eq!(matches!(found.last().unwrap().kind, Kind::RecordCut { .. }), cut, "{run}");
    assert_eq!(found[1..events as usize], later(2, events - 1));
}

#[test]
fn of_a_damaged_ledger_the_good_events_of_each_run_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for run in ["run-1", "run-2", "run-3"] {
        let lock = ledger.begin(&first(run, 600)).unwrap();
        assert!(matches!(salvage(folder.path(), at(9)), Err(LedgerError::Locked { .. })), "somebody drives a run");
        ledger.append(&lock, &later(2, 999)).unwrap();
    }
    ledger.db.execute("UPDATE events SET at = '2026-11-22T02:00:00Z' WHERE no = 1 AND seq = 400", []).unwrap();
    drop(ledger);
    let whole = fs::read(folder.path().join("ledger.db")).unwrap();
    let done = salvage(folder.path(), at(5000)).unwrap();
    let told: Vec<_> = done.runs.iter().map(|run| (run.events, run.lost.is_some())).collect();
    assert_eq!(told, [(399, true), (1000, false), (1000, false)]);
    assert_eq!(done.runs[0].lost.as_deref(), Some("event 400 is not what was written"));
    assert_eq!(fs::read(&done.kept).unwrap(), whole, "the old file is kept");
    let ledger = Ledger::open(folder.path()).unwrap();
    saved(&ledger, "run-1", 399, true);
    saved(&ledger, "run-2", 1000, false);
    assert_eq!(ledger.state(&RunId("run-1".into())).unwrap().cut.as_deref(), done.runs[0].lost.as_deref());
    assert_eq!(ledger.runs(9).unwrap().len(), 3);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("salvage-")), "{left:?}");
}

#[test]
fn bad_pages_lose_only_what_is_on_them() {
    let mut saved_at_all = 0;
    for page in [2, 4, 5, 7, 12, 30, 60] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        for run in ["run-1", "run-2", "run-3"] {
            let lock = ledger.begin(&first(run, 600)).unwrap();
            ledger.append(&lock, &later(2, 999)).unwrap();
        }
        drop(ledger);
        let db = folder.path().join("ledger.db");
        let mut bytes = fs::read(&db).unwrap();
        assert!(bytes.len() > 70 * 4096, "{}", bytes.len());
        bytes[(page - 1) * 4096..page * 4096].fill(0x5a);
        fs::write(&db, bytes).unwrap();
        assert!(Ledger::open(folder.path()).and_then(|ledger| ledger.check_file()).is_err(), "page {page}");
        let done = salvage(folder.path(), at(5000)).unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        ledger.check_file().unwrap();
        for run in done.runs.iter().filter(|run| run.events > 0) {
            saved_at_all += run.events;
            saved(&ledger, &run.run.as_ref().unwrap().0, run.events, run.lost.is_some());
        }
    }
    assert!(saved_at_all > 10_000, "{saved_at_all} events of 21,000");
}

/// Three runs; the middle one is deleted if `pruned`. Returns the folder.
fn three_runs(pruned: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for run in ["run-1", "run-2", "run-3"] {
        let lock = ledger.begin(&first(run, 600)).unwrap();
        ledger.append(&lock, &later(2, 299)).unwrap();
    }
    if pruned {
        assert_eq!(ledger.forget(&[RunId("run-2".into())], "ann@jump").unwrap().len(), 1);
    }
    folder
}

#[test]
fn without_its_header_or_its_first_page_a_ledger_is_read_all_the_same() {
    for pruned in [false, true] {
        for lost in [16, 100, 4096] {
            let folder = three_runs(pruned);
            let db = folder.path().join("ledger.db");
            let mut bytes = fs::read(&db).unwrap();
            bytes[..lost].fill(0x5a);
            fs::write(&db, &bytes).unwrap();
            let refused = Ledger::open_read_only(folder.path()).unwrap_err();
            assert!(matches!(refused, LedgerError::Corrupted { .. }), "{refused}");
            assert!(refused.help().unwrap().to_string().contains("ledger salvage"));
            let done = salvage(folder.path(), at(5000)).unwrap();
            assert_eq!(fs::read(&done.kept).unwrap(), bytes, "the old file is kept");
            let ledger = Ledger::open(folder.path()).unwrap();
            let runs = if pruned { &["run-1", "run-3"][..] } else { &["run-1", "run-2", "run-3"] };
            assert_eq!(done.runs.len(), runs.len(), "{pruned} {lost}: {:?}", done.runs);
            for run in runs {
                saved(&ledger, run, 300, false);
            }
        }
    }
}

#[test]
fn what_is_no_ledger_at_all_is_left_as_it_was() {
    for text in [&b"Dear diary"[..], &[0; 40_960]] {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("ledger.db");
        fs::write(&db, text).unwrap();
        let refused = salvage(folder.path(), at(5000)).unwrap_err();
        assert!(matches!(refused, LedgerError::Unreadable { .. }), "{refused}");
        assert!(refused.help().unwrap().to_string().contains("backup"));
        assert_eq!(fs::read(&db).unwrap(), text);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["ledger.db"]);
    }
}
