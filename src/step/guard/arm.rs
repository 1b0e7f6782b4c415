//! Arming a guard on its host before the change, and withdrawing it if the change did not begin.

use super::{
    answer::{self, Arming},
    commands,
    known::{Known, Outlives},
    noted::{handed_on, id, note},
};
use crate::{
    command::Command,
    event::StepResult,
    playbook::{CommandLine, Guard},
    step::{StepCx, lease, remote::Patience},
    transport::{LinkError, NoSink},
};

/// How many unreadable answers in a row are accepted.
const BAD_ANSWERS: u32 = 5;
/// What to do about a host if it is unknown what its guard did.
pub(super) const LOOK: &str = "check the host, then run again with --limit @unknown";

/// The rollback, rendered.
fn rollback(cx: &StepCx<'_>, guard: &Guard) -> Result<Command, Box<StepResult>> {
    let argv = match &guard.rollback {
        CommandLine::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), cx.scope.render(line)?],
        CommandLine::Argv(words) => words.iter().map(|word| cx.scope.render(word)).collect::<Result<_, _>>()?,
    };
    Ok(Command::changes("rollback", argv))
}

/// A guard that is on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Its id.
    pub id: String,
    /// It already had its verdict: the change must not begin any more.
    pub over: bool,
    /// A step was resumed, and the host did not have its run's lease any more: it forgot what it knew of the run.
    pub forgot: bool,
}

/// The result of a change that does not begin, because its guard is over. If the guard covers the whole walk, it is
/// settled at the end of the walk, and its fate is the reason given here.
pub fn over() -> Box<StepResult> {
    Box::new(StepResult::failed("rolled-back", "the guard's time is over: this change was not started"))
}

/// Arms the step's guard, if it has one, before its change begins, and returns the guard's id. A guard that is already
/// armed stays armed.
///
/// # Errors
/// As for [`arm`], and a guard that is over.
pub async fn arm_or_stop(cx: &mut StepCx<'_>, outlives: Outlives) -> Result<Option<String>, Box<StepResult>> {
    match arm(cx, outlives).await? {
        Some(armed) if armed.over => Err(over()),
        armed => Ok(armed.map(|armed| armed.id)),
    }
}

/// As [`arm_or_stop`], for callers that know whether the change had begun before its guard was over.
///
/// # Errors
/// The step's result: the host cannot arm a guard (class `guard`; nothing was changed), or cannot be reached. The
/// change must not begin.
pub async fn arm(cx: &mut StepCx<'_>, outlives: Outlives) -> Result<Option<Armed>, Box<StepResult>> {
    let Some(guard) = cx.spec.guard.clone().filter(|_| !cx.check) else { return Ok(None) };
    let id = id(cx, &guard);
    let command = commands::arm(cx, &guard, &id, outlives, &rollback(cx, &guard)?)?;
    // Since the interruption, another run may have taken the host.
    let forgot = cx.resumed && lease::acquire(cx).await?;
    let fresh = cx.guard == Known::Nothing;
    if fresh {
        note(cx, &id, "asked").await?;
    }
    cx.journal.progress("arming the guard");
    let answer = sent(cx, &command).await?;
    match answer {
        Arming::Armed => {
            cx.guard = Known::Armed;
            note(cx, &id, "armed").await?;
            Ok(Some(Armed { id, over: false, forgot }))
        }
        Arming::Over => {
            cx.guard = Known::Armed;
            Ok(Some(Armed { id, over: true, forgot }))
        }
        // What its run already changed is no longer guarded, and that must be reported.
        Arming::Lost(why) if cx.guard == Known::Armed || handed_on(cx, &id) == Known::Armed => {
            cx.guard = Known::Armed;
            let summary = format!("its guard is lost: {why}; this change was not started");
            Err(Box::new(StepResult::unknown("guard-lost", summary).help(LOOK)))
        }
        Arming::Lost(why) | Arming::Refused(why) => {
            if fresh {
                cx.guard = Known::Nothing;
            }
            let summary = format!("the guard cannot be armed, so nothing was changed: {why}");
            let help = "fix the cause on the host, or finish the run that has the guard; then run again with \
                        --limit @failed";
            Err(Box::new(StepResult::failed("guard", summary).help(help)))
        }
    }
}

/// For a step that found out that its change did not begin after all: its guard is withdrawn, not rolled back.
pub(in crate::step) fn not_begun(cx: &mut StepCx<'_>) {
    if cx.guard == Known::Armed {
        cx.guard = Known::Asked;
    }
}

/// The same command, but it does nothing once guard `id` has its verdict: the host may have been away since the guard
/// was armed.
pub(in crate::step) fn unless_over(command: Command, id: Option<&str>) -> Command {
    let Some(id) = id else { return command };
    let verdict = format!("\"${{PATCHWAVE_ROOT-}}/var/lib/patchwave/guards/{id}/verdict\"");
    command.behind(&format!("if [ -e {verdict} ]; then echo 'the guard of this change is over' >&2; exit 113; fi"))
}

/// Sends the arming until an answer arrives. Sending it again is safe, because it attaches to the first one.
async fn sent(cx: &mut StepCx<'_>, command: &Command) -> Result<Arming, Box<StepResult>> {
    let mut patience = Patience::new(cx, command.timeout);
    let mut bad = 0;
    loop {
        let error = match cx.link.exec(command, &mut NoSink).await {
            Ok(output) => match answer::arming(&output) {
                Ok(answer) => return Ok(answer),
                Err(unreadable) => {
                    bad += 1;
                    cx.guard = cx.guard.or_asked();
                    LinkError::Unreadable { label: command.label, unreadable }
                }
            },
            Err(error) => {
                if error.outcome_unknown() {
                    cx.guard = cx.guard.or_asked();
                }
                error
            }
        };
        let unreadable = matches!(error, LinkError::Unreadable { .. });
        let again = if unreadable { bad < BAD_ANSWERS } else { patience.again(cx, &error).await };
        if !again {
            return Err(error.into());
        }
    }
}

/// For `--check`: the guard that would be armed.
///
/// # Errors
/// The step's result, for a rollback that cannot be rendered.
pub(in crate::step) fn would(cx: &StepCx<'_>) -> Result<Option<String>, Box<StepResult>> {
    let Some(guard) = &cx.spec.guard else { return Ok(None) };
    rollback(cx, guard)?;
    let within = guard.within.as_secs();
    // The text from the playbook: once rendered it may hold secrets.
    Ok(Some(format!("guarded: unless confirmed within {within} s, the host would run: {}", guard.rollback.shown())))
}
