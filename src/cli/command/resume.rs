//! `patchwave resume`: from the ledger alone, and the files that the run was started from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    calendar::{Dates, Frozen},
    cli::{
        Failure, World,
        args::ResumeArgs,
        command_lines::{line_of, next},
        connect::{
            finished_leases,
            jump_box::jump_box,
            recorded_options,
            roster::{ConnectOptions, Hosts},
            transport::{forks, transport},
        },
        outcome_selectors::RecordedRuns,
        rollout::{
            carry_out::{Rollout, carry_out, record_of},
            drift,
            experience::experience,
        },
        terminal::confirm::confirm_resume,
        which_run::{is_real, to_resume, what_resumes},
    },
    command::quote,
    engine,
    event::{HostAt, RunId, RunResumed, RunStarted, RunState},
    hint::Hint,
    host::HostName,
    ledger::{Ledger, RunLedger, VERSION, is_newer},
    plan,
    rollout::{self, Halt},
    step, ui,
    view::RunView,
};

pub(in crate::cli) fn resume(args: &ResumeArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let run = which(args, &state_dir, world)?;
    let ledger = Ledger::open(&state_dir)?;
    let lock = ledger.lock(&run, &world.by())?;
    // What happens next rests on this record alone.
    ledger.verify(&run)?;
    let mut state = ledger.state(&run)?;
    let next = next(line_of(&state, world), &state_dir, world);
    may_go_on(&state, &next, world)?;
    if let Some(code) = over(&mut state, &next, world)? {
        return Ok(code);
    }
    let (inventory, playbook) = drift::files(&state, args, world)?;
    let past = RecordedRuns { state_dir: state_dir.clone(), playbook: None };
    let jump_box = jump_box(&playbook, world);
    let reentry = drift::reentry(&state, &inventory, &playbook, &jump_box, (args, past))?;
    let (connect, record) = recorded_options::of_resume(&args.connect, &state.connect, world)?;
    let options = ConnectOptions::new(&connect, world)?
        .stealing(args.steal_lease)
        .knowing(finished_leases::from_ledger(state_dir.clone()));
    let roster = Hosts::new(Arc::new(inventory), playbook.vars.clone(), &reentry.hosts, &options)?;
    one_name_each(&state, &roster)?;
    let left_out = reentry.left_out.len();
    if args.run.is_none() {
        confirm(&state, left_out, args.yes, world)?;
    }
    let transport = transport(&connect, world)?;
    let forks = forks(connect.forks, world);
    let past = experience(&state_dir, &state.started.playbook_path, Some(&run));
    let open = state.tally.in_flight;
    let logs = ledger.logs(&run, Arc::clone(&world.clock));
    let resumed = RunResumed {
        operator: world.who.account.clone(),
        person: world.who.person.clone(),
        controller: world.machine(),
        version: VERSION.to_owned(),
        limit: args.limit.clone(),
        left_out: reentry.left_out,
        accepted: reentry.accepted,
        files: reentry.files,
        dates: dates_now(&state, world),
        connect: record,
    };
    let journal = Box::new(RunLedger::new(ledger, lock));
    let begun = engine::take_over(state, resumed, &*world.clock, journal)?;
    let state = begun.state();
    let jump_box = jump_box.agreed_with(&state.files);
    let programs = world.absolute(&logs.programs());
    announce(state, open, left_out, world);
    carry_out(
        Rollout {
            begun,
            hosts: roster,
            controller: jump_box.recorded_in(programs),
            transport,
            forks,
            impact: false,
            estimate: None,
            past,
            json: args.json,
            next: Some(next),
            logs,
            record: record_of(state_dir, run),
            tick: Duration::from_millis(250),
        },
        world,
    )
}

/// Whether the record is one of a real run, of this program, and whole.
fn may_go_on(state: &RunState, next: &ui::CommandLines, world: &mut World) -> Result<(), Failure> {
    is_real(state)?;
    is_no_check(state, next)?;
    same_program(state, world)?;
    is_whole(state)
}

/// Opened for reading only, so that nothing is created if there is no ledger.
fn which(args: &ResumeArgs, state_dir: &Path, world: &World) -> Result<RunId, Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    match &args.run {
        Some(prefix) => Ok(ledger.find(prefix)?),
        None => to_resume(&ledger, world),
    }
}

/// The command line named no run, so the question names it and says what a resume does.
fn confirm(state: &RunState, left_out: usize, yes: bool, world: &mut World) -> Result<(), Failure> {
    let run = &state.started.run;
    let view = RunView { state, running: false, now: world.clock.now() };
    let what = what_resumes(&view, world).unwrap_or_else(|| format!("run {run}"));
    confirm_resume(run, &(what + &of_them(left_out)), yes, world)
}

fn announce(state: &RunState, open: usize, left_out: usize, world: &mut World) {
    let (run, tally, limited) = (&state.started.run, &state.tally, of_them(left_out));
    world.talk(format_args!(
        "run {run}: {} of {} hosts are done, {open} open and settled first, {} not started{limited}",
        tally.done(),
        tally.total,
        tally.waiting()
    ));
}

fn of_them(left_out: usize) -> String {
    if left_out > 0 { format!(", {left_out} of them left out") } else { String::new() }
}

/// A check changed nothing and left nothing open on its hosts, so there is nothing to go on with.
fn is_no_check(state: &RunState, next: &ui::CommandLines) -> Result<(), Failure> {
    let RunStarted { run, check: true, limit, .. } = &*state.started else { return Ok(()) };
    let quoted = |limit: &String| quote(limit).unwrap_or_else(|_| limit.clone());
    let limit = limit.as_ref().map(|limit| format!(" --limit {}", quoted(limit))).unwrap_or_default();
    let real = next.run.strip_suffix(" --check").unwrap_or(&next.run);
    Err(Failure::refused(format!("run {run} is only a check (--check): it changed nothing, and cannot be resumed"))
        .help(format!("to check again: `{real} --check{limit}`; to make the changes: `{real}{limit}`")))
}

/// What was done after the end of a record that was cut is not known.
fn is_whole(state: &RunState) -> Result<(), Failure> {
    let Some(why) = &state.cut else { return Ok(()) };
    let run = &state.started.run;
    Err(Failure::refused(format!("the end of this run's record is lost: {why}")).help(
        Hint::words("what was done after it is not known: look at its hosts with ")
            .and_command("exec", &[])
            .and(format!(", then start a new run with --limit @{run}:unfinished")),
    ))
}

/// An address that changed may be another host's.
fn one_name_each(state: &RunState, roster: &Hosts) -> Result<(), Failure> {
    let plan = state.plan();
    if !plan.steps.iter().chain(&plan.on_failure).any(step::takes_lease) {
        return Ok(());
    }
    let left = state.hosts.iter().filter(|host| !matches!(host.at, HostAt::Done(_)) && !host.left_out);
    let left: Vec<HostName> = left.map(|host| host.name.clone()).collect();
    plan::duplicates(roster.targets(&left).iter().map(Arc::as_ref)).or(()).map_err(Failure::usage)
}

/// The freezes and calendars of the plan as the project defines them now, if something is different. What it does not
/// define any more stays as it was: the folder may be another one.
fn dates_now(state: &RunState, world: &World) -> Option<Box<Dates>> {
    let recorded = &state.plan().dates;
    let (mut now, project) = (recorded.clone(), world.dates());
    for (name, freeze) in &mut now.freezes {
        if let Some(found) = project.freezes.get(name) {
            freeze.clone_from(found);
        }
    }
    for freeze in now.freezes.values() {
        // A freeze may have moved to another calendar.
        if let Frozen::Calendar { calendar, .. } = &freeze.when
            && let Some(found) = project.calendars.get(calendar)
        {
            now.calendars.insert(calendar.clone(), found.clone());
        }
    }
    for (name, calendar) in &mut now.calendars {
        if let Some(found) = project.calendars.get(name) {
            calendar.clone_from(found);
        }
    }
    (now != *recorded).then(|| Box::new(now))
}

/// A newer program may mean more by its record than this one can see; an older one's is read with what it has.
fn same_program(state: &RunState, world: &mut World) -> Result<(), Failure> {
    let (run, by) = (&state.started.run, &state.written_by);
    if is_newer(by) {
        return Err(Failure::refused(format!("run {run} was last run by patchwave {by}, and this is {VERSION}"))
            .help("resume it with that patchwave or a newer one: an older one may not see all that it must keep to"));
    }
    if by != VERSION {
        world.talk(format_args!("run {run} was last run by patchwave {by}; it goes on with {VERSION}"));
    }
    Ok(())
}

/// A run in which nothing is open and nothing may start is shown as it is; nothing is recorded.
fn over(state: &mut RunState, next: &ui::CommandLines, world: &mut World) -> Result<Option<u8>, Failure> {
    // A run without its last event gets it, whatever it is that is left to do.
    if state.tally.in_flight > 0 || !state.finished {
        return Ok(None);
    }
    let run = state.started.run.clone();
    // A resume takes back what people asked for; a spent budget or a gate it does not.
    state.stop = None;
    let halted = rollout::halt(state);
    let gate_left = state.gate_due().is_some() || matches!(halted, Some(Halt::Gate { .. }));
    if state.tally.waiting() == 0 && !gate_left {
        let hosts = if state.tally.total == 1 { "its host is" } else { "all its hosts are" };
        world.talk(format_args!("run {run}: {hosts} done, there is nothing to resume"));
        return Ok(Some(state.exit_code()));
    }
    let Some(why) = halted else { return Ok(None) };
    world.talk(format_args!("run {run} stays halted: {why}"));
    let page = ui::Summary {
        width: world.width(),
        paint: world.paint(world.stdout_is_terminal),
        verbose: false,
        impact: false,
        estimate: None,
        next: Some(next.clone()),
        record: None,
    };
    world.print(&page.render(&RunView { state, running: false, now: world.clock.now() }))?;
    Ok(Some(state.exit_code()))
}
