use super::*;
use crate::{
    host::HostName,
    pkg::{Pending, Security, Update},
    record::HostScanned,
    view::Record,
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + 60 * minute).unwrap()
}

fn scanned(host: &str, packages: &[&str]) -> NewRecord {
    let fix = |name: &&str| Update {
        security: Security::Fix("2".to_owned()),
        ..Update::new(*name, Some("1".to_owned()), "2")
    };
    let pending = Pending { updates: packages.iter().map(fix).collect(), ..Pending::default() };
    let (facts, pending) = (Document::new("{}"), Document::json(&pending).unwrap());
    let kind = Kind::HostScanned(HostScanned {
        host: HostName::new(host).unwrap(),
        scan: "s".to_owned(),
        by: "ann@jump1".to_owned(),
        facts: facts.digest.clone(),
        pending: Some(pending.digest.clone()),
        packages: None,
        unknown: Default::default(),
    });
    NewRecord { kind, documents: vec![facts, pending] }
}

/// Two scans of two hosts.
fn two_scans() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append_records(at(0), &[scanned("web1", &["a", "b"]), scanned("web2", &["a", "b"])]).unwrap();
    ledger.append_records(at(9), &[scanned("web1", &["b", "c"]), scanned("web2", &["a", "b"])]).unwrap();
    (folder, ledger)
}

fn verify(ledger: &Ledger) -> Result<Option<Record>, LedgerError> {
    ledger.check_file()?;
    ledger.verify_history()?;
    ledger.verify_records()
}

#[test]
fn records_come_back_in_order_and_equal_documents_are_stored_once() {
    let (folder, ledger) = two_scans();
    let times: Vec<Timestamp> = (1..=4).map(|seq| ledger.record_no(seq).unwrap().at).collect();
    assert_eq!(times, [at(0), at(0), at(9), at(9)]);
    let documents: i64 = ledger.db.query_row("SELECT count(*) FROM documents", [], |row| row.get(0)).unwrap();
    assert_eq!(documents, 3, "one for all facts, two for the pending updates");
    assert_eq!(verify(&ledger).unwrap().unwrap().events, 4);
    let Kind::HostScanned(scan) = ledger.record_no(3).unwrap().kind else { panic!() };
    let pending: Pending = ledger.document(&scan.pending.unwrap()).unwrap();
    assert_eq!(pending.updates.len(), 2);
    assert!(matches!(ledger.record_no(5), Err(LedgerError::Record { .. })));
    drop(ledger);
    assert!(verify(&Ledger::open_read_only(folder.path()).unwrap()).is_ok());
}

#[test]
fn the_table_of_hosts_says_since_when_and_is_made_again_from_the_records() {
    let (_folder, mut ledger) = two_scans();
    let hosts = ledger.scanned_hosts().unwrap();
    let web1 = &hosts[&HostName::new("web1").unwrap()];
    assert_eq!((web1.first, web1.previous, web1.seq, web1.failed), (Some(1), Some(1), Some(3), None));
    let since = |name: &str| (web1.since.of(name), web1.since.security_of(name));
    assert_eq!(since("a"), (None, None));
    assert_eq!((since("b"), since("c")), ((Some(at(0)), Some(at(0))), (Some(at(9)), Some(at(9)))));
    ledger.db.execute("UPDATE scanned_hosts SET since = 'x', seq = 1", []).unwrap();
    ledger.rebuild_scanned_hosts().unwrap();
    assert_eq!(ledger.scanned_hosts().unwrap(), hosts);
}

#[test]
fn a_record_or_a_document_that_is_not_what_was_written_is_found() {
    for sql in [
        "UPDATE records SET kind = replace(kind, 'web1', 'web9') WHERE seq = 1",
        "UPDATE records SET at = '2026-01-01T00:00:00Z' WHERE seq = 4",
        "DELETE FROM records WHERE seq = 2",
        "DELETE FROM records WHERE seq = 4",
        "DELETE FROM records",
        "UPDATE documents SET text = '[]' WHERE text = '{}'",
        "DELETE FROM documents WHERE text = '{}'",
        "INSERT INTO records SELECT 5, at, kind, hash FROM records WHERE seq = 4",
    ] {
        let (_folder, ledger) = two_scans();
        assert_eq!(ledger.db.execute_batch(sql), Ok(()));
        let error = verify(&ledger).unwrap_err();
        assert!(matches!(error, LedgerError::Record { .. } | LedgerError::History { .. }), "{sql}: {error}");
    }
}

#[test]
fn a_chain_with_new_hashes_is_found_by_the_history() {
    let (_folder, ledger) = two_scans();
    let mut rows = Vec::new();
    each(&ledger.db, 0, |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    let mut hash = origin();
    for row in &rows {
        let kind = row.kind.replace("web2", "web9");
        hash = row::link(&hash, row.seq, &row.at, &kind);
        let sql = "UPDATE records SET kind = ?, hash = ? WHERE seq = ?";
        ledger.db.execute(sql, params![kind, hash, row.seq as i64]).unwrap();
    }
    assert!(ledger.verify_records().is_ok(), "the hashes fit each other");
    assert!(matches!(ledger.verify_history(), Err(LedgerError::History { .. })));
}

#[test]
fn salvage_keeps_the_records_before_the_damage_and_the_result_verifies() {
    for (sql, kept) in [
        ("DELETE FROM records WHERE seq = 3", 2),
        ("UPDATE records SET hash = x'00' WHERE seq = 1", 0),
        ("UPDATE documents SET text = 'x' WHERE text != '{}' AND text LIKE '%\"c\"%'", 2),
    ] {
        let (folder, ledger) = two_scans();
        ledger.db.execute(sql, []).unwrap();
        drop(ledger);
        super::super::salvage(folder.path(), at(20)).unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let records = verify(&ledger).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(records.map_or(0, |record| record.events), kept, "{sql}");
        // And it goes on from there.
        ledger.append_records(at(30), &[scanned("web1", &["a"])]).unwrap();
        assert_eq!(verify(&ledger).unwrap().unwrap().events, kept + 1, "{sql}");
    }
}

#[test]
fn a_noted_hash_of_a_record_is_found() {
    let (_folder, ledger) = two_scans();
    let head = verify(&ledger).unwrap().unwrap().head;
    let found = ledger.find_head(&head[..16], None).unwrap();
    assert_eq!(found, super::super::FoundHead::Record { seq: 4, last: 4 });
}

#[test]
fn a_ledger_without_records_is_read_and_gets_them_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    ledger
        .db
        .execute_batch("DROP TABLE records; DROP TABLE documents; DROP TABLE scanned_hosts; PRAGMA user_version = 2")
        .unwrap();
    drop(ledger);
    let old = Ledger::open_read_only(folder.path()).unwrap();
    assert_eq!((verify(&old).unwrap(), old.scanned_hosts().unwrap().len()), (None, 0));
    drop(old);
    let mut new = Ledger::open(folder.path()).unwrap();
    new.append_records(at(0), &[scanned("web1", &["a"])]).unwrap();
    assert_eq!(verify(&new).unwrap().unwrap().events, 1);
}
