//! Finishing what an earlier transaction left half done: every command that the manager names for it, each as its own
//! job.

use std::time::Duration;

use super::{
    ask::raised,
    health::{state, whole},
    result::broken,
};
use crate::{
    event::StepResult,
    pkg::{PackageManager, PackageState, Repair},
    step::{
        StepCx,
        job::{self, JobSpec, JobTrouble},
    },
};

/// When a repair runs. Part of the names of its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::step) enum Moment {
    /// Before the transaction.
    Before,
    /// Before the transaction, a second time.
    Second,
    /// After it was cut off.
    After,
}

impl Moment {
    /// The name of a repair's job. It is in the notes of runs, so it must not change.
    fn job(self, repair: &Repair) -> String {
        match self {
            Self::Before => repair.name.to_owned(),
            Self::Second => format!("{}-second", repair.name),
            Self::After => format!("{}-again", repair.name),
        }
    }
}

/// Whether an earlier controller began this repair.
pub(in crate::step) fn was_begun(cx: &StepCx<'_>, manager: &dyn PackageManager, moment: Moment) -> bool {
    manager.repair(Duration::ZERO).iter().any(|repair| job::is_recalled(cx, &moment.job(repair)))
}

/// Runs the repair once; returns the last lines of its output. Whether it helped shows in the package state.
///
/// # Errors
/// The step's result: a job that still runs, or an unreachable host.
pub(in crate::step) async fn repair(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    moment: Moment,
    lock_timeout: Duration,
) -> Result<Vec<String>, Box<StepResult>> {
    let mut said = Vec::new();
    for repair in manager.repair(lock_timeout) {
        let job = moment.job(&repair);
        match job::run(cx, &JobSpec::new(job, raised(repair.command))).await {
            Ok(end) => said.extend(end.last_lines(4)),
            Err(trouble @ (JobTrouble::Lost { .. } | JobTrouble::Rebooted { .. })) => said.push(trouble.to_string()),
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(said)
}

/// The package state before anything is done. A broken database fails, or is repaired first if the playbook says so.
///
/// # Errors
/// The step's result: class `broken-packages`, a job that still runs, or an unreachable host.
pub(in crate::step) async fn healthy_state(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    repair_first: bool,
    lock_timeout: Duration,
) -> Result<PackageState, Box<StepResult>> {
    let before = state(cx, manager).await?;
    let health = before.health();
    if health.is_good() {
        return Ok(before);
    }
    if !repair_first || cx.check {
        whole(manager, &health).map_err(|early| {
            let help = early.help.clone().unwrap_or_default();
            Box::new(early.help(format!("{help}; or set `repair: true` for the upgrade")))
        })?;
    }
    cx.journal.progress(&format!("repairing: {health}"));
    let (mut said, mut left) = (Vec::new(), health);
    // What a script needed may be there only after the first repair.
    for moment in [Moment::Before, Moment::Second] {
        said = repair(cx, manager, moment, lock_timeout).await?;
        let after = state(cx, manager).await?;
        left = after.health();
        if left.is_good() {
            return Ok(after);
        }
    }
    let what = "the package database is broken and two repairs did not help";
    Err(Box::new(broken(manager, what, &left).changed(true).detail(said)))
}
