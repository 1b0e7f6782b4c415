//! What one step does on one host: a file per kind, one match over the kinds, here.
//! A step sees its host, its spec and the jump box; never other hosts, never the ledger. Start at [`StepCx`].

mod baseline;
mod change;
pub mod cleanup;
mod command;
mod controller;
mod copy;
mod cx;
mod disk;
mod files;
pub mod guard;
mod hook;
mod http;
pub mod job;
pub mod lease;
mod marked;
mod notify;
mod packages;
mod pause;
mod precheck;
mod program;
mod reboot;
pub mod remote;
mod result;
mod script;
mod service;
mod services;
mod snapshot;
pub mod sources;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod undrain;
pub mod upgrade;
mod verify;
mod wait_for;

pub use controller::JumpBox;
use cx::Recovery;
pub use cx::{Claim, Controller, HookOutput, Interrupted, NoEnd, Ran, StepCx, StepJournal, StepLog};
pub use program::learn_secrets;
pub use result::Ended;

use serde_json::json;

use crate::{
    command::Output,
    event::{StepResult, Verdict},
    playbook::{Side, StepKind, StepSpec},
    target::Target,
};

/// How many of the readers of our helper scripts' answers understand this output. Every host may print anything, so none
/// of them may panic: the fuzz target `host_output` asks here.
pub fn answers_understood(output: &Output) -> usize {
    job::answers_understood(output) + guard::answers_understood(output) + usize::from(lease::understands(output))
}

/// Runs one attempt of a step to its end. With `register`, the variable of that name is among the result's.
pub async fn run(cx: &mut StepCx<'_>) -> StepResult {
    let began = tokio::time::Instant::now();
    cx.guard = guard::recall(cx);
    let ended = match attempt(cx).await {
        Err(early) if job::is_noted(cx) => Err(result::unseen("a job of this step was begun before", early)),
        Err(early) if cx.resumed && takes_lease(cx.spec) && recovery(cx.spec) == Recovery::Rerun => {
            Err(result::unseen("this step was begun before", early))
        }
        Err(early) if cx.resumed && cx.spec.on == Side::Controller && runs_once(&cx.spec.kind) => {
            Err(result::unasked(early))
        }
        ended => ended,
    };
    let result = ended.unwrap_or_else(|early| *early);
    let result = lease::told(cx, result);
    let result = guard::hand_on(cx, result);
    let mut result = guard::settle(cx, result).await;
    result.took = began.elapsed();
    if let Some(name) = &cx.spec.register
        && !result.vars.contains_key(name)
    {
        let failed = !matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
        let seen = json!({ "changed": result.changed, "failed": failed, "summary": result.summary });
        result.vars.insert(name.clone(), seen);
    }
    result
}

async fn attempt(cx: &mut StepCx<'_>) -> Ended {
    // A step that is taken over and noted something had its lease before: it goes on even while the host is away.
    // That it was about to take the lease from somebody is noted, too, and is no proof of that.
    let goes_on = cx.resumed && cx.notes.keys().any(|key| !key.starts_with("lease."));
    if takes_lease(cx.spec) && !cx.check && !goes_on {
        lease::acquire(cx).await?;
        // Recorded before the first change: whoever goes on with this walk must find the same machine.
        if let Some(query) = cx.link.id_query() {
            let id = remote::ask(cx, &query).await?;
            cx.link.learn_id(id);
        }
        if let Some(machine) = cx.link.take_news() {
            let (key, value) = machine.note();
            cx.journal.note(key, value).await?;
        }
    }
    let spec = cx.spec;
    let ended = act(cx, &spec.kind).await;
    let fine = |result: &StepResult| matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
    match (guard::would(cx)?.filter(|_| cx.check), ended) {
        (Some(would), Ok(result)) if fine(&result) => {
            let summary = format!("{}; {would}", result.summary);
            Ok(StepResult { summary, found_work: true, ..result })
        }
        (_, ended) => ended,
    }
}

async fn act(cx: &mut StepCx<'_>, kind: &StepKind) -> Ended {
    match kind {
        StepKind::Precheck(kind) => precheck::run(cx, kind).await,
        StepKind::Snapshot(hook) => snapshot::take(cx, hook).await,
        StepKind::SnapshotRestore(hook) => snapshot::restore(cx, hook).await,
        StepKind::Reboot(kind) => reboot::run(cx, kind).await,
        StepKind::Verify(kind) => verify::run(cx, kind).await,
        StepKind::Command(kind) => command::run(cx, kind).await,
        StepKind::Script(kind) => script::run(cx, kind).await,
        StepKind::Copy(kind) => copy::run(cx, kind).await,
        StepKind::Service(kind) => service::run(cx, kind).await,
        StepKind::WaitFor(kind) => wait_for::run(cx, kind).await,
        StepKind::Pause(kind) => pause::run(cx, kind).await,
        StepKind::Notify(kind) => notify::run(cx, kind).await,
        StepKind::Drain(hook) => hook::around(cx, hook, "drained").await,
        StepKind::Undrain(undrain) => hook::around(cx, &undrain.hook, "undrained").await,
        StepKind::Upgrade(kind) => upgrade::run(cx, kind).await,
        StepKind::Cleanup(kind) => cleanup::run(cx, kind).await,
        StepKind::Confirm(guard) => guard::close(cx, guard).await,
    }
}

/// What may be done with a step that was running when its controller ended.
fn recovery(spec: &StepSpec) -> Recovery {
    match &spec.kind {
        // They know from their notes what they did, or follow their job.
        StepKind::Upgrade(_)
        | StepKind::Cleanup(_)
        | StepKind::Reboot(_)
        | StepKind::Pause(_)
        | StepKind::Confirm(_) => Recovery::Probe,
        kind if !is_change(kind) => Recovery::Rerun,
        // Doing it twice is doing it once.
        StepKind::Copy(_) => Recovery::Rerun,
        // A host knows its jobs, and the jump box its programs.
        _ => Recovery::Probe,
    }
}

/// Whether a program on the jump box whose end nobody can know must not be run again.
fn runs_once(kind: &StepKind) -> bool {
    // A second snapshot does no harm, and balancers are told a wish, not a difference.
    is_change(kind) && !matches!(kind, StepKind::Snapshot(_) | StepKind::Drain(_) | StepKind::Undrain(_))
}

/// Whether a program on the jump box that has ended, without anybody to note it, is not run again.
fn keeps_end(kind: &StepKind) -> bool {
    // A second message does harm to nobody, but what was sent need not be sent again. What only looks looks at now.
    is_change(kind) || matches!(kind, StepKind::Notify(_))
}

/// Whether a step of this kind may change its host, or something about it outside (a snapshot, a load balancer).
pub fn is_change(kind: &StepKind) -> bool {
    match kind {
        StepKind::Precheck(_)
        | StepKind::Verify(_)
        | StepKind::WaitFor(_)
        | StepKind::Pause(_)
        | StepKind::Notify(_) => false,
        StepKind::Command(command) => command.changes,
        StepKind::Script(script) => script.changes,
        StepKind::Snapshot(_)
        | StepKind::SnapshotRestore(_)
        | StepKind::Upgrade(_)
        | StepKind::Reboot(_)
        | StepKind::Copy(_)
        | StepKind::Service(_)
        | StepKind::Drain(_)
        | StepKind::Undrain(_)
        | StepKind::Confirm(_)
        | StepKind::Cleanup(_) => true,
    }
}

/// Whether the host is not, or may not be, as it was before this step: hooks around the change do not count.
pub fn has_touched(spec: &StepSpec, result: &StepResult) -> bool {
    let around = matches!(spec.kind, StepKind::Drain(_) | StepKind::Undrain(_) | StepKind::Snapshot(_));
    !around && (result.changed || matches!(result.verdict, Verdict::Unknown | Verdict::Unreachable))
}

/// Whether a step changes the host itself, so that it needs the host's lease.
pub fn takes_lease(spec: &StepSpec) -> bool {
    spec.on == Side::Host && is_change(&spec.kind) && !spec.kind.ends_guard()
}

/// Whether a step's commands on the host run with raised rights. What changes the system always does; for a login as
/// root that means nothing.
pub fn wants_rights(spec: &StepSpec, target: &Target) -> bool {
    match spec.kind {
        StepKind::Upgrade(_) | StepKind::Reboot(_) | StepKind::Service(_) | StepKind::Cleanup(_) => true,
        // A rollback must see the job that it waits for.
        _ if spec.guard.as_ref().is_some_and(|guard| !guard.whole_walk) => true,
        _ => spec.privileged.unwrap_or(target.escalation.on),
    }
}
