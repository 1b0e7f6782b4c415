//! The newest scan of each host, and since when each of its updates is pending: a table that is computed from the
//! records and can be made again from them at any time. Start at [`Scanned`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Ledger, LedgerError, records};
use crate::{
    host::HostName,
    record::{Digest, Kind, Since},
};

/// What the records say about one host, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostEntry {
    /// The record of its newest scan that has an answer.
    pub seq: Option<u64>,
    /// The one before that.
    pub previous: Option<u64>,
    /// The first one.
    pub first: Option<u64>,
    /// The newest scan that it did not answer, if that is newer than `seq`.
    pub failed: Option<u64>,
    /// Since when its updates are pending.
    pub since: Since,
}

/// The table, while records are added to it.
pub(super) struct Scanned<'a> {
    db: &'a Connection,
    changed: BTreeMap<String, HostEntry>,
    /// The names of the pending updates in a document, and those that are security fixes.
    names: HashMap<Digest, [BTreeSet<String>; 2]>,
}

impl<'a> Scanned<'a> {
    pub(super) fn new(db: &'a Connection) -> Self {
        Self { db, changed: BTreeMap::new(), names: HashMap::new() }
    }

    /// Takes one record in.
    pub(super) fn apply(&mut self, seq: u64, at: &str, kind: &Kind) -> rusqlite::Result<()> {
        match kind {
            Kind::HostScanned(scan) => {
                let mut entry = self.entry(scan.host.as_str())?;
                entry.previous = entry.seq.replace(seq);
                entry.first.get_or_insert(seq);
                entry.failed = None;
                // Not knowing what is pending says nothing about what was.
                if let (Some(pending), Ok(at)) = (&scan.pending, at.parse::<Timestamp>()) {
                    let [all, security] = self.names_of(pending)?;
                    entry.since.update(at, all, security);
                }
                self.changed.insert(scan.host.to_string(), entry);
            }
            Kind::HostNotScanned(not) => {
                let mut entry = self.entry(not.host.as_str())?;
                entry.failed = Some(seq);
                self.changed.insert(not.host.to_string(), entry);
            }
            Kind::AdvisoriesImported(_) | Kind::Other => {}
        }
        Ok(())
    }

    /// Writes what has changed.
    pub(super) fn save(self) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare_cached(
            "INSERT OR REPLACE INTO scanned_hosts (host, seq, previous, first, failed, since)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        for (host, entry) in self.changed {
            let since = serde_json::to_string(&entry.since)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let number = |n: Option<u64>| n.map(|n| n as i64);
            let HostEntry { seq, previous, first, failed, .. } = entry;
            statement.execute(params![host, number(seq), number(previous), number(first), number(failed), since])?;
        }
        Ok(())
    }

    fn entry(&self, host: &str) -> rusqlite::Result<HostEntry> {
        if let Some(entry) = self.changed.get(host) {
            return Ok(entry.clone());
        }
        let mut statement = self.db.prepare_cached(&format!("{ROW} WHERE host = ?"))?;
        Ok(statement.query_row([host], entry_of).optional()?.unwrap_or_default())
    }

    fn names_of(&mut self, digest: &Digest) -> rusqlite::Result<&[BTreeSet<String>; 2]> {
        if !self.names.contains_key(digest) {
            let text = records::document(self.db, digest)?.unwrap_or_default();
            let pending = serde_json::from_str(&text).unwrap_or_default();
            self.names.insert(digest.clone(), Since::names(&pending));
        }
        Ok(&self.names[digest])
    }
}

const ROW: &str = "SELECT seq, previous, first, failed, since, host FROM scanned_hosts";

fn entry_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<HostEntry> {
    let number = |column: usize| row.get::<_, Option<i64>>(column).map(|n| n.map(|n| n as u64));
    let since: String = row.get(4)?;
    Ok(HostEntry {
        seq: number(0)?,
        previous: number(1)?,
        first: number(2)?,
        failed: number(3)?,
        // What cannot be read is made again from the records by `rebuild`.
        since: serde_json::from_str(&since).unwrap_or_default(),
    })
}

/// Makes the table again from the records.
pub(super) fn rebuild(db: &Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    db.execute("DELETE FROM scanned_hosts", []).map_err(failed)?;
    let mut scanned = Scanned::new(db);
    records::each(db, 0, |row| {
        let kind = serde_json::from_str(&row.kind).unwrap_or(Kind::Other);
        scanned.apply(row.seq, &row.at, &kind).map_err(failed)
    })?;
    scanned.save().map_err(failed)
}

impl Ledger {
    /// What the records say about each host, by name. A ledger of an older build has none.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn scanned_hosts(&self) -> Result<BTreeMap<HostName, HostEntry>, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        if !records::are_there(&self.db).map_err(failed)? {
            return Ok(BTreeMap::new());
        }
        let mut statement = self.db.prepare(ROW).map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(5)?, entry_of(row)?))).map_err(failed)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        Ok(rows.into_iter().filter_map(|(host, entry)| Some((HostName::new(&host).ok()?, entry))).collect())
    }

    /// Makes everything that is computed from the records again.
    ///
    /// # Errors
    /// Why the ledger cannot be read or written; nothing has changed then.
    pub fn rebuild_scanned_hosts(&mut self) -> Result<(), LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let tx = self.db.unchecked_transaction().map_err(failed)?;
        rebuild(&tx).map_err(|why| self.record_error(0, why))?;
        tx.commit().map_err(failed)
    }
}
