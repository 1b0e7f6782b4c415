//! The result of an upgrade that changed nothing, and the variable that every upgrade sets.

use serde_json::json;

use super::{
    boot_room,
    choose::{Choice, NameCheck, Wish},
    forecast, hold,
    plan::Planned,
    room,
};
use crate::{
    event::{LeftBehind, StepResult},
    pkg::{PackageManager, PackageState, Pending, RebootReason},
    playbook::{RestartServices, Upgrade},
    step::{Ended, StepCx, packages, stale},
};

/// There is nothing to install.
pub(super) async fn nothing(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    wish: &Wish,
    choice: &Choice,
    state: &PackageState,
    (restart, notes): (RestartServices, Vec<String>),
) -> Ended {
    let left_out = choice.left_out();
    let mut summary = format!("nothing to do: no {} pending", wish.noun());
    if !left_out.is_empty() {
        summary = format!("nothing to do ({})", left_out.join("; "));
    }
    let to_hold = hold::wanted(manager, wish, state);
    if !cx.check {
        hold::put(cx, manager, &to_hold).await?;
    }
    let result = match hold::words(&to_hold) {
        None => StepResult::skipped(summary),
        Some(words) if cx.check => StepResult::ok(format!("{summary}; would be {words}")).found_work(),
        Some(words) => StepResult::ok(format!("{summary}; {words}")).changed(true),
    };
    // In the summary, many holds would hide everything else.
    let result = result
        .detail(choice.holds.clone())
        .left_behind(LeftBehind { sources: choice.silent.clone(), ..LeftBehind::of(choice.left.clone()) });
    let result = match cx.check {
        true => {
            let mut foreseen = forecast::of_nothing(cx).await;
            foreseen.lists = Some(forecast::lists_seen(cx, state));
            foreseen.notes.splice(0..0, notes);
            result.forecast(foreseen)
        }
        false => result,
    };
    // An earlier run may have ended between its transaction and its restarts.
    let (result, reasons) = match restart {
        RestartServices::Never => (result, Vec::new()),
        RestartServices::Needed => {
            let outcome = stale::after_upgrade(cx, restart).await;
            (outcome.and(result), outcome.reasons)
        }
    };
    Ok(with_facts(cx, manager, result, &[], &choice.name_check, reasons).await)
}

/// `--check` ends here, after everything that would stop the upgrade was looked at.
pub(super) async fn would(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    (spec, planned, pending): (&Upgrade, &Planned, &Pending),
    state: &PackageState,
    notes: Vec<String>,
) -> Ended {
    let mut foreseen = forecast::of_plan(cx, manager, spec, planned, pending).await;
    foreseen.lists = Some(forecast::lists_seen(cx, state));
    foreseen.notes.splice(0..0, notes);
    foreseen.notes.extend(planned.left_out.iter().cloned());
    let room = match room::check(cx, manager, planned).await {
        Ok(()) => boot_room::check(cx, manager, planned).await,
        none => none,
    };
    if let Err(result) = room {
        return Err(Box::new(result.forecast(foreseen)));
    }
    let all = planned.all();
    let counted = packages::count(planned.changes.len(), "would be upgraded");
    let mut result = StepResult::ok(format!("{counted} ({})", packages::named(&all))).found_work();
    result.detail = all.iter().map(|change| packages::named(std::slice::from_ref(change))).collect();
    foreseen.notes.extend(hold::words(&planned.to_hold).map(|words| format!("would be {words}")));
    if !spec.rollback.is_no() {
        let missing: Vec<String> = planned.way_back.missing.iter().map(ToString::to_string).collect();
        result.detail.push("the old versions would be fetched to the host first, for a rollback".to_owned());
        if !missing.is_empty() {
            foreseen.notes.push(format!("no package source has these old versions any more: {}", missing.join(", ")));
        }
    }
    *result.left_behind = LeftBehind::of(planned.left.clone());
    result.way_back = planned.way_back.clone().boxed();
    let names: Vec<&str> = planned.changes.iter().map(|change| change.name.as_str()).collect();
    let reasons = foreseen.reboot_due.clone();
    let mut result = with_facts(cx, manager, result, &names, &planned.name_check, Vec::new()).await;
    if let Some(facts) = result.vars.get_mut("upgrade") {
        if !reasons.is_empty() {
            facts["reboot_required"] = true.into();
        }
        facts["foreseen"] = json!(reasons);
    }
    Ok(result.forecast(foreseen))
}

/// Adds the variable `upgrade`: what changed, and whether the host should be rebooted. `more_reasons` for a reboot are
/// those that the package manager does not know.
pub(super) async fn with_facts(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    mut result: StepResult,
    names: &[&str],
    name_check: &NameCheck,
    more_reasons: Vec<String>,
) -> StepResult {
    let reasons = match packages::ask(cx, manager.reboot_reasons()).await {
        Ok(reasons) => {
            let kernel = reasons.iter().find(|reason| matches!(reason, RebootReason::Kernel { .. }));
            let first = kernel.or(reasons.first()).map(ToString::to_string);
            if !cx.check {
                result.left_behind.reboot = first.or_else(|| more_reasons.first().cloned());
            }
            Some(reasons.iter().map(ToString::to_string).chain(more_reasons).collect::<Vec<_>>())
        }
        Err(error) => {
            result.detail.push(format!("cannot tell whether a reboot is needed: {error}"));
            None
        }
    };
    let required = reasons.as_ref().map(|reasons| !reasons.is_empty());
    let mut facts = json!({ "packages": names.len(), "names": names, "reboot_required": required, "reasons": reasons });
    // What is unknown to every host of the run is reported at its end.
    let NameCheck { known, unknown, matched, unmatched } = name_check;
    for [(yes, some), (no, others)] in
        [[("known", known), ("unknown", unknown)], [("matched", matched), ("unmatched", unmatched)]]
    {
        if let Some(facts) = facts.as_object_mut().filter(|_| !some.is_empty() || !others.is_empty()) {
            facts.insert(yes.to_owned(), json!(some));
            facts.insert(no.to_owned(), json!(others));
        }
    }
    result.var("upgrade", facts)
}
