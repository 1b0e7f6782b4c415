//! Makes a new ledger from a damaged one: for each run, the events before the first one that is not what was written.
//!
//! The old file is kept under another name. A run whose end is lost gets a last event that says so
//! ([`Kind::RecordCut`]), because what was done after that is not known.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{
    Ledger, LedgerError, first_page,
    history::{self, Happened, RecordsEnd},
    lock::{Driver, RunLock},
    open, records, records_check, row, scanned,
    store::{Stored, insert_run},
    version,
};
use crate::{
    event::{Event, Kind, RunId, RunState},
    record,
};

/// A greater run number is a damaged number.
const MOST: i64 = 1_000_000;

/// What was saved.
#[derive(Debug)]
pub struct Salvaged {
    /// Every run of which something was found, oldest first.
    pub runs: Vec<SalvagedRun>,
    /// The damaged database under its new name.
    pub kept: PathBuf,
}

/// What was saved of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalvagedRun {
    /// Its id; `None` if nothing of it can be read.
    pub run: Option<RunId>,
    /// How many events were copied.
    pub events: u64,
    /// Why the rest was not copied, if there is a rest.
    pub lost: Option<String>,
}

/// Rebuilds the ledger in `folder` from its readable parts.
///
/// # Errors
/// [`LedgerError::Locked`] while a controller is running any run; why the old file cannot be opened, or the new one
/// written. The old file is then unchanged.
pub fn salvage(folder: &Path, now: Timestamp) -> Result<Salvaged, LedgerError> {
    no_controller_is_running(folder)?;
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let scratch = folder.join(format!("salvage-{stamp}"));
    let done = rebuild(folder, &scratch, &stamp, now);
    match fs::remove_dir_all(&scratch) {
        Err(e) if done.is_ok() => Err(LedgerError::io(&scratch, &e)),
        _ => done,
    }
}

fn rebuild(folder: &Path, scratch: &Path, stamp: &str, now: Timestamp) -> Result<Salvaged, LedgerError> {
    let path = folder.join("ledger.db");
    let mut fresh = Ledger::open(scratch)?;
    let old = match open::readable(folder) {
        Err(LedgerError::Corrupted { .. }) => first_page::open(&path, scratch, has_events)?,
        old => old?.1,
    };
    let mut runs = Vec::new();
    for no in numbers(&old) {
        runs.extend(copy(&old, no, &mut fresh, now)?);
    }
    let kept = folder.join(format!("ledger.db.damaged-{stamp}"));
    tell_history(&old, &fresh, &kept, now).map_err(|e| LedgerError::sqlite(&fresh.path, &e))?;
    // Closing the last connection leaves a single complete file.
    drop((fresh, old));
    no_controller_is_running(folder)?;
    swap(&path, &scratch.join("ledger.db"), &kept)?;
    Ok(Salvaged { runs, kept })
}

/// Copies the readable part of the history and adds an entry for the salvage: from now on these runs must be in the
/// ledger.
fn tell_history(old: &Connection, fresh: &Ledger, kept: &Path, now: Timestamp) -> rusqlite::Result<()> {
    let tx = fresh.db.unchecked_transaction()?;
    for entry in history::good_entries(old) {
        history::insert(&tx, &entry)?;
    }
    let records = copy_records(old, &tx)?;
    let kept = kept.file_name().unwrap_or_default().to_string_lossy().into_owned();
    history::append(&tx, &now.to_string(), &Happened::Salvaged { kept, runs: history::record_ends(&tx)?, records })?;
    tx.commit()
}

/// Copies the readable part of the records outside runs: those before the first one that is not what was written, with
/// the documents of each of them. Returns where they end.
fn copy_records(old: &Connection, fresh: &Connection) -> rusqlite::Result<Option<RecordsEnd>> {
    let (mut last, mut hash) = (0, records::origin());
    // The reason for the end does not matter here: the rest is not used.
    let _ = records::each(old, 0, |row| {
        let linked = records_check::next(&hash, last, &row)?;
        let kind: record::Kind = serde_json::from_str(&row.kind).map_err(|e| e.to_string())?;
        let failed = |e: rusqlite::Error| e.to_string();
        for digest in kind.documents() {
            let text = records::document(old, digest).map_err(failed)?.ok_or("a document is missing")?;
            if record::Document::new(text.as_str()).digest != *digest {
                return Err("a document is not what was written".to_owned());
            }
            records::insert_document(fresh, &digest.bytes(), &text).map_err(failed)?;
        }
        records::insert(fresh, &row).map_err(failed)?;
        (last, hash) = (row.seq, linked);
        Ok(())
    });
    if scanned::rebuild(fresh).is_err() {
        fresh.execute("DELETE FROM scanned_hosts", [])?;
    }
    Ok((last > 0).then(|| RecordsEnd { seq: last, head: row::hex(&hash) }))
}

/// Whether at least one event can be read and is as it was written.
fn has_events(old: &Connection) -> bool {
    numbers(old).into_iter().any(|no| !good_events(old, no).0.is_empty())
}

/// Fails if a controller is running: it would go on writing into the old file.
fn no_controller_is_running(folder: &Path) -> Result<(), LedgerError> {
    for entry in fs::read_dir(folder.join("logs")).into_iter().flatten().flatten() {
        match RunLock::driver(&entry.path()) {
            Driver::Nobody => {}
            Driver::Holder(holder) => {
                let run = RunId(entry.file_name().to_string_lossy().into_owned());
                return Err(LedgerError::Locked { run, holder });
            }
            Driver::Unclear(why) => return Err(LedgerError::Doubt { why }),
        }
    }
    Ok(())
}

/// The numbers of all runs in either table, with the gaps between them: one table may be unreadable.
fn numbers(old: &Connection) -> Vec<i64> {
    let mut found = BTreeSet::from([1]);
    for sql in ["SELECT no FROM runs ORDER BY no", "SELECT max(no) FROM events", "SELECT DISTINCT no FROM events"] {
        let Ok(mut statement) = old.prepare(sql) else { continue };
        let Ok(rows) = statement.query_map([], |row| row.get::<_, i64>(0)) else { continue };
        found.extend(rows.map_while(Result::ok).filter(|no| (1..=MOST).contains(no)));
    }
    (1..=found.last().copied().unwrap_or(1)).collect()
}

/// Copies the good events of one run; `None` if nothing of it is found.
fn copy(old: &Connection, no: i64, fresh: &mut Ledger, now: Timestamp) -> Result<Option<SalvagedRun>, LedgerError> {
    let row: Option<(String, i64)> = old
        .query_row("SELECT run, last_seq FROM runs WHERE no = ?", [no], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .unwrap_or_default();
    let (good, stored, mut lost) = good_events(old, no);
    refuse_newer(old, no, &good, lost.is_some())?;
    let known = row.as_ref().map(|(run, _)| RunId(run.clone()));
    let Some(Event { kind: Kind::RunStarted(started), .. }) = good.first() else {
        let lost = Some(lost.unwrap_or_else(|| "it has no events".to_owned()));
        return Ok(known.map(|run| SalvagedRun { run: Some(run), events: 0, lost }));
    };
    let (run, events) = (started.run.clone(), good.len() as u64);
    lost = lost.or_else(|| match row {
        Some((_, last_seq)) if last_seq as u64 > events => Some(format!("event {} is missing", events + 1)),
        Some(_) => None,
        None if matches!(good.last(), Some(Event { kind: Kind::RunFinished, .. })) => None,
        None => Some("whether it had more events cannot be read".to_owned()),
    });
    // Copied as they were written, so that a hash noted elsewhere is still found.
    let failed = |e: rusqlite::Error| LedgerError::sqlite(&fresh.path, &e);
    let tx = fresh.db.unchecked_transaction().map_err(failed)?;
    insert_run(&tx, started, &stored).and_then(|()| tx.commit()).map_err(failed)?;
    if let Some(why) = &lost {
        let lock = fresh.lock(&run, "ledger salvage")?;
        fresh.append(&lock, &[Event::cut_after(events, now, why.clone())])?;
    }
    Ok(Some(SalvagedRun { run: Some(run), events, lost }))
}

/// Fails if a newer program wrote the next events: the record must not be cut there.
fn refuse_newer(old: &Connection, no: i64, good: &[Event], is_cut: bool) -> Result<(), LedgerError> {
    let seq = good.len() as u64 + 1;
    let run = match good.first() {
        Some(Event { kind: Kind::RunStarted(started), .. }) => started.run.clone(),
        _ => RunId(format!("number {no}")),
    };
    let harmless = || LedgerError::Gap { run: run.clone(), expected: seq, found: seq };
    match version::explain(old, no, &run, seq, harmless()) {
        error @ LedgerError::NewerRun { .. } if is_cut => Err(error),
        _ => Ok(()),
    }
}

/// The leading events of one run that are as they were written, and what is wrong with the next one.
fn good_events(old: &Connection, no: i64) -> (Vec<Event>, Vec<Stored>, Option<String>) {
    let (mut good, mut stored) = (Vec::<Event>::new(), Vec::new());
    let mut before: Option<row::Hash> = None;
    let mut state: Option<RunState> = None;
    let mut take = |row: &rusqlite::Row<'_>| -> Result<(), String> {
        let failed = |e: rusqlite::Error| e.to_string();
        let (seq, at, kind): (u64, String, String) =
            (row.get::<_, i64>(0).map_err(failed)? as u64, row.get(1).map_err(failed)?, row.get(2).map_err(failed)?);
        let hash: Vec<u8> = row.get(3).map_err(failed)?;
        if seq != good.len() as u64 + 1 {
            return Err(format!("event {} is missing", good.len() + 1));
        }
        let event = row::parse(&RunId(String::new()), seq, &at, &kind).map_err(|e| e.to_string())?;
        let origin = match (&event.kind, before) {
            (_, Some(before)) => before,
            (Kind::RunStarted(started), None) => row::origin(&started.run),
            _ => return Err("its first event is missing".to_owned()),
        };
        let linked = row::link(&origin, seq, &at, &kind);
        if hash != linked {
            return Err(format!("event {seq} is not what was written"));
        }
        match &mut state {
            None => state = Some(RunState::begin(&event).map_err(|e| e.to_string())?),
            Some(state) => state.apply(&event).map_err(|e| e.to_string())?,
        }
        before = Some(linked);
        good.push(event);
        stored.push(Stored { at, kind, hash: linked });
        Ok(())
    };
    let mut read = || -> Result<(), String> {
        let failed = |e: rusqlite::Error| e.to_string();
        let mut statement =
            old.prepare("SELECT seq, at, kind, hash FROM events WHERE no = ? ORDER BY seq").map_err(failed)?;
        let mut rows = statement.query([no]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(row)?;
        }
        Ok(())
    };
    let lost = read().err();
    (good, stored, lost)
}

/// Puts the new file in the place of the old one.
fn swap(old: &Path, fresh: &Path, kept: &Path) -> Result<(), LedgerError> {
    let beside = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    fs::rename(old, kept).map_err(|e| LedgerError::io(old, &e))?;
    // A journal left by a crash belongs to the old file.
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(old, suffix), beside(kept, suffix)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(LedgerError::io(old, &e)),
            _ => {}
        }
    }
    fs::rename(fresh, old).map_err(|e| LedgerError::io(old, &e))?;
    let folder = old.parent().unwrap_or(old);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| LedgerError::io(folder, &e))
}

#[cfg(test)]
#[path = "salvage_tests.rs"]
mod tests;
