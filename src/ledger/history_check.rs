//! The ledger's history against the runs that are there: a run that is gone, or is not the one that was recorded.
//! Start at [`Ledger::verify_history`].

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Ledger, LedgerError,
    history::{self, Entry, Happened, KEY, Stand},
    row::{self, Hash, hex},
};
use crate::{event::RunId, view::Record};

/// What the history says about one run that must be there.
#[derive(Default)]
struct Expected {
    /// The entry that said it first.
    n: u64,
    /// What its first event must name; unknown for a run of an older ledger.
    anchor: Option<String>,
    /// The ends that were recorded, each with its entry.
    stands: Vec<(u64, Stand)>,
}

impl Ledger {
    /// Checks the ledger's own history: its chain, that every run that it names is there and is the one that it names,
    /// and that no run is there that it does not name. Gives how far it goes; `None` for a ledger that has none yet.
    ///
    /// # Errors
    /// [`LedgerError::History`] with the first thing that is wrong, else as any reading.
    pub fn verify_history(&self) -> Result<Option<Record>, LedgerError> {
        let told = |e: rusqlite::Error| LedgerError::sqlite(&self.path, &e);
        // One moment: runs begin and end meanwhile.
        let tx = self.db.unchecked_transaction().map_err(told)?;
        let (mut entries, mut before) = (0, history::origin());
        let mut expected: BTreeMap<RunId, Expected> = BTreeMap::new();
        history::each(&tx, |entry| {
            before = next(&before, entries, &entry)?;
            entries += 1;
            let what = serde_json::from_str(&entry.what).map_err(|error| format!("it cannot be read: {error}"))?;
            expect(&mut expected, what, &entry);
            Ok(())
        })
        .map_err(|why| self.history_error(entries + 1, why))?;
        if entries == 0 {
            return Ok(None);
        }
        for (run, one) in &expected {
            compare(&tx, run, one).map_err(told)?.map_err(|(n, why)| self.history_error(n, why))?;
        }
        for stand in history::stands(&tx).map_err(told)? {
            if !expected.contains_key(&stand.run) {
                let why = format!("run {} is in the ledger, and was never begun in it", stand.run);
                return Err(self.history_error(entries, why));
            }
        }
        Ok(Some(Record { events: entries, head: hex(&before) }))
    }
}

/// The hash of the entry after `last`, if it is that.
fn next(before: &Hash, last: u64, entry: &Entry) -> Result<Hash, String> {
    if entry.n != last + 1 {
        return Err("it is missing".to_owned());
    }
    let linked = row::link(before, entry.n, &entry.at, &entry.what);
    if entry.hash == linked { Ok(linked) } else { Err("it does not say what it said when it was written".to_owned()) }
}

fn expect(expected: &mut BTreeMap<RunId, Expected>, what: Happened, entry: &Entry) {
    let stands = |runs: Vec<Stand>| {
        runs.into_iter().map(|stand| {
            let run = stand.run.clone();
            (run, Expected { n: entry.n, anchor: None, stands: vec![(entry.n, stand)] })
        })
    };
    match what {
        Happened::RunBegan { run } => {
            let anchor = Some(hex(&entry.hash));
            expected.insert(run, Expected { n: entry.n, anchor, stands: Vec::new() });
        }
        Happened::RunEnded(stand) => {
            let one = expected.entry(stand.run.clone()).or_insert(Expected { n: entry.n, ..Expected::default() });
            one.stands.push((entry.n, stand));
        }
        Happened::RunForgotten { stand, .. } => drop(expected.remove(&stand.run)),
        Happened::TakenOver { runs } => expected.extend(stands(runs)),
        Happened::Salvaged { runs, .. } => *expected = stands(runs).collect(),
        Happened::Other => {}
    }
}

/// What is not so about one run, with the entry that says otherwise.
fn compare(db: &Connection, run: &RunId, one: &Expected) -> rusqlite::Result<Result<(), (u64, String)>> {
    let no: Option<i64> =
        db.prepare_cached("SELECT no FROM runs WHERE run = ?")?.query_row([&run.0], |row| row.get(0)).optional()?;
    let Some(no) = no else {
        return Ok(Err((one.n, format!("run {run} is missing, and no prune is recorded"))));
    };
    if let Some(anchor) = &one.anchor {
        let first: Option<String> = db
            .prepare_cached("SELECT kind FROM events WHERE no = ? AND seq = 1")?
            .query_row([no], |row| row.get(0))
            .optional()?;
        let first: serde_json::Value = first.and_then(|kind| serde_json::from_str(&kind).ok()).unwrap_or_default();
        if first[KEY].as_str() != Some(anchor) {
            return Ok(Err((one.n, format!("run {run} is not the one that began then"))));
        }
    }
    for (n, stand) in &one.stands {
        let hash: Option<Hash> = db
            .prepare_cached("SELECT hash FROM events WHERE no = ? AND seq = ?")?
            .query_row(params![no, stand.seq as i64], |row| row.get(0))
            .optional()?;
        let why = match hash {
            Some(hash) if hex(&hash) == stand.head => continue,
            Some(_) => "is another one than was recorded then",
            None => "is gone",
        };
        return Ok(Err((*n, format!("event {} of run {run} {why}", stand.seq))));
    }
    Ok(Ok(()))
}
