//! Which run a command uses if none is named: never a check, because a check did nothing.
//! Knows the ledger, not what the command does with the run. Start at [`newest_or`] and [`to_resume`].

use std::fmt::Write as _;

use super::{Failure, World, command_lines::program};
use crate::{
    event::{RunId, RunState},
    hint::Hint,
    ledger::Ledger,
    ui,
    view::RunView,
};

/// Runs that are looked at: as many as `runs` lists.
const NEWEST: usize = 20;

/// The run that was named; else the one that is going on; else the newest. A check never counts. `verb` is the command,
/// for hints.
pub(super) fn newest_or(
    ledger: &Ledger,
    asked: Option<&str>,
    verb: &str,
    state_dir: &std::path::Path,
    world: &mut World,
) -> Result<RunId, Failure> {
    if let Some(prefix) = asked {
        return Ok(ledger.find(prefix)?);
    }
    let real = newest(ledger, verb)?;
    let open = ledger.real_runs(NEWEST)?.into_iter().map(|row| row.run);
    let meant = open.into_iter().find(|run| !ledger.driver(run).is_nobody()).unwrap_or_else(|| real.clone());
    let of = |run: &RunId, world: &World| Hint::command(verb, &[&run.0]).render(&program(state_dir, world));
    match ledger.last_run()? {
        _ if meant != real => {
            let newer = of(&real, world);
            world.talk(format_args!("run {meant}, which is going on; there is a newer run: {newer}"));
        }
        Some(last) if last != real => {
            let newer = of(&last, world);
            world.talk(format_args!("run {meant}; there is a newer check: {newer}"));
        }
        _ => {}
    }
    Ok(meant)
}

/// Refuses to go on with a rehearsal, or to undo it: nothing of it happened to a host.
pub(super) fn is_real(state: &RunState) -> Result<(), Failure> {
    let run = &state.started.run;
    match state.started.rehearsal {
        true => {
            Err(Failure::refused(format!("run {run} is a rehearsal: its hosts were simulated, so nothing was done"))
                .help("to carry it out on the real hosts: patchwave run PLAYBOOK -i INVENTORY"))
        }
        false => Ok(()),
    }
}

/// The newest run that is not a check. `verb` is the command that is hinted at if there are only checks.
pub(super) fn newest(ledger: &Ledger, verb: &str) -> Result<RunId, Failure> {
    if let Some(real) = ledger.real_runs(1)?.pop() {
        return Ok(real.run);
    }
    Err(match ledger.last_run()? {
        None => Failure::usage("the ledger holds no run"),
        Some(check) => {
            Failure::usage("the ledger has only checks (--check), no run").help(Hint::command(verb, &[&check.0]))
        }
    })
}

/// The run that `resume` means: the newest, if no other run can be resumed. If it cannot be resumed, `resume` itself
/// says why.
pub(super) fn to_resume(ledger: &Ledger, world: &World) -> Result<RunId, Failure> {
    let rows = ledger.real_runs(NEWEST)?;
    let Some(newest) = rows.first().map(|row| row.run.clone()) else {
        return Err(Failure::usage("there is no run to resume").help(Hint::command("runs", &[])));
    };
    let mut able: Vec<(RunId, String)> = Vec::new();
    for row in rows {
        let running = !ledger.driver(&row.run).is_nobody();
        // If the record of a run cannot be read, `resume RUN` says so.
        let Ok(state) = ledger.state(&row.run) else { continue };
        if let Some(what) = what_resumes(&RunView { state: &state, running, now: world.clock.now() }, world) {
            able.push((row.run, what));
        }
    }
    if able.iter().all(|(run, _)| *run == newest) {
        return Ok(newest);
    }
    let newest_can = able.iter().any(|(run, _)| *run == newest);
    let mut message = match able.len() {
        1 => format!("the newest run, {newest}, cannot be resumed now, but an older one can:"),
        many if newest_can => format!("{many} runs can be resumed:"),
        many => format!("the newest run, {newest}, cannot be resumed now, but {many} older ones can:"),
    };
    for (_, what) in &able {
        let _ = write!(message, "\n  {what}");
    }
    let help = match able.as_slice() {
        [(run, _)] => Hint::command("resume", &[&run.0]),
        _ => Hint::words("say which one: ")
            .and_command("resume", &["RUN"])
            .and("; the four letters at the end are enough"),
    };
    Err(Failure::usage(message).help(help))
}

/// `run 20261122-020000-kxfa, Patch wave, started 2026-11-22 02:00 by ann@jump: goes on with the 2 hosts not started`;
/// `None` if it has nothing to resume.
pub(super) fn what_resumes(view: &RunView<'_>, world: &World) -> Option<String> {
    let does = view.resume_does()?;
    Some(format!("{}: {does}", named(view.state, world)))
}

fn named(state: &RunState, world: &World) -> String {
    let started = &state.started;
    let at = state.started_at.to_zoned(world.zone()).strftime("%Y-%m-%d %H:%M");
    format!(
        "run {}, {}, started {at} by {}",
        started.run,
        ui::clean(&started.plan.playbook, 60),
        ui::clean(&started.owner(), 100)
    )
}
