//! `upgrade:`: the pending updates that are asked for, in exact versions, as one detached transaction.
//! Knows no package manager by name and believes no exit code. Start at [`run`]; `choose.rs` decides what is taken,
//! `plan.rs` what is named, `boot_room.rs` whether it fits into `/boot`, `verdict.rs` what came of it.

mod boot_room;
mod choose;
mod names;
mod plan;
pub(super) mod ready;
#[cfg(test)]
mod tests;
mod verdict;

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    choose::{Choice, Wish, choose},
    names::Heard,
    plan::{Outlook, Planned},
    verdict::{End, Evidence},
};
use super::{
    Ended, StepCx,
    job::{self, JobSpec, JobTrouble},
    locks, remote,
};
use crate::{
    event::{PackageChange, StepResult},
    pkg::{PackageManager, PackageState, Pending},
    playbook::{Scope, Upgrade},
};

/// The name of the transaction's job.
const INSTALL: &str = "install";
/// Even a spent lock budget leaves the transaction this long for a lock that was taken a moment ago.
const LEAST_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Runs the step, or goes on with it.
///
/// # Errors
/// An early end, as its result. Classes: `unsupported`, `rights`, `lock`, `broken-packages`, `refused`, `refresh`,
/// `unknown-package`,
/// `no-security-source`, `drift`, `removals`, `excluded`, `disk`, `dpkg`, `fetch`, `apt`, `missing`, `interrupted`,
/// those of a job, and those of a lost host.
pub async fn run(cx: &mut StepCx<'_>, spec: &Upgrade) -> Ended {
    let manager = ready::manager(cx).await?;
    if let Some(planned) = begun(cx) {
        return transact(cx, manager, spec, planned).await;
    }
    let wish = wish(cx, spec)?;
    let until = Instant::now() + spec.lock_timeout;
    if ready::REPAIR_BEFORE.iter().any(|name| job::is_recalled(cx, name)) {
        ready::mend(cx, manager, ready::REPAIR_BEFORE, spec.lock_timeout).await?;
    }
    if !cx.check {
        // While somebody else installs, packages are half-configured as a matter of course.
        locks::free(cx, until).await?;
    }
    let state = ready::healthy(cx, manager, spec.repair, spec.lock_timeout).await?;
    if spec.refresh && !cx.check {
        ready::refresh(cx, manager, until).await?;
    }
    let pending = pending(cx, manager, spec, &wish).await?;
    let mut choice = choose(&wish, &pending, &state);
    names::sort_out(cx, manager, &wish, &state, &mut choice).await?;
    if choice.take.is_empty() {
        return nothing(cx, manager, &wish, &choice, &state).await;
    }
    let mut simulation = manager.simulate(&choice.take);
    simulation.command.privileged = true;
    let simulation = remote::ask(cx, &simulation).await?;
    let allow_removals = spec.allow_removals;
    let outlook = Outlook { manager, wish: &wish, choice: &choice, pending: &pending, state: &state, allow_removals };
    let planned = outlook.plan(&simulation)?;
    boot_room::check(cx, manager, &planned).await?;
    if cx.check {
        return would(cx, manager, &planned, &state).await;
    }
    cx.journal.note("plan", serde_json::to_value(&planned).unwrap_or(Value::Null)).await?;
    transact(cx, manager, spec, planned).await
}

/// The noted plan, if its transaction may have been started by an earlier controller.
fn begun(cx: &StepCx<'_>) -> Option<Planned> {
    let plan = cx.notes.get("plan").filter(|_| job::is_recalled(cx, INSTALL))?;
    serde_json::from_value(plan.clone()).ok()
}

fn wish(cx: &StepCx<'_>, spec: &Upgrade) -> Result<Wish, Box<StepResult>> {
    let list = |list: &Option<_>| list.as_ref().map_or(Ok(Vec::new()), |list| cx.scope.render_list(list));
    let (names, exclude) = (list(&spec.packages)?, list(&spec.exclude)?);
    Wish::new(spec.scope, names, &exclude).map_err(|why| Box::new(StepResult::failed("bad-pattern", why)))
}

/// What is pending, or why it cannot be known.
async fn pending(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    spec: &Upgrade,
    wish: &Wish,
) -> Result<Pending, Box<StepResult>> {
    cx.journal.progress("looking for updates");
    let mut query = manager.pending(spec.allow_removals, spec.include_phased);
    query.command.privileged = true;
    let pending = remote::ask(cx, &query).await?;
    if let Some(first) = pending.refused.first() {
        let summary = format!("{} cannot say what is pending: {first}", manager.name());
        let (class, help) = manager.refusal(&pending.refused);
        return Err(Box::new(StepResult::failed(class, summary).detail(pending.refused.clone()).help(help)));
    }
    if wish.scope == Scope::Security && !pending.knows_security {
        let summary =
            "no package source of this host is a security source, so nobody can say what is a security update";
        // Sources are known by the lists that were fetched, and a host that never fetched any has none.
        let help = if cx.check || !spec.refresh {
            "package lists were not fetched just now (`--check`, or `refresh: false`): refresh them on the host once"
        } else {
            "add the distribution's security source, or upgrade with `scope: all`"
        };
        return Err(Box::new(StepResult::failed("no-security-source", summary).help(help)));
    }
    Ok(pending)
}

async fn nothing(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    wish: &Wish,
    choice: &Choice,
    state: &PackageState,
) -> Ended {
    let left_out = choice.left_out();
    let mut summary = format!("nothing to do: no {} pending", wish.noun());
    if !left_out.is_empty() {
        summary = format!("nothing to do ({})", left_out.join("; "));
    }
    let result = StepResult::skipped(summary).detail(lists_age(cx, state));
    Ok(with_facts(cx, manager, result, &[], &choice.heard).await)
}

/// `--check` ends here.
async fn would(cx: &mut StepCx<'_>, manager: &dyn PackageManager, planned: &Planned, state: &PackageState) -> Ended {
    let counted = verdict::count(planned.changes.len(), "would be upgraded");
    let mut all: Vec<PackageChange> = planned.changes.clone();
    all.extend(planned.removals.iter().map(|name| PackageChange {
        name: name.clone(),
        from: planned.before.get(name).cloned(),
        to: None,
    }));
    let mut result = StepResult::ok(format!("{counted} ({})", verdict::upgraded(&all))).found_work();
    result.detail = all.iter().map(|change| verdict::upgraded(std::slice::from_ref(change))).collect();
    result.detail.extend(planned.left_out.iter().cloned());
    result.detail.extend(lists_age(cx, state));
    let names: Vec<&str> = planned.changes.iter().map(|change| change.name.as_str()).collect();
    Ok(with_facts(cx, manager, result, &names, &planned.heard).await)
}

/// `--check` changes nothing, the package lists included: it says how old its answer is.
fn lists_age(cx: &StepCx<'_>, state: &PackageState) -> Option<String> {
    let age = state.lists_age.filter(|_| cx.check)?;
    let hours = age.as_secs() / 3600;
    Some(if hours == 0 {
        "by package lists that are less than an hour old".to_owned()
    } else {
        format!("by package lists that are {hours} h old (a check does not fetch new ones)")
    })
}

/// Starts the transaction or finds it again, follows it to its end, and judges by the packages.
async fn transact(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Upgrade,
    planned: Planned,
) -> Ended {
    cx.journal.progress(&format!("upgrading {} packages", planned.changes.len()));
    let patience = spec.lock_timeout.max(LEAST_LOCK_WAIT);
    let command = manager.upgrade(&planned.named(), spec.allow_removals, patience, false).privileged(true);
    let (end, output) = match job::run(cx, &JobSpec::new(INSTALL, command)).await {
        Ok(end) => (End::of(end.exit), end.tail),
        Err(JobTrouble::Lost { tail, .. }) => (End::Lost, tail),
        Err(JobTrouble::Rebooted { tail, .. }) => (End::Rebooted, tail),
        Err(trouble) => return Err(trouble.into()),
    };
    let mut after = after(cx, manager).await?;
    let mut repaired = ready::REPAIR_AFTER.iter().any(|name| job::is_recalled(cx, name));
    if !matches!(end, End::Exit(_)) && !after.health().is_good() {
        // Cut off from outside: finishing it once is what an operator would do.
        ready::mend(cx, manager, ready::REPAIR_AFTER, patience).await?;
        after = self::after(cx, manager).await?;
        repaired = true;
    }
    let output = String::from_utf8_lossy(&output);
    let evidence = Evidence { manager, planned: &planned, after: &after, end: &end, repaired, output: &output };
    let mut result = evidence.verdict();
    restore_marks(cx, manager, &planned, &after, &mut result).await;
    let names: Vec<String> = result.packages.iter().map(|change| change.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(with_facts(cx, manager, result, &names, &planned.heard).await)
}

/// After a transaction only the packages can say what happened; without them it is not known.
async fn after(cx: &mut StepCx<'_>, manager: &dyn PackageManager) -> Result<PackageState, Box<StepResult>> {
    ready::state(cx, manager).await.map_err(|cause| {
        let summary = format!("the transaction ran, but the packages cannot be read: {}", cause.summary);
        let help = cause.help.clone().unwrap_or_else(|| "patchwave resume (it looks again)".to_owned());
        Box::new(StepResult::unknown(&cause.class, summary).changed(true).help(help))
    })
}

/// Naming a package takes its mark as a dependency from it; without it the package is never cleaned up again.
async fn restore_marks(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
    after: &PackageState,
    result: &mut StepResult,
) {
    let lost = |name: &&String| after.packages.get(*name).is_some_and(|package| !package.auto);
    let lost: BTreeSet<String> = planned.auto.iter().filter(lost).cloned().collect();
    let Some(command) = manager.restore_marks(&lost) else { return };
    let why = match remote::change(cx, "marking packages", command.privileged(true)).await {
        Ok(output) if output.success() => return,
        Ok(output) => output.last_lines(1),
        Err(early) => early.summary,
    };
    let names: Vec<&str> = lost.iter().map(String::as_str).collect();
    result.detail.push(format!("not marked as dependencies again ({why}): {}", names.join(", ")));
}

/// Adds the variable `upgrade`: what changed, and whether the host should be rebooted.
async fn with_facts(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    mut result: StepResult,
    names: &[&str],
    heard: &Heard,
) -> StepResult {
    let mut query = manager.reboot_reasons();
    query.command.privileged = true;
    let reasons = match remote::ask(cx, &query).await {
        Ok(reasons) => Some(reasons.iter().map(ToString::to_string).collect::<Vec<_>>()),
        Err(error) => {
            result.detail.push(format!("whether a reboot is needed is not known: {error}"));
            None
        }
    };
    let required = reasons.as_ref().map(|reasons| !reasons.is_empty());
    let mut facts = json!({ "packages": names.len(), "names": names, "reboot_required": required, "reasons": reasons });
    if let Some(facts) = facts.as_object_mut().filter(|_| !heard.unknown.is_empty() || !heard.known.is_empty()) {
        // What no host of the run knows is told at its end.
        facts.insert("known".to_owned(), json!(heard.known));
        facts.insert("unknown".to_owned(), json!(heard.unknown));
    }
    result.var("upgrade", facts)
}
