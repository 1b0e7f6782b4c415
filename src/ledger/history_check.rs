//! Checks the ledger's history against the runs in the ledger: finds a run that is missing, or is not the one that was
//! recorded. Start at [`Ledger::verify_history`].

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Ledger, LedgerError,
    history::{self, Entry, Happened, KEY, RecordEnd, RecordsEnd},
    records,
    row::{self, Hash, hex},
};
use crate::{event::RunId, view::Record};

/// What the history says about a run that must be in the ledger.
#[derive(Default)]
struct Expected {
    /// The entry that said it first.
    n: u64,
    /// The hash that its first event must name; unknown for a run of an older ledger.
    anchor: Option<String>,
    /// The recorded ends, each with the number of its entry.
    record_ends: Vec<(u64, RecordEnd)>,
}

impl Ledger {
    /// Checks the ledger's own history: its chain, that every run in it is in the ledger unchanged, and that the ledger
    /// has no other runs. Returns how long the history is; `None` for an older ledger without one.
    ///
    /// # Errors
    /// [`LedgerError::History`] with the first thing that is wrong, otherwise any error of reading.
    pub fn verify_history(&self) -> Result<Option<Record>, LedgerError> {
        let failed = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        // One transaction, because runs begin and end meanwhile.
        let tx = self.db.unchecked_transaction().map_err(failed)?;
        let (mut entries, mut before) = (0, history::origin());
        let mut expected: BTreeMap<RunId, Expected> = BTreeMap::new();
        let mut ends: Vec<(u64, RecordsEnd)> = Vec::new();
        history::each(&tx, |entry| {
            before = next(&before, entries, &entry)?;
            entries += 1;
            let what: Happened =
                serde_json::from_str(&entry.what).map_err(|error| format!("it cannot be read: {error}"))?;
            match &what {
                Happened::RecordsAdded(end) => ends.push((entry.n, end.clone())),
                Happened::Salvaged { records, .. } => ends = records.iter().map(|end| (entry.n, end.clone())).collect(),
                _ => {}
            }
            expect(&mut expected, what, &entry);
            Ok(())
        })
        .map_err(|why| self.history_error(entries + 1, why))?;
        if entries == 0 {
            return Ok(None);
        }
        for (run, one) in &expected {
            compare(&tx, run, one).map_err(failed)?.map_err(|(n, why)| self.history_error(n, why))?;
        }
        compare_records(&tx, &ends, entries).map_err(failed)?.map_err(|(n, why)| self.history_error(n, why))?;
        for end in history::record_ends(&tx).map_err(failed)? {
            if !expected.contains_key(&end.run) {
                let why = format!("run {} is in the ledger, but the history does not say that it began", end.run);
                return Err(self.history_error(entries, why));
            }
        }
        Ok(Some(Record { events: entries, head: hex(&before) }))
    }
}

/// The hash of this entry, if it is the one after `last`.
fn next(before: &Hash, last: u64, entry: &Entry) -> Result<Hash, String> {
    if entry.n != last + 1 {
        return Err("it is missing".to_owned());
    }
    let linked = row::link(before, entry.n, &entry.at, &entry.what);
    if entry.hash == linked { Ok(linked) } else { Err("it is not what was written".to_owned()) }
}

fn expect(expected: &mut BTreeMap<RunId, Expected>, what: Happened, entry: &Entry) {
    let record_ends = |runs: Vec<RecordEnd>| {
        runs.into_iter().map(|end| {
            let run = end.run.clone();
            (run, Expected { n: entry.n, anchor: None, record_ends: vec![(entry.n, end)] })
        })
    };
    match what {
        Happened::RunBegan { run } => {
            let anchor = Some(hex(&entry.hash));
            expected.insert(run, Expected { n: entry.n, anchor, record_ends: Vec::new() });
        }
        Happened::RunEnded(end) => {
            let one = expected.entry(end.run.clone()).or_insert(Expected { n: entry.n, ..Expected::default() });
            one.record_ends.push((entry.n, end));
        }
        Happened::RunForgotten { end, .. } => drop(expected.remove(&end.run)),
        Happened::TakenOver { runs } => expected.extend(record_ends(runs)),
        Happened::Salvaged { runs, .. } => *expected = record_ends(runs).collect(),
        Happened::RecordsAdded(_) | Happened::Other => {}
    }
}

/// What is wrong about one run, with the number of the entry that says otherwise.
fn compare(db: &Connection, run: &RunId, one: &Expected) -> rusqlite::Result<Result<(), (u64, String)>> {
    let no: Option<i64> =
        db.prepare_cached("SELECT no FROM runs WHERE run = ?")?.query_row([&run.0], |row| row.get(0)).optional()?;
    let Some(no) = no else {
        return Ok(Err((one.n, format!("run {run} is missing, and the history does not say that it was pruned"))));
    };
    if let Some(anchor) = &one.anchor {
        let first: Option<String> = db
            .prepare_cached("SELECT kind FROM events WHERE no = ? AND seq = 1")?
            .query_row([no], |row| row.get(0))
            .optional()?;
        let first: serde_json::Value = first.and_then(|kind| serde_json::from_str(&kind).ok()).unwrap_or_default();
        if first[KEY].as_str() != Some(anchor) {
            return Ok(Err((one.n, format!("run {run} is not the one that was recorded"))));
        }
    }
    for (n, end) in &one.record_ends {
        let hash: Option<Hash> = db
            .prepare_cached("SELECT hash FROM events WHERE no = ? AND seq = ?")?
            .query_row(params![no, end.seq as i64], |row| row.get(0))
            .optional()?;
        let why = match hash {
            Some(hash) if hex(&hash) == end.head => continue,
            Some(_) => "is not the one that was recorded",
            None => "is missing",
        };
        return Ok(Err((*n, format!("event {} of run {run} {why}", end.seq))));
    }
    Ok(Ok(()))
}

/// What is wrong about the records outside runs, with the number of the entry that says otherwise. `last`: the newest
/// entry.
fn compare_records(
    db: &Connection,
    ends: &[(u64, RecordsEnd)],
    last: u64,
) -> rusqlite::Result<Result<(), (u64, String)>> {
    if !records::are_there(db)? {
        return Ok(Ok(()));
    }
    for (n, end) in ends {
        let hash: Option<Hash> = db
            .prepare_cached("SELECT hash FROM records WHERE seq = ?")?
            .query_row([end.seq as i64], |row| row.get(0))
            .optional()?;
        let why = match hash {
            Some(hash) if hex(&hash) == end.head => continue,
            Some(_) => "is not the one that was recorded",
            None => "is missing",
        };
        return Ok(Err((*n, format!("record {} {why}", end.seq))));
    }
    let known = ends.last().map_or(0, |(_, end)| end.seq);
    Ok(match records::newest(db)? {
        Some((seq, _)) if seq > known => {
            Err((last, format!("record {seq} is in the ledger, but the history does not say that it was added")))
        }
        _ => Ok(()),
    })
}
