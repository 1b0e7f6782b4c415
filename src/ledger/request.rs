//! What another shell asks of a running controller: rows that it leaves and the controller takes.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError};
use crate::event::{RunId, Stop};

/// A request of a person in another shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was made.
    pub at: Timestamp,
    /// `account@machine (login person)`.
    pub by: String,
    /// What is asked for.
    pub what: Wanted,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Let the stage (the one that waits, if none is named) go on.
    Approve {
        /// Its index.
        stage: Option<usize>,
    },
    /// Stop like this.
    Stop(Stop),
}

impl Ledger {
    /// Leaves a request for whoever drives `run`.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or what keeps the ledger from being written.
    pub fn request(&mut self, run: &RunId, request: &Request) -> Result<(), LedgerError> {
        let row = self.row(run)?;
        let what = serde_json::to_string(&request.what)
            .map_err(|e| LedgerError::Io { path: self.path.clone(), why: e.to_string() })?;
        self.db
            .execute(
                "INSERT INTO requests (no, at, by, what) VALUES (?, ?, ?, ?)",
                params![row.no, request.at.to_string(), request.by, what],
            )
            .map_err(|e| LedgerError::sqlite(&self.path, &e))?;
        Ok(())
    }

    /// The hardest stop that was asked of `run` and that its controller has not taken yet.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or what keeps the ledger from being read.
    pub fn stop_requested(&self, run: &RunId) -> Result<Option<Stop>, LedgerError> {
        let row = self.row(run)?;
        let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let mut statement = self.db.prepare("SELECT what FROM requests WHERE no = ?").map_err(told)?;
        let rows = statement.query_map([row.no], |row| row.get::<_, String>(0)).map_err(told)?;
        let rows = rows.collect::<Result<Vec<String>, _>>().map_err(told)?;
        let stop = |what: &String| match serde_json::from_str(what) {
            Ok(Wanted::Stop(how)) => Some(how),
            _ => None,
        };
        Ok(rows.iter().filter_map(stop).max())
    }

    /// Takes the requests for `run`, oldest first. Each is given once. Cheap when there are none: nothing is written.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or what keeps the ledger from being read or written.
    pub fn take_requests(&mut self, run: &RunId) -> Result<Vec<Request>, LedgerError> {
        let row = self.row(run)?;
        let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let any: bool = self
            .db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM requests WHERE no = ?)")
            .and_then(|mut statement| statement.query_row([row.no], |row| row.get(0)))
            .map_err(told)?;
        if !any {
            return Ok(Vec::new());
        }
        let mut statement =
            self.db.prepare("DELETE FROM requests WHERE no = ? RETURNING id, at, by, what").map_err(told)?;
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let taken = statement.query_map([row.no], columns).and_then(Iterator::collect);
        let mut taken: Vec<(i64, String, String, String)> = taken.map_err(told)?;
        taken.sort();
        // A row that cannot be read was not written by `request`, or by that of a newer patchwave.
        let read = |(_, at, by, what): (i64, String, String, String)| {
            let request = match (at.parse(), serde_json::from_str(&what)) {
                (Ok(at), Ok(what)) => Some(Request { at, by: by.clone(), what }),
                _ => None,
            };
            if request.is_none() {
                tracing::warn!(%by, %what, "a request is not understood and was not followed");
            }
            request
        };
        Ok(taken.into_iter().filter_map(read).collect())
    }
}
