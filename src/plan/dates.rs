//! The freezes and calendars that the hosts of a plan name: which there are, and which are not known. Start at
//! [`unknown`] and [`used`].

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::{
    calendar::{Dates, Windows},
    host::HostName,
    names,
    yaml::{Problems, nearest},
};

/// What the hosts of the plan use.
pub(super) fn used(plan: &Plan, dates: &Dates) -> Dates {
    let lists = || plan.hosts().filter_map(|(host, ..)| host.freezes.as_deref());
    let freezes: BTreeSet<&str> = lists().flatten().map(String::as_str).collect();
    dates.used_by(&freezes, distinct(plan).into_iter())
}

/// Few hosts have windows of their own.
fn distinct(plan: &Plan) -> Vec<&Windows> {
    let mut found: Vec<&Windows> = Vec::new();
    for windows in plan.hosts().filter_map(|(host, ..)| host.window.as_deref()) {
        if !found.iter().any(|known| std::ptr::eq(*known, windows)) {
            found.push(windows);
        }
    }
    found
}

/// The names that the hosts of the plan use.
pub(super) fn uses(plan: &Plan) -> impl Iterator<Item = (&HostName, &[String], Option<&Windows>)> {
    plan.hosts().map(|(host, ..)| {
        let freezes = host.freezes.as_deref().map(Vec::as_slice).unwrap_or_default();
        (&host.name, freezes, host.window.as_deref())
    })
}

/// Names that patchwave.yml does not have, with the hosts that use them.
pub(super) fn unknown<'a>(
    uses: impl Iterator<Item = (&'a HostName, &'a [String], Option<&'a Windows>)>,
    dates: &Dates,
) -> Problems {
    let mut missing: BTreeMap<(&str, String), Vec<HostName>> = BTreeMap::new();
    for (host, freezes, windows) in uses {
        for name in freezes.iter().filter(|name| !dates.knows(name)) {
            missing.entry(("freeze", name.clone())).or_default().push(host.clone());
        }
        for name in windows.map(Windows::calendars).unwrap_or_default() {
            if !dates.calendars.contains_key(&name) {
                missing.entry(("calendar", name)).or_default().push(host.clone());
            }
        }
    }
    let mut problems = Problems::default();
    for ((kind, name), hosts) in missing {
        let known = dates.calendars.keys().chain(dates.freezes.keys().filter(|_| kind == "freeze"));
        let near = nearest(&name, known.map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
        let (uses, near) = (if hosts.len() == 1 { "uses" } else { "use" }, near.unwrap_or_default());
        problems
            .nowhere(format!(
                "{} {uses} the {kind} `{name}`, which no patchwave.yml defines{near}",
                names::fold(&hosts)
            ))
            .help(format!("write it under `{kind}s` in the patchwave.yml of this folder or of one above"));
    }
    problems
}
