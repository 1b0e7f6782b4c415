//! What was found outside runs (scans of hosts, imported advisories): records in a hash chain of their own, and the
//! documents that they name. A document is stored once, however many records name it: most hosts of a fleet have the
//! same pending updates, and most facts of a host do not change from one scan to the next. What a record means is in
//! `record`. The check is in `records_check`. Start at [`Ledger::append_records`].

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::{
    Ledger, LedgerError,
    history::{self, Happened, RecordsEnd},
    row::{self, Hash, hex},
    scanned::Scanned,
};
use crate::record::{Digest, Document, Kind, NewRecord};

/// The longest document: one that is longer was not written by this program.
pub(super) const LONGEST: usize = 64 << 20;

/// One stored record.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub kind: Kind,
}

/// One record as it is stored.
pub(super) struct RecordRow {
    pub(super) seq: u64,
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) hash: Hash,
}

/// The hash before the first record.
pub(super) fn origin() -> Hash {
    Sha256::digest(b"patchwave records").into()
}

/// Number and hash of the newest record.
pub(super) fn newest(db: &Connection) -> rusqlite::Result<Option<(u64, Hash)>> {
    db.prepare_cached("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))
        .optional()
}

/// Whether this ledger's schema has records.
pub(super) fn are_there(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'records')", [], |row| row.get(0))
}

/// Writes a record as it is.
pub(super) fn insert(db: &Connection, record: &RecordRow) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO records (seq, at, kind, hash) VALUES (?, ?, ?, ?)")?
        .execute(params![record.seq as i64, record.at, record.kind, record.hash])
        .map(drop)
}

/// Writes a document, unless it is there.
pub(super) fn insert_document(db: &Connection, sha256: &[u8], text: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO documents (sha256, text) VALUES (?, ?)")?
        .execute(params![sha256, text])
        .map(drop)
}

/// The records after number `after` in order, one by one. An older ledger has none.
pub(super) fn each(
    db: &Connection,
    after: u64,
    mut take: impl FnMut(RecordRow) -> Result<(), String>,
) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    if !are_there(db).map_err(failed)? {
        return Ok(());
    }
    let sql = "SELECT seq, at, kind, hash FROM records WHERE seq > ? ORDER BY seq";
    let mut statement = db.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([after as i64]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let record = |row: &rusqlite::Row<'_>| {
            let seq = row.get::<_, i64>(0)? as u64;
            Ok(RecordRow { seq, at: row.get(1)?, kind: row.get(2)?, hash: row.get(3)? })
        };
        take(record(row).map_err(failed)?)?;
    }
    Ok(())
}

/// The text of a document.
pub(super) fn document(db: &Connection, digest: &Digest) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT text FROM documents WHERE sha256 = ?")?
        .query_row([digest.bytes()], |row| row.get(0))
        .optional()
}

impl Ledger {
    /// Appends records in one transaction, with the documents that they name. When it returns, they are durable, or
    /// nothing is recorded.
    ///
    /// # Errors
    /// Why the ledger cannot be written.
    pub fn append_records(&mut self, at: Timestamp, records: &[NewRecord]) -> Result<(), LedgerError> {
        if records.is_empty() {
            return Ok(());
        }
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let at = at.to_string();
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let (mut seq, mut hash) = newest(&tx).map_err(failed)?.unwrap_or_else(|| (0, origin()));
        let mut scanned = Scanned::new(&tx);
        for record in records {
            for Document { digest, text } in &record.documents {
                insert_document(&tx, &digest.bytes(), text).map_err(failed)?;
            }
            let kind = serde_json::to_string(&record.kind)
                .map_err(|e| LedgerError::Io { path: self.path.clone(), why: format!("a record: {e}") })?;
            seq += 1;
            hash = row::link(&hash, seq, &at, &kind);
            let stored = RecordRow { seq, at: at.clone(), kind, hash };
            insert(&tx, &stored).and_then(|()| scanned.apply(seq, &at, &record.kind)).map_err(failed)?;
        }
        scanned.save().map_err(failed)?;
        let added = Happened::RecordsAdded(RecordsEnd { seq, head: hex(&hash) });
        history::append(&tx, &at, &added).map_err(failed)?;
        tx.commit().map_err(failed)
    }

    /// One record.
    ///
    /// # Errors
    /// [`LedgerError::Record`] if it is missing or cannot be read.
    pub fn record_no(&self, seq: u64) -> Result<StoredRecord, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let row = self
            .db
            .prepare_cached("SELECT at, kind, hash FROM records WHERE seq = ?")
            .and_then(|mut s| {
                s.query_row([seq as i64], |row| {
                    Ok(RecordRow { seq, at: row.get(0)?, kind: row.get(1)?, hash: row.get(2)? })
                })
                .optional()
            })
            .map_err(failed)?;
        let row = row.ok_or_else(|| self.record_error(seq, "it is missing"))?;
        parse(&row).map_err(|why| self.record_error(seq, why))
    }

    /// The records of imported advisories, oldest first. An older ledger has none.
    ///
    /// # Errors
    /// [`LedgerError::Record`] for one that cannot be read.
    pub fn imports(&self) -> Result<Vec<StoredRecord>, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        if !are_there(&self.db).map_err(failed)? {
            return Ok(Vec::new());
        }
        let sql = "SELECT seq FROM records WHERE json_extract(kind, '$.record') = 'advisories_imported' ORDER BY seq";
        let mut statement = self.db.prepare(sql).map_err(failed)?;
        let numbers = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(failed)?;
        let numbers = numbers.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        numbers.into_iter().map(|seq| self.record_no(seq as u64)).collect()
    }

    /// A document that a record names.
    ///
    /// # Errors
    /// [`LedgerError::Record`] if it is missing, or cannot be read as this type.
    pub fn document<T: serde::de::DeserializeOwned>(&self, digest: &Digest) -> Result<T, LedgerError> {
        let text = document(&self.db, digest).map_err(|e| LedgerError::sqlite(&self.path, &e))?;
        let text = text.ok_or_else(|| self.document_error(digest, "it is missing"))?;
        serde_json::from_str(&text).map_err(|e| self.document_error(digest, &format!("it cannot be read: {e}")))
    }

    pub(super) fn record_error(&self, seq: u64, why: impl Into<String>) -> LedgerError {
        LedgerError::Record { path: self.path.clone(), what: format!("record {seq}"), why: why.into() }
    }

    pub(super) fn document_error(&self, digest: &Digest, why: &str) -> LedgerError {
        LedgerError::Record { path: self.path.clone(), what: format!("document {digest}"), why: why.to_owned() }
    }
}

/// The record in a stored row.
fn parse(row: &RecordRow) -> Result<StoredRecord, String> {
    let at = row.at.parse().map_err(|e| format!("its time cannot be read: {e}"))?;
    let kind = serde_json::from_str(&row.kind).map_err(|e| format!("it cannot be read: {e}"))?;
    Ok(StoredRecord { at, kind })
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
