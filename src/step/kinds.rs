//! What is true of each kind of step: whether it changes its host, needs the lease or raised rights, and what happens
//! to it when its controller dies in the middle. The only place besides `act.rs` that tells kinds apart.

use crate::{
    event::{StepResult, Verdict},
    playbook::{Side, StepKind, StepSpec},
    target::Target,
};

/// What may be done with a step that was running when its controller ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Run it again: it only looks, or running it twice does no harm.
    Rerun,
    /// Run it with `resumed`: from its notes, and from the host or the jump box, it finds out how far it got, or
    /// reports that this cannot be known.
    Probe,
}

/// What may be done with a step that was running when its controller ended.
pub(super) fn recovery(spec: &StepSpec) -> Recovery {
    match &spec.kind {
        // They see in their notes what they did, or follow their job.
        StepKind::Upgrade(_)
        | StepKind::Rollback(_)
        | StepKind::Cleanup(_)
        | StepKind::Reboot(_)
        | StepKind::Pause(_)
        | StepKind::Confirm(_) => Recovery::Probe,
        kind if !is_change(kind) => Recovery::Rerun,
        // Running it twice has the same effect as running it once.
        StepKind::Copy(_) => Recovery::Rerun,
        // The host has a record of its jobs, and the jump box of its programs.
        _ => Recovery::Probe,
    }
}

/// Whether a program on the jump box must not run again if its end cannot be known.
pub(super) fn runs_once(kind: &StepKind) -> bool {
    // A second snapshot does no harm, and balancers get the wanted state, not a difference.
    is_change(kind) && !matches!(kind, StepKind::Snapshot(_) | StepKind::Drain(_) | StepKind::Undrain(_))
}

/// Whether a program on the jump box that has ended is not run again, although its end was not noted.
pub(super) fn keeps_end(kind: &StepKind) -> bool {
    // A second message does no harm, but there is no reason to send it again. A step that only looks must see the
    // current state, so it looks again.
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
        | StepKind::Rollback(_)
        | StepKind::Cleanup(_) => true,
    }
}

/// Whether the host is, or may be, different from before this step. Hooks around the change do not count.
pub fn has_touched(spec: &StepSpec, result: &StepResult) -> bool {
    let around = matches!(spec.kind, StepKind::Drain(_) | StepKind::Undrain(_) | StepKind::Snapshot(_));
    !around && (result.changed || matches!(result.verdict, Verdict::Unknown | Verdict::Unreachable))
}

/// The variable that a step of this kind sets for the playbook's templates, without `register`.
pub(super) fn sets_variable(kind: &StepKind) -> Option<&'static str> {
    match kind {
        StepKind::Snapshot(_) => Some("snapshot"),
        StepKind::Upgrade(_) => Some("upgrade"),
        _ => None,
    }
}

/// Whether a step changes the host itself, so that it needs the host's lease.
pub fn takes_lease(spec: &StepSpec) -> bool {
    spec.on == Side::Host && is_change(&spec.kind) && !spec.kind.ends_guard()
}

/// Whether a step begins on its host with the start of a job, which checks the lease that the run has.
pub(super) fn begins_with_a_job(spec: &StepSpec) -> bool {
    let kind = matches!(
        spec.kind,
        StepKind::Command(_)
            | StepKind::Script(_)
            | StepKind::Snapshot(_)
            | StepKind::SnapshotRestore(_)
            | StepKind::Drain(_)
            | StepKind::Undrain(_)
    );
    kind && spec.guard.is_none()
}

/// Whether a step's commands on the host run with raised rights. Steps that change the system always do; for a root
/// login this makes no difference.
pub fn wants_rights(spec: &StepSpec, target: &Target) -> bool {
    match spec.kind {
        StepKind::Upgrade(_)
        | StepKind::Rollback(_)
        | StepKind::Reboot(_)
        | StepKind::Service(_)
        | StepKind::Cleanup(_) => true,
        // A rollback must be able to see the job that it waits for.
        _ if spec.guard.as_ref().is_some_and(|guard| !guard.whole_walk) => true,
        _ => spec.privileged.unwrap_or(target.escalation.on),
    }
}
