//! The hash chain over the events of one run. It finds a record that was edited, removed or added, unless the hashes
//! were made again as well. A hash that was noted elsewhere finds that too (`head`).
//!
//! The hashes are computed in `row`. The newest one is also in `runs.head`. The entries of the ledger's own history are
//! chained in the same way (`history`).

use super::{
    Damage, Ledger, LedgerError, RunRow,
    row::{link, origin},
};
use crate::event::{RunId, RunState};

impl Ledger {
    /// Checks every record of `run` against the chain, and that the events fold.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] at the first record that is wrong, otherwise any error of reading.
    pub fn verify(&self, run: &RunId) -> Result<(), LedgerError> {
        let row = self.row(run)?;
        let damaged =
            |seq, why: &str| LedgerError::Damaged { run: run.clone(), damage: Damage { seq, why: why.to_owned() } };
        let (mut before, mut last, mut state) = (origin(run), 0, None::<RunState>);
        self.each_raw(&row, 0, |seq, at, kind, hash| {
            if seq != last + 1 {
                return Err(damaged(last + 1, "it is missing"));
            }
            before = link(&before, seq, at, kind);
            if hash != before {
                return Err(damaged(seq, "it is not what was written"));
            }
            last = seq;
            let event = self.parse(&row, seq, at, kind)?;
            match &mut state {
                None => state = Some(RunState::begin(&event).map_err(|e| damaged(seq, &e.why))?),
                Some(state) => state.apply(&event).map_err(|e| damaged(seq, &e.why))?,
            }
            Ok(())
        })?;
        if last != row.last_seq {
            return Err(damaged(last + 1, "it is missing, and all after it"));
        }
        if row.head != before {
            return Err(damaged(last, "the run's head is the hash of another event"));
        }
        match state {
            Some(state) if !is_of(&row, &state) => Err(damaged(1, "the run's row in `runs` does not agree with it")),
            _ => Ok(()),
        }
    }

    /// SQLite's own check of the whole file.
    ///
    /// # Errors
    /// [`LedgerError::Corrupted`] with the first lines it prints.
    pub fn check_file(&self) -> Result<(), LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let mut statement = self.db.prepare("PRAGMA integrity_check(5)").map_err(failed)?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let lines = lines.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if lines == ["ok"] {
            Ok(())
        } else {
            Err(LedgerError::Corrupted { path: self.path.clone(), why: lines.join("; ") })
        }
    }
}

/// Whether a run's row agrees with its events. (A playbook's last run is found by the path in it, old runs by the
/// time.)
fn is_of(row: &RunRow, state: &RunState) -> bool {
    let started = &state.started;
    row.playbook == started.plan.playbook
        && row.playbook_path == started.playbook_path
        && row.check == started.check
        && row.hosts == state.tally.total as u64
        && (row.started_at, row.last_at) == (state.started_at, state.last_at)
}
