//! The questions before a run: how many hosts, how risky, inside their windows? Is this the run to resume?

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    calendar::{self, Windows},
    cli::{Failure, World},
    event::RunId,
    hint::Hint,
    host::{HostName, Risk},
    names,
    plan::Plan,
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

/// Refuses a run if some of its hosts are outside their window now.
pub(in crate::cli) fn in_windows(plan: &Plan, now: Timestamp) -> Result<(), Failure> {
    let mut closed: Vec<HostName> = Vec::new();
    let mut next = None;
    for (host, _, _) in plan.hosts() {
        let Some(w) = &host.window else { continue };
        if calendar::open_until(w, now).is_none() {
            if closed.is_empty() {
                next = next_opening(w, now);
            }
            closed.push(host.name.clone());
        }
    }
    if closed.is_empty() {
        return Ok(());
    }
    let hosts = names::fold(&closed);
    let opens = next.map_or_else(String::new, |at| format!("; it opens on {at}"));
    Err(Failure::refused(format!("the maintenance window of {hosts} is closed now{opens}"))
        .help("wait for it, leave these hosts out with --limit, or give --ignore-window"))
}

/// When a window opens next, in its own time zone: `2026-12-13 02:00 CET`.
fn next_opening(w: &Windows, now: Timestamp) -> Option<String> {
    let zone = TimeZone::get(w.iter().next()?.timezone()).ok()?;
    Some(calendar::next_opening(w, now)?.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string())
}
