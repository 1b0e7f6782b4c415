//! What a check foresees for a fleet: what would fail, what would be installed, rebooted and restarted; hosts for which
//! the same is true share a row. Each step says it itself (`StepResult::forecast`, `found_work`). Start at
//! [`RunView::problems`] and [`RunView::package_plans`].

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{RunView, count, first_line, shape, step_name};
use crate::{
    event::{Fate, Forecast, ForeseenPackage, HostState, ListsSeen, Outcome, StepRef, StepResult, Verdict},
    host::HostName,
};

/// Something that would make hosts fail, and all hosts that have it.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// How such a host ended; `Failed` for what would fail.
    pub outcome: Outcome,
    /// At which step; `None` if no step says why.
    pub step: Option<StepRef>,
    /// What; parts that differ from host to host are `…`.
    pub reason: String,
    /// The hosts, in the plan's order. Never empty.
    pub hosts: Vec<&'a HostState>,
    /// The result of the first of them.
    pub first: Option<&'a StepResult>,
}

/// Hosts that would get the same packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePlan<'a> {
    /// The packages, by name.
    pub packages: Vec<ForeseenPackage>,
    /// The hosts, in the plan's order.
    pub hosts: Vec<&'a HostName>,
}

/// How many packages a plan has, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageCounts {
    /// All that would be installed.
    pub installed: usize,
    /// Of those, security fixes.
    pub fixes: usize,
    /// Of those, packages of which no version is there.
    pub new: usize,
    /// Packages that would be removed.
    pub removed: usize,
}

/// Services with the same fate on the same hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceGroup<'a> {
    /// What becomes of them.
    pub fate: Fate,
    /// Their names.
    pub names: Vec<String>,
    /// The packages whose files they use.
    pub because: Vec<String>,
    /// The hosts, in the plan's order.
    pub hosts: Vec<&'a HostName>,
}

/// Hosts by something that is true of all of them.
pub type Groups<'a, T> = IndexMap<T, Vec<&'a HostName>>;

/// Why hosts would be rebooted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RebootPlan {
    /// A step reboots them. Otherwise a reboot is due afterwards and no step does it.
    pub happens: bool,
    /// The reasons.
    pub reasons: Vec<String>,
}

/// A service that would be affected, on all hosts on which the same would happen to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServicePlan {
    /// What becomes of it.
    pub fate: Fate,
    /// Its name.
    pub name: String,
}

impl PackagePlan<'_> {
    /// How many there are of each kind.
    pub fn counts(&self) -> PackageCounts {
        let of = |such: fn(&ForeseenPackage) -> bool| self.packages.iter().filter(|one| such(one)).count();
        PackageCounts {
            installed: of(|one| !one.is_removal()),
            fixes: of(|one| !one.is_removal() && one.security == Some(true)),
            new: of(|one| one.from.is_none()),
            removed: of(ForeseenPackage::is_removal),
        }
    }
}

/// What all steps of a host foresee.
pub fn forecast_of(host: &HostState) -> Forecast {
    let mut all = Forecast::default();
    host.steps.iter().filter_map(|(_, result)| result.forecast.as_deref()).for_each(|one| all.add(one));
    all
}

impl<'a> RunView<'a> {
    /// Everything that would make a host fail, in groups, the worst first: a check goes on after a step that fails.
    pub fn problems(&self) -> Vec<Problem<'a>> {
        type Key<'a> = (Outcome, Option<StepRef>, &'a str, String);
        let mut found: IndexMap<Key<'_>, Problem<'a>> = IndexMap::new();
        let mut add = |host: &'a HostState, outcome, step, first: Option<&'a StepResult>, class, reason: String| {
            let shape = shape(&reason, host.name.as_str());
            let key = (outcome, step, class, shape.clone());
            let problem = found.entry(key).or_insert_with(|| Problem {
                outcome,
                step,
                reason: reason.clone(),
                hosts: Vec::new(),
                first,
            });
            if problem.reason != reason {
                problem.reason = shape;
            }
            problem.hosts.push(host);
        };
        for host in self.state.hosts.iter().filter(|host| !self.goes_on(host)) {
            let mut said = false;
            for (step, result) in &host.steps {
                let outcome = match result.verdict {
                    Verdict::Ok | Verdict::Skipped => continue,
                    Verdict::Failed => Outcome::Failed,
                    Verdict::Unreachable => Outcome::Unreachable,
                    Verdict::Unknown => Outcome::Unknown,
                };
                said = true;
                add(host, outcome, Some(*step), Some(result), &result.class, first_line(&result.summary, 300));
            }
            if !said && host.outcome().uses_budget() {
                let (step, class, reason) = self.why(host);
                add(host, host.outcome(), step, None, class, reason);
            }
        }
        let mut problems: Vec<Problem<'_>> = found.into_values().collect();
        let gravity = |outcome| match outcome {
            Outcome::Unknown => 0,
            Outcome::Failed => 1,
            _ => 2,
        };
        problems.sort_by_key(|problem| (gravity(problem.outcome), std::cmp::Reverse(problem.hosts.len())));
        problems
    }

    /// Hosts by the packages that would be installed or removed, the most hosts first.
    pub fn package_plans(&self) -> Vec<PackagePlan<'a>> {
        let mut plans: Groups<'a, Vec<ForeseenPackage>> = IndexMap::new();
        for host in &self.state.hosts {
            plans.entry(forecast_of(host).packages).or_default().push(&host.name);
        }
        plans.shift_remove(&Vec::new());
        let mut plans: Vec<PackagePlan<'a>> =
            plans.into_iter().map(|(packages, hosts)| PackagePlan { packages, hosts }).collect();
        plans.sort_by_key(|plan| std::cmp::Reverse(plan.hosts.len()));
        plans
    }

    /// Hosts by why they would be rebooted, or would have to be.
    pub fn reboot_plans(&self) -> Groups<'a, RebootPlan> {
        let mut plans: Groups<'a, RebootPlan> = IndexMap::new();
        for host in &self.state.hosts {
            let Forecast { reboots, reboot_due, .. } = forecast_of(host);
            let happens = !reboots.is_empty();
            let reasons = if happens { reboots } else { reboot_due };
            if !reasons.is_empty() {
                plans.entry(RebootPlan { happens, reasons }).or_default().push(&host.name);
            }
        }
        plans
    }

    /// Services by what would become of them, each with the packages whose files they use and their hosts.
    pub fn service_plans(&self) -> BTreeMap<ServicePlan, (Vec<String>, Vec<&'a HostName>)> {
        let mut plans: BTreeMap<ServicePlan, (Vec<String>, Vec<&'a HostName>)> = BTreeMap::new();
        for host in &self.state.hosts {
            let forecast = forecast_of(host);
            let rebooted = !forecast.reboots.is_empty();
            // A reboot starts everything again, so nothing is left to do for those.
            for service in forecast.services.into_iter().filter(|one| !rebooted || one.fate == Fate::Restarted) {
                let plan = ServicePlan { fate: service.fate, name: service.name };
                let (because, hosts) = plans.entry(plan).or_default();
                hosts.push(&host.name);
                because.extend(service.because);
                because.sort();
                because.dedup();
            }
        }
        plans
    }

    /// The same, with services that share their fate and their hosts in one group.
    pub fn service_groups(&self) -> Vec<ServiceGroup<'a>> {
        let mut groups: Vec<ServiceGroup<'a>> = Vec::new();
        for (ServicePlan { fate, name }, (because, hosts)) in self.service_plans() {
            match groups.iter_mut().find(|group| group.fate == fate && group.hosts == hosts) {
                Some(group) => {
                    group.names.push(name);
                    group.because.extend(because);
                    group.because.sort();
                    group.because.dedup();
                }
                None => groups.push(ServiceGroup { fate, names: vec![name], because, hosts }),
            }
        }
        groups
    }

    /// Hosts whose upgrades would install nothing, where it is known.
    pub fn nothing_to_install(&self) -> Vec<&'a HostName> {
        let idle = |host: &&HostState| {
            let forecast = forecast_of(host);
            forecast.lists.is_some() && forecast.packages.is_empty() && host.outcome() == Outcome::Ok
        };
        self.state.hosts.iter().filter(idle).map(|host| &host.name).collect()
    }

    /// What may get in the way, with its hosts; numbers do not count.
    pub fn forecast_notes(&self) -> Vec<(String, Vec<&'a HostName>)> {
        let mut notes: IndexMap<String, (String, Vec<&'a HostName>)> = IndexMap::new();
        for host in &self.state.hosts {
            for note in forecast_of(host).notes {
                let shape = shape(&note, host.name.as_str());
                let (shown, hosts) = notes.entry(shape.clone()).or_insert_with(|| (note.clone(), Vec::new()));
                if *shown != note {
                    *shown = shape;
                }
                hosts.push(&host.name);
            }
        }
        notes.into_values().collect()
    }

    /// Hosts by the package lists that their forecast is based on.
    pub fn lists_seen(&self) -> Groups<'a, ListsSeen> {
        let mut groups: Groups<'a, ListsSeen> = IndexMap::new();
        for host in &self.state.hosts {
            if let Some(lists) = forecast_of(host).lists {
                groups.entry(lists).or_default().push(&host.name);
            }
        }
        groups
    }

    /// What the other steps of a host would do, one line per step: `Healthy: would verify`.
    pub fn other_work_on(&self, host: &HostState) -> Vec<String> {
        let shown = |result: &StepResult| {
            result.forecast.as_ref().is_none_or(|one| one.packages.is_empty() && one.reboots.is_empty())
        };
        let found = host.steps.iter().filter(|(_, result)| result.found_work && shown(result));
        found
            .map(|(step, result)| {
                format!("{}: {}", step_name(self.state.plan(), *step), first_line(&result.summary, 400))
            })
            .collect()
    }

    /// The different lists of [`RunView::other_work_on`], each with its hosts.
    pub fn other_work(&self) -> Groups<'a, Vec<String>> {
        let mut lists: Groups<'a, Vec<String>> = IndexMap::new();
        for host in &self.state.hosts {
            lists.entry(self.other_work_on(host)).or_default().push(&host.name);
        }
        lists.shift_remove(&Vec::new());
        lists
    }

    /// What would happen on a host, in a few words: `11 packages`, `would reboot`. Empty for a host that was not looked
    /// at to the end, if nothing was found before.
    pub fn forecast_words(&self, host: &HostState) -> Vec<String> {
        let forecast = forecast_of(host);
        let mut parts = Vec::new();
        if !forecast.packages.is_empty() {
            parts.push(count(forecast.packages.len(), "package"));
        }
        if !forecast.reboots.is_empty() {
            parts.push("would reboot".to_owned());
        }
        let others = self.other_work_on(host).len();
        if others > 0 {
            let other = if parts.is_empty() { "step" } else { "other step" };
            parts.push(count(others, other));
        }
        if parts.is_empty() && host.outcome() == Outcome::Ok {
            parts.push("nothing to do".to_owned());
        }
        parts
    }

    /// `3 hosts: 1 would fail, 2 would be ok`: no host is ok because of a check.
    pub fn forecast_counts(&self) -> String {
        let counts = self.counts();
        let parts = [
            (counts.failed, "would fail"),
            (counts.unreachable, "unreachable"),
            (counts.unknown, "unknown"),
            (counts.ok, "without a problem"),
            (counts.paused, "paused"),
            (counts.in_flight, "in flight"),
            (counts.not_started, "not looked at"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        format!("{}: {}", count(counts.total, "host"), parts.join(", "))
    }
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
