//! The hash chain over the events of one run: an edited, removed or added record is noticed, unless somebody made new
//! hashes as well. That is found with a hash that was noted elsewhere (`head`).
//!
//! The hashes are made in `row`. The newest one is in `runs.head` too. The entries of the ledger's own history are
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
    /// [`LedgerError::Damaged`] at the first record that is not right, else as any reading.
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
                return Err(damaged(seq, "it does not say what it said when it was written"));
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
            return Err(damaged(last, "the run's head names another one"));
        }
        match state {
            Some(state) if !is_of(&row, &state) => Err(damaged(1, "the run's row in `runs` says something else")),
            _ => Ok(()),
        }
    }

    /// SQLite's own check of the whole file.
    ///
    /// # Errors
    /// [`LedgerError::Corrupted`] with the first lines it prints.
    pub fn check_file(&self) -> Result<(), LedgerError> {
        let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let mut statement = self.db.prepare("PRAGMA integrity_check(5)").map_err(told)?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(told)?;
        let lines = lines.collect::<Result<Vec<_>, _>>().map_err(told)?;
        if lines == ["ok"] {
            Ok(())
        } else {
            Err(LedgerError::Corrupted { path: self.path.clone(), why: lines.join("; ") })
        }
    }
}

/// Whether a run's row says what its events say. (By its path a playbook's last run is found, by its time what may go.)
fn is_of(row: &RunRow, state: &RunState) -> bool {
    let started = &state.started;
    row.playbook == started.plan.playbook
        && row.playbook_path == started.playbook_path
        && row.check == started.check
        && row.hosts == state.tally.total as u64
        && (row.started_at, row.last_at) == (state.started_at, state.last_at)
}
