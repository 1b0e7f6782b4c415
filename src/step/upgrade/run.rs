//! From what is pending to a plan, and on to its transaction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::time::Instant;

use super::{
    boot_room, carry_out,
    choose::{Choice, Wish, choose},
    download, hold, names,
    plan::{PlanInput, Planned},
    report, room, way_back,
};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{Accepts, Class, PackageManager, PackageState, Pending, Transaction},
    playbook::{Scope, Upgrade, is_cve},
    step::{
        Ended, StepCx, job,
        packages::{self, Hold, Moment, SECURITY},
    },
};

/// Runs the step, or continues it.
///
/// # Errors
/// An early end, as its result. Classes: those of `pkg::Class`, those of a job, and those of a lost host.
pub async fn run(cx: &mut StepCx<'_>, spec: &Upgrade) -> Ended {
    let ended = upgrade(cx, spec).await;
    packages::remove_apart(cx).await;
    ended
}

async fn upgrade(cx: &mut StepCx<'_>, spec: &Upgrade) -> Ended {
    let manager = packages::for_changes(cx).await?;
    if let Some(planned) = begun(cx) {
        return carry_out::transact(cx, manager, spec, planned).await;
    }
    let wish = wish(cx, spec)?;
    let only_everything = manager.only_everything();
    if let Some(cannot) = only_everything.filter(|_| wish.scope != Scope::All) {
        return Err(cannot.into());
    }
    if wish.needs_advisories() && !manager.knows_advisories() {
        return Err(no_advisories(manager));
    }
    hold::check(manager, &wish)?;
    if spec.nobest {
        manager.nobest()?;
    }
    let until = Instant::now() + spec.lock_timeout;
    if packages::was_begun(cx, manager, Moment::Before) {
        packages::repair(cx, manager, Moment::Before, spec.lock_timeout).await?;
    }
    if !cx.check {
        let asks = first_asks(cx);
        packages::ask_ahead(cx, asks).await?;
        // While another program installs, it is normal that packages are half-configured.
        packages::free(cx, until).await?;
    }
    let mut state = packages::healthy_state(cx, manager, spec.repair, spec.lock_timeout).await?;
    let holds = holds(cx, manager, &wish, &mut state).await?;
    let accepts = accepts(spec);
    let (silent, notes) = lists(cx, manager, spec, until, &asks_pending(manager, accepts)).await?;
    let accepts = Accepts { silent: !silent.is_empty(), ..accepts };
    let pending = pending(cx, manager, (spec, accepts), &wish).await?;
    let mut choice = Choice { silent, ..choose(&wish, manager, &pending, &state) };
    choice.explain_holds(&holds);
    names::sort_out(cx, manager, &wish, &state, &mut choice).await?;
    if let Some(cannot) = only_everything.filter(|_| !choice.excluded.is_empty()) {
        let result: Box<StepResult> = cannot.into();
        return Err(Box::new(result.detail([format!("excluded: {}", choice.excluded.join(", "))])));
    }
    if choice.take.is_empty() {
        return report::nothing(cx, manager, &wish, &choice, &state, (spec.restart_services, notes)).await;
    }
    let simulation = packages::ask(cx, manager.simulate(&Transaction::upgrade(&choice.take))?).await?;
    let (allow_removals, allow_drift) = (spec.allow_removals, spec.allow_drift);
    let (wish, choice, pending) = (&wish, &choice, &pending);
    let input = PlanInput { manager, wish, choice, pending, state: &state, allow_removals, allow_drift };
    let mut planned = input.plan(&simulation)?;
    if spec.predownload && !cx.check {
        return download::run(cx, manager, spec, &planned).await;
    }
    if cx.check {
        return report::would(cx, manager, (spec, &planned, pending), &state, notes).await;
    }
    room::check(cx, manager, &planned).await?;
    boot_room::check(cx, manager, &planned).await?;
    planned.way_back = way_back::prepare(cx, manager, spec.rollback, &planned).await?;
    hold::put(cx, manager, &planned.to_hold).await?;
    let held = planned.to_hold.clone();
    cx.journal.note("plan", serde_json::to_value(&planned).unwrap_or(Value::Null)).await?;
    carry_out::transact(cx, manager, spec, planned).await.map_err(|early| hold::and_held(early, &held))
}

/// Fetches the package lists; in a check apart from the host's own. Sources that did not answer, and notes for people.
async fn lists(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    spec: &Upgrade,
    until: Instant,
    next: &[Command],
) -> Result<(Vec<String>, Vec<String>), Box<StepResult>> {
    if !spec.refresh {
        return Ok(Default::default());
    }
    if !cx.check {
        return Ok((packages::refresh(cx, manager, &spec.required_origins, until, next).await?, Vec::new()));
    }
    let (silent, why_not) = packages::refresh_apart(cx, manager, &spec.required_origins).await?;
    let note = why_not.map(|why| format!("the package lists were not fetched: {why}"));
    Ok((silent, note.into_iter().collect()))
}

/// What it asks first, once it is known which manager the host has.
pub(in crate::step) fn first_asks(cx: &StepCx<'_>) -> Vec<Command> {
    packages::state_asks(cx)
}

/// The noted plan, if its transaction may have been started by an earlier controller.
fn begun(cx: &StepCx<'_>) -> Option<Planned> {
    let plan = cx.notes.get("plan").filter(|_| job::is_recalled(cx, carry_out::JOB))?;
    serde_json::from_value(plan.clone()).ok()
}

/// The holds of earlier rollbacks. Those whose time is over are released, or stay without an end if the playbook wants
/// the package on hold.
async fn holds(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    wish: &Wish,
    state: &mut PackageState,
) -> Result<BTreeMap<String, Hold>, Box<StepResult>> {
    let mut holds = packages::known_holds(cx, state).await?;
    let over: BTreeSet<String> = holds.iter().filter(|(_, hold)| hold.over).map(|(name, _)| name.clone()).collect();
    if over.is_empty() || cx.check {
        return Ok(holds);
    }
    holds.retain(|name, _| !over.contains(name));
    let (stay, over): (BTreeSet<_>, BTreeSet<_>) = over.into_iter().partition(|name| wish.holds(manager, name));
    if !stay.is_empty() {
        packages::forget_holds(cx, &stay).await?;
    }
    if over.is_empty() {
        return Ok(holds);
    }
    packages::release_holds(cx, manager, &over).await?;
    state.release(&over);
    Ok(holds)
}

fn accepts(spec: &Upgrade) -> Accepts {
    Accepts { removals: spec.allow_removals, phased: spec.include_phased, silent: false }
}

fn wish(cx: &StepCx<'_>, spec: &Upgrade) -> Result<Wish, Box<StepResult>> {
    let list = |list: &Option<_>| list.as_ref().map_or(Ok(Vec::new()), |list| cx.scope.render_list(list));
    let (names, exclude, hold) = (list(&spec.packages)?, list(&spec.exclude)?, list(&spec.hold)?);
    let wish = Wish::new(spec.scope, names, &exclude).and_then(|wish| wish.holding(hold));
    let mut wish = wish.map_err(|why| Box::new(StepResult::failed("bad-pattern", why)))?;
    wish.nobest = spec.nobest;
    wish.ids = list(if spec.scope == Scope::Cve { &spec.cves } else { &spec.advisories })?;
    if let Some(bad) = wish.ids.iter().find(|id| spec.scope == Scope::Cve && !is_cve(id)) {
        let result = StepResult::failed("bad-cve", format!("{bad:?} is not the id of a CVE"));
        return Err(Box::new(result.help("as in CVE-2026-12345")));
    }
    Ok(wish)
}

/// The question for what is pending, and the next ones where nothing is, and where something is.
fn asks_pending(manager: &dyn PackageManager, accepts: Accepts) -> [Command; 4] {
    let pending = manager.pending(accepts).command;
    [pending, manager.reboot_reasons().command, room::room().command, boot_room::room(manager).command]
}

/// What is pending, or why that cannot be known.
async fn pending(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    (spec, accepts): (&Upgrade, Accepts),
    wish: &Wish,
) -> Result<Pending, Box<StepResult>> {
    cx.journal.progress("looking for updates");
    packages::ask_ahead(cx, asks_pending(manager, accepts)).await?;
    let pending = packages::ask(cx, manager.pending(accepts)).await?;
    if let Some(first) = pending.refused.first() {
        let summary = format!("{} cannot say what is pending: {first}", manager.name());
        let (class, help) = manager.refusal(&pending.refused);
        return Err(Box::new(packages::failed(class, summary).detail(pending.refused.clone()).help(help)));
    }
    if wish.needs_advisories() && !pending.knows_security {
        return Err(no_advisories(manager));
    }
    let wants_security = wish.scope == Scope::Security || spec.required_origins.iter().any(|word| word == SECURITY);
    if wants_security && !pending.knows_security {
        let summary =
            "none of this host's package sources is a security source, so security updates cannot be told apart";
        // Sources are known from the fetched lists; a host that has never fetched any knows none.
        let fetched = spec.refresh && (!cx.check || cx.heard.lists_apart.is_some());
        let help = if !fetched {
            "package lists were not fetched just now (`--check`, or `refresh: false`): refresh them on the host once"
        } else {
            "add the distribution's security source, or upgrade with `scope: all`"
        };
        return Err(Box::new(packages::failed(Class::NoSecuritySource, summary).help(help)));
    }
    Ok(pending)
}

/// A host whose sources do not know advisories: that no update belongs to a CVE would prove nothing there.
fn no_advisories(manager: &dyn PackageManager) -> Box<StepResult> {
    let manager = manager.name();
    let summary = format!("{manager} has no advisories here, so updates cannot be chosen by CVE or advisory");
    let help = "use `scope: security`, or look up which packages fix it and name them with `scope: packages`";
    Box::new(packages::failed(Class::NoAdvisories, summary).help(help))
}
