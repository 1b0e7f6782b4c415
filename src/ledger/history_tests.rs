//! What the hashes find by themselves, what is only found with a hash that was noted elsewhere, and what does not count
//! as damage.

use rusqlite::Connection;

use super::{
    history::{self, Entry, Happened},
    open::{self, MIGRATIONS},
    row::{self, Hash, hex},
    tests::{at, first, later},
    *,
};
use crate::event::{Kind, RunId, RunResumed};

fn run(n: usize) -> RunId {
    RunId(format!("run-{n}"))
}

/// Three runs of ten events each; the last event is the end of the run.
fn three_runs() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for n in 1..=3 {
        whole_run(&mut ledger, n);
    }
    (folder, ledger)
}

fn whole_run(ledger: &mut Ledger, n: usize) {
    let lock = ledger.begin(&first(&run(n).0, 4)).unwrap();
    ledger.append(&lock, &later(2, 8)).unwrap();
    ledger.append(&lock, &[Event { seq: 10, at: at(10), kind: Kind::RunFinished }]).unwrap();
}

/// Everything that `ledger verify` checks.
fn verify(ledger: &Ledger) -> Result<(), LedgerError> {
    ledger.check_file()?;
    ledger.runs(99)?.iter().try_for_each(|row| ledger.verify(&row.run))?;
    ledger.verify_history().map(drop)
}

/// New hashes for all events of a run, as an attacker who can write the file would make them.
fn hash_anew(db: &Connection, n: usize) {
    let no: i64 = db.query_row("SELECT no FROM runs WHERE run = ?", [&run(n).0], |row| row.get(0)).unwrap();
    let mut statement = db.prepare("SELECT seq, at, kind FROM events WHERE no = ? ORDER BY seq").unwrap();
    let rows = statement.query_map([no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(i64, String, String)> = rows.unwrap().map(Result::unwrap).collect();
    let mut hash = row::origin(&run(n));
    for (seq, at, kind) in &rows {
        hash = row::link(&hash, *seq as u64, at, kind);
        db.execute("UPDATE events SET hash = ? WHERE no = ? AND seq = ?", rusqlite::params![hash, no, seq]).unwrap();
    }
    let (last, at, _) = rows.last().unwrap();
    let sql = "UPDATE runs SET head = ?, last_seq = ?, last_at = ? WHERE no = ?";
    db.execute(sql, rusqlite::params![hash, last, at, no]).unwrap();
}

/// Rewrites the whole history with new hashes, with correct run ends in its entries. The first event of each run names
/// its entry again, also with new hashes. `keep`: which entries stay.
fn history_anew(db: &Connection, keep: impl Fn(&Happened) -> bool) {
    let old = history::good_entries(db);
    db.execute("DELETE FROM history", []).unwrap();
    let mut before = history::origin();
    let mut n = 0;
    for entry in old {
        let mut what: Happened = serde_json::from_str(&entry.what).unwrap();
        if !keep(&what) {
            continue;
        }
        n += 1;
        if let Happened::RunEnded(end) = &mut what {
            let record_ends = history::record_ends(db).unwrap();
            *end = record_ends.into_iter().find(|now| now.run == end.run).unwrap();
        }
        let text = serde_json::to_string(&what).unwrap();
        let hash: Hash = row::link(&before, n, &entry.at, &text);
        history::insert(db, &Entry { n, at: entry.at, what: text, hash }).unwrap();
        if let Happened::RunBegan { run: began } = &what {
            let sql = "UPDATE events SET kind = json_set(kind, '$.ledger_head', ?)
                       WHERE seq = 1 AND no = (SELECT no FROM runs WHERE run = ?)";
            db.execute(sql, rusqlite::params![hex(&hash), began.0]).unwrap();
            hash_anew(db, began.0.trim_start_matches("run-").parse().unwrap());
        }
        before = hash;
    }
}

/// What an attacker may do to a ledger, and which run it affects.
const ATTACKS: [(&str, &str); 3] = [
    ("a cut tail", "DELETE FROM events WHERE no = 2 AND seq > 7;"),
    ("another history", "UPDATE events SET kind = replace(kind, '\"ok\"', '\"failed\"') WHERE no = 2;"),
    ("a run that is gone", "DELETE FROM events WHERE no = 2; DELETE FROM runs WHERE no = 2;"),
];

#[test]
fn a_run_that_was_changed_with_hashes_that_fit_is_found_by_the_ledgers_history() {
    for (what, sql) in ATTACKS {
        let (_folder, ledger) = three_runs();
        verify(&ledger).unwrap();
        ledger.db.execute_batch(sql).unwrap();
        if !sql.contains("FROM runs") {
            hash_anew(&ledger.db, 2);
            ledger.verify(&run(2)).unwrap_or_else(|e| panic!("{what}: the run by itself looks fine: {e}"));
        }
        let error = verify(&ledger).unwrap_err();
        assert!(matches!(error, LedgerError::History { .. }), "{what}: {error}");
        assert!(error.help().unwrap().to_string().contains("salvage"));
    }
}

#[test]
fn when_everything_is_made_anew_only_a_hash_that_was_noted_elsewhere_finds_it() {
    for (what, sql) in ATTACKS {
        let (_folder, ledger) = three_runs();
        let [second, third] = [2, 3].map(|n| ledger.record(&run(n)).unwrap().head);
        for head in [&second, &third] {
            ledger.find_head(head, None).unwrap();
        }
        ledger.db.execute_batch(sql).unwrap();
        let gone = sql.contains("FROM runs");
        if !gone {
            hash_anew(&ledger.db, 2);
        }
        history_anew(&ledger.db, |happened| match happened {
            Happened::RunBegan { run: of } => !gone || *of != run(2),
            Happened::RunEnded(end) => !gone || end.run != run(2),
            _ => true,
        });
        verify(&ledger).unwrap_or_else(|e| panic!("{what}: inside the file nothing is wrong any more: {e}"));
        // Its own hash finds it, and that of any later run, which covers everything before it.
        for head in [&second, &third] {
            let error = ledger.find_head(head, None).unwrap_err();
            assert!(matches!(error, LedgerError::HeadMissing { .. }), "{what}: {error}");
        }
    }
}

#[test]
fn a_noted_hash_is_an_event_or_an_entry_or_a_run_that_was_pruned() {
    let (_folder, mut ledger) = three_runs();
    let record = ledger.record(&run(2)).unwrap();
    let last = FoundHead::Event { run: run(2), seq: 10, last_seq: 10 };
    assert_eq!(ledger.find_head(record.short(), None).unwrap(), last);
    assert_eq!(ledger.find_head(&record.head, Some(&run(2))).unwrap(), last);
    assert!(matches!(ledger.find_head(&record.head, Some(&run(1))), Err(LedgerError::HeadMissing { .. })));
    // A run that goes on keeps the hash that it had in the middle.
    let lock = ledger.lock(&run(2), "ann@jump").unwrap();
    let resumed = Kind::RunResumed(Box::new(RunResumed { operator: "ann".to_owned(), ..RunResumed::default() }));
    ledger.append(&lock, &[Event { seq: 11, at: at(11), kind: resumed }]).unwrap();
    drop(lock);
    verify(&ledger).unwrap();
    assert_eq!(ledger.find_head(&record.head, None).unwrap(), FoundHead::Event { run: run(2), seq: 10, last_seq: 11 });
    let history = ledger.verify_history().unwrap().unwrap();
    assert_eq!(
        ledger.find_head(&history.head, None).unwrap(),
        FoundHead::History { n: history.events, last: history.events }
    );
    let head = ledger.record(&run(2)).unwrap().head;
    ledger.forget(&[run(2)], "ann@jump").unwrap();
    verify(&ledger).unwrap();
    let error = ledger.find_head(&head, None).unwrap_err();
    assert!(matches!(&error, LedgerError::HeadForgotten { run: of, by, .. } if *of == run(2) && by == "ann@jump"));
    whole_run(&mut ledger, 4);
    verify(&ledger).unwrap();
}

#[test]
fn an_edited_a_removed_and_an_added_entry_are_noticed() {
    for sql in [
        "DELETE FROM history WHERE n = 3",
        "DELETE FROM history WHERE n >= 5",
        "UPDATE history SET what = replace(what, 'run-2', 'run-9') WHERE n = 3",
        "UPDATE history SET hash = zeroblob(32) WHERE n = 6",
        "INSERT INTO history SELECT 7, at, what, hash FROM history WHERE n = 6",
        "UPDATE history SET what = 'nonsense' WHERE n = 6",
    ] {
        let (_folder, ledger) = three_runs();
        ledger.db.execute_batch(sql).unwrap();
        assert!(matches!(ledger.verify_history(), Err(LedgerError::History { .. })), "{sql}");
    }
}

#[test]
fn an_older_ledger_is_whole_without_a_history_and_gets_one_with_its_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = older(folder.path());
    drop(Ledger::open_read_only(folder.path()).unwrap());
    verify(&ledger).unwrap();
    assert_eq!(ledger.verify_history().unwrap(), None);
    ledger = {
        drop(ledger);
        Ledger::open(folder.path()).unwrap()
    };
    verify(&ledger).unwrap();
    whole_run(&mut ledger, 2);
    verify(&ledger).unwrap();
    assert_eq!(ledger.verify_history().unwrap().unwrap().events, 3);
    ledger.db.execute_batch("DELETE FROM events WHERE no = 1; DELETE FROM runs WHERE no = 1;").unwrap();
    let error = verify(&ledger).unwrap_err().to_string();
    assert!(
        error.ends_with("at entry 1: run run-1 is missing, and the history does not say that it was pruned"),
        "{error}"
    );
}

/// A ledger with the first schema, with one run.
fn older(folder: &std::path::Path) -> Ledger {
    private_folder(folder).unwrap();
    let path = folder.join("ledger.db");
    let mut db = Connection::open(&path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    open::migrate(&path, &mut db, &MIGRATIONS[..1]).unwrap();
    let event = first(&run(1).0, 4);
    let Kind::RunStarted(started) = &event.kind else { unreachable!() };
    let (at, kind) = (event.at.to_string(), serde_json::to_string(&event.kind).unwrap());
    let hash = row::link(&row::origin(&run(1)), 1, &at, &kind);
    store::insert_run(&db, started, &[store::Stored { at, kind, hash }]).unwrap();
    Ledger { folder: folder.to_owned(), path, db }
}

#[test]
fn salvage_keeps_the_hashes_of_what_was_good_and_says_that_it_was_done() {
    let (folder, ledger) = three_runs();
    let heads: Vec<_> = [1, 2, 3].map(|n| ledger.record(&run(n)).unwrap()).into();
    ledger.db.execute("UPDATE events SET at = '2026-11-22T02:00:00Z' WHERE no = 2 AND seq = 6", []).unwrap();
    drop(ledger);
    salvage(folder.path(), at(5000)).unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    verify(&ledger).unwrap();
    for n in [1, 3] {
        assert_eq!(ledger.record(&run(n)).unwrap(), heads[n - 1]);
    }
    assert!(ledger.find_head(&heads[1].head, None).is_err(), "its end is lost");
    // The six entries of three runs, and the seventh.
    assert_eq!(ledger.verify_history().unwrap().unwrap().events, 7);
    whole_run(&mut ledger, 4);
    ledger.forget(&[run(3)], "ann@jump").unwrap();
    verify(&ledger).unwrap();
}

#[test]
fn a_hash_is_typed_as_it_is_printed() {
    assert_eq!(noted_head(" 0123456789ABCDEF\n").unwrap(), "0123456789abcdef");
    for bad in ["", "0123456789abcde", "0123456789abcdeg", &"0".repeat(65)] {
        assert!(noted_head(bad).unwrap_err().contains("16 to 64"), "{bad}");
    }
}
