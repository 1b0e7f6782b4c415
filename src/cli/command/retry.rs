//! `patchwave retry`: the playbook of an earlier run once more, on the hosts that failed in it and with its options. It
//! starts a new run; `resume` goes on with an old one.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::{InventoryArgs, RetryArgs, RunArgs},
        command::run,
        command_lines::{line_of, next},
        connect::recorded_options,
        rollout::drift::same_names,
        settings::of_record,
        terminal::confirm::confirm_retry,
        which_run::{is_real, newest},
    },
    command::quote,
    event::{RunId, RunState},
    hint::Hint,
    ledger::Ledger,
    view::{NextCommand, RunView, count},
};

pub(in crate::cli) fn retry(args: &RetryArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let (run, state, limit) = failed(args, &state_dir, world)?;
    same_names(&state.started.extra_vars, &args.extra_vars)?;
    world.fallbacks = of_record(&state.started.settings, world)?;
    let (connect, _) = recorded_options::of_resume(&args.connect, &state.connect, world)?;
    let line = next(line_of(&state, world), &state_dir, world).run;
    let quoted = quote(&limit).unwrap_or_else(|_| limit.clone());
    let hosts = count(state.tally.broken(), "host");
    let check = if args.check { " --check" } else { "" };
    let what = format!("the {hosts} that failed in run {run}:\n  {line} --limit {quoted}{check}");
    confirm_retry(&what, args.yes || args.check, world)?;
    let started = &state.started;
    let again = RunArgs {
        playbook: PathBuf::from(&started.playbook_path),
        inventory: InventoryArgs {
            inventory: started.inventory_paths.iter().map(PathBuf::from).collect(),
            lenient: started.lenient,
            extra_vars: args.extra_vars.clone(),
            vault: args.vault.clone(),
        },
        limit: Some(limit),
        check: args.check,
        yes: args.yes,
        ignore_window: args.ignore_window,
        steal_lease: args.steal_lease,
        json: args.json,
        temporary: false,
        impact: false,
        connect,
    };
    run::run(&again, state_dir, world)
}

/// The run, its record, and the pattern of the hosts that failed in it.
fn failed(args: &RetryArgs, state_dir: &std::path::Path, world: &World) -> Result<(RunId, RunState, String), Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    let run = match &args.run {
        Some(prefix) => ledger.find(prefix)?,
        None => newest(&ledger, "show")?,
    };
    let running = !ledger.driver(&run).is_nobody();
    let state = ledger.state(&run)?;
    let id = &run.0;
    is_real(&state)?;
    if state.started.check {
        let message = format!("run {run} was only a check (--check), so no host failed in it");
        return Err(Failure::refused(message).help(Hint::command("runs", &[])));
    }
    if let Some(undone) = &state.started.plan.undoes {
        return Err(Failure::refused(format!("run {run} is a rollback, which is not started again by `retry`"))
            .help(Hint::command("rollback", &[undone])));
    }
    if running {
        return Err(Failure::refused(format!("run {run} is still going on")).help(Hint::command("status", &[id])));
    }
    let view = RunView { state: &state, running, now: world.clock.now() };
    // With the run's name: its hosts are meant even if a newer run of the playbook begins.
    let commands = view.next(&view.troubles(), false);
    let limit = commands.into_iter().find_map(|next| match next.command {
        NextCommand::Rerun(limit) if state.tally.broken() > 0 => Some(limit),
        _ => None,
    });
    match limit {
        Some(limit) => Ok((run, state, limit)),
        None if view.resume_does().is_some() => {
            let message = format!("run {run} has open hosts, which are settled first");
            Err(Failure::refused(message).help(Hint::command("resume", &[id])))
        }
        None => Err(Failure::refused(format!("no host failed in run {run}")).help(Hint::command("show", &[id]))),
    }
}
