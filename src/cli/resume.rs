//! `patchwave resume`: from the ledger alone, and the files that the run was started from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Failure, World,
    args::ResumeArgs,
    prepare::extra_vars,
    rollout::{Rollout, carry_out, forks, jump_box, ledger_failure, line_of, next, transport},
    roster::{Hosts, Overlay},
};
use crate::{
    event::{Event, Kind, RunId, RunState},
    inventory::Inventory,
    ledger::{Journal, Ledger, RunLedger},
    playbook,
    yaml::Problems,
};

pub(super) fn resume(args: &ResumeArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    // Only read at first, so that nothing is made where no run was.
    let run = which(&Ledger::open_read_only(&state_dir).map_err(ledger_failure)?, args.run.as_deref())?;
    let ledger = Ledger::open(&state_dir).map_err(ledger_failure)?;
    let owner = format!("{}@{}", world.operator(), world.machine());
    let lock = ledger.lock(&run, &owner).map_err(ledger_failure)?;
    // What happens next rests on this record alone.
    ledger.verify(&run).map_err(ledger_failure)?;
    let mut state = ledger.state(&run).map_err(ledger_failure)?;
    let started = Arc::clone(&state.started);
    if state.finished && state.tally.in_flight == 0 && state.tally.waiting() == 0 {
        let hosts = if state.tally.total == 1 { "its host is" } else { "all its hosts are" };
        world.talk(format_args!("run {run}: {hosts} done, there is nothing to resume"));
        return Ok(state.exit_code());
    }
    let extra = extra_vars(&args.extra_vars, world)?;
    same_names(&started.extra_vars, &args.extra_vars)?;
    let paths: Vec<PathBuf> = started.inventory_paths.iter().map(PathBuf::from).collect();
    let (inventory, playbook) = match (Inventory::load(&paths), playbook::load(Path::new(&started.playbook_path))) {
        (Ok(inventory), Ok(playbook)) => {
            (inventory.with_extra_vars(&extra).map_err(Failure::usage)?, playbook.overlaid(extra))
        }
        (inventory, playbook) => {
            let mut problems = Problems::default();
            for found in [inventory.err(), playbook.err()].into_iter().flatten() {
                problems.extend(found);
            }
            return Err(Failure::usage(problems));
        }
    };
    let hosts: Vec<_> = state.hosts.iter().map(|host| host.name.clone()).collect();
    unchanged(&state, &inventory, &playbook, &hosts)?;
    let overlay = Overlay::new(&args.connect, world)?;
    let roster = Hosts::new(Arc::new(inventory), playbook.vars.clone(), &hosts, &overlay)?;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    let open = state.tally.in_flight;
    let logs = ledger.logs(&run, Arc::clone(&world.clock));
    let mut journal = RunLedger::new(ledger, lock);
    let resumed = Event {
        seq: state.seq + 1,
        at: world.clock.now(),
        kind: Kind::RunResumed { operator: world.operator(), controller: world.machine() },
    };
    journal.append(std::slice::from_ref(&resumed)).map_err(ledger_failure)?;
    state.apply(&resumed).map_err(Failure::internal)?;
    world.talk(format_args!(
        "run {run}: {} of {} hosts are done, {open} open and settled first, {} not started",
        state.tally.done(),
        state.tally.total,
        state.tally.waiting()
    ));
    let next = next(line_of(&started, world), &state_dir, world);
    carry_out(
        Rollout {
            state,
            opening: resumed,
            journal: Box::new(journal),
            hosts: roster,
            controller: jump_box(&playbook, world),
            transport,
            forks,
            json: args.json,
            next,
            logs,
            tick: Duration::from_millis(250),
        },
        world,
    )
}

fn which(ledger: &Ledger, asked: Option<&str>) -> Result<RunId, Failure> {
    match asked {
        Some(prefix) => ledger.find(prefix).map_err(ledger_failure),
        None => ledger
            .last_run()
            .map_err(ledger_failure)?
            .ok_or_else(|| Failure::usage("there is no run to resume").help("patchwave runs")),
    }
}

/// Values of extra variables are not in the ledger, since they may be secret: they must be given again.
fn same_names(then: &[String], now: &[String]) -> Result<(), Failure> {
    let names = |words: &[String]| -> Vec<String> {
        let mut names: Vec<String> =
            words.iter().map(|word| word.split_once('=').map_or(word.as_str(), |(name, _)| name).to_owned()).collect();
        names.sort();
        names
    };
    if names(then) == names(now) {
        return Ok(());
    }
    let then = if then.is_empty() { "none".to_owned() } else { then.join(", ") };
    Err(Failure::usage(format!("the run was started with other extra variables: {then}"))
        .help("give the same -e again; their values are not kept, since they may be secret"))
}

/// A run goes on with the plan that it was started with, or not at all.
fn unchanged(
    state: &RunState,
    inventory: &Inventory,
    playbook: &playbook::Playbook,
    hosts: &[crate::host::HostName],
) -> Result<(), Failure> {
    let known: std::collections::HashSet<_> = inventory.hosts().iter().cloned().collect();
    let gone: Vec<&str> = hosts.iter().filter(|host| !known.contains(*host)).map(|host| host.as_str()).collect();
    let changed = |what: String| {
        Err(Failure::refused(format!("{what}, so this is not the plan any more that the run was started with"))
            .help("put the files back, or start a new run with --limit @unfinished"))
    };
    if !gone.is_empty() {
        return changed(format!("{} left the inventory", gone.join(", ")));
    }
    let now = crate::plan::build(inventory, playbook, hosts).map_err(Failure::usage)?;
    let then = &state.started.plan;
    if now.steps != then.steps || now.on_failure != then.on_failure {
        return changed("the playbook's steps have changed".to_owned());
    }
    if now.vars_digest != then.vars_digest {
        return changed("variables have changed".to_owned());
    }
    Ok(())
}
