//! The transaction itself: started or found again, followed to its end, repaired once if it was cut off, and judged.

use std::{collections::BTreeSet, time::Duration};

use super::{plan::Planned, report, verdict::Evidence};
use crate::{
    command::Command,
    event::{StepResult, Verdict},
    hint::Hint,
    pkg::{PackageManager, PackageState, Transaction},
    playbook::Upgrade,
    step::{
        Ended, StepCx,
        packages::{self, Done, End, Moment},
        stale::{self, Outcome},
    },
};

/// The name of the transaction's job.
pub(super) const JOB: &str = "install";
/// The transaction gets this long for a lock that was taken a moment ago, even if the time for locks is used up.
const LEAST_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Starts the transaction or finds it again, follows it to its end, and judges it by the packages.
pub(super) async fn transact(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Upgrade,
    planned: Planned,
) -> Ended {
    cx.journal.progress(&format!("upgrading {} packages", planned.changes.len()));
    let patience = spec.lock_timeout.max(LEAST_LOCK_WAIT);
    let transaction = Transaction {
        auto: planned.auto.clone(),
        allow_removals: spec.allow_removals,
        lock_timeout: patience,
        ..Transaction::upgrade(&planned.named())
    };
    let Done { end, output, .. } = packages::run(cx, manager, JOB, &transaction, planned.changes.len()).await?;
    let mut after = after(cx, manager, &planned).await?;
    let mut repaired = packages::was_begun(cx, manager, Moment::After);
    if !matches!(end, End::Exit(_)) && !after.health().is_good() {
        // It was cut off from outside: an operator would finish it once.
        packages::repair(cx, manager, Moment::After, patience).await?;
        after = self::after(cx, manager, &planned).await?;
        repaired = true;
    }
    let output = String::from_utf8_lossy(&output);
    let evidence = Evidence { manager, planned: &planned, after: &after, end: &end, repaired, output: &output };
    let mut result = evidence.verdict();
    restore_marks(cx, manager, &planned, &after, &mut result).await;
    let outcome = match result.verdict {
        Verdict::Ok => {
            // Whoever needs an answer says what is wrong.
            let _ = packages::ask_ahead(cx, last_asks(manager)).await;
            stale::after_upgrade(cx, spec.restart_services).await
        }
        // Nothing is restarted into packages that are not in order.
        _ => Outcome::default(),
    };
    let result = outcome.and(result);
    let names: Vec<String> = result.packages.iter().map(|change| change.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(report::with_facts(cx, manager, result, &names, &planned.name_check, outcome.reasons).await)
}

/// After a transaction, only the packages can show what happened; if they cannot be read, the outcome is unknown.
async fn after(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
) -> Result<PackageState, Box<StepResult>> {
    let asks = std::iter::once(manager.state().command).chain(last_asks(manager));
    let asked = packages::ask_ahead(cx, asks).await.map_err(Box::<StepResult>::from);
    let state = match asked {
        Ok(()) => packages::state(cx, manager).await,
        Err(cause) => Err(cause),
    };
    state.map_err(|cause| {
        let summary = format!("the transaction ran, but the packages cannot be read: {}", cause.summary);
        let help =
            cause.help.clone().unwrap_or_else(|| Hint::command("resume", &[]).and(" (it looks again)").to_string());
        let mut result = StepResult::unknown(&cause.class, summary).changed(true).help(help);
        // A rollback has to know what may have been changed.
        result.way_back = planned.may_have_changed().boxed();
        Box::new(result)
    })
}

/// What is asked about a host whose packages are in order.
fn last_asks(manager: &dyn PackageManager) -> [Command; 2] {
    [stale::look().command, manager.reboot_reasons().command]
}

/// When a package is named in a transaction, it loses its mark as a dependency. Without the mark it is never cleaned
/// up.
async fn restore_marks(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
    after: &PackageState,
    result: &mut StepResult,
) {
    let lost = |name: &&String| after.has(name) && !after.is_auto(name);
    let lost: BTreeSet<String> = planned.auto.iter().filter(lost).cloned().collect();
    let Some(command) = manager.restore_marks(&lost) else { return };
    let why = match packages::change(cx, "marking packages", command).await {
        Ok(output) if output.success() => return,
        Ok(output) => output.last_lines(1),
        Err(early) => early.summary,
    };
    let names: Vec<&str> = lost.iter().map(String::as_str).collect();
    result.detail.push(format!("could not be marked as dependencies again ({why}): {}", names.join(", ")));
}
