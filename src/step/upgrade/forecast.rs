//! What a check says about an upgrade, as data: packages, the reboot and the restarts that they would bring.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Planned;
use crate::{
    event::{Forecast, ForeseenPackage, ListsSeen, PackageChange},
    pkg::{self, PackageManager, PackageState, Pending, Security, Update},
    playbook::Upgrade,
    step::{StepCx, packages, stale},
};

/// What the planned upgrade would do.
pub(super) async fn of_plan(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    spec: &Upgrade,
    planned: &Planned,
    pending: &Pending,
) -> Forecast {
    let known: BTreeMap<(&str, &str), &Update> =
        pending.updates.iter().map(|update| ((update.name.as_str(), update.to.as_str()), update)).collect();
    let foreseen = |change: &PackageChange| {
        let update = change.to.as_deref().and_then(|to| known.get(&(change.name.as_str(), to)).copied());
        package(manager, change, update)
    };
    let mut packages: Vec<ForeseenPackage> = planned.all().iter().map(foreseen).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let replaced: BTreeSet<&str> =
        planned.changes.iter().filter(|change| change.from.is_some()).map(|change| change.name.as_str()).collect();
    let mut notes = locks(cx).await;
    let services = match stale::foresee(cx, manager, &replaced, spec.restart_services).await {
        Ok(services) => services,
        Err(error) => {
            notes.push(format!("cannot tell which services use the files that would be replaced: {}", error.summary));
            Vec::new()
        }
    };
    let reboot_due = reboot_due(manager, &packages);
    Forecast { packages, reboot_due, services, notes, ..Forecast::default() }
}

/// What is to be said where nothing would be installed.
pub(super) async fn of_nothing(cx: &mut StepCx<'_>) -> Forecast {
    Forecast { notes: locks(cx).await, ..Forecast::default() }
}

/// How current the lists are.
pub(super) fn lists_seen(cx: &StepCx<'_>, state: &PackageState) -> ListsSeen {
    match state.lists_age {
        _ if cx.heard.lists_apart.is_some() => ListsSeen::Fetched,
        Some(age) => ListsSeen::Hours(age.as_secs() / 3600),
        None => ListsSeen::AgeUnknown,
    }
}

/// Who works on the packages just now: an upgrade would wait for it.
async fn locks(cx: &mut StepCx<'_>) -> Vec<String> {
    match packages::working(cx).await {
        Ok(holder) => holder.map(|holder| format!("packages are locked now, by {holder}")).into_iter().collect(),
        Err(error) => vec![format!("cannot tell whether packages are locked: {}", error.summary)],
    }
}

fn package(manager: &dyn PackageManager, change: &PackageChange, update: Option<&Update>) -> ForeseenPackage {
    let bare = manager.bare(&change.name);
    let part = if update.is_some_and(|update| update.kernel) { Some("kernel") } else { pkg::part_of(bare) };
    let security = update.and_then(|update| match update.security {
        Security::Fix(_) => Some(true),
        Security::No => Some(false),
        Security::Unknown => None,
    });
    let mut advisories: Vec<String> =
        update.iter().flat_map(|update| &update.advisories).map(|advisory| advisory.id.clone()).collect();
    advisories.sort();
    advisories.dedup();
    ForeseenPackage {
        name: change.name.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
        security,
        part: part.map(str::to_owned),
        advisories,
    }
}

/// Why a reboot would be due after these changes.
fn reboot_due(manager: &dyn PackageManager, packages: &[ForeseenPackage]) -> Vec<String> {
    let installed = || packages.iter().filter(|package| !package.is_removal());
    let kernels = installed().filter(|package| package.part.as_deref() == Some("kernel"));
    let kernels: Vec<&str> = kernels.map(|package| package.name.as_str()).collect();
    let is_core =
        |package: &&ForeseenPackage| package.from.is_some() && manager.core().contains(&manager.bare(&package.name));
    let core = installed().filter(is_core).map(|package| format!("{} would be replaced", package.name));
    let kernel = (!kernels.is_empty()).then(|| format!("a kernel would be installed: {}", kernels.join(", ")));
    kernel.into_iter().chain(core).collect()
}

/// The reasons for a reboot that steps before this one would cause, from the variable `upgrade`.
pub(in crate::step) fn foreseen_reboot(cx: &StepCx<'_>) -> Vec<String> {
    let foreseen = cx.scope.get("upgrade").and_then(|facts| facts["foreseen"].as_array()).filter(|_| cx.check);
    foreseen.into_iter().flatten().filter_map(|reason| reason.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::apt::Apt;

    #[test]
    fn kernels_and_what_everything_uses_ask_for_a_reboot() {
        let change = |name: &str, from: Option<&str>| PackageChange {
            name: name.to_owned(),
            from: from.map(str::to_owned),
            to: Some("2".to_owned()),
        };
        let kernel = Update { kernel: true, ..Update::new("linux-image-9", None, "2") };
        let found = [
            package(&Apt, &change("linux-image-9", None), Some(&kernel)),
            package(&Apt, &change("libc6:i386", Some("1")), None),
            package(&Apt, &change("systemd", None), None),
            package(&Apt, &change("curl", Some("1")), None),
        ];
        assert_eq!(
            reboot_due(&Apt, &found),
            ["a kernel would be installed: linux-image-9", "libc6:i386 would be replaced"]
        );
        let parts: Vec<_> = found.iter().map(|one| one.part.as_deref().unwrap_or("-")).collect();
        assert_eq!(parts, ["kernel", "libc", "init", "-"]);
    }
}
