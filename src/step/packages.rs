//! The package manager of a host, and whether its database is in order and free. Shared by precheck, verify and reboot.

use super::{StepCx, locks, remote};
use crate::{
    event::StepResult,
    pkg::{self, PackageManager},
};

/// Finds the host's package manager.
///
/// # Errors
/// The step's result: an unreachable host, or one that this release cannot serve (class `unsupported`).
pub(super) async fn manager(cx: &mut StepCx<'_>) -> Result<&'static dyn PackageManager, Box<StepResult>> {
    let facts = remote::ask(cx, &pkg::host_facts()).await?;
    pkg::detect(&facts).map_err(|refusal| Box::new(StepResult::failed("unsupported", refusal.to_string())))
}

/// What is wrong with the host's packages, as a failure; `None` if nothing is.
///
/// # Errors
/// An unreachable host, as its result.
pub(super) async fn trouble(cx: &mut StepCx<'_>) -> Result<Option<StepResult>, Box<StepResult>> {
    let manager = match manager(cx).await {
        Ok(manager) => manager,
        Err(result) if result.class == "unsupported" => return Ok(Some(*result)),
        Err(result) => return Err(result),
    };
    let mut health = manager.health();
    health.command.privileged = true;
    let health = remote::ask(cx, &health).await?;
    if !health.is_good() {
        let summary = format!("the package database is broken: {health}");
        return Ok(Some(
            StepResult::failed("packages", summary).help(format!("on the host: {}", manager.mends(&health))),
        ));
    }
    let holders = locks::holders(cx).await?;
    Ok(holders.iter().find(|holder| !holder.is_lists()).map(|holder| {
        let summary = format!("the package lock is held by {holder}");
        StepResult::failed("lock", summary).help("wait until it is done, then run again with --limit @failed")
    }))
}
