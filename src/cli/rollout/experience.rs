//! How long hosts and steps took in earlier runs, from the ledger.

use std::{collections::HashMap, path::Path, time::Duration};

use crate::{
    event::{HostState, Outcome, RunId, RunState, StepPhase},
    host::HostName,
    ledger::Ledger,
    plan::{self, Experience, Plan, Walks},
    view::step_name,
};

/// Runs that are read: the newest of the playbook.
const RUNS: usize = 5;

/// The most hosts whose times are read. (Two runs of ten thousand hosts say as much as five.)
const HOSTS: u64 = 20_000;

/// The times of hosts that were ok in the newest runs of this playbook, without the run `but`. There are none if the
/// ledger has none, or cannot be read: a plan is not refused for want of an estimate.
pub(in crate::cli) fn experience(state_dir: &Path, playbook: &str, but: Option<&RunId>) -> Experience {
    let Ok(ledger) = Ledger::open_read_only(state_dir) else { return Experience::default() };
    let Ok(rows) = ledger.real_runs_of(playbook, RUNS) else { return Experience::default() };
    let (mut runs, mut hosts) = (0, HashMap::new());
    let mut steps: HashMap<String, (Duration, u32)> = HashMap::new();
    let mut read = 0;
    for row in rows.iter().filter(|row| Some(&row.run) != but) {
        read += row.hosts;
        if runs > 0 && read > HOSTS {
            break;
        }
        let Ok(state) = ledger.state(&row.run) else { continue };
        let fine: Vec<&HostState> = state.hosts.iter().filter(|host| host.outcome() == Outcome::Ok).collect();
        fine.iter().for_each(|host| add_steps(&state, host, &mut steps));
        let times: Vec<_> =
            fine.into_iter().filter_map(|host| Some((host.name.clone(), host.took(state.last_at)?))).collect();
        runs += usize::from(!times.is_empty());
        for (name, took) in times {
            // Newest first: an older time does not replace it.
            hosts.entry(name).or_insert(took);
        }
    }
    let steps = steps.into_iter().map(|(name, (sum, count))| (name, sum / count.max(1))).collect();
    Experience { runs, hosts, steps }
}

fn add_steps(state: &RunState, host: &HostState, steps: &mut HashMap<String, (Duration, u32)>) {
    for (step, result) in host.steps.iter().filter(|(step, _)| step.phase == StepPhase::Main) {
        let (sum, count) = steps.entry(step_name(state.plan(), *step).into_owned()).or_default();
        (*sum, *count) = (*sum + result.took, *count + 1);
    }
}

/// Runs that are read for [`walks`], and the most hosts of them: five runs of ten thousand.
const RUNS_OF_WALKS: usize = 20;
const HOSTS_OF_WALKS: u64 = 50_000;

/// How long the hosts took in the newest runs of this playbook, for windows with `last_start: auto`. Nothing if no
/// window asks for it, or if the ledger cannot be read: then a guess counts, and says so.
pub(in crate::cli) fn walks(state_dir: &Path, playbook: &str, plan: &Plan) -> Walks {
    if !plan::asks_for_walks(plan) {
        return Walks::default();
    }
    let Ok(ledger) = Ledger::open_read_only(state_dir) else { return Walks::default() };
    let Ok(rows) = ledger.real_runs_of(playbook, RUNS_OF_WALKS) else { return Walks::default() };
    let mut times: HashMap<HostName, Vec<Duration>> = HashMap::new();
    let mut read = 0;
    let few = rows.iter().take_while(|row| {
        let first = read == 0;
        read += row.hosts;
        first || read <= HOSTS_OF_WALKS
    });
    for state in few.filter_map(|row| ledger.state(&row.run).ok()) {
        for host in state.hosts.iter().filter(|host| host.outcome() == Outcome::Ok) {
            if let Some(took) = host.took(state.last_at) {
                times.entry(host.name.clone()).or_default().push(took);
            }
        }
    }
    plan::walks(plan, &times)
}
