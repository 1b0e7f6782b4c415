//! Deletes old runs, so that years of them do not fill a disk.

use jiff::Timestamp;
use rusqlite::TransactionBehavior;

use super::{
    Ledger, LedgerError, RunRow,
    history::{self, Happened},
};
use crate::{
    clock::{Clock as _, SystemClock},
    event::RunId,
};

/// Which runs may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// All except this many of the newest.
    AllBut(usize),
    /// Those whose newest event was recorded before this moment.
    Before(Timestamp),
}

impl Ledger {
    /// The runs that `stale` names, newest first.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn stale(&self, stale: Stale) -> Result<Vec<RunRow>, LedgerError> {
        let mut rows = self.runs(usize::MAX >> 1)?;
        match stale {
            Stale::AllBut(keep) => drop(rows.drain(..keep.min(rows.len()))),
            Stale::Before(moment) => rows.retain(|row| row.last_at < moment),
        }
        Ok(rows)
    }

    /// Deletes these runs with their logs, and frees their disk space. A run that a controller is running stays.
    /// Returns the deleted runs, in the order given.
    ///
    /// # Errors
    /// Why the ledger cannot be written; runs that were deleted before the error stay deleted.
    pub fn forget(&mut self, runs: &[RunId], owner: &str) -> Result<Vec<RunId>, LedgerError> {
        let mut forgotten = Vec::new();
        for run in runs {
            // Held while the run is deleted, so that it cannot be resumed meanwhile.
            let lock = match self.lock(run, owner) {
                Ok(lock) => lock,
                Err(LedgerError::Locked { .. }) => continue,
                Err(error) => return Err(error),
            };
            self.forget_one(run, owner)?;
            drop(lock);
            forgotten.push(run.clone());
        }
        if !forgotten.is_empty() {
            // For a moment this needs the same space again. If it fails, the next runs use the freed pages.
            if let Err(error) = self.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)") {
                tracing::warn!(%error, "the ledger file keeps its size");
            }
        }
        Ok(forgotten)
    }

    fn forget_one(&mut self, run: &RunId, owner: &str) -> Result<(), LedgerError> {
        let no = self.row(run)?.no;
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // The record may have grown since it was listed.
        let end = history::record_ends(&tx).map_err(failed)?.into_iter().find(|end| end.run == *run);
        if let Some(end) = end {
            let forgotten = Happened::RunForgotten { end, by: owner.to_owned() };
            history::append(&tx, &SystemClock.now().to_string(), &forgotten).map_err(failed)?;
        }
        for sql in
            ["DELETE FROM requests WHERE no = ?", "DELETE FROM events WHERE no = ?", "DELETE FROM runs WHERE no = ?"]
        {
            tx.execute(sql, [no]).map_err(failed)?;
        }
        tx.commit().map_err(failed)?;
        let logs = self.run_folder(run);
        match std::fs::remove_dir_all(&logs) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::io(&logs, &e)),
            _ => Ok(()),
        }
    }
}
