//! What one step does on one host: a file per kind, one match over the kinds, here.
//! A step sees its host, its spec and the jump box; never other hosts, never the ledger. Start at [`StepCx`].

mod cx;
pub mod job;
pub mod lease;
pub mod remote;
mod result;
#[cfg(test)]
pub(crate) mod testing;

pub use cx::{Controller, HookOutput, Interrupted, Journal, Recovery, StepCx};
pub use result::Ended;

use crate::{
    playbook::{Side, StepKind, StepSpec},
    target::Target,
};

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
        | StepKind::Cleanup(_) => true,
    }
}

/// Whether a step changes the host itself, so that it needs the host's lease.
pub fn takes_lease(spec: &StepSpec) -> bool {
    spec.on == Side::Host && is_change(&spec.kind)
}

/// Whether a step's commands on the host run with raised rights. What changes the system always does; for a login as
/// root that means nothing.
pub fn wants_rights(spec: &StepSpec, target: &Target) -> bool {
    match spec.kind {
        StepKind::Upgrade(_) | StepKind::Reboot(_) | StepKind::Service(_) | StepKind::Cleanup(_) => true,
        _ => spec.privileged.unwrap_or(target.escalation.on),
    }
}
