//! `patchwave run`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    cli::{
        Failure, World,
        args::RunArgs,
        command_lines::{line_of, next},
        connect::{
            finished_leases,
            jump_box::jump_box,
            recorded_options,
            roster::{ConnectOptions, Hosts},
            transport::{forks, transport},
        },
        rollout::{
            carry_out::{Rollout, carry_out, record_of},
            experience::{experience, walks},
            prepare::{Prepared, Request, changes, prepare},
        },
        settings::places,
        terminal::confirm::{confirm, in_windows},
        warnings::warn,
    },
    engine,
    event::{RunId, RunStarted},
    inventory::is_host_list,
    ledger::{Ledger, RunLedger, VERSION},
    plan::{self, Plan},
};

pub(in crate::cli) fn run(args: &RunArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let prepared = prepare(
        &Request {
            playbook: &args.playbook,
            inventory: &args.inventory,
            limit: args.limit.as_deref(),
            ignore_windows: args.ignore_window,
            state_dir: state_dir.clone(),
        },
        world,
    )?;
    let options = ConnectOptions::new(&args.connect, world)?
        .stealing(args.steal_lease)
        .knowing(finished_leases::from_ledger(state_dir.clone()));
    let Prepared { inventory, playbook, plan, hosts: names } = prepared;
    warn(&inventory.cautions(&names), world);
    let hosts = Hosts::new(inventory, playbook.vars.clone(), &names, &options)?;
    if changes(&playbook) {
        // Again, now with the addresses from ssh_config.
        plan::duplicates(hosts.targets(&names).iter().map(Arc::as_ref)).or(()).map_err(Failure::usage)?;
    }
    world.talk(format_args!("{}, plan {}", plan.playbook, plan.short_digest()));
    plan.skipped_lines().iter().for_each(|line| world.talk(format_args!("{line}")));
    let playbook_path = world.absolute(&args.playbook).display().to_string();
    let walks = walks(&state_dir, &playbook_path, &plan);
    if !args.check {
        in_windows(&plan, &walks, world.clock.now())?;
    }
    confirm(&plan, args.yes, args.check, world)?;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    let past = experience(&state_dir, &playbook_path, None);
    let estimate = plan::estimate(&plan, &past, forks);
    let run = new_run_id(world);
    let started = RunStarted { walks: walks.seconds, ..started(args, run.clone(), plan, world) };
    let controller = jump_box(&playbook, world).agreed_with(&started.plan.pinned.files);
    let mut ledger = Ledger::open(&state_dir)?;
    let logs = ledger.logs(&run, Arc::clone(&world.clock));
    let begun = engine::start(started, &*world.clock, |first| {
        let lock = ledger.begin(first)?;
        Ok(Box::new(RunLedger::new(ledger, lock)))
    })?;
    let controller = controller.recorded_in(world.absolute(&logs.programs()));
    let next = (!args.temporary).then(|| next(line_of(begun.state(), world), &state_dir, world));
    let log = world.shown(&state_dir.join("logs").join(&run.0));
    match args.temporary {
        true => world.talk(format_args!("run {run}")),
        false => world.talk(format_args!("run {run}; log: {log}")),
    }
    carry_out(
        Rollout {
            begun,
            hosts,
            controller,
            transport,
            forks,
            json: args.json,
            impact: args.impact,
            estimate,
            past,
            next,
            logs,
            record: record_of(state_dir, run),
            tick: Duration::from_millis(250),
        },
        world,
    )
}

/// The first event: what was asked for.
fn started(args: &RunArgs, run: RunId, plan: Plan, world: &World) -> RunStarted {
    let recorded = |source: &PathBuf| match is_host_list(source) {
        true => source.display().to_string(),
        false => world.absolute(source).display().to_string(),
    };
    RunStarted {
        run,
        digest: plan.digest(),
        playbook_path: world.absolute(&args.playbook).display().to_string(),
        inventory_paths: args.inventory.inventory.iter().map(recorded).collect(),
        lenient: args.inventory.lenient,
        limit: args.limit.clone(),
        extra_vars: args.inventory.extra_vars.iter().map(|word| name_of(word)).collect(),
        connect: recorded_options::words(&args.connect, world),
        settings: places(&world.fallbacks, world),
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

/// `20261122-020003-kxfa`: sorts by time, and is easy to read out.
pub(in crate::cli) fn new_run_id(world: &World) -> RunId {
    let letters: String = (0..4).map(|_| char::from(b"abcdefghjkmnpqrstuvwxyz"[fastrand::usize(0..23)])).collect();
    let now = world.clock.now().to_zoned(jiff::tz::TimeZone::UTC);
    RunId(format!("{}-{letters}", now.strftime("%Y%m%d-%H%M%S")))
}

/// The name of an extra variable; its value may be a secret.
pub(in crate::cli) fn name_of(word: &str) -> String {
    match word.split_once('=') {
        Some((name, _)) if !word.starts_with('{') => name.to_owned(),
        _ if word.starts_with('@') => word.to_owned(),
        _ => "{…}".to_owned(),
    }
}
