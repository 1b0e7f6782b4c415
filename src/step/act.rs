//! Which file carries out which kind of step.

use super::{
    Ended, StepCx, cleanup, command, copy, guard, hook, notify, pause, precheck, reboot, rollback, script, service,
    snapshot, upgrade, verify, wait_for,
};
use crate::{command::Command, playbook::StepKind};

/// What a step of this kind asks first, as far as that is known before it begins. Whoever asks the host something
/// before that may ask this together with it (`remote::ask_ahead`).
pub(super) fn first_asks(cx: &StepCx<'_>, kind: &StepKind) -> Vec<Command> {
    match kind {
        StepKind::Upgrade(_) => upgrade::first_asks(cx),
        StepKind::Reboot(_) => reboot::first_asks(cx),
        _ => Vec::new(),
    }
}

/// Runs a step of this kind.
///
/// # Errors
/// An early end, as its result.
pub(super) async fn act(cx: &mut StepCx<'_>, kind: &StepKind) -> Ended {
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
        StepKind::Rollback(kind) => rollback::run(cx, kind).await,
        StepKind::Confirm(guard) => guard::close(cx, guard).await,
    }
}
