//! Until a transaction may begin: the right kind of host, free locks, a package database in order, fresh lists.
//! Changes nothing but the package lists, and, if asked, finishes what an earlier transaction left half done.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    event::StepResult,
    pkg::{self, LockHolder, PackageManager, PackageState, Refresh},
    step::{
        StepCx,
        job::{self, JobSpec, JobTrouble},
        locks, remote,
    },
};

/// Names of the two jobs of a repair before the transaction, and of one after it was cut off.
pub(super) const REPAIR_BEFORE: [&str; 2] = ["configure", "fix"];
pub(super) const REPAIR_AFTER: [&str; 2] = ["configure-again", "fix-again"];

type Early = Box<StepResult>;

/// The host's package manager, with rights to use it.
pub(crate) async fn manager(cx: &mut StepCx<'_>) -> Result<&'static dyn PackageManager, Early> {
    let mut query = pkg::host_facts();
    query.command.privileged = true;
    let facts = remote::ask(cx, &query).await?;
    let manager =
        pkg::detect(&facts).map_err(|refusal| Box::new(StepResult::failed("unsupported", refusal.to_string())))?;
    match facts.uid {
        Some(0) => Ok(manager),
        uid => {
            let who = uid.map_or("an unknown user".to_owned(), |uid| format!("user {uid}"));
            let summary = format!("{} needs root, but commands run as {who}", manager.name());
            Err(Box::new(StepResult::failed("rights", summary).help("let ansible_become_user be root, or absent")))
        }
    }
}

/// All packages, marks and unfinished business.
pub(crate) async fn state(cx: &mut StepCx<'_>, manager: &dyn PackageManager) -> Result<PackageState, Early> {
    let mut query = manager.state();
    query.command.privileged = true;
    Ok(remote::ask(cx, &query).await?)
}

/// The package state before anything is done; a broken database fails, or is mended first if that is asked for.
pub(super) async fn healthy(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    repair: bool,
    lock_timeout: Duration,
) -> Result<PackageState, Early> {
    let before = state(cx, manager).await?;
    let health = before.health();
    if health.is_good() {
        return Ok(before);
    }
    if !repair || cx.check {
        let summary = format!("the package database is broken: {health}");
        let help = format!("on the host: {}; or set `repair: true` in the upgrade", manager.mends(&health));
        return Err(Box::new(StepResult::failed("broken-packages", summary).help(help)));
    }
    cx.journal.progress(&format!("repairing: {health}"));
    let said = mend(cx, manager, REPAIR_BEFORE, lock_timeout).await?;
    let after = state(cx, manager).await?;
    if after.health().is_good() {
        return Ok(after);
    }
    let summary = format!("the package database is broken and the repair did not help: {}", after.health());
    Err(Box::new(
        StepResult::failed("broken-packages", summary)
            .changed(true)
            .detail(said)
            .help(format!("on the host: {}", manager.mends(&after.health()))),
    ))
}

/// Runs the repair once; returns the last lines that it said. What it achieved is seen in the state.
pub(super) async fn mend(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    names: [&'static str; 2],
    lock_timeout: Duration,
) -> Result<Vec<String>, Early> {
    let mut said = Vec::new();
    for (name, command) in names.into_iter().zip(manager.repair(lock_timeout)) {
        match job::run(cx, &JobSpec::new(name, command.privileged(true))).await {
            Ok(end) => said.extend(end.last_lines(4)),
            Err(trouble @ (JobTrouble::Lost { .. } | JobTrouble::Rebooted { .. })) => said.push(trouble.to_string()),
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(said)
}

/// Fetches the package lists. Their lock has no time-out of the manager's own, so it is waited for here.
pub(super) async fn refresh(cx: &mut StepCx<'_>, manager: &dyn PackageManager, until: Instant) -> Result<(), Early> {
    cx.journal.progress("fetching package lists");
    let mut query = manager.refresh();
    query.command.privileged = true;
    loop {
        match remote::ask(cx, &query).await? {
            Refresh::Fresh => return Ok(()),
            Refresh::Locked { pid } => {
                let known = locks::holders(cx).await?.into_iter().find(LockHolder::is_lists);
                let name = match (known, pid) {
                    (Some(holder), _) => holder.to_string(),
                    (None, Some(pid)) => format!("pid {pid}"),
                    (None, None) => "another process".to_owned(),
                };
                locks::wait(cx, &name, until).await?;
            }
            Refresh::Failed { lines } => {
                let first = lines.first().map_or("no reason given", String::as_str);
                let summary = format!("the package lists could not be fetched: {first}");
                let help =
                    "look at the host's package sources and its way to them; with old lists nothing is installed";
                return Err(Box::new(StepResult::failed("refresh", summary).detail(lines.clone()).help(help)));
            }
        }
    }
}
