//! The end of a guarded step, and of a guarded walk: the guard's fate decides the result.

use super::{
    arm::LOOK,
    commands::{self, Wish},
    fate::{self, Fate},
    known::Known,
    noted::{handed_on, id, note},
};
use crate::{
    command::printable,
    event::{StepPhase, StepResult, Verdict},
    playbook::Guard,
    step::{Ended, Interrupted, StepCx},
    transport::NoSink,
};

/// Settles the guard of a step that has ended. After a success it is confirmed over a new connection; otherwise it is
/// rolled back. What happened to the guard decides the step's result.
pub(in crate::step) async fn settle(cx: &mut StepCx<'_>, result: StepResult) -> StepResult {
    let Some(guard) = cx.spec.guard.clone().filter(|guard| !guard.whole_walk) else { return result };
    if matches!(cx.guard, Known::Nothing | Known::Confirmed) {
        return result;
    }
    let id = id(cx, &guard);
    // Before the change began there is nothing to roll back.
    let wish = if is_fine(&result) || cx.guard == Known::Asked { Wish::Confirm } else { Wish::RollBack };
    match found(cx, &guard, &id, wish).await {
        Ok(Fate::Confirmed) => result,
        Ok(Fate::Absent) if cx.guard == Known::Asked => result,
        Ok(fate) => {
            let why = why(cx, &guard, &result);
            let (vars, rebooted) = (result.vars.clone(), result.rebooted);
            let end = StepResult { vars, rebooted, ..ended(&guard, &id, fate, &why) };
            if is_fine(&result) { end } else { end.detail(result.detail) }
        }
        // The run is leaving: `resume` finds the guard by the step's notes.
        Err(interrupted) => *Box::<StepResult>::from(interrupted),
    }
}

/// Settles the guard over the whole walk: at its end, or after a step that did not succeed.
pub(in crate::step) async fn close(cx: &mut StepCx<'_>, guard: &Guard) -> Ended {
    if cx.check {
        return Ok(StepResult::would("would confirm over a new connection"));
    }
    let id = id(cx, guard);
    if cx.guard == Known::Confirmed {
        return Ok(confirmed());
    }
    let known = handed_on(cx, &id);
    if known == Known::Nothing {
        return Ok(StepResult::skipped("nothing was changed, no guard was armed"));
    }
    let whole = cx.step.phase == StepPhase::Main;
    let wish = if whole || known == Known::Asked { Wish::Confirm } else { Wish::RollBack };
    let why = if whole {
        format!("no new connection confirmed within {} s", guard.within.as_secs())
    } else {
        "a step did not succeed".to_owned()
    };
    match found(cx, guard, &id, wish).await? {
        Fate::Absent if known == Known::Asked => Ok(StepResult::skipped("no guard was armed")),
        Fate::Confirmed if known == Known::Asked => {
            Ok(StepResult::skipped("nothing was changed, the guard was withdrawn"))
        }
        Fate::Confirmed => Ok(confirmed()),
        fate => Ok(ended(guard, &id, fate, &why)),
    }
}

fn confirmed() -> StepResult {
    StepResult::ok("confirmed over a new connection")
}

fn is_fine(result: &StepResult) -> bool {
    matches!(result.verdict, Verdict::Ok | Verdict::Skipped)
}

fn why(cx: &StepCx<'_>, guard: &Guard, result: &StepResult) -> String {
    if cx.guard == Known::Asked || is_fine(result) {
        format!("no new connection confirmed within {} s", guard.within.as_secs())
    } else {
        format!("the step did not succeed: {}", result.summary)
    }
}

/// Finds out the fate, records it, and removes the guard's files, in this order.
async fn found(cx: &mut StepCx<'_>, guard: &Guard, id: &str, wish: Wish) -> Result<Fate, Interrupted> {
    // Fails when the run is leaving: then nothing is decided here.
    let stand = match (wish, cx.guard) {
        (_, Known::Asked) => "asked",
        (Wish::Confirm, _) => "confirming",
        (Wish::RollBack | Wish::GiveUp, _) => "rolling back",
    };
    note(cx, id, stand).await?;
    cx.journal.progress(if wish == Wish::Confirm { "confirming over a new connection" } else { "rolling back" });
    let fate = fate::find(cx, guard, id, wish).await;
    match fate {
        Fate::Confirmed => {
            note(cx, id, "confirmed").await?;
            cx.guard = Known::Confirmed;
        }
        Fate::RolledBack { .. } => {
            cx.log.flush();
            note(cx, id, "rolled back").await?;
        }
        Fate::Open { .. } | Fate::Rolling { .. } | Fate::Absent => return Ok(fate),
        Fate::Cut { .. } | Fate::Ended { .. } | Fate::Lost => cx.log.flush(),
    }
    // If this fails, the files stay for a while, but do no harm: the verdict is final.
    let _ = cx.link.exec(&commands::clean(id), &mut NoSink).await;
    Ok(fate)
}

/// The result of a guard that was not confirmed.
fn ended(guard: &Guard, id: &str, fate: Fate, why: &str) -> StepResult {
    let folder = format!("/var/lib/patchwave/guards/{id}");
    match fate {
        Fate::RolledBack { code: 0, tail } => {
            StepResult::failed("rolled-back", format!("rolled back by the host: {why}"))
                .detail(lines(&tail))
                .help("fix the cause, then run again with --limit @failed")
        }
        Fate::RolledBack { code, tail } => {
            let summary = format!("the host's rollback failed with exit code {code}; {why}");
            StepResult::failed("rollback-failed", summary)
                .detail(lines(&tail))
                .help(format!("check the host before anything else; the rollback's output is in {folder}/out"))
        }
        Fate::Cut { tail } => {
            let summary = format!("the host's rollback began and was cut off, by a reboot or a kill; {why}");
            StepResult::unknown("rollback-cut", summary).detail(lines(&tail)).help(LOOK)
        }
        Fate::Ended { left, tail } => {
            let limit = guard.timeout.as_secs();
            let rest = match left {
                Some(process) => format!("process {process} of it cannot be ended, not even by SIGKILL"),
                None => "it is half done".to_owned(),
            };
            let summary =
                format!("the host's rollback did not end within {limit} s and was ended by the host; {rest}; {why}");
            StepResult::unknown("rollback-hangs", summary).detail(lines(&tail)).help(match left {
                Some(process) => {
                    format!("see what it waits for: `cat /proc/{process}/wchan`; a reboot ends it; {LOOK}")
                }
                None => format!("{LOOK}; if the rollback needs longer, set a longer `timeout` in its `guard`"),
            })
        }
        Fate::Rolling { process } => {
            let minutes = guard.longest_time().as_secs() / 60;
            let process = process.map(|process| (process, format!(" (process {process})")));
            let (end, shown) = match &process {
                Some((process, shown)) => (format!("end it there with `kill -TERM -{process}`, then "), shown.as_str()),
                None => (String::new(), ""),
            };
            let summary = format!("the host's rollback has not ended in {minutes} min{shown}; {why}");
            StepResult::unknown("rollback-hangs", summary).help(format!("{end}{LOOK}"))
        }
        Fate::Lost | Fate::Absent => {
            let gone = match fate {
                Fate::Lost => "its watchdog is gone from the host and it will not act any more",
                _ => "the host has no such guard",
            };
            let summary = format!("the guard was neither confirmed nor rolled back: {gone}; {why}");
            StepResult::unknown("guard-lost", summary).help(LOOK)
        }
        Fate::Open { last } => {
            let minutes = guard.longest_time().as_secs() / 60;
            let colon = if last.is_empty() { "" } else { ": " };
            let summary = format!(
                "could not find out in {minutes} min what the guard did{colon}{}; if its watchdog is alive, the \
                 host rolls back by itself",
                printable(&last)
            );
            StepResult::unknown("guard-open", summary).help(format!(
                "look at its console; the guard's folder is {folder}: `rc` in it is the exit code of a finished rollback"
            ))
        }
        Fate::Confirmed => confirmed(),
    }
    .changed(true)
}

/// The last lines of the rollback's output.
fn lines(tail: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<String> = text.lines().map(printable).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].to_vec()
}
