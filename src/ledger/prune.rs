//! Forgetting old runs, so that years of them do not fill a disk.

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

/// Which runs may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// All but the newest so many.
    AllBut(usize),
    /// Those whose newest event was recorded before this moment.
    Before(Timestamp),
}

impl Ledger {
    /// The runs that `stale` names, newest first.
    ///
    /// # Errors
    /// What keeps the ledger from being read.
    pub fn stale(&self, stale: Stale) -> Result<Vec<RunRow>, LedgerError> {
        let mut rows = self.runs(usize::MAX >> 1)?;
        match stale {
            Stale::AllBut(keep) => drop(rows.drain(..keep.min(rows.len()))),
            Stale::Before(moment) => rows.retain(|row| row.last_at < moment),
        }
        Ok(rows)
    }

    /// Forgets these runs, with their logs, and gives their room back to the disk. A run that a controller drives just
    /// now stays. Returns what was forgotten, in the order given.
    ///
    /// # Errors
    /// What keeps the ledger from being written; runs that were forgotten before stay so.
    pub fn forget(&mut self, runs: &[RunId], owner: &str) -> Result<Vec<RunId>, LedgerError> {
        let mut forgotten = Vec::new();
        for run in runs {
            // Held while it is forgotten, so that nobody resumes it meanwhile.
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
            // Needs as much room again for a moment; without it the freed pages are used by the next runs.
            if let Err(error) = self.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)") {
                tracing::warn!(%error, "the ledger file keeps its size");
            }
        }
        Ok(forgotten)
    }

    fn forget_one(&mut self, run: &RunId, owner: &str) -> Result<(), LedgerError> {
        let no = self.row(run)?.no;
        let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        // It may have grown since it was looked at.
        let stand = history::stands(&tx).map_err(told)?.into_iter().find(|stand| stand.run == *run);
        if let Some(stand) = stand {
            let forgotten = Happened::RunForgotten { stand, by: owner.to_owned() };
            history::append(&tx, &SystemClock.now().to_string(), &forgotten).map_err(told)?;
        }
        for sql in
            ["DELETE FROM requests WHERE no = ?", "DELETE FROM events WHERE no = ?", "DELETE FROM runs WHERE no = ?"]
        {
            tx.execute(sql, [no]).map_err(told)?;
        }
        tx.commit().map_err(told)?;
        let logs = self.run_folder(run);
        match std::fs::remove_dir_all(&logs) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::io(&logs, &e)),
            _ => Ok(()),
        }
    }
}
