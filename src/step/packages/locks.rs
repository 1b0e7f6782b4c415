//! Waiting until no other program works on a host's packages, and saying which one does. Every step that reboots the
//! host or stops what a package manager needs asks here first, or in the very script that does it
//! (`pkg::stop_if_locked`). A lock on the package lists alone blocks nothing: fetching them can be interrupted at any
//! moment.

use std::time::Duration;

use tokio::time::Instant;

use super::{ask::ask, result::failed};
use crate::{
    event::StepResult,
    pkg::{self, Class, LockHolder},
    step::StepCx,
};

/// How long to wait for a lock where the playbook does not say.
pub(in crate::step) const PATIENCE: Duration = crate::playbook::LOCK_TIMEOUT;
/// Between two looks at a lock.
const LOOK: Duration = Duration::from_secs(3);

type Early = Box<StepResult>;

/// Waits until no other program works on the packages.
///
/// # Errors
/// The step's result: class `lock` with who holds them, or an unreachable host.
pub(in crate::step) async fn free(cx: &mut StepCx<'_>, until: Instant) -> Result<(), Early> {
    free_of(cx, until, |_| true).await
}

/// As [`free`], but only for the holders that matter.
pub(in crate::step) async fn free_of(
    cx: &mut StepCx<'_>,
    until: Instant,
    matters: impl Fn(&LockHolder) -> bool,
) -> Result<(), Early> {
    loop {
        let holders = holders(cx).await?;
        let Some(holder) = holders.iter().find(|holder| !pkg::is_lists(holder) && matters(holder)) else {
            return Ok(());
        };
        wait(cx, &holder.to_string(), until).await?;
    }
}

/// Every program that holds a lock now.
pub(super) async fn holders(cx: &mut StepCx<'_>) -> Result<Vec<LockHolder>, Early> {
    Ok(ask(cx, pkg::lock_holders()).await?)
}

/// The program that works on the packages now, if there is one.
///
/// # Errors
/// An unreachable host, as its result.
pub(in crate::step) async fn working(cx: &mut StepCx<'_>) -> Result<Option<LockHolder>, Early> {
    Ok(holders(cx).await?.into_iter().find(|holder| !pkg::is_lists(holder)))
}

/// Waits a little, or gives up at `until`.
pub(in crate::step) async fn wait(cx: &mut StepCx<'_>, holder: &str, until: Instant) -> Result<(), Early> {
    if Instant::now() >= until || cx.remaining().is_zero() {
        let result = failed(Class::Lock, format!("lock held by {holder}"));
        return Err(Box::new(result.help("wait until it finishes, then run again with --limit @failed")));
    }
    cx.heard.forget();
    cx.journal.progress(&format!("waiting for {holder}"));
    let left = until.saturating_duration_since(Instant::now()).min(cx.remaining());
    tokio::time::sleep(LOOK.min(left)).await;
    Ok(())
}
