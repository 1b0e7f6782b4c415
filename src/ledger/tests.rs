use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;

use super::*;
use crate::{
    clock::SystemClock,
    event::{Kind, Outcome, RunId, RunStarted, Stop},
    host::HostName,
    plan::{Plan, PlannedHost, Stage, Wave},
    policy::{Mode, OnBudgetSpent},
};

const RUN: &str = "20261122-020003-kxfa";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_312_803 + second).unwrap()
}

fn host(i: usize) -> HostName {
    HostName::new(&format!("h{i:05}.example.com")).unwrap()
}

pub(super) fn first(run: &str, hosts: usize) -> Event {
    let hosts = (0..hosts)
        .map(|i| PlannedHost { name: host(i), domain: None, window: None, freezes: None, undo: None })
        .collect();
    let stage = Stage {
        name: "all".to_owned(),
        environment: None,
        risk: None,
        waves: vec![Wave { canary: false, hosts }],
        window_size: None,
        mode: Mode::Waves,
        max_failures: 0,
        on_budget_spent: OnBudgetSpent::HaltRun,
        soak: std::time::Duration::ZERO,
        approve: None,
        gate: Vec::new(),
    };
    let plan = Plan {
        playbook: "Rolling patch wave".to_owned(),
        stages: vec![stage],
        steps: Vec::new(),
        on_failure: Vec::new(),
        max_failures: None,
        on_budget_spent: OnBudgetSpent::HaltRun,
        ignores_windows: false,
        skipped: Vec::new(),
        dates: Default::default(),
        undoes: None,
        vars_digest: String::new(),
        pinned: Default::default(),
    };
    let started = RunStarted {
        digest: "d".to_owned(),
        playbook_path: "/p/patch.yml".to_owned(),
        inventory_paths: vec!["/i/prod.yml".to_owned()],
        lenient: false,
        operator: "ann".to_owned(),
        controller: "jump".to_owned(),
        version: "0.1.0".to_owned(),
        ..RunStarted::of(RunId(run.to_owned()), plan)
    };
    Event { seq: 1, at: at(0), kind: Kind::RunStarted(Box::new(started)) }
}

/// Events 2, 3, …: hosts start and finish in turn.
pub(super) fn later(from: u64, count: u64) -> Vec<Event> {
    (from..from + count)
        .map(|seq| {
            let host = host((seq as usize - 2) / 2);
            let kind = if seq % 2 == 0 {
                Kind::HostStarted { host }
            } else {
                Kind::HostFinished { host, outcome: Outcome::Ok, lost_lease: None }
            };
            Event { seq, at: at(seq as i64), kind }
        })
        .collect()
}

pub(super) fn with_run(folder: &Path, hosts: usize) -> (Ledger, RunLock) {
    let mut ledger = Ledger::open(folder).unwrap();
    let lock = ledger.begin(&first(RUN, hosts)).unwrap();
    (ledger, lock)
}

fn run() -> RunId {
    RunId(RUN.to_owned())
}

#[test]
fn what_was_appended_is_read_back_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, lock) = with_run(folder.path(), 3);
    ledger.append(&lock, &later(2, 4)).unwrap();
    let expected: Vec<Event> = std::iter::once(first(RUN, 3)).chain(later(2, 4)).collect();
    assert_eq!(ledger.events(&run()).unwrap(), expected);
    let reader = Ledger::open_read_only(folder.path()).unwrap();
    assert_eq!(reader.events(&run()).unwrap(), expected, "another handle, while the writer is open");
    ledger.append(&lock, &later(6, 1)).unwrap();
    assert_eq!(reader.state(&run()).unwrap().tally.in_flight, 1, "the reader sees what came later");
    let mut tail = Vec::new();
    let keep = |event| {
        tail.push(event);
        Ok(())
    };
    reader.each(&run(), 5, keep).unwrap();
    assert_eq!(tail, later(6, 1));
    drop((ledger, lock, reader));
    let row = Ledger::open(folder.path()).unwrap().runs(10).unwrap().remove(0);
    assert_eq!((row.run, row.last_seq, row.hosts, row.last_at), (run(), 6, 3, at(6)));
}

#[test]
fn gaps_repeats_and_second_runs_of_one_name_are_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, lock) = with_run(folder.path(), 9);
    ledger.append(&lock, &later(2, 2)).unwrap();
    for (events, found) in [(later(5, 1), 5), (later(3, 1), 3), ([later(4, 1), later(6, 1)].concat(), 6)] {
        let error = ledger.append(&lock, &events).unwrap_err();
        assert!(matches!(error, LedgerError::Gap { found: f, .. } if f == found), "{error}");
    }
    assert_eq!(ledger.row(&run()).unwrap().last_seq, 3, "nothing of a refused batch is kept");
    ledger.append(&lock, &later(4, 1)).unwrap();
    drop(lock);
    assert_eq!(ledger.begin(&first(RUN, 1)).unwrap_err(), LedgerError::Exists { run: run() });
    assert!(matches!(ledger.begin(&later(2, 1)[0]), Err(LedgerError::Gap { .. })));
    assert!(matches!(ledger.begin(&first("../../x", 1)), Err(LedgerError::UnknownRun { .. })));
    ledger.verify(&run()).unwrap();
}

/// Not a real test: the process that the next test kills.
#[test]
fn appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os("PATCHWAVE_TEST_APPEND_TO") else { return };
    let (mut ledger, lock) = with_run(Path::new(&folder), 50_000);
    for seq in (2..100_000).step_by(10) {
        ledger.append(&lock, &later(seq, 10)).unwrap();
        println!("durable {}", seq + 9);
    }
}

#[test]
fn a_killed_writer_leaves_every_acknowledged_event_and_its_lock_free() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::tests::appends_until_it_is_killed", "--nocapture"])
        .env("PATCHWAVE_TEST_APPEND_TO", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut durable = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some((_, seq)) = line.split_once("durable ") {
            durable = seq.parse::<u64>().unwrap();
        }
        if durable == 101 {
            let error = Ledger::open(folder.path()).unwrap().lock(&run(), "bob@jump").unwrap_err();
            let LedgerError::Locked { holder, .. } = &error else { panic!("{error}") };
            assert_eq!((holder.owner.as_str(), holder.pid), ("ann@jump", child.id()));
        }
        if durable >= 151 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let last = ledger.row(&run()).unwrap().last_seq;
    assert!(durable >= 151 && last >= durable, "{last} of {durable}");
    assert_eq!((last - 1) % 10, 0, "a batch is there as a whole or not at all");
    ledger.verify(&run()).unwrap();
    assert_eq!(ledger.driver(&run()), Driver::Nobody);
    let lock = ledger.lock(&run(), "bob@jump").unwrap();
    assert_eq!(ledger.driver(&run()).holder().unwrap().owner, "bob@jump");
    ledger.append(&lock, &later(last + 1, 2)).unwrap();
}

#[test]
fn one_controller_drives_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, lock) = with_run(folder.path(), 1);
    let error = ledger.lock(&run(), "bob@jump").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("another controller is running run {RUN}: ann@jump, process {}", std::process::id())),
        "{text}"
    );
    assert!(error.help().is_some());
    drop(lock);
    ledger.lock(&run(), "bob@jump").unwrap();
}

#[test]
fn many_openers_of_a_new_ledger_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for i in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut ledger = Ledger::open(folder).unwrap();
                let lock = ledger.begin(&first(&format!("run-{i}"), 40)).unwrap();
                for seq in (2..42).step_by(2) {
                    ledger.append(&lock, &later(seq, 2)).unwrap();
                }
            });
        }
    });
    let ledger = Ledger::open_read_only(folder.path()).unwrap();
    ledger.check_file().unwrap();
    let runs = ledger.runs(100).unwrap();
    assert_eq!(runs.len(), 8);
    runs.iter().for_each(|row| ledger.verify(&row.run).unwrap());
}

#[test]
fn folder_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("deep/state");
    let (mut ledger, lock) = with_run(&folder, 1);
    ledger.append(&lock, &later(2, 1)).unwrap();
    ledger.logs(&run(), Arc::new(SystemClock)).host(&host(0)).write("t", b"secret");
    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for file in ["ledger.db", "ledger.db-wal", &format!("logs/{RUN}/h00000.example.com.log")] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn an_edited_a_removed_and_a_cut_off_record_are_noticed() {
    let edits = [
        ("UPDATE events SET kind = replace(kind, '\"ok\"', '\"failed\"') WHERE seq = 5", 5),
        ("UPDATE events SET at = '2026-11-22T02:00:00Z' WHERE seq = 4", 4),
        ("DELETE FROM events WHERE seq = 3", 3),
        ("DELETE FROM events WHERE seq >= 6", 6),
        ("UPDATE runs SET head = zeroblob(32)", 7),
        ("UPDATE events SET seq = 9 WHERE seq = 7", 7),
        // One byte, of an event and of a hash.
        ("UPDATE events SET kind = replace(kind, 'h00', 'h01') WHERE seq = 2", 2),
        ("UPDATE events SET hash = CAST(zeroblob(1) || substr(hash, 2) AS BLOB) WHERE seq = 6", 6),
        ("DELETE FROM events WHERE seq = 7", 7),
        ("DELETE FROM events WHERE seq = 7; UPDATE runs SET last_seq = 6", 6),
        // Two events swapped, with and without their hashes.
        ("UPDATE events SET seq = -seq WHERE seq IN (4, 5); UPDATE events SET seq = 9 + seq WHERE seq < 0", 4),
        (
            "UPDATE events SET kind = (SELECT kind FROM events AS other WHERE other.seq = 9 - events.seq) WHERE seq IN (4, 5)",
            4,
        ),
        ("INSERT INTO events SELECT no, 8, at, kind, hash FROM events WHERE seq = 7", 8),
        ("UPDATE runs SET playbook_path = '/another.yml'", 1),
        ("UPDATE runs SET last_at = '2027-01-01T00:00:00Z'", 1),
        ("UPDATE runs SET run = 'run-9'", 1),
    ];
    for (sql, seq) in edits {
        let folder = tempfile::tempdir().unwrap();
        let (mut ledger, lock) = with_run(folder.path(), 4);
        ledger.append(&lock, &later(2, 6)).unwrap();
        ledger.verify(&run()).unwrap();
        ledger.db.pragma_update(None, "foreign_keys", false).unwrap();
        ledger.db.execute_batch(sql).unwrap();
        assert_ne!(ledger.db.changes(), 0, "{sql}");
        let error = ledger.verify(&ledger.last_run().unwrap().unwrap()).unwrap_err();
        assert!(matches!(&error, LedgerError::Damaged { damage, .. } if damage.seq == seq), "{sql}: {error}");
    }
}

#[test]
fn each_fault_of_the_file_has_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("s");
    let fresh = || {
        let _ = fs::remove_dir_all(&state);
        let (mut ledger, lock) = with_run(&state, 2000);
        ledger.append(&lock, &later(2, 3000)).unwrap();
    };
    let db = state.join("ledger.db");

    assert!(matches!(Ledger::open_read_only(&state), Err(LedgerError::Absent { .. })));
    fs::write(&state, "a file where the folder belongs").unwrap();
    assert!(matches!(Ledger::open(&state), Err(LedgerError::NotWritable { .. })));
    assert!(matches!(Ledger::open(&state.join("below")), Err(LedgerError::NotWritable { .. })));
    fs::remove_file(&state).unwrap();

    fs::create_dir(&state).unwrap();
    fs::write(&db, "all: {}\n".repeat(1000)).unwrap();
    assert!(matches!(Ledger::open(&state), Err(LedgerError::Corrupted { .. })));
    assert!(matches!(Ledger::open_read_only(&state), Err(LedgerError::Corrupted { .. })));
    fs::remove_file(&db).unwrap();
    rusqlite::Connection::open(&db).unwrap().execute_batch("CREATE TABLE music (a)").unwrap();
    assert!(matches!(Ledger::open(&state), Err(LedgerError::NotALedger { .. })), "somebody else's database");

    fresh();
    rusqlite::Connection::open(&db).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Ledger::open(&state).unwrap_err();
    assert_eq!(error, LedgerError::Newer { path: db.clone(), found: 99, known: 3 });
    assert!(matches!(Ledger::open_read_only(&state), Err(LedgerError::Newer { .. })));

    fresh();
    let mut bytes = fs::read(&db).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0x5a);
    fs::write(&db, bytes).unwrap();
    let ledger = Ledger::open(&state).unwrap();
    let error = ledger.events(&run()).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupted { .. }), "{error:?}");
    assert!(error.help().unwrap().to_string().contains("copy"));
    assert!(matches!(ledger.check_file(), Err(LedgerError::Corrupted { .. })));
}

#[test]
fn a_full_disk_records_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, lock) = with_run(folder.path(), 4000);
    let pages: i64 = ledger.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    ledger.db.pragma_update_and_check(None, "max_page_count", pages + 2, |_| Ok(())).unwrap();
    let error = ledger.append(&lock, &later(2, 4000)).unwrap_err();
    assert!(matches!(error, LedgerError::Full { .. }), "{error:?}");
    assert!(error.help().unwrap().to_string().contains("make room"));
    assert_eq!(ledger.row(&run()).unwrap().last_seq, 1);
    ledger.db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    ledger.append(&lock, &later(2, 4000)).unwrap();
    ledger.verify(&run()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(with_run(folder.path(), 1));
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    if rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: modes do not bind root");
        return;
    }
    fs::set_permissions(folder.path().join("ledger.db"), fs::Permissions::from_mode(0o400)).unwrap();
    mode(0o500);
    let reader = Ledger::open_read_only(folder.path()).and_then(|ledger| ledger.events(&run()));
    let writer = Ledger::open(folder.path()).map(|_| ());
    mode(0o700);
    assert_eq!(reader.unwrap().len(), 1);
    assert!(matches!(writer, Err(LedgerError::NotWritable { .. })), "{writer:?}");
}

#[test]
fn requests_are_given_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, lock) = with_run(folder.path(), 1);
    let mut journal = RunLedger::new(ledger, lock);
    assert_eq!(journal.requests(), []);
    let ask = |what| Request { at: at(9), by: "bob@jump".to_owned(), what };
    let asked =
        [ask(Wanted::Approve { stage: None }), ask(Wanted::Approve { stage: Some(1) }), ask(Wanted::Stop(Stop::Drain))];
    let mut other = Ledger::open(folder.path()).unwrap();
    for request in &asked {
        other.request(&run(), request).unwrap();
    }
    assert_eq!(other.stop_requested(&run()).unwrap(), Some(Stop::Drain));
    assert!(matches!(other.request(&RunId("x".into()), &asked[0]), Err(LedgerError::UnknownRun { .. })));
    assert_eq!(journal.requests(), asked);
    assert_eq!(journal.requests(), []);
}

#[test]
fn a_run_is_found_by_any_unique_end_of_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    for run in ["20261122-020003-kxfa", "20261122-020003-kxfab", "20261122-090000-abcd"] {
        ledger.begin(&first(run, 1)).unwrap();
    }
    for (asked, expected) in [
        ("20261122-020003-kxfa", Some("20261122-020003-kxfa")),
        ("20261122-09", Some("20261122-090000-abcd")),
        ("abcd", Some("20261122-090000-abcd")),
        ("kxfa", Some("20261122-020003-kxfa")),
        ("20261122-02", None),
        ("xfa", None),
        ("", None),
        ("%", None),
    ] {
        assert_eq!(ledger.find(asked).ok().map(|run| run.0).as_deref(), expected, "{asked:?}");
    }
    let text = ledger.find("20261122").unwrap_err().to_string();
    assert_eq!(text, "\"20261122\" may be 20261122-090000-abcd or 20261122-020003-kxfab or 20261122-020003-kxfa");
    assert_eq!(ledger.last_run().unwrap().unwrap().0, "20261122-090000-abcd");
    assert_eq!(ledger.last_run_of("/p/patch.yml").unwrap().unwrap().0, "20261122-090000-abcd");
    assert_eq!(ledger.last_run_of("/p/other.yml").unwrap(), None);
}

#[test]
fn the_journal_in_memory_fails_when_it_should() {
    let mut journal = MemoryJournal::with_room(3);
    journal.append(&[first(RUN, 1)]).unwrap();
    assert!(matches!(journal.append(&later(3, 1)), Err(LedgerError::Gap { .. })));
    journal.append(&later(2, 1)).unwrap();
    assert!(matches!(journal.append(&later(3, 2)), Err(LedgerError::Full { .. })));
    assert_eq!(journal.events.len(), 2);
    journal.append(&later(3, 1)).unwrap();
    assert!(journal.append(&later(4, 1)).is_err());
}

#[test]
fn pruning_keeps_the_newest_and_whatever_is_driven() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let driven = ledger.begin(&first("run-0", 3000)).unwrap();
    for run in ["run-1", "run-2", "run-3"] {
        let lock = ledger.begin(&first(run, 3000)).unwrap();
        ledger.append(&lock, &later(2, 2000)).unwrap();
        ledger.logs(lock.run(), Arc::new(SystemClock)).host(&host(0)).write("t", b"x");
    }
    let size = || fs::metadata(folder.path().join("ledger.db")).unwrap().len();
    let ask = Request { at: at(9), by: "bob@jump".to_owned(), what: Wanted::Stop(Stop::Drain) };
    ledger.request(&RunId("run-1".to_owned()), &ask).unwrap();
    ledger.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = size();
    let names = |runs: Vec<RunId>| runs.into_iter().map(|run| run.0).collect::<Vec<_>>();
    let stale = |ledger: &Ledger, stale| -> Vec<RunId> {
        ledger.stale(stale).unwrap().into_iter().map(|row| row.run).collect()
    };
    assert!(stale(&ledger, Stale::AllBut(4)).is_empty() && stale(&ledger, Stale::AllBut(9)).is_empty());
    assert_eq!(names(stale(&ledger, Stale::Before(at(1)))), ["run-0"]);
    assert_eq!(names(stale(&ledger, Stale::AllBut(0))), ["run-3", "run-2", "run-1", "run-0"]);
    let old = stale(&ledger, Stale::AllBut(1));
    assert_eq!(names(ledger.forget(&old, "ann@jump").unwrap()), ["run-2", "run-1"]);
    assert!(size() < before * 2 / 3, "{} of {before}", size());
    assert!(!folder.path().join("logs/run-1").exists() && folder.path().join("logs/run-3").exists());
    let left = names(ledger.runs(9).unwrap().into_iter().map(|row| row.run).collect());
    assert_eq!(left, ["run-3", "run-0"]);
    ledger.append(&driven, &later(2, 2)).unwrap();
    left.into_iter().for_each(|run| ledger.verify(&RunId(run)).unwrap());
    ledger.check_file().unwrap();
}
