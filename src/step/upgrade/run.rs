//! From what is pending to a plan, and on to its transaction.

use serde_json::Value;
use tokio::time::Instant;

use super::{
    boot_room, carry_out,
    choose::{Wish, choose},
    names,
    plan::{PlanInput, Planned},
    report,
};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{Class, PackageManager, Pending, Transaction, lock_holders},
    playbook::{Scope, Upgrade},
    step::{
        Ended, StepCx, job,
        packages::{self, Moment},
    },
};

/// Runs the step, or continues it.
///
/// # Errors
/// An early end, as its result. Classes: those of `pkg::Class`, those of a job, and those of a lost host.
pub async fn run(cx: &mut StepCx<'_>, spec: &Upgrade) -> Ended {
    let manager = packages::for_changes(cx).await?;
    if let Some(planned) = begun(cx) {
        return carry_out::transact(cx, manager, spec, planned).await;
    }
    let wish = wish(cx, spec)?;
    let until = Instant::now() + spec.lock_timeout;
    if packages::was_begun(cx, manager, Moment::Before) {
        packages::repair(cx, manager, Moment::Before, spec.lock_timeout).await?;
    }
    if !cx.check {
        packages::ask_ahead(cx, [lock_holders().command, manager.state().command]).await?;
        // While another program installs, it is normal that packages are half-configured.
        packages::free(cx, until).await?;
    }
    let state = packages::healthy_state(cx, manager, spec.repair, spec.lock_timeout).await?;
    if spec.refresh && !cx.check {
        packages::refresh(cx, manager, until, &asks_pending(manager, spec)).await?;
    }
    let pending = pending(cx, manager, spec, &wish).await?;
    let mut choice = choose(&wish, manager, &pending, &state);
    names::sort_out(cx, manager, &wish, &state, &mut choice).await?;
    if choice.take.is_empty() {
        return report::nothing(cx, manager, &wish, &choice, &state, spec.restart_services).await;
    }
    let simulation = packages::ask(cx, manager.simulate(&Transaction::upgrade(&choice.take))?).await?;
    let allow_removals = spec.allow_removals;
    let input = PlanInput { manager, wish: &wish, choice: &choice, pending: &pending, state: &state, allow_removals };
    let planned = input.plan(&simulation)?;
    boot_room::check(cx, manager, &planned).await?;
    if cx.check {
        return report::would(cx, manager, &planned, &state).await;
    }
    cx.journal.note("plan", serde_json::to_value(&planned).unwrap_or(Value::Null)).await?;
    carry_out::transact(cx, manager, spec, planned).await
}

/// The noted plan, if its transaction may have been started by an earlier controller.
fn begun(cx: &StepCx<'_>) -> Option<Planned> {
    let plan = cx.notes.get("plan").filter(|_| job::is_recalled(cx, carry_out::JOB))?;
    serde_json::from_value(plan.clone()).ok()
}

fn wish(cx: &StepCx<'_>, spec: &Upgrade) -> Result<Wish, Box<StepResult>> {
    let list = |list: &Option<_>| list.as_ref().map_or(Ok(Vec::new()), |list| cx.scope.render_list(list));
    let (names, exclude) = (list(&spec.packages)?, list(&spec.exclude)?);
    Wish::new(spec.scope, names, &exclude).map_err(|why| Box::new(StepResult::failed("bad-pattern", why)))
}

/// The question for what is pending, and the next one where nothing is.
fn asks_pending(manager: &dyn PackageManager, spec: &Upgrade) -> [Command; 2] {
    [manager.pending(spec.allow_removals, spec.include_phased).command, manager.reboot_reasons().command]
}

/// What is pending, or why that cannot be known.
async fn pending(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    spec: &Upgrade,
    wish: &Wish,
) -> Result<Pending, Box<StepResult>> {
    cx.journal.progress("looking for updates");
    packages::ask_ahead(cx, asks_pending(manager, spec)).await?;
    let pending = packages::ask(cx, manager.pending(spec.allow_removals, spec.include_phased)).await?;
    if let Some(first) = pending.refused.first() {
        let summary = format!("{} cannot say what is pending: {first}", manager.name());
        let (class, help) = manager.refusal(&pending.refused);
        return Err(Box::new(packages::failed(class, summary).detail(pending.refused.clone()).help(help)));
    }
    if wish.scope == Scope::Security && !pending.knows_security {
        let summary =
            "none of this host's package sources is a security source, so security updates cannot be told apart";
        // Sources are known from the fetched lists; a host that has never fetched any knows none.
        let help = if cx.check || !spec.refresh {
            "package lists were not fetched just now (`--check`, or `refresh: false`): refresh them on the host once"
        } else {
            "add the distribution's security source, or upgrade with `scope: all`"
        };
        return Err(Box::new(packages::failed(Class::NoSecuritySource, summary).help(help)));
    }
    Ok(pending)
}
