//! Looks for a hash that a person noted elsewhere. It finds what the hashes inside the file cannot: a record that was
//! cut, or rewritten with new hashes. Start at [`Ledger::find_head`].

use rusqlite::{OptionalExtension, params};

use super::{
    Ledger, LedgerError,
    history::{self, Happened},
    records,
    row::hex,
};
use crate::{event::RunId, view::Record};

/// The fewest digits that identify a hash: with fewer, a matching hash could be made on purpose.
const FEWEST: usize = 16;

/// What a noted hash belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundHead {
    /// An event of a run.
    Event {
        /// The run.
        run: RunId,
        /// The event.
        seq: u64,
        /// The run's last event.
        last_seq: u64,
    },
    /// A record of something outside runs.
    Record {
        /// The record.
        seq: u64,
        /// The last record.
        last: u64,
    },
    /// An entry of the ledger's own history.
    History {
        /// The entry.
        n: u64,
        /// The last entry.
        last: u64,
    },
}

/// A hash as it is noted: 16 to 64 hexadecimal digits.
///
/// # Errors
/// Why the text is not a hash, in words.
pub fn noted_head(text: &str) -> Result<String, String> {
    let digits = text.trim().to_ascii_lowercase();
    if (FEWEST..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(format!("a hash has {FEWEST} to 64 hexadecimal digits, as `show` and `report` print it"))
}

impl Ledger {
    /// How long the record of `run` is, with the hash of its last event.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`].
    pub fn record(&self, run: &RunId) -> Result<Record, LedgerError> {
        let row = self.row(run)?;
        Ok(Record { events: row.last_seq, head: hex(&row.head) })
    }

    /// Where a hash from [`noted_head`] is, in `run` or in the whole ledger. Does not check that the records are as
    /// they were written: the caller does that first.
    ///
    /// # Errors
    /// [`LedgerError::HeadForgotten`] for the last hash of a run that was pruned, [`LedgerError::HeadMissing`] for any
    /// other hash that is not found.
    pub fn find_head(&self, head: &str, run: Option<&RunId>) -> Result<FoundHead, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let sql = "SELECT runs.run, seq, last_seq FROM events JOIN runs USING (no)
                   WHERE substr(lower(hex(hash)), 1, length(?1)) = ?1 AND (?2 IS NULL OR runs.run = ?2) LIMIT 1";
        let found = self
            .db
            .query_row(sql, params![head, run.map(|run| &run.0)], |row| {
                let (seq, last_seq) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64);
                Ok(FoundHead::Event { run: RunId(row.get(0)?), seq, last_seq })
            })
            .optional()
            .map_err(failed)?;
        if let Some(found) = found {
            return Ok(found);
        }
        if run.is_none()
            && let Some(found) = self.find_record(head).map_err(failed)?
        {
            return Ok(found);
        }
        let (mut entry_of, mut last, mut forgotten) = (None, 0, None);
        history::each(&self.db, |entry| {
            last = entry.n;
            if hex(&entry.hash).starts_with(head) {
                entry_of = Some(entry.n);
            }
            if let Ok(Happened::RunForgotten { end, by }) = serde_json::from_str(&entry.what)
                && end.head.starts_with(head)
            {
                forgotten = Some((end.run, by, entry.at));
            }
            Ok(())
        })
        .map_err(|why| self.history_error(last + 1, why))?;
        match (entry_of.filter(|_| run.is_none()), forgotten) {
            (Some(n), _) => Ok(FoundHead::History { n, last }),
            (None, Some((run, by, at))) => Err(LedgerError::HeadForgotten { run, by, at }),
            (None, None) => Err(LedgerError::HeadMissing { head: head.to_owned(), run: run.cloned() }),
        }
    }
    fn find_record(&self, head: &str) -> rusqlite::Result<Option<FoundHead>> {
        if !records::are_there(&self.db)? {
            return Ok(None);
        }
        let sql = "SELECT seq, (SELECT max(seq) FROM records) FROM records
                   WHERE substr(lower(hex(hash)), 1, length(?1)) = ?1 LIMIT 1";
        let number = |row: &rusqlite::Row<'_>, n| row.get::<_, i64>(n).map(|n| n as u64);
        self.db
            .query_row(sql, [head], |row| Ok(FoundHead::Record { seq: number(row, 0)?, last: number(row, 1)? }))
            .optional()
    }
}
