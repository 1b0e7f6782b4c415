//! Confirm or roll back: before a guarded change begins, the host itself is told to run a rollback unless a **new**
//! connection confirms in time. Whatever becomes of us, of the connection or of the host's boots, exactly one of the
//! two happens, once. Start at [`arm_or_stop`] and [`settle`]; what happens on the host stands in `arm.sh` and `watch.sh`.
//!
//! Command lines on the host, all through `/bin/sh -c`, as root: `id -u`, `mkdir [-p]`, `chmod 700`, `cat`, `wc`, `cp`,
//! `mv [-f]`, `ln [-sf]`, `rm`, `rmdir`, `sync FILE…`, `sleep`, `find`, `head`, `tail`, `grep -qx`, `date +%s`,
//! `flock -w 10 9` (where it is), `kill` (of a rollback that takes too long), `setsid [-f] /bin/sh WATCH FOLDER`; where
//! `/run/systemd/system` is: `systemctl daemon-reload`, `systemctl reset-failed|start --no-block|stop
//! patchwave-guard-ID.service`. Files: `/var/lib/patchwave/guards/`, `guard.lock`,
//! `/etc/systemd/system/patchwave-guard-*.service` and its link in `sysinit.target.wants`, `/proc/uptime`,
//! `/proc/PID/stat`, `/proc/sys/kernel/random/boot_id`.

mod answer;
mod commands;
mod fate;
mod held;
mod settle;
#[cfg(test)]
mod tests;

pub(super) use held::Held;
pub(super) use settle::{close, settle};

use serde_json::{Value, json};

use self::answer::Arming;
use super::{Interrupted, StepCx, lease, remote::Patience};
use crate::{
    command::{Command, Output},
    event::{StepPhase, StepRef, StepResult},
    playbook::{CommandLine, Guard, TemplateScope},
    transport::{LinkError, NoSink},
};

/// The note of a step's guard.
const NOTE: &str = "guard";
/// The variable in which a guard over the whole walk goes from the step that armed it to the one that confirms.
const VAR: &str = "guard";
/// Answers in a row that may be unreadable.
const BAD_ANSWERS: u32 = 5;

/// What is known of an attempt's guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// There is none on the host.
    #[default]
    Nothing,
    /// The host was asked for it, or was about to be. The change has not begun.
    Asked,
    /// It was armed; the change may have begun.
    Armed,
    /// It is confirmed, and that is recorded.
    Confirmed,
}

/// What a guard must outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlives {
    /// The change does not reboot. (Where systemd is, a guard outlives reboots in any case.)
    Nothing,
    /// A reboot is the change.
    Reboot,
}

/// What an earlier controller noted about this step's guard.
pub(super) fn recall(cx: &StepCx<'_>) -> Known {
    match cx.notes.get(NOTE).and_then(|note| note["stand"].as_str()) {
        Some("asked") => Known::Asked,
        Some("confirmed") => Known::Confirmed,
        Some(_) => Known::Armed,
        None => Known::Nothing,
    }
}

async fn note(cx: &mut StepCx<'_>, id: &str, stand: &str) -> Result<(), Interrupted> {
    cx.journal.note(NOTE, json!({ "id": id, "stand": stand })).await
}

/// What to do about a host on which nobody knows what a guard did.
const LOOK: &str = "look at the host, then run it again with --limit @unknown";

/// The guard's id on the host.
fn id(cx: &StepCx<'_>, guard: &Guard) -> String {
    match guard.whole_walk {
        true => cx.named("walk"),
        false => cx.named(&format!("{}.{}", cx.step_name(), cx.attempt)),
    }
}

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
    /// It has had its verdict: the change must not begin any more.
    pub over: bool,
}

/// The result of a change that does not begin, because its guard is over. One over the whole walk is settled at its end;
/// what it came to is the reason already here.
pub fn over() -> Box<StepResult> {
    Box::new(StepResult::failed("rolled-back", "the guard's time is over: this change is not begun any more"))
}

/// Arms the step's guard, if it has one, before its change begins; gives back the guard's id. Armed before, it stays so.
///
/// # Errors
/// As [`arm`], and a guard that is over.
pub async fn arm_or_stop(cx: &mut StepCx<'_>, outlives: Outlives) -> Result<Option<String>, Box<StepResult>> {
    match arm(cx, outlives).await? {
        Some(armed) if armed.over => Err(over()),
        armed => Ok(armed.map(|armed| armed.id)),
    }
}

/// As [`arm_or_stop`], for who can tell whether the change had begun before its guard was over.
///
/// # Errors
/// The step's result: the host cannot do it (class `guard`; nothing was changed), or cannot be reached. The change must
/// not begin.
pub async fn arm(cx: &mut StepCx<'_>, outlives: Outlives) -> Result<Option<Armed>, Box<StepResult>> {
    let Some(guard) = cx.spec.guard.clone().filter(|_| !cx.check) else { return Ok(None) };
    let id = id(cx, &guard);
    let command = commands::arm(cx, &guard, &id, outlives, &rollback(cx, &guard)?)?;
    // Since the interruption another run may have taken the host.
    if cx.resumed {
        lease::acquire(cx).await?;
    }
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
            Ok(Some(Armed { id, over: false }))
        }
        Arming::Over => {
            cx.guard = Known::Armed;
            Ok(Some(Armed { id, over: true }))
        }
        // What its run changed under it before is not guarded any more, and that must be told.
        Arming::Lost(why) if cx.guard == Known::Armed || handed_on(cx, &id) == Known::Armed => {
            cx.guard = Known::Armed;
            let summary = format!("its guard is lost: {why}; this change is not begun any more");
            Err(Box::new(StepResult::unknown("guard-lost", summary).help(LOOK)))
        }
        Arming::Lost(why) | Arming::Refused(why) => {
            if fresh {
                cx.guard = Known::Nothing;
            }
            let summary = format!("the guard cannot be armed, so nothing was changed: {why}");
            let help = "correct on the host what it says, or finish the run that has the guard; then run it again with \
                        --limit @failed";
            Err(Box::new(StepResult::failed("guard", summary).help(help)))
        }
    }
}

/// The step found out that its change did not begin after all: its guard is taken back, not rolled back.
pub(super) fn not_begun(cx: &mut StepCx<'_>) {
    if cx.guard == Known::Armed {
        cx.guard = Known::Asked;
    }
}

/// The same command, which does nothing once guard `id` has its verdict: the host may have been away since it was armed.
pub(super) fn unless_over(command: Command, id: Option<&str>) -> Command {
    let Some(id) = id else { return command };
    let verdict = format!("\"${{PATCHWAVE_ROOT-}}/var/lib/patchwave/guards/{id}/verdict\"");
    command.behind(&format!("if [ -e {verdict} ]; then echo 'the guard of this change is over' >&2; exit 113; fi"))
}

/// Sends the arming until its answer is heard; it attaches to itself.
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

impl Known {
    fn or_asked(self) -> Self {
        if self == Self::Nothing { Self::Asked } else { self }
    }
}

/// For `--check`: what would be armed.
///
/// # Errors
/// The step's result for a rollback that cannot be rendered.
pub(super) fn would(cx: &StepCx<'_>) -> Result<Option<String>, Box<StepResult>> {
    let Some(guard) = &cx.spec.guard else { return Ok(None) };
    rollback(cx, guard)?;
    let within = guard.within.as_secs();
    // As it is written: rendered it may hold secrets.
    Ok(Some(format!("guarded: unless confirmed within {within} s, the host would run: {}", guard.rollback.shown())))
}

/// Tells the step that ends a guard over the whole walk what this step did about it.
pub(super) fn hand_on(cx: &StepCx<'_>, result: StepResult) -> StepResult {
    match &cx.spec.guard {
        Some(guard) if guard.whole_walk && cx.guard != Known::Nothing => {
            let begun = cx.guard == Known::Armed || handed_on(cx, &id(cx, guard)) == Known::Armed;
            result.var(VAR, json!({ "id": id(cx, guard), "begun": begun }))
        }
        _ => result,
    }
}

/// Whether some step of a walk armed the guard over all of it, or tried to: then the walk does not end without it.
pub fn was_armed(scope: &TemplateScope) -> bool {
    scope.get(VAR).is_some_and(|var| var.get("id").is_some())
}

/// Whether this result says that the guard over the whole walk has rolled the host back, and that the rollback ended
/// well.
pub fn has_rolled_back(step: StepRef, result: &StepResult) -> bool {
    step.phase == StepPhase::Always && result.class == "rolled-back"
}

/// What the earlier steps of this walk know of this guard.
fn handed_on(cx: &StepCx<'_>, id: &str) -> Known {
    match cx.scope.get(VAR).filter(|var| var.get("id").and_then(Value::as_str) == Some(id)) {
        Some(var) if var["begun"] == true => Known::Armed,
        Some(_) => Known::Asked,
        None => Known::Nothing,
    }
}

/// How many readers of the guard scripts' answers understand this output.
pub(super) fn answers_understood(output: &Output) -> usize {
    usize::from(answer::arming(output).is_ok()) + usize::from(answer::settled(output).is_ok())
}
