//! Requests from another shell to a running controller: rows that the shell writes and the controller takes.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Ledger, LedgerError};
use crate::event::{RunId, Stop};

/// A request from a person in another shell.
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
    /// Stop the run in this way.
    Stop(Stop),
}

impl Ledger {
    /// Leaves a request for the controller that is running `run`.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or why the ledger cannot be written.
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

    /// The hardest stop that was requested for `run` and that its controller has not taken yet.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or why the ledger cannot be read.
    pub fn stop_requested(&self, run: &RunId) -> Result<Option<Stop>, LedgerError> {
        let row = self.row(run)?;
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let mut statement = self.db.prepare("SELECT what FROM requests WHERE no = ?").map_err(failed)?;
        let rows = statement.query_map([row.no], |row| row.get::<_, String>(0)).map_err(failed)?;
        let rows = rows.collect::<Result<Vec<String>, _>>().map_err(failed)?;
        let stop = |what: &String| match serde_json::from_str(what) {
            Ok(Wanted::Stop(how)) => Some(how),
            _ => None,
        };
        Ok(rows.iter().filter_map(stop).max())
    }

    /// Takes the requests for `run`, oldest first. Each is returned once. Cheap if there are none: then nothing is
    /// written.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], or why the ledger cannot be read or written.
    pub fn take_requests(&mut self, run: &RunId) -> Result<Vec<Request>, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        // One statement, because a controller asks several times a second.
        let found: Option<(i64, bool)> = self
            .db
            .prepare_cached("SELECT no, EXISTS (SELECT 1 FROM requests WHERE no = runs.no) FROM runs WHERE run = ?")
            .and_then(|mut s| s.query_row([&run.0], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(failed)?;
        let (no, any) = found.ok_or_else(|| LedgerError::UnknownRun { asked: run.0.clone() })?;
        if !any {
            return Ok(Vec::new());
        }
        let mut statement =
            self.db.prepare("DELETE FROM requests WHERE no = ? RETURNING id, at, by, what").map_err(failed)?;
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let taken = statement.query_map([no], columns).and_then(Iterator::collect);
        let mut taken: Vec<(i64, String, String, String)> = taken.map_err(failed)?;
        taken.sort();
        // A row that cannot be read was written by a newer patchwave, or not by `request`.
        let read = |(_, at, by, what): (i64, String, String, String)| {
            let request = match (at.parse(), serde_json::from_str(&what)) {
                (Ok(at), Ok(what)) => Some(Request { at, by: by.clone(), what }),
                _ => None,
            };
            if request.is_none() {
                tracing::warn!(%by, %what, "a request was not understood and is ignored");
            }
            request
        };
        Ok(taken.into_iter().filter_map(read).collect())
    }
}
