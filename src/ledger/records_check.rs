//! Checks the records against their chain, and the documents against the records that name them. Start at
//! [`Ledger::verify_records`].

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{
    Ledger, LedgerError,
    records::{self, LONGEST, RecordRow},
    row::{self, Hash, hex},
};
use crate::{
    record::{Digest, Kind},
    view::Record,
};

impl Ledger {
    /// Checks every record against the chain, that each can be read, and that every document is there and unchanged.
    /// Returns how many records there are; `None` if there are none.
    ///
    /// # Errors
    /// [`LedgerError::Record`] with the first thing that is wrong, otherwise any error of reading.
    pub fn verify_records(&self) -> Result<Option<Record>, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        // One transaction, because scans may be recorded meanwhile.
        let tx = self.db.unchecked_transaction().map_err(failed)?;
        if !records::are_there(&tx).map_err(failed)? {
            return Ok(None);
        }
        let (mut last, mut before) = (0, records::origin());
        records::each(&tx, 0, |row| {
            before = next(&before, last, &row)?;
            last = row.seq;
            let kind: Kind = serde_json::from_str(&row.kind).map_err(|error| format!("it cannot be read: {error}"))?;
            for digest in kind.documents() {
                if !has_document(&tx, digest).map_err(|e| e.to_string())? {
                    return Err(format!("document {digest}, which it names, is missing"));
                }
            }
            Ok(())
        })
        .map_err(|why| self.record_error(last + 1, why))?;
        self.verify_documents(&tx)?;
        Ok((last > 0).then(|| Record { events: last, head: hex(&before) }))
    }

    fn verify_documents(&self, db: &Connection) -> Result<(), LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let mut statement = db.prepare("SELECT sha256, text FROM documents").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let bytes: Vec<u8> = row.get(0).map_err(failed)?;
            let text = row.get_ref(1).map_err(failed)?.as_bytes().unwrap_or_default();
            if text.len() > LONGEST || Sha256::digest(text).as_slice() != bytes {
                let digest = hex(&bytes);
                let (path, what) = (self.path.clone(), format!("document {digest}"));
                return Err(LedgerError::Record { path, what, why: "it is not what was written".to_owned() });
            }
        }
        Ok(())
    }
}

/// The hash of this record, if it is the one after `last`.
pub(super) fn next(before: &Hash, last: u64, row: &RecordRow) -> Result<Hash, String> {
    if row.seq != last + 1 {
        return Err("it is missing".to_owned());
    }
    let linked = row::link(before, row.seq, &row.at, &row.kind);
    if row.hash == linked { Ok(linked) } else { Err("it is not what was written".to_owned()) }
}

fn has_document(db: &Connection, digest: &Digest) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM documents WHERE sha256 = ?)")?
        .query_row([digest.bytes()], |row| row.get(0))
}
