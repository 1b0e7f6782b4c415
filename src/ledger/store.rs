//! The runs and their events: each append is one durable transaction, and they are read back in order.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{
    Damage, Driver, LedgerError, Logs, RunLock,
    history::{self, Happened, RecordEnd},
    open,
    row::{self, Hash, hex},
    version,
};
use crate::event::{Event, Kind, RunId, RunStarted, RunState};

/// An open ledger. One process may have several; writers wait for each other.
#[derive(Debug)]
pub struct Ledger {
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) db: Connection,
}

/// One run in a list of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: RunId,
    /// The playbook's name.
    pub playbook: String,
    /// The playbook's path, absolute.
    pub playbook_path: String,
    /// `--check`.
    pub check: bool,
    /// Hosts in its plan.
    pub hosts: u64,
    /// When its first event was recorded.
    pub started_at: Timestamp,
    /// When its newest event was recorded.
    pub last_at: Timestamp,
    /// Number of its newest event.
    pub last_seq: u64,
    pub(super) no: i64,
    pub(super) head: Hash,
}

/// The fewest characters that identify a run: the letters at the end of its id.
const SHORTEST: usize = 4;
const ROW: &str =
    "SELECT run, playbook, playbook_path, check_only, hosts, started_at, last_at, last_seq, no, head FROM runs";

impl Ledger {
    /// Opens the ledger in `folder`, which is created (mode 0700) if it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`LedgerError`] says what is wrong with the folder or the file.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let (path, db) = open::writable(folder)?;
        Ok(Self { folder: folder.to_owned(), path, db })
    }

    /// Opens the ledger only for reading; nothing is created or changed.
    ///
    /// # Errors
    /// [`LedgerError::Absent`] if there is none, otherwise as [`Ledger::open`].
    pub fn open_read_only(folder: &Path) -> Result<Self, LedgerError> {
        let (path, db) = open::readable(folder)?;
        Ok(Self { folder: folder.to_owned(), path, db })
    }

    /// Records the first event of a new run and takes its lock.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Gap`] for any event other than `RunStarted` with number 1, or why the
    /// ledger cannot be written.
    pub fn begin(&mut self, first: &Event) -> Result<RunLock, LedgerError> {
        let Kind::RunStarted(started) = &first.kind else {
            return Err(LedgerError::Gap { run: RunId(String::new()), expected: 1, found: first.seq });
        };
        let run = &started.run;
        if first.seq != 1 {
            return Err(LedgerError::Gap { run: run.clone(), expected: 1, found: first.seq });
        }
        if !run.0.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') || run.0.is_empty() {
            // The id becomes a folder's name.
            return Err(LedgerError::UnknownRun { asked: run.0.clone() });
        }
        let lock = RunLock::take(&self.run_folder(run), run, &started.owner())?;
        let (at, kind) = texts(first, &self.path)?;
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let known =
            tx.query_row("SELECT 1 FROM runs WHERE run = ?", [&run.0], |_| Ok(())).optional().map_err(failed)?;
        if known.is_some() {
            return Err(LedgerError::Exists { run: run.clone() });
        }
        let began = history::append(&tx, &at, &Happened::RunBegan { run: run.clone() }).map_err(failed)?;
        let kind = history::anchored(&kind, &began);
        let hash = row::link(&row::origin(run), 1, &at, &kind);
        insert_run(&tx, started, &[Stored { at, kind, hash }]).map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(lock)
    }

    /// Takes the lock of a recorded run, to go on with it.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] while another controller is running it; [`LedgerError::UnknownRun`].
    pub fn lock(&self, run: &RunId, owner: &str) -> Result<RunLock, LedgerError> {
        self.row(run)?;
        RunLock::take(&self.run_folder(run), run, owner)
    }

    /// Which controller is running `run`, if any.
    pub fn driver(&self, run: &RunId) -> Driver {
        RunLock::driver(&self.run_folder(run))
    }

    /// Appends the next events of a run in one transaction. When it returns, they are durable, or nothing is recorded.
    ///
    /// # Errors
    /// [`LedgerError::Gap`] if they are not the next ones, or why the ledger cannot be written.
    pub fn append(&mut self, lock: &RunLock, events: &[Event]) -> Result<(), LedgerError> {
        if events.is_empty() {
            return Ok(());
        }
        let (path, run) = (&self.path, lock.run());
        let failed = |e: rusqlite::Error| LedgerError::sqlite(path, &e);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let head = tx
            .prepare_cached("SELECT no, last_seq, head FROM runs WHERE run = ?")
            .and_then(|mut s| s.query_row([&run.0], |r| Ok((r.get(0)?, number(r, 1)?, r.get(2)?))).optional())
            .map_err(failed)?;
        let (no, mut seq, mut hash): (i64, u64, Hash) =
            head.ok_or_else(|| LedgerError::UnknownRun { asked: run.0.clone() })?;
        let (mut last_at, mut ended) = (String::new(), None);
        {
            let mut insert = tx
                .prepare_cached("INSERT INTO events (no, seq, at, kind, hash) VALUES (?, ?, ?, ?, ?)")
                .map_err(failed)?;
            for event in events {
                if event.seq != seq + 1 {
                    return Err(LedgerError::Gap { run: run.clone(), expected: seq + 1, found: event.seq });
                }
                let (at, kind) = texts(event, path)?;
                seq = event.seq;
                hash = row::link(&hash, seq, &at, &kind);
                insert.execute(params![no, seq as i64, at, kind, hash]).map_err(failed)?;
                if matches!(event.kind, Kind::RunFinished) {
                    ended = Some((at.clone(), RecordEnd { run: run.clone(), seq, head: hex(&hash) }));
                }
                last_at = at;
            }
        }
        tx.prepare_cached("UPDATE runs SET last_seq = ?, last_at = ?, head = ? WHERE no = ?")
            .and_then(|mut s| s.execute(params![seq as i64, last_at, hash, no]))
            .map_err(failed)?;
        if let Some((at, end)) = ended {
            history::append(&tx, &at, &Happened::RunEnded(end)).map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }

    /// Passes the events of `run` after number `after` to `take`, one by one, in order.
    ///
    /// # Errors
    /// The first error of `take`; [`LedgerError::Damaged`] for a row that cannot be read.
    pub fn each(
        &self,
        run: &RunId,
        after: u64,
        mut take: impl FnMut(Event) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let row = self.row(run)?;
        self.each_raw(&row, after, |seq, at, kind, _| take(self.parse(&row, seq, at, kind)?))
    }

    /// Passes the events of `run` to `take` as they were written, one JSON object each, also those that this program
    /// does not understand.
    ///
    /// # Errors
    /// The first error of `take`; [`LedgerError::Damaged`] for a row that is not an object.
    pub fn each_text(
        &self,
        run: &RunId,
        mut take: impl FnMut(&str) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let row = self.row(run)?;
        self.each_raw(&row, 0, |seq, at, kind, _| {
            let line = format!("{{\"seq\":{seq},\"at\":\"{at}\",{}", kind.strip_prefix('{').unwrap_or(kind));
            match serde_json::from_str::<serde::de::IgnoredAny>(&line) {
                Ok(_) => take(&line),
                // To find out what is wrong with it.
                Err(_) => self.parse(&row, seq, at, kind).map(drop),
            }
        })
    }

    /// The event in a stored row.
    pub(super) fn parse(&self, row: &RunRow, seq: u64, at: &str, kind: &str) -> Result<Event, LedgerError> {
        row::parse(&row.run, seq, at, kind).map_err(|error| version::explain(&self.db, row.no, &row.run, seq, error))
    }

    /// All events of `run`.
    ///
    /// # Errors
    /// As [`Ledger::each`].
    pub fn events(&self, run: &RunId) -> Result<Vec<Event>, LedgerError> {
        let mut events = Vec::new();
        self.each(run, 0, |event| {
            events.push(event);
            Ok(())
        })?;
        Ok(events)
    }

    /// The state of `run`, folded without holding its events.
    ///
    /// # Errors
    /// As [`Ledger::each`]; events that do not fit each other are [`LedgerError::Damaged`].
    pub fn state(&self, run: &RunId) -> Result<RunState, LedgerError> {
        let damaged = |e: crate::event::IllegalEvent| LedgerError::Damaged {
            run: run.clone(),
            damage: Damage { seq: e.seq, why: e.why },
        };
        let mut state: Option<RunState> = None;
        self.each(run, 0, |event| match &mut state {
            Some(state) => state.apply(&event).map_err(damaged),
            None => {
                state = Some(RunState::begin(&event).map_err(damaged)?);
                Ok(())
            }
        })?;
        state.ok_or_else(|| damaged(crate::event::IllegalEvent { seq: 1, why: "it is missing".to_owned() }))
    }

    /// The newest runs, newest first, at most `limit`.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, LedgerError> {
        self.rows(&format!("{ROW} ORDER BY no DESC LIMIT ?"), params![limit as i64])
    }

    /// The newest run, which may be a check.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn last_run(&self) -> Result<Option<RunId>, LedgerError> {
        Ok(self.runs(1)?.pop().map(|row| row.run))
    }

    /// The newest runs that were not checks, newest first, at most `limit`.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn real_runs(&self, limit: usize) -> Result<Vec<RunRow>, LedgerError> {
        self.rows(&format!("{ROW} WHERE check_only = 0 ORDER BY no DESC LIMIT ?"), params![limit as i64])
    }

    /// The newest run of the playbook at this absolute path that was not a check.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn last_run_of(&self, playbook_path: &str) -> Result<Option<RunId>, LedgerError> {
        Ok(self.real_runs_of(playbook_path, 1)?.pop().map(|row| row.run))
    }

    /// The newest runs of the playbook at this absolute path that were not checks, newest first, at most `limit`.
    ///
    /// # Errors
    /// Why the ledger cannot be read.
    pub fn real_runs_of(&self, playbook_path: &str, limit: usize) -> Result<Vec<RunRow>, LedgerError> {
        let sql = format!("{ROW} WHERE playbook_path = ? AND check_only = 0 ORDER BY no DESC LIMIT ?");
        self.rows(&sql, params![playbook_path, limit as i64])
    }

    /// The only run whose id is `asked`, or begins or ends with it. At least four characters; the four letters at the
    /// end are enough.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`], [`LedgerError::Ambiguous`].
    pub fn find(&self, asked: &str) -> Result<RunId, LedgerError> {
        let unknown = || LedgerError::UnknownRun { asked: asked.chars().take(80).collect() };
        let sql = format!(
            "{ROW} WHERE run = ?1 OR substr(run, 1, length(?1)) = ?1 OR substr(run, -length(?1)) = ?1
             ORDER BY run = ?1 DESC, no DESC LIMIT 10"
        );
        let mut found: Vec<RunId> = self.rows(&sql, params![asked])?.into_iter().map(|row| row.run).collect();
        // A typing error must not select a run that is then approved or stopped.
        if asked.chars().count() < SHORTEST {
            found.retain(|run| run.0 == asked);
        }
        match found.len() {
            0 => Err(unknown()),
            1 => Ok(found.remove(0)),
            _ if found[0].0 == asked => Ok(found.remove(0)),
            _ => Err(LedgerError::Ambiguous { asked: asked.to_owned(), candidates: found }),
        }
    }

    /// One run's row.
    ///
    /// # Errors
    /// [`LedgerError::UnknownRun`].
    pub fn row(&self, run: &RunId) -> Result<RunRow, LedgerError> {
        let found = self.rows(&format!("{ROW} WHERE run = ?"), params![run.0])?.pop();
        found.ok_or_else(|| LedgerError::UnknownRun { asked: run.0.clone() })
    }

    /// The log files of a run.
    pub fn logs(&self, run: &RunId, clock: std::sync::Arc<dyn crate::clock::Clock>) -> Logs {
        Logs::new(self.run_folder(run), clock)
    }

    pub(super) fn run_folder(&self, run: &RunId) -> PathBuf {
        self.folder.join("logs").join(&run.0)
    }

    fn rows(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<RunRow>, LedgerError> {
        let mut statement = self.db.prepare_cached(sql).map_err(|e| LedgerError::sqlite(&self.path, &e))?;
        let rows = statement.query_map(params, run_row).and_then(Iterator::collect);
        rows.map_err(|e| LedgerError::sqlite(&self.path, &e))
    }

    /// Passes `seq`, `at`, `kind` and hash of the stored rows of one run to `take`.
    pub(super) fn each_raw(
        &self,
        row: &RunRow,
        after: u64,
        mut take: impl FnMut(u64, &str, &str, &[u8]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        let unreadable = |e: rusqlite::types::FromSqlError| LedgerError::Corrupted {
            path: self.path.clone(),
            why: format!("a record of run {} is not text: {e}", row.run),
        };
        let mut statement = self
            .db
            .prepare_cached("SELECT seq, at, kind, hash FROM events WHERE no = ? AND seq > ? ORDER BY seq")
            .map_err(failed)?;
        let mut rows = statement.query(params![row.no, after as i64]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let seq = number(row, 0).map_err(failed)?;
            let at = row.get_ref(1).map_err(failed)?.as_str().map_err(unreadable)?;
            let kind = row.get_ref(2).map_err(failed)?.as_str().map_err(unreadable)?;
            let hash = row.get_ref(3).map_err(failed)?.as_blob().map_err(unreadable)?;
            take(seq, at, kind, hash)?;
        }
        Ok(())
    }
}

/// One event as it is stored.
pub(super) struct Stored {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) hash: Hash,
}

/// Writes a run with these events; `started` was read from the first of them.
pub(super) fn insert_run(db: &Connection, started: &RunStarted, events: &[Stored]) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    db.execute(
        "INSERT INTO runs (run, playbook, playbook_path, check_only, hosts, started_at, last_at, last_seq, head)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            started.run.0,
            started.plan.playbook,
            started.playbook_path,
            started.check,
            started.plan.hosts().count() as i64,
            first.at,
            last.at,
            events.len() as i64,
            last.hash,
        ],
    )?;
    let no = db.last_insert_rowid();
    let mut insert = db.prepare_cached("INSERT INTO events (no, seq, at, kind, hash) VALUES (?, ?, ?, ?, ?)")?;
    for (seq, event) in (1i64..).zip(events) {
        insert.execute(params![no, seq, event.at, event.kind, event.hash])?;
    }
    Ok(())
}

fn texts(event: &Event, path: &Path) -> Result<(String, String), LedgerError> {
    let kind = serde_json::to_string(&event.kind);
    let kind = kind.map_err(|e| LedgerError::Io { path: path.to_owned(), why: format!("event {}: {e}", event.seq) })?;
    Ok((event.at.to_string(), kind))
}

/// SQLite has no unsigned integers; a negative count was not written by this program.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let time = |column: usize| -> rusqlite::Result<Timestamp> {
        let text: String = row.get(column)?;
        text.parse().map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::<jiff::Error>::new(e))
        })
    };
    Ok(RunRow {
        run: RunId(row.get(0)?),
        playbook: row.get(1)?,
        playbook_path: row.get(2)?,
        check: row.get(3)?,
        hosts: number(row, 4)?,
        started_at: time(5)?,
        last_at: time(6)?,
        last_seq: number(row, 7)?,
        no: row.get(8)?,
        head: row.get(9)?,
    })
}
