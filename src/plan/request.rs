//! Makes the plan that is carried out from what a person asks for: both files, the selection and its limit, with or
//! without windows. All of it is in the plan before the digest is taken. Knows no arguments and no connection. Start at
//! [`Request::plan`].

use std::{collections::HashSet, path::Path};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::{
    Plan, build, dates,
    model::{SkippedHost, skipped_lines},
};
use crate::{
    calendar::{Dates, Schedule, Windows},
    host::HostName,
    inventory::{Inventory, PastRuns, SelectError, Sources},
    names, pkg,
    playbook::{self, Playbook},
    yaml::Problems,
};

/// Reads both files, with `extra` (`-e`) over their variables.
///
/// # Errors
/// Everything that is wrong with either file.
pub fn load(
    playbook: &Path,
    sources: &Sources<'_>,
    extra: Map<String, Json>,
) -> Result<(Inventory, Playbook), Problems> {
    let inventory = Inventory::load(sources).and_then(|inventory| inventory.with_extra_vars(&extra));
    match (inventory, playbook::load(playbook, pkg::modules_of_ansible(), &sources.vault)) {
        (Ok(inventory), Ok(playbook)) => Ok((inventory, playbook.with_vars(extra))),
        (inventory, playbook) => {
            let mut problems = Problems::default();
            for found in [inventory.err(), playbook.err()].into_iter().flatten() {
                problems.extend(found);
            }
            Err(problems)
        }
    }
}

/// Why a limit leaves no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutsideLimit {
    /// The limit cannot be read, or matches no host at all.
    Pattern(SelectError),
    /// The limit matches none of these hosts.
    None,
}

/// Those of `hosts` that `limit` names, in their order; at least one.
///
/// # Errors
/// Why no host is left.
pub fn within(
    hosts: &[HostName],
    limit: &str,
    inventory: &Inventory,
    past: &dyn PastRuns,
) -> Result<Vec<HostName>, OutsideLimit> {
    let limited: HashSet<HostName> =
        inventory.select(limit, past).map_err(OutsideLimit::Pattern)?.into_iter().collect();
    let hosts: Vec<HostName> = hosts.iter().filter(|host| limited.contains(*host)).cloned().collect();
    if hosts.is_empty() { Err(OutsideLimit::None) } else { Ok(hosts) }
}

/// What a plan is made from. `--check` is not part of it: a check uses the same plan without changing anything, and so
/// has the same digest as the run.
pub struct Request<'a> {
    /// What is done, and on which hosts.
    pub playbook: &'a Playbook,
    /// All hosts.
    pub inventory: &'a Inventory,
    /// `--limit`: only these of the playbook's hosts.
    pub limit: Option<&'a str>,
    /// What `@failed` and the other outcome selectors look up.
    pub past: &'a dyn PastRuns,
    /// `--ignore-window`.
    pub ignore_windows: bool,
    /// The freezes and calendars of the project.
    pub dates: &'a Dates,
    /// The time from which the windows must be open together.
    pub now: Timestamp,
}

impl Request<'_> {
    /// The complete plan that is carried out.
    ///
    /// # Errors
    /// A pattern cannot be read, no host is selected, windows are never open together, or what [`build`] finds.
    pub fn plan(&self) -> Result<Plan, Problems> {
        let (hosts, skipped) = apart(self.selected()?, self.inventory)?;
        let mut plan = build(self.inventory, self.playbook, &hosts)?;
        plan.skipped = skipped;
        if self.ignore_windows {
            for host in plan.stages.iter_mut().flat_map(|stage| &mut stage.waves).flat_map(|wave| &mut wave.hosts) {
                host.window = None;
            }
            plan.ignores_windows = true;
        }
        let mut problems = dates::unknown(dates::uses(&plan), self.dates);
        plan.dates = dates::used(&plan, self.dates);
        problems.extend(never_open(&plan, self.now));
        problems.or(plan)
    }

    fn selected(&self) -> Result<Vec<HostName>, Problems> {
        let hosts = self.inventory.select(&self.playbook.hosts, self.past).map_err(|error| error.problems)?;
        let Some(limit) = self.limit else { return Ok(hosts) };
        within(&hosts, limit, self.inventory, self.past).map_err(|outside| match outside {
            OutsideLimit::Pattern(error) => error.problems,
            OutsideLimit::None => {
                let mut problems = Problems::default();
                let pattern = &self.playbook.hosts;
                problems.nowhere(format!(
                    "--limit {limit:?} and `hosts: {pattern}` of the playbook have no host in common"
                ));
                problems
            }
        })
    }
}

/// The hosts that are reached over SSH, and those that are left out.
///
/// # Errors
/// No host is left.
pub fn apart(selected: Vec<HostName>, inventory: &Inventory) -> Result<(Vec<HostName>, Vec<SkippedHost>), Problems> {
    let mut skipped = Vec::new();
    let mut hosts = Vec::new();
    for name in selected {
        match inventory.not_by_ssh(&name) {
            Some(reason) => skipped.push(SkippedHost { name, reason }),
            None => hosts.push(name),
        }
    }
    if hosts.is_empty() && !skipped.is_empty() {
        let mut problems = Problems::default();
        skipped_lines(&skipped).into_iter().for_each(|line| {
            problems.nowhere(line);
        });
        problems.nowhere("no selected host is reached over SSH");
        return Err(problems);
    }
    Ok((hosts, skipped))
}

/// Hosts whose windows exclude each other. A single window was checked when it was loaded.
fn never_open(plan: &Plan, now: Timestamp) -> Problems {
    let mut hosts: IndexMap<String, (&Windows, Vec<HostName>)> = IndexMap::new();
    let never =
        |windows| Schedule { windows: Some(windows), freezes: &[], dates: &plan.dates, walk: None }.never_opens(now);
    for (host, ..) in plan.hosts() {
        if let Some(windows) = host.window.as_deref().filter(|windows| windows.iter().count() > 1) {
            let key = windows.iter().map(|window| format!("{window:?}")).collect();
            hosts.entry(key).or_insert_with(|| (windows, Vec::new())).1.push(host.name.clone());
        }
    }
    let mut problems = Problems::default();
    for (windows, hosts) in hosts.into_values().filter(|(windows, _)| never(windows)) {
        let shown: Vec<String> = windows.iter().map(|window| format!("`{window}`")).collect();
        problems
            .nowhere(format!(
                "{} can never be started: the window in the inventory ({}) and the one in the playbook ({}) are not open \
                 at the same time within a year",
                names::fold(&hosts),
                shown.first().map_or("", String::as_str),
                shown.last().map_or("", String::as_str),
            ))
            .help("a playbook's `window` narrows the inventory's: choose one that lies within it, or remove it");
    }
    problems
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
