//! `patchwave rollback`: undoes what a run changed, as a rollout of its own.

mod left_out;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use left_out::LeftOut;

use crate::{
    cli::{
        Failure, World,
        args::RollbackArgs,
        command::run::{name_of, new_run_id},
        command_lines::{line_of, next},
        connect::{
            finished_leases,
            jump_box::jump_box,
            recorded_options,
            roster::{ConnectOptions, Hosts},
            transport::{forks, transport},
            vault_passwords::vault_passwords,
        },
        outcome_selectors::RecordedRuns,
        rollout::{
            carry_out::{Rollout, carry_out, record_of},
            drift::{inventory_of, same_names},
            prepare::extra_vars,
        },
        terminal::confirm::{confirm, in_windows},
        which_run::is_real,
    },
    engine,
    event::{HostAt, RunId, RunStarted, RunState},
    hint::Hint,
    host::HostName,
    inventory::Inventory,
    ledger::{Ledger, RunLedger, VERSION},
    names,
    pkg::Undo,
    plan::{self, OutsideLimit, Plan},
    playbook::{self, Template},
};

pub(in crate::cli) fn rollback(args: &RollbackArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let then = recorded(args, &state_dir)?;
    let undone = &then.started.run;
    same_names(&then.started.extra_vars, &args.extra_vars)?;
    let passwords = vault_passwords(&args.vault, world)?;
    let extra = extra_vars(&args.extra_vars, &passwords, world)?;
    let inventory = inventory_of((&then.started, passwords), &extra, world)?;
    let mut hosts = changed_hosts(&then, args, &inventory, &state_dir)?;
    let left_out = if args.try_all { LeftOut::default() } else { LeftOut::of(&then, &mut hosts) };
    left_out.say(&then, world);
    if hosts.is_empty() {
        return Err(left_out.refusal(undone));
    }
    let playbook = playbook::undoing(&undone.0, Path::new(&then.started.playbook_path), wish(args));
    let ignore = args.ignore_window;
    let plan = plan::undo(then.plan(), (&undone.0, hosts), &inventory, &playbook, ignore).map_err(Failure::usage)?;
    let names: Vec<HostName> = plan.hosts().map(|(host, ..)| host.name.clone()).collect();
    let (connect, record) = recorded_options::of_resume(&args.connect, &then.connect, world)?;
    let options = ConnectOptions::new(&connect, world)?
        .stealing(args.steal_lease)
        .knowing(finished_leases::from_ledger(state_dir.clone()));
    let roster = Hosts::new(Arc::new(inventory), playbook.vars.clone(), &names, &options)?;
    plan::duplicates(roster.targets(&names).iter().map(Arc::as_ref)).or(()).map_err(Failure::usage)?;
    world.talk(format_args!("{}, plan {}", plan.playbook, plan.short_digest()));
    if !args.check {
        in_windows(&plan, &plan::Walks::default(), world.clock.now())?;
    }
    confirm(&plan, args.yes, args.check, world)?;
    let transport = transport(&connect, world)?;
    let forks = forks(connect.forks, world);
    let run = new_run_id(world);
    let connect = record.unwrap_or_else(|| then.connect.clone());
    let started = started(args, run.clone(), plan, (&then.started, connect), world);
    let mut ledger = Ledger::open(&state_dir)?;
    let logs = ledger.logs(&run, Arc::clone(&world.clock));
    let begun = engine::start(started, &*world.clock, |first| {
        let lock = ledger.begin(first)?;
        Ok(Box::new(RunLedger::new(ledger, lock)))
    })?;
    let controller = jump_box(&playbook, world).recorded_in(world.absolute(&logs.programs()));
    let next = next(line_of(begun.state(), world), &state_dir, world);
    world.talk(format_args!("run {run}; log: {}", world.shown(&state_dir.join("logs").join(&run.0))));
    let rollout = Rollout {
        begun,
        hosts: roster,
        controller,
        transport,
        forks,
        impact: false,
        estimate: None,
        past: Default::default(),
        json: args.json,
        next: Some(next),
        logs,
        record: record_of(state_dir.clone(), run.clone()),
        tick: Duration::from_millis(250),
    };
    let code = carry_out(rollout, world)?;
    if !args.check {
        left_out::name_snapshots(&then, &state_dir, &run, world);
    }
    Ok(left_out.end(code, world))
}

/// The run that is to be undone.
fn recorded(args: &RollbackArgs, state_dir: &Path) -> Result<RunState, Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    let run = ledger.find(&args.run)?;
    // What is undone rests on this record alone.
    ledger.verify(&run)?;
    let state = ledger.state(&run)?;
    let refuse = |why: String, help: Hint| Err(Failure::refused(why).help(help));
    is_real(&state)?;
    if state.started.check {
        return refuse(format!("run {run} is only a check (--check): it changed nothing"), Hint::command("runs", &[]));
    }
    if let Some(other) = &state.started.plan.undoes {
        let help = "to bring the updates back, run the playbook again";
        return refuse(format!("run {run} is a rollback itself, of run {other}"), Hint::words(help));
    }
    if !ledger.driver(&run).is_nobody() {
        let help = Hint::words("stop it first: ").and_command("stop", &[&run.0]);
        return refuse(format!("run {run} is still going on"), help);
    }
    if let Some(why) = &state.cut {
        let help =
            Hint::words("what it changed at the end is not known: look at its hosts with ").and_command("exec", &[]);
        return refuse(format!("the end of this run's record is lost: {why}"), help);
    }
    Ok(state)
}

/// What is undone on each host that the run changed and the limit leaves in.
fn changed_hosts(
    then: &RunState,
    args: &RollbackArgs,
    inventory: &Inventory,
    state_dir: &Path,
) -> Result<HashMap<HostName, Undo>, Failure> {
    let run = &then.started.run;
    let mut undo: HashMap<HostName, Undo> = HashMap::new();
    let mut changed: Vec<HostName> = Vec::new();
    for host in &then.hosts {
        let of_host = host.undo(then.plan());
        if !of_host.is_empty() {
            changed.push(host.name.clone());
            undo.insert(host.name.clone(), of_host);
        }
    }
    if changed.is_empty() {
        return Err(Failure::refused(format!("run {run} changed no package of any host, so there is nothing to undo")));
    }
    if let Some(limit) = &args.limit {
        let past = RecordedRuns { state_dir: state_dir.to_owned(), playbook: None };
        changed = plan::within(&changed, limit, inventory, &past).map_err(|outside| match outside {
            OutsideLimit::Pattern(error) => Failure::usage(error),
            OutsideLimit::None => Failure::usage(format!("--limit {limit:?} names no host that run {run} changed")),
        })?;
    }
    let wanted = |name: &HostName| changed.contains(name);
    let open: Vec<HostName> = then
        .hosts
        .iter()
        .filter(|host| host.at == HostAt::InFlight && wanted(&host.name))
        .map(|host| host.name.clone())
        .collect();
    if !open.is_empty() {
        return Err(Failure::refused(format!("run {run} is not done with {}", names::fold(&open)))
            .help(Hint::words("settle it first: ").and_command("resume", &[&run.0])));
    }
    undo.retain(|name, _| wanted(name));
    Ok(undo)
}

fn wish(args: &RollbackArgs) -> playbook::Rollback {
    // A reason is text; in a template it is a string.
    let reason =
        args.reason.as_ref().map(|reason| Template(format!("{{{{ {} }}}}", serde_json::Value::from(reason.as_str()))));
    playbook::Rollback { hold: args.hold, reason, force: args.force, ..playbook::Rollback::default() }
}

/// The first event: what was asked for.
fn started(
    args: &RollbackArgs,
    run: RunId,
    plan: Plan,
    (then, connect): (&RunStarted, Vec<String>),
    world: &World,
) -> RunStarted {
    RunStarted {
        run,
        digest: plan.digest(),
        playbook_path: then.playbook_path.clone(),
        inventory_paths: then.inventory_paths.clone(),
        lenient: then.lenient,
        limit: args.limit.clone(),
        extra_vars: args.extra_vars.iter().map(|word| name_of(word)).collect(),
        connect,
        settings: then.settings.clone(),
        walks: Default::default(),
        check: args.check,
        rehearsal: false,
        operator: world.who.account.clone(),
        person: world.who.person.clone(),
        controller: world.machine(),
        version: VERSION.to_owned(),
        plan,
    }
}
