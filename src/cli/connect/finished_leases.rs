//! Leases that no longer count: this ledger knows which of its own runs have finished with a host.
//!
//! A host that was lost in the middle still has the lease of a run that gave it up. When it is back, that lease must
//! not keep the next run from patching it.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    event::{HostAt, RunId},
    host::HostName,
    ledger::Ledger,
    target::FinishedRuns,
};

/// Answers from the ledger in `state_dir`. Each run is read once, and only when a host names it.
pub(in crate::cli) fn from_ledger(state_dir: PathBuf) -> FinishedRuns {
    let known: Mutex<HashMap<String, BTreeSet<HostName>>> = Mutex::default();
    FinishedRuns(Arc::new(move |run, host| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(run.to_owned()).or_insert_with(|| done_in(&state_dir, run)).contains(host)
    }))
}

/// The hosts that are done in a run that no controller is running. If this is not certain: none.
fn done_in(state_dir: &std::path::Path, run: &str) -> BTreeSet<HostName> {
    let run = RunId(run.to_owned());
    let Ok(ledger) = Ledger::open_read_only(state_dir) else { return BTreeSet::new() };
    if !ledger.driver(&run).is_nobody() {
        return BTreeSet::new();
    }
    let Ok(state) = ledger.state(&run) else { return BTreeSet::new() };
    state.hosts.into_iter().filter(|host| matches!(host.at, HostAt::Done(_))).map(|host| host.name).collect()
}
