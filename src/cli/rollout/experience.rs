//! How long hosts took in earlier runs, from the ledger.

use std::{collections::HashMap, path::Path};

use crate::{event::Outcome, ledger::Ledger, plan::Experience};

/// Runs that are read: the newest of the playbook.
const RUNS: usize = 5;

/// The times of hosts that were ok in the newest runs of this playbook; nothing if there are none, or if the ledger
/// cannot be read: a plan is not refused for want of an estimate.
pub(in crate::cli) fn experience(state_dir: &Path, playbook: &str) -> Experience {
    let Ok(ledger) = Ledger::open_read_only(state_dir) else { return Experience::default() };
    let Ok(rows) = ledger.real_runs_of(playbook, RUNS) else { return Experience::default() };
    let (mut runs, mut hosts) = (0, HashMap::new());
    for row in rows {
        let Ok(state) = ledger.state(&row.run) else { continue };
        let fine = state.hosts.iter().filter(|host| host.outcome() == Outcome::Ok);
        let times: Vec<_> = fine.filter_map(|host| Some((host.name.clone(), host.took(state.last_at)?))).collect();
        runs += usize::from(!times.is_empty());
        for (name, took) in times {
            // Newest first: an older time does not replace it.
            hosts.entry(name).or_insert(took);
        }
    }
    Experience { runs, hosts }
}
