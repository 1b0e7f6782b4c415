//! From what was changed to a plan, and on to its transaction.

use serde_json::Value;
use tokio::time::Instant;

use super::{carry_out, kernel, plan::Planned};
use crate::{
    event::StepResult,
    pkg::{PackageManager, PackageState, Undo},
    playbook::Rollback,
    step::{Ended, StepCx, job, packages},
};

/// Runs the step, or continues it.
///
/// # Errors
/// An early end, as its result. Classes: those of `pkg::Class`, those of a job, and those of a lost host.
pub async fn run(cx: &mut StepCx<'_>, spec: &Rollback) -> Ended {
    let manager = packages::for_changes(cx).await?;
    if let Some(planned) = begun(cx) {
        return carry_out::transact(cx, manager, spec, planned).await;
    }
    let undo = cx.undo.clone();
    if undo.is_empty() {
        return Ok(StepResult::skipped("nothing to undo: no upgrade changed a package of this host"));
    }
    if !cx.check {
        packages::free(cx, Instant::now() + spec.lock_timeout).await?;
    }
    let state = packages::state(cx, manager).await?;
    mendable(manager, &undo, &state)?;
    let kept = kernel::needed_now(cx, manager, &undo).await?;
    let planned = Planned::new(&undo, manager, &state, kept, spec.force)?;
    if planned.changes.is_empty() {
        let result = nothing_more(&planned);
        return match cx.check {
            true => kernel::would_choose(cx, manager, &planned, result).await,
            false => kernel::choose_older(cx, manager, &planned, result).await,
        };
    }
    can_hold(manager, spec, &planned)?;
    let planned = with_staged(cx, manager, planned).await?;
    let simulation = packages::ask(cx, manager.simulate(&planned.transaction(manager))?).await?;
    planned.agrees(manager, &simulation)?;
    if cx.check {
        return kernel::would_choose(cx, manager, &planned, would(&planned)).await;
    }
    cx.journal.note("plan", serde_json::to_value(&planned).unwrap_or(Value::Null)).await?;
    carry_out::transact(cx, manager, spec, planned).await
}

/// The noted plan, if its transaction may have been started by an earlier controller.
fn begun(cx: &StepCx<'_>) -> Option<Planned> {
    let plan = cx.notes.get("plan").filter(|_| job::is_recalled(cx, carry_out::JOB))?;
    serde_json::from_value(plan.clone()).ok()
}

/// A package that the upgrade left broken may be made whole by its old version; any other must be repaired first.
fn mendable(manager: &dyn PackageManager, undo: &Undo, state: &PackageState) -> Result<(), Box<StepResult>> {
    let mut health = state.health();
    health.broken.retain(|(name, _)| !undo.changes.iter().any(|change| change.name == *name));
    packages::whole(manager, &health)
}

/// That a manager cannot hold packages as it was asked to is found out before anything is changed.
fn can_hold(manager: &dyn PackageManager, spec: &Rollback, planned: &Planned) -> Result<(), Box<StepResult>> {
    let names = planned.to_hold();
    if spec.hold.is_none_or(|hold| hold.is_zero()) || names.is_empty() {
        return Ok(());
    }
    let cannot = |error| {
        let help = "roll back without a hold (`hold: 0s`, or --hold 0s) and hold the packages by hand: the next upgrade \
                    would bring back what is rolled back";
        Box::new(Box::<StepResult>::from(error).help(help))
    };
    manager.hold(&names, true).map(drop).map_err(cannot)
}

/// Leaves out folders in which nothing is.
async fn with_staged(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    mut planned: Planned,
) -> Result<Planned, Box<StepResult>> {
    for folder in std::mem::take(&mut planned.folders) {
        if !packages::ask(cx, manager.staged(&folder)?).await?.is_empty() {
            planned.folders.push(folder);
        }
    }
    Ok(planned)
}

/// No package goes back now: all did, or what is left belongs to the kernel that runs.
fn nothing_more(planned: &Planned) -> StepResult {
    if planned.kept.is_empty() {
        return StepResult::skipped("the packages are as before the upgrade");
    }
    StepResult::ok(format!("of the upgrade only the running kernel is left ({})", planned.kept_words()))
}

/// `--check` ends here.
fn would(planned: &Planned) -> StepResult {
    let counted = packages::count(planned.changes.len(), "would be rolled back");
    let mut result = StepResult::ok(format!("{counted} ({})", packages::named(&planned.changes))).found_work();
    let one = |change| packages::named(std::slice::from_ref(change));
    result.detail = planned.changes.iter().map(one).collect();
    result.detail.extend(planned.stays());
    result
}
