//! `patchwave rehearse`: a whole rollout on simulated hosts that have the names of the inventory, with the faults that
//! were asked for. Its ledger is in a temporary folder.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    cli::{
        Failure, World,
        args::RehearseArgs,
        command::run::name_of,
        command_lines::{line_of, program},
        connect::{
            jump_box::jump_box,
            reachable::look,
            roster::{ConnectOptions, Hosts},
        },
        outcome_selectors::RecordedRuns,
        rehearsal::{
            faults::Asked,
            perform::{Rehearsal, runtime},
            words,
        },
        rollout::prepare::{Prepared, Request, prepare},
        settings::places,
        terminal::confirm::confirm,
        warnings::warn,
    },
    clock::TokioClock,
    engine::HostInputs as _,
    event::{RunId, RunStarted, RunState},
    host::HostName,
    inventory::is_host_list,
    ledger::VERSION,
    plan::Plan,
    sim::{AtSteps, Fault, Faults, SimFleet, StandIn},
    ui,
    view::RunView,
};

/// Its run's id: in commands it stands for the id that a real run prints, and in a record that is kept it is found.
const RUN: &str = "RUN";
/// How it is called in commands: the ledger of real runs is where it always is.
const PROGRAM: &str = "patchwave";
/// How long a simulated host takes to answer.
const LATENCY: Duration = Duration::from_millis(50);

pub(in crate::cli) fn rehearse(args: &RehearseArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let Prepared { inventory, playbook, mut plan, hosts: names } = prepare(
        &Request {
            playbook: &args.playbook,
            inventory: &args.inventory,
            limit: args.limit.as_deref(),
            ignore_windows: false,
            state_dir: state_dir.clone(),
        },
        world,
    )?;
    let found = look(&inventory, &names, &program(&state_dir, world), world)?;
    warn(&found.warnings, world);
    found.refused.or(()).map_err(Failure::usage)?;
    let past = RecordedRuns { state_dir, playbook: Some(world.absolute(&args.playbook).display().to_string()) };
    let asked = Asked::read(args, &plan, &inventory, &past)?;
    words::opening(&plan, &asked, world);
    plan.skipped_lines().iter().for_each(|line| world.talk(format_args!("{line}")));
    // Of the plan as it would be carried out: its windows and freezes are dropped here.
    let digest = plan.digest();
    plan.stages.iter_mut().flat_map(|stage| &mut stage.waves).flat_map(|wave| &mut wave.hosts).for_each(|host| {
        (host.window, host.freezes) = (None, None);
    });
    confirm(&plan, true, false, world)?;
    let hosts = Hosts::new(inventory, playbook.vars.clone(), &names, &ConnectOptions::default())?;

    let folder = tempfile::Builder::new().prefix("patchwave-rehearsal-").tempdir();
    let folder = folder.map_err(|error| Failure::internal(format!("no temporary folder can be made: {error}")))?;
    let state_dir = folder.path().join("state");
    let runtime = runtime()?;
    // The hosts and the clock count in the time of this runtime.
    let inside = runtime.enter();
    world.clock = Arc::new(TokioClock::starting_at(world.clock.now()));
    let fleet = fleet(&plan, &hosts, &asked);
    let faults = Arc::new(AtSteps::new(fleet.clone(), asked.at_steps()));
    let addresses = addresses(&names, &hosts);
    let jump_box = StandIn::new(fleet.clone(), Arc::clone(&faults), jump_box(&playbook, world), addresses);
    let jump_box = Arc::new(jump_box);
    let rehearsal = Rehearsal {
        fleet: fleet.clone(),
        faults: Arc::clone(&faults),
        jump_box: Arc::clone(&jump_box),
        hosts,
        forks: args.forks as usize,
        json: args.json,
        kill_controller: asked.kill_controller,
        state_dir: &state_dir,
        logs: args.keep,
        program: PROGRAM.to_owned(),
    };
    let ended = rehearsal.perform(started(args, digest, plan, world), &runtime, world)?;
    if let Some(lost) = &ended.lost {
        return Err(Failure::internal(format!("the ledger of the rehearsal cannot be written: {lost}")));
    }
    let state = &ended.state;
    show(state, args.json, world)?;
    words::closing(state, (&faults, &fleet, &asked), jump_box.not_done(), world);
    drop(inside);
    if args.keep {
        let folder = folder.keep();
        words::look_around(state, &folder, &folder.join("state"), world);
    }
    Ok(state.exit_code())
}

/// The page of the run, with the commands of a real one.
fn show(state: &RunState, json: bool, world: &mut World) -> Result<(), Failure> {
    let run = format!("{PROGRAM} {}", line_of(state, world));
    let next = Some(ui::CommandLines { run, program: PROGRAM.to_owned(), newest: true });
    let terminal = if json { world.stderr_is_terminal } else { world.stdout_is_terminal };
    let (width, paint) = (world.width(), world.paint(terminal));
    let page = ui::Summary { width, paint, verbose: false, impact: false, estimate: None, next, record: None };
    let text = page.render(&RunView { state, running: false, now: world.clock.now() });
    match json {
        true => world.talk(text.trim_end()),
        false => drop(world.print(&text)?),
    }
    Ok(())
}

/// A simulated host for each one of the plan, with the packages that upgrades name, so that there is something to
/// install. A name that only an earlier step knows is not among them.
fn fleet(plan: &Plan, hosts: &Hosts, asked: &Asked) -> SimFleet {
    let faults = |name: &HostName| match asked.never_back.contains(name) {
        true => Faults::of([Fault::NeverComesBack]),
        false => Faults::default(),
    };
    let names = plan.hosts().map(|(host, ..)| (host.name.clone(), faults(&host.name)));
    let fleet = SimFleet::new(names, LATENCY).rehearsing();
    let named: Vec<_> = plan.steps.iter().filter_map(|spec| spec.kind.packages()).collect();
    for (host, ..) in plan.hosts().filter(|_| !named.is_empty()) {
        let scope = hosts.scope(&host.name);
        let names = named.iter().filter_map(|list| scope.render_list(list).ok()).flatten();
        // `postgresql-*` has one that fits.
        let names: Vec<String> = names.map(|name| name.replace(['*', '?'], "x")).collect();
        fleet.add_pending(&host.name, names.iter().map(String::as_str));
    }
    fleet
}

/// Which host answers at an address.
fn addresses(names: &[HostName], hosts: &Hosts) -> Vec<(String, HostName)> {
    let mut addresses = Vec::new();
    for name in names {
        if let Ok(target) = hosts.target(name) {
            addresses.push((target.address.clone(), name.clone()));
        }
        addresses.push((name.as_str().to_owned(), name.clone()));
    }
    addresses
}

/// The first event: what a real run would be asked for.
fn started(args: &RehearseArgs, digest: String, plan: Plan, world: &World) -> RunStarted {
    let recorded = |source: &PathBuf| match is_host_list(source) {
        true => source.display().to_string(),
        false => world.absolute(source).display().to_string(),
    };
    RunStarted {
        run: RunId(RUN.to_owned()),
        digest,
        plan,
        playbook_path: world.absolute(&args.playbook).display().to_string(),
        inventory_paths: args.inventory.inventory.iter().map(recorded).collect(),
        lenient: args.inventory.lenient,
        limit: args.limit.clone(),
        extra_vars: args.inventory.extra_vars.iter().map(|word| name_of(word)).collect(),
        connect: Vec::new(),
        settings: places(&world.fallbacks, world),
        walks: Default::default(),
        check: false,
        rehearsal: true,
        operator: world.who.account.clone(),
        person: world.who.person.clone(),
        controller: world.machine(),
        version: VERSION.to_owned(),
    }
}
