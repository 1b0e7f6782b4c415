//! What a rehearsal says around its run: what goes wrong, what was not done, what was made up. Start at [`opening`] and
//! [`closing`].

use std::path::Path;

use super::faults::{Asked, sentence};
use crate::{
    cli::World,
    command::quote,
    event::{HostAt, RunState},
    host::HostName,
    names,
    plan::Plan,
    sim::{AtStep, AtSteps, NotDone, SimFleet},
    ui,
};

/// The first lines.
pub(in crate::cli) fn opening(plan: &Plan, asked: &Asked, world: &mut World) {
    let what = "simulated hosts that have the names of your inventory. No host is connected to, no program of the playbook \
                is started, no message is sent, and nothing is written outside a folder of its own.";
    say("REHEARSAL: ", "", what, world);
    let windows = ui::window_lines(plan, world.clock.now());
    if !windows.is_empty() {
        world.talk("maintenance windows and freezes; here, all hosts may be started at any time:");
        windows.iter().for_each(|line| say("  ", "    ", line, world));
    }
    world.talk("what goes wrong:");
    asked.lines().iter().for_each(|line| say("  ", "    ", line, world));
    world.talk("");
}

/// A line behind a lead, broken where the screen ends.
fn say(lead: &str, indent: &str, line: &str, world: &mut World) {
    let width = usize::from(world.width());
    world.talk(ui::wrap_behind(lead, indent, line, width));
}

/// Between the death of the controller and the resume.
pub(super) fn killed(state: &RunState, world: &mut World) {
    let open: Vec<HostName> =
        state.hosts.iter().filter(|host| host.at == HostAt::InFlight).map(|host| host.name.clone()).collect();
    let what = format!(
        "here this program is killed (kill -9). In flight: {}; jobs on the hosts go on. Not started: {}. The ledger has \
         everything up to here. A person types:",
        if open.is_empty() { "no host".to_owned() } else { names::fold(&open) },
        state.tally.waiting(),
    );
    world.talk("");
    say("REHEARSAL: ", "", &what, world);
    world.talk("  patchwave resume RUN\n");
}

/// The last lines, after the page of the run.
pub(in crate::cli) fn closing(
    state: &RunState,
    faults: (&AtSteps, &SimFleet, &Asked),
    not_done: NotDone,
    world: &mut World,
) {
    world.talk("");
    say("REHEARSAL: ", "", "no host was touched. In a real run, RUN is the id that it prints.", world);
    let said = not_done_words(not_done);
    if !said.is_empty() {
        say("not done: ", "  ", &format!("{} (taken as good)", said.join(", ")), world);
    }
    let made_up = "all hosts are alike, with updates that need a reboot; your own commands exit with 0 and print nothing; \
                   services are active; all times are invented";
    say("made up: ", "  ", made_up, world);
    for line in without_occasion(state, faults) {
        say("did not happen: ", "  ", &line, world);
    }
}

/// Faults that were asked for and did not strike.
fn without_occasion(state: &RunState, (faults, fleet, asked): (&AtSteps, &SimFleet, &Asked)) -> Vec<String> {
    let mut groups: Vec<(AtStep, Vec<HostName>)> = Vec::new();
    for (host, at) in faults.without_occasion() {
        match groups.iter_mut().find(|(known, _)| *known == at) {
            Some((_, hosts)) => hosts.push(host),
            None => groups.push((at, vec![host])),
        }
    }
    let started = |host: &HostName| state.host(host).is_some_and(|host| host.at != HostAt::Waiting);
    let why = |hosts: &[HostName]| {
        let which = if hosts.len() == 1 { "it was" } else { "they were" };
        match hosts.iter().any(started) {
            true => format!("{which} not so far, or had nothing to do there"),
            false => format!("{which} not started"),
        }
    };
    let mut lines: Vec<String> = Vec::new();
    for (at, mut hosts) in groups {
        hosts.sort();
        lines.push(format!("{}; {}", sentence(&at, &hosts), why(&hosts)));
    }
    let never: Vec<HostName> = asked.never_back.iter().filter(|host| fleet.reboots(host) == 0).cloned().collect();
    if !never.is_empty() {
        lines.push(format!("{}: not coming back (--never-back); {}", names::fold(&never), why(&never)));
    }
    lines
}

fn not_done_words(not_done: NotDone) -> Vec<String> {
    let NotDone { programs, notices, posts, checks, ports } = not_done;
    let words = [
        (programs, "program of this machine (hooks, gates)", "programs of this machine (hooks, gates)"),
        (notices, "notify command", "notify commands"),
        (posts, "webhook", "webhooks"),
        (checks, "HTTP check", "HTTP checks"),
        (ports, "port check", "port checks"),
    ];
    let some = words.into_iter().filter(|(count, ..)| *count > 0);
    some.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect()
}

/// How to look at a record that is kept.
pub(in crate::cli) fn look_around(state: &RunState, folder: &Path, state_dir: &Path, world: &mut World) {
    let typed = |path: &Path| {
        let path = path.display().to_string();
        quote(&path).unwrap_or(path)
    };
    let (dir, run) = (typed(state_dir), &state.started.run);
    let broken = state.outcomes().find(|(_, outcome)| outcome.uses_budget());
    let host = broken.or_else(|| state.outcomes().next()).map(|(host, _)| host.name.clone());
    world.talk(format_args!(
        "\nThe record is kept. When you are done: rm -r {}\n\
         patchwave --state-dir {dir} show {run}\n\
         patchwave --state-dir {dir} report {run}",
        typed(folder),
    ));
    if let Some(host) = host {
        world.talk(format_args!("patchwave --state-dir {dir} log {run} {host}"));
    }
}
