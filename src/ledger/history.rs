//! What happened to the ledger itself: which runs began, ended, were pruned or salvaged, in a separate hash chain. The
//! first event of a run names the newest hash of this chain at that time, and the end of a run is recorded here with
//! its hash. So the hash of a run's last event covers all runs before it. The check is in `history_check`.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Ledger, LedgerError,
    row::{self, Hash, hex},
};
use crate::event::RunId;

/// The key in a run's first event for the hash of the history's newest entry. The ledger adds it.
pub(super) const KEY: &str = "ledger_head";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Happened {
    /// A run was recorded; its first event names this entry.
    RunBegan { run: RunId },
    /// A controller recorded the end of a run.
    RunEnded(RecordEnd),
    /// A run was pruned. `end` is where its record ended.
    RunForgotten {
        #[serde(flatten)]
        end: RecordEnd,
        by: String,
    },
    /// The runs of an older ledger, which had no history.
    TakenOver { runs: Vec<RecordEnd> },
    /// The ledger was rebuilt from the readable parts of a damaged one: earlier entries no longer count.
    Salvaged {
        kept: String,
        runs: Vec<RecordEnd>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        records: Option<RecordsEnd>,
    },
    /// Records were added. This is where they ended then.
    RecordsAdded(RecordsEnd),
    /// An entry that a newer program wrote.
    #[serde(other)]
    Other,
}

/// Where a run's record ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordEnd {
    pub(super) run: RunId,
    pub(super) seq: u64,
    /// The hash of that event, in hex.
    pub(super) head: String,
}

/// Where the records outside runs ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordsEnd {
    pub(super) seq: u64,
    /// The hash of that record, in hex.
    pub(super) head: String,
}

/// One stored entry.
pub(super) struct Entry {
    pub(super) n: u64,
    pub(super) at: String,
    pub(super) what: String,
    pub(super) hash: Hash,
}

/// The hash before the first entry.
pub(super) fn origin() -> Hash {
    Sha256::digest(b"patchwave ledger").into()
}

/// Appends an entry and returns its hash. Call it in the transaction of the change, before the run is written or
/// deleted: in an older ledger, the runs that are there are listed first.
pub(super) fn append(db: &Connection, at: &str, what: &Happened) -> rusqlite::Result<Hash> {
    let newest: Option<(i64, Hash)> = db
        .prepare_cached("SELECT n, hash FROM history ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (n, before) = match newest {
        Some(newest) => newest,
        None => match record_ends(db)? {
            runs if runs.is_empty() || matches!(what, Happened::Salvaged { .. }) => (0, origin()),
            runs => (1, put(db, 1, &origin(), at, &Happened::TakenOver { runs })?),
        },
    };
    put(db, n + 1, &before, at, what)
}

fn put(db: &Connection, n: i64, before: &Hash, at: &str, what: &Happened) -> rusqlite::Result<Hash> {
    let what = serde_json::to_string(what).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let hash = row::link(before, n as u64, at, &what);
    insert(db, &Entry { n: n as u64, at: at.to_owned(), what, hash })?;
    Ok(hash)
}

/// Writes an entry as it is.
pub(super) fn insert(db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO history (n, at, what, hash) VALUES (?, ?, ?, ?)")?
        .execute(params![entry.n as i64, entry.at, entry.what, entry.hash])
        .map(drop)
}

/// Where the record of each run ends now, oldest first.
pub(super) fn record_ends(db: &Connection) -> rusqlite::Result<Vec<RecordEnd>> {
    let mut statement = db.prepare("SELECT run, last_seq, head FROM runs ORDER BY no")?;
    let rows = statement.query_map([], |row| {
        let head: Hash = row.get(2)?;
        Ok(RecordEnd { run: RunId(row.get(0)?), seq: row.get::<_, i64>(1)? as u64, head: hex(&head) })
    })?;
    rows.collect()
}

/// The entries in order, one by one. An older ledger has none.
pub(super) fn each(db: &Connection, mut take: impl FnMut(Entry) -> Result<(), String>) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    if !is_there(db).map_err(failed)? {
        return Ok(());
    }
    let mut statement = db.prepare("SELECT n, at, what, hash FROM history ORDER BY n").map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let entry = |row: &rusqlite::Row<'_>| {
            Ok(Entry { n: row.get::<_, i64>(0)? as u64, at: row.get(1)?, what: row.get(2)?, hash: row.get(3)? })
        };
        take(entry(row).map_err(failed)?)?;
    }
    Ok(())
}

/// Whether this ledger's schema has a history.
pub(super) fn is_there(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'history')", [], |row| row.get(0))
}

/// The entries before the first one that is not what was written.
pub(super) fn good_entries(db: &Connection) -> Vec<Entry> {
    let (mut good, mut before) = (Vec::new(), origin());
    // The reason for the end does not matter here: the rest is not used.
    let _ = each(db, |entry| {
        let linked = row::link(&before, good.len() as u64 + 1, &entry.at, &entry.what);
        if entry.n != good.len() as u64 + 1 || entry.hash != linked {
            return Err(String::new());
        }
        before = linked;
        good.push(entry);
        Ok(())
    });
    good
}

/// The first event's text, with the ledger's newest hash added.
pub(super) fn anchored(kind: &str, head: &Hash) -> String {
    let open = kind.strip_suffix('}').unwrap_or(kind);
    format!("{open},\"{KEY}\":\"{}\"}}", hex(head))
}

impl Ledger {
    /// The error for a history that is wrong at entry `n`.
    pub(super) fn history_error(&self, n: u64, why: impl Into<String>) -> LedgerError {
        LedgerError::History { path: self.path.clone(), n, why: why.into() }
    }
}
