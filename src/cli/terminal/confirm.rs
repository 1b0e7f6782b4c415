//! The questions before a run: how many hosts, how risky, inside their windows? Is this the run to resume?

use jiff::Timestamp;

use crate::{
    calendar::Closed,
    cli::{Failure, World},
    event::RunId,
    hint::Hint,
    host::{HostName, Risk},
    names,
    plan::{Plan, PlannedHost, Walks},
    view::WINDOWS_IGNORED,
};

/// Shows what the run would touch, and asks if the risk is high. A run that can change nothing needs no question.
pub(in crate::cli) fn confirm(plan: &Plan, yes: bool, check: bool, world: &mut World) -> Result<(), Failure> {
    let mut total = 0;
    let mut risky = Vec::new();
    for stage in &plan.stages {
        let hosts: usize = stage.waves.iter().map(|wave| wave.hosts.len()).sum();
        total += hosts;
        let waves = if stage.waves.len() == 1 { "1 wave".to_owned() } else { format!("{} waves", stage.waves.len()) };
        let noun = if hosts == 1 { "host" } else { "hosts" };
        world.talk(format_args!("  {:<40} {hosts:>6} {noun} in {waves}", stage.name));
        if stage.risk >= Some(Risk::High) {
            risky.push(format!("{} ({hosts} {noun}, risk {})", stage.name, stage.risk.unwrap_or(Risk::High)));
        }
    }
    world.talk(format_args!("  {:<40} {total:>6} {}", "in total", if total == 1 { "host" } else { "hosts" }));
    if plan.ignores_windows {
        world.talk(format_args!("  {WINDOWS_IGNORED}"));
    }
    if yes || check || risky.is_empty() {
        return Ok(());
    }
    let what = risky.join(", ");
    if !world.stdin_is_terminal {
        return Err(Failure::refused(format!("this run touches {what}, and there is no terminal to confirm it on"))
            .help("give --yes to confirm"));
    }
    ask(&format!("This run touches {what}."), world)
}

/// Prints which run a `resume` without an id found and `what` it will do, and asks.
pub(in crate::cli) fn confirm_resume(run: &RunId, what: &str, yes: bool, world: &mut World) -> Result<(), Failure> {
    if yes {
        world.talk(format_args!("resuming {what}"));
        return Ok(());
    }
    if !world.stdin_is_terminal {
        return Err(Failure::refused(format!(
            "`resume` without an id asks first, and there is no terminal to ask on:\n  {what}"
        ))
        .help(Hint::words("name the run: ").and_command("resume", &[&run.0]).and("; or give --yes to confirm")));
    }
    ask(&format!("This resumes {what}."), world)
}

/// Prints what a `retry` runs again, as the command line that means the same, and asks.
pub(in crate::cli) fn confirm_retry(what: &str, yes: bool, world: &mut World) -> Result<(), Failure> {
    if yes {
        world.talk(format_args!("retrying {what}"));
        return Ok(());
    }
    if !world.stdin_is_terminal {
        let message = format!("`retry` asks first, and there is no terminal to ask on; it would retry {what}");
        return Err(Failure::refused(message).help("give --yes to confirm"));
    }
    ask(&format!("This retries {what}"), world)
}

fn ask(what: &str, world: &World) -> Result<(), Failure> {
    match world.prompt.line(&format!("{what}\nType yes to continue: ")).as_deref() {
        Some("yes" | "YES" | "Yes") => Ok(()),
        _ => Err(Failure::refused("not confirmed; nothing was done")),
    }
}

/// The most reasons of a refusal that are shown.
const MOST_REASONS: usize = 6;

/// Refuses a run if some of its hosts may not be started now: a freeze holds, or their window is closed.
pub(in crate::cli) fn in_windows(plan: &Plan, walks: &Walks, now: Timestamp) -> Result<(), Failure> {
    let mut why: Vec<(Closed, Vec<&PlannedHost>)> = Vec::new();
    for (host, _, _) in plan.hosts() {
        let Err(closed) = walks.schedule(plan, host).open(now) else { continue };
        // Closed windows open at different times.
        let alike = |other: &PlannedHost| closed != Closed::Window || other.window == host.window;
        match why.iter_mut().find(|(known, hosts)| *known == closed && alike(hosts[0])) {
            Some((_, hosts)) => hosts.push(host),
            None => why.push((closed, vec![host])),
        }
    }
    // A freeze beats the windows, so it is said first.
    why.sort_by_key(|(closed, _)| !matches!(closed, Closed::Frozen(_)));
    let lines = why.iter().take(MOST_REASONS).map(|(closed, hosts)| refusal((plan, walks), closed, hosts, now));
    let more = why.len().saturating_sub(MOST_REASONS);
    let lines: Vec<String> = lines.chain((more > 0).then(|| format!("and {more} more"))).collect();
    let Some((first, _)) = why.first() else { return Ok(()) };
    let help = match first {
        Closed::Frozen(_) => {
            "wait for its end, leave these hosts out with --limit, or change `freezes` in patchwave.yml; \
             --ignore-window does not pass a freeze"
        }
        Closed::Window | Closed::Late(_) => "wait for it, leave these hosts out with --limit, or give --ignore-window",
        Closed::Unusable(_) => "correct the file, leave these hosts out with --limit, or give --ignore-window",
    };
    Err(Failure::refused(lines.join("\n")).help(help))
}

fn refusal((plan, walks): (&Plan, &Walks), closed: &Closed, hosts: &[&PlannedHost], now: Timestamp) -> String {
    let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
    let (names, one) = (names::fold(&names), names.len() == 1);
    let schedule = hosts.first().map(|host| walks.schedule(plan, host));
    // In its own zone: `2026-12-13 02:00 CET`.
    let next = schedule.and_then(|schedule| {
        let at = schedule.next(now)?.to_zoned(schedule.zone());
        Some(at.strftime("%Y-%m-%d %H:%M %Z").to_string())
    });
    match closed {
        Closed::Frozen(hold) => {
            let is = if one { "is" } else { "are" };
            // Without a window, or within one, its end says it.
            let opens =
                next.filter(|at| !hold.to_string().contains(at)).map(|at| format!("; the next window opens on {at}"));
            let opens = opens.unwrap_or_default();
            format!("{names} {is} frozen now: {hold}{opens}")
        }
        Closed::Window => {
            let opens = next.map_or_else(String::new, |at| format!("; it opens on {at}"));
            format!("the maintenance window of {names} is closed now{opens}")
        }
        Closed::Late(late) => {
            let opens = next.map_or_else(String::new, |at| format!("; it opens again on {at}"));
            format!("it is too late to start {names}: {late}{opens}")
        }
        Closed::Unusable(why) => format!("the maintenance window of {names} is not known: {why}"),
    }
}
