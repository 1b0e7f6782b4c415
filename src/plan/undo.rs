//! The plan that undoes a run: the stages and waves of that run, with the hosts that it changed and what is undone on
//! each. Needs no playbook file: everything is in the record. Start at [`undo`].

use std::collections::HashMap;

use super::{Plan, build, pinned::marks};
use crate::{host::HostName, inventory::Inventory, pkg::Undo, playbook::Playbook, yaml::Problems};

/// Plans to undo `then` on these hosts. Gates are left out: they need the variables of the playbook, which are not
/// recorded.
///
/// # Errors
/// What [`build`] finds.
pub fn undo(
    then: &Plan,
    (run, mut hosts): (&str, HashMap<HostName, Undo>),
    inventory: &Inventory,
    playbook: &Playbook,
    ignore_windows: bool,
) -> Result<Plan, Problems> {
    let mut stages = then.stages.clone();
    for stage in &mut stages {
        stage.gate.clear();
        for wave in &mut stage.waves {
            wave.hosts.retain_mut(|host| {
                host.undo = hosts.remove(&host.name).map(Box::new);
                if ignore_windows {
                    (host.window, host.freezes) = (None, None);
                }
                host.undo.is_some()
            });
        }
        stage.waves.retain(|wave| !wave.hosts.is_empty());
    }
    stages.retain(|stage| !stage.waves.is_empty());
    let mut plan = Plan { stages, ..then.clone() };
    let selected: Vec<HostName> = plan.hosts().map(|(host, ..)| host.name.clone()).collect();
    let built = build(inventory, playbook, &selected)?;
    let mark = marks(&built);
    let pinned_hosts: String = selected.iter().filter_map(|host| mark.get(host).copied()).collect();
    plan.pinned = built.pinned.clone();
    plan.pinned.hosts = pinned_hosts;
    Ok(Plan {
        playbook: built.playbook,
        steps: built.steps,
        on_failure: built.on_failure,
        ignores_windows: ignore_windows || then.ignores_windows,
        undoes: Some(run.to_owned()),
        vars_digest: built.vars_digest,
        ..plan
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::PackageChange, plan::Request, playbook};

    #[test]
    fn a_rollback_has_the_waves_of_its_run_and_the_hosts_that_were_changed() {
        let text = "all:\n  vars: { patchwave: { environment: production, risk: low, canary: 1, batch: 2 } }\n  hosts:\n    \
                    h[1:6]:\n";
        let inventory = Inventory::from_text("i.yml", text).unwrap();
        let playbook = playbook::undoing("r1", std::path::Path::new("/p.yml"), playbook::Rollback::default());
        let request = Request {
            playbook: &playbook,
            inventory: &inventory,
            limit: None,
            past: &crate::inventory::NoRuns,
            ignore_windows: false,
            dates: &crate::calendar::Dates::default(),
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let then = request.plan().unwrap();
        let waves = |plan: &Plan| -> Vec<String> {
            let names = |wave: &crate::plan::Wave| {
                let canary = if wave.canary { "canary " } else { "" };
                let hosts: Vec<&str> = wave.hosts.iter().map(|host| host.name.as_str()).collect();
                format!("{canary}{}", hosts.join(" "))
            };
            plan.stages.iter().flat_map(|stage| &stage.waves).map(names).collect()
        };
        assert_eq!(waves(&then), ["canary h1", "h2 h3", "h4 h5", "h6"]);
        let change = PackageChange { name: "a".to_owned(), from: Some("1".to_owned()), to: Some("2".to_owned()) };
        let changed = Undo { changes: vec![change], ..Undo::default() };
        let hosts = ["h1", "h3", "h6"].map(|name| (HostName::new(name).unwrap(), changed.clone())).into();
        let plan = undo(&then, ("r1", hosts), &inventory, &playbook, false).unwrap();
        assert_eq!(waves(&plan), ["canary h1", "h3", "h6"]);
        assert_eq!(plan.undo_of(&HostName::new("h3").unwrap()), Some(&changed));
        assert_eq!(plan.undo_of(&HostName::new("h2").unwrap()), None);
        assert_eq!((plan.undoes.as_deref(), plan.steps.len()), (Some("r1"), 3));
        assert_ne!(plan.digest(), then.digest());
        // A plan without any of it is written as before.
        assert!(!serde_json::to_string(&then).unwrap().contains("undo"));
        // The marks are in the order of the hosts.
        let again = build(&inventory, &playbook, &["h1", "h3", "h6"].map(|name| HostName::new(name).unwrap())).unwrap();
        assert_eq!(crate::plan::VarsChange::between(&plan, &again), Default::default());
        assert_eq!(plan.pinned.hosts, again.pinned.hosts);
    }
}
