//! The transaction itself: started or found again, followed to its end, repaired once if it was cut off, and judged.
//! Then what belongs to the way back besides packages: marks, holds, the kernel of the next boot.

use std::{collections::BTreeSet, time::Duration};

use super::{kernel, plan::Planned, verdict::Evidence};
use crate::{
    event::{StepResult, Verdict},
    hint::Hint,
    pkg::{PackageManager, PackageState, Transaction},
    playbook::Rollback,
    step::{
        Ended, StepCx,
        packages::{self, Done, End, Moment},
    },
};

/// The name of the transaction's job.
pub(super) const JOB: &str = "rollback";
/// The transaction gets this long for a lock that was taken a moment ago, even if the time for locks is used up.
const LEAST_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Starts the transaction or finds it again, follows it to its end, and judges it by the packages.
pub(super) async fn transact(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Rollback,
    planned: Planned,
) -> Ended {
    cx.journal.progress(&format!("rolling back {} packages", planned.changes.len()));
    let patience = spec.lock_timeout.max(LEAST_LOCK_WAIT);
    let transaction = Transaction { lock_timeout: patience, ..planned.transaction(manager) };
    let Done { end, output, .. } = packages::run(cx, manager, JOB, &transaction, planned.changes.len()).await?;
    let mut after = after(cx, manager).await?;
    let mut repaired = packages::was_begun(cx, manager, Moment::After);
    if !matches!(end, End::Exit(_)) && !after.health().is_good() {
        packages::repair(cx, manager, Moment::After, patience).await?;
        after = self::after(cx, manager).await?;
        repaired = true;
    }
    let output = String::from_utf8_lossy(&output);
    let evidence = Evidence { manager, planned: &planned, after: &after, end: &end, repaired, output: &output };
    let result = evidence.verdict();
    if result.verdict != Verdict::Ok {
        return Ok(result);
    }
    finish(cx, manager, spec, &planned, result).await
}

/// What belongs to the way back besides packages. The packages are back: an early end keeps that in its result.
pub(super) async fn finish(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Rollback,
    planned: &Planned,
    result: StepResult,
) -> Ended {
    let (packages, changed) = (result.packages.clone(), result.changed);
    let back = result.summary.clone();
    let rest = async {
        marks(cx, manager, planned).await?;
        let result = hold(cx, manager, spec, planned, result).await?;
        kernel::choose_older(cx, manager, planned, result).await
    };
    rest.await.map_err(|early: Box<StepResult>| {
        let summary = format!("{back}, but {}", early.summary);
        Box::new(StepResult { packages, changed: changed || early.changed, summary, ..*early })
    })
}

async fn after(cx: &mut StepCx<'_>, manager: &dyn PackageManager) -> Result<PackageState, Box<StepResult>> {
    packages::state(cx, manager).await.map_err(|cause| {
        let summary = format!("the rollback ran, but the packages cannot be read: {}", cause.summary);
        let help =
            cause.help.clone().unwrap_or_else(|| Hint::command("resume", &[]).and(" (it looks again)").to_string());
        Box::new(StepResult::unknown(&cause.class, summary).changed(true).help(help))
    })
}

/// A package that is named in a transaction loses its mark as a dependency.
async fn marks(cx: &mut StepCx<'_>, manager: &dyn PackageManager, planned: &Planned) -> Result<(), Box<StepResult>> {
    let state = after(cx, manager).await?;
    let lost: BTreeSet<String> = planned.auto.iter().filter(|name| !state.is_auto(name)).cloned().collect();
    let Some(command) = manager.restore_marks(&lost) else { return Ok(()) };
    let output = packages::repeat(cx, "marking packages as dependencies", command).await?;
    if output.success() {
        return Ok(());
    }
    let names: Vec<&str> = lost.iter().map(String::as_str).collect();
    let summary = format!("could not be marked as dependencies again: {}", names.join(", "));
    Err(Box::new(packages::failed(crate::pkg::Class::Failed, summary).said(&output)))
}

/// Keeps the next upgrade from bringing back at once what was rolled back.
async fn hold(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    spec: &Rollback,
    planned: &Planned,
    mut result: StepResult,
) -> Result<StepResult, Box<StepResult>> {
    let names = planned.to_hold();
    let hold = spec.holds_for();
    if hold.is_zero() || names.is_empty() {
        return Ok(result);
    }
    if let (None, Err(cannot)) = (spec.hold, manager.hold(&names, true)) {
        let then = "the next upgrade brings the new versions again";
        result.summary = format!("{}, not held ({cannot}: {then})", result.summary);
        return Ok(result);
    }
    let reason = spec.reason.as_ref().map(|reason| cx.scope.render(reason)).transpose()?.unwrap_or_default();
    let reason = cx.link.secrets().hide(&reason).into_owned();
    packages::put_holds(cx, manager, &names, (hold.as_secs(), &reason)).await?;
    result.summary = format!("{}, held for {}", result.summary, words(hold));
    Ok(result)
}

/// `7 days`, `36 hours`, `90 minutes`.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (n, unit) = match seconds {
        _ if seconds >= 172_800 && seconds.is_multiple_of(86_400) => (seconds / 86_400, "days"),
        _ if seconds >= 7_200 && seconds.is_multiple_of(3_600) => (seconds / 3_600, "hours"),
        _ if seconds >= 120 && seconds.is_multiple_of(60) => (seconds / 60, "minutes"),
        _ => (seconds, "seconds"),
    };
    format!("{n} {unit}")
}
