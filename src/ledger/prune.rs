//! Forgetting old runs, so that years of them do not fill a disk.

use super::{Ledger, LedgerError};
use crate::event::RunId;

impl Ledger {
    /// Forgets all but the newest `keep` runs, with their logs, and gives their room back to the disk. A run that a
    /// controller drives just now stays. Returns what was forgotten, newest first.
    ///
    /// # Errors
    /// What keeps the ledger from being written; runs that were forgotten before stay so.
    pub fn prune(&mut self, keep: usize, owner: &str) -> Result<Vec<RunId>, LedgerError> {
        let mut forgotten = Vec::new();
        for row in self.runs(usize::MAX >> 1)?.into_iter().skip(keep) {
            // Held while it is forgotten, so that nobody resumes it meanwhile.
            let lock = match self.lock(&row.run, owner) {
                Ok(lock) => lock,
                Err(LedgerError::Locked { .. }) => continue,
                Err(error) => return Err(error),
            };
            let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
            let tx = self.db.transaction().map_err(told)?;
            for sql in [
                "DELETE FROM requests WHERE no = ?",
                "DELETE FROM events WHERE no = ?",
                "DELETE FROM runs WHERE no = ?",
            ] {
                tx.execute(sql, [row.no]).map_err(told)?;
            }
            tx.commit().map_err(told)?;
            let logs = self.run_folder(&row.run);
            match std::fs::remove_dir_all(&logs) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(LedgerError::io(&logs, &e)),
                _ => {}
            }
            drop(lock);
            forgotten.push(row.run);
        }
        if !forgotten.is_empty() {
            // Needs as much room again for a moment; without it the freed pages are used by the next runs.
            if let Err(error) = self.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)") {
                tracing::warn!(%error, "the ledger file keeps its size");
            }
        }
        Ok(forgotten)
    }
}
