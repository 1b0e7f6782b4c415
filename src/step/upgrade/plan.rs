//! The exact transaction of a host, compared with what its package manager says it would do. Pure. Written as a note
//! before anything is started, so that `resume` can judge the result.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use super::{
    choose::{Choice, NameCheck, Wish},
    hold, way_back,
};
use crate::{
    event::{PackageChange, PackageLeft, StepResult},
    pkg::{Class, Exact, Package, PackageManager, PackageState, Pending, Simulation, Versions, WayBack},
    step::packages::failed,
};

/// What will be done, and what was there before. The note `plan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    /// The versions that will be installed; `from` is `None` for a new package.
    pub changes: Vec<PackageChange>,
    /// Packages that will be removed.
    pub removals: BTreeSet<Package>,
    /// All names and versions from before.
    pub before: BTreeMap<String, Versions>,
    /// Which of `changes` were installed as dependencies.
    pub auto: BTreeSet<String>,
    /// Configuration files that were already waiting for a review.
    pub review: BTreeSet<String>,
    /// What was left out and why, for people.
    pub left_out: Vec<String>,
    /// Those that were left out although the playbook did not ask for it.
    pub blocked: Vec<String>,
    /// The same updates with their versions, for `left_behind` of the result.
    #[serde(default)]
    pub left: Vec<PackageLeft>,
    /// Package sources that did not answer.
    #[serde(default)]
    pub silent: Vec<String>,
    /// Which of the names the host knows.
    #[serde(default, rename = "heard")]
    pub name_check: NameCheck,
    /// Packages that are put on hold before anything is installed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to_hold: BTreeSet<String>,
    /// What is at hand for a rollback.
    #[serde(default, skip_serializing_if = "WayBack::is_empty")]
    pub way_back: WayBack,
}

impl Planned {
    /// The packages that the transaction names: those that are already installed. The rest is installed with them.
    pub(super) fn named(&self) -> Vec<Exact> {
        let named = self.changes.iter().filter(|change| change.from.is_some());
        named.filter_map(|change| Some(Exact { name: change.name.clone(), version: change.to.clone()? })).collect()
    }

    /// The way back where nobody can read what was changed.
    pub(super) fn may_have_changed(&self) -> WayBack {
        WayBack { planned: self.all(), ..self.way_back.clone() }
    }

    /// The installed versions that a removal means; if none is known, only the name.
    pub(super) fn versions_of<'a>(&'a self, package: &'a Package) -> Vec<(&'a str, Option<&'a str>)> {
        let name = package.name.as_str();
        let known = self.before.get(name).filter(|versions| !versions.0.is_empty());
        match (&package.version, known) {
            (None, Some(versions)) => versions.0.iter().map(|version| (name, Some(version.as_str()))).collect(),
            (version, _) => vec![(name, version.as_deref())],
        }
    }

    /// Everything that it changes: what is installed, and each version that is removed.
    pub(super) fn all(&self) -> Vec<PackageChange> {
        let removed = self.removals.iter().flat_map(|package| self.versions_of(package));
        let removed = removed.map(|(name, version)| PackageChange {
            name: name.to_owned(),
            from: version.map(str::to_owned),
            to: None,
        });
        self.changes.iter().cloned().chain(removed).collect()
    }

    /// Whether this version of a package was meant to be removed.
    pub(super) fn removes(&self, name: &str, version: Option<&str>) -> bool {
        let is_it = |package: &Package| {
            package.name == name && package.version.as_deref().is_none_or(|meant| Some(meant) == version)
        };
        self.removals.iter().any(is_it)
    }
}

/// What a plan is made from.
pub(super) struct PlanInput<'a> {
    pub manager: &'a dyn PackageManager,
    pub wish: &'a Wish,
    pub choice: &'a Choice,
    pub pending: &'a Pending,
    pub state: &'a PackageState,
    pub allow_removals: bool,
    pub allow_drift: bool,
}

impl PlanInput<'_> {
    /// Checks that the simulated transaction is the chosen one, and makes the plan.
    ///
    /// # Errors
    /// The step's result, if it is not. Nothing was changed.
    pub(super) fn plan(&self, simulation: &Simulation) -> Result<Planned, Box<StepResult>> {
        let drift = |summary: String| Box::new(failed(Class::Drift, summary));
        if let Some(first) = simulation.refused.first() {
            let summary = format!("{} refuses the chosen updates: {first}", self.manager.name());
            return Err(Box::new(drift(summary).detail(simulation.refused.clone())));
        }
        if !self.allow_removals && !simulation.removals.is_empty() {
            let summary = format!("the upgrade would remove {}", listed(&simulation.removals));
            return Err(Box::new(
                failed(Class::Removals, summary)
                    .help("if that is right, set `allow_removals: true`; otherwise `exclude` the update that needs it"),
            ));
        }
        let kept = |package: &&Package| self.wish.keeps(self.manager, &package.name);
        if let Some((package, key)) = simulation.removals.iter().find_map(|it| Some((it, kept(&it)?))) {
            let summary = format!("`{key}` keeps {package} as it is, but the upgrade would remove it");
            return Err(Box::new(failed(Class::Excluded, summary).help("also `exclude` the update that removes it")));
        }
        let mut accepted = Vec::new();
        let mut accept = |what: String| match self.allow_drift {
            true => {
                accepted.push(what);
                Ok(())
            }
            false => Err(Box::new(failed(Class::Drift, what).help(
                "the host's package lists changed in this moment, or its package manager decides otherwise: run again, \
                 or accept it with `allow_drift: true`",
            ))),
        };
        for exact in &self.choice.take {
            let of_name = simulation.installs.iter().map(|(would, _)| would).filter(|would| would.name == exact.name);
            if of_name.clone().any(|would| would == exact) {
                continue;
            }
            accept(match of_name.map(|would| &would.version).next() {
                Some(version) => format!("{exact} was chosen, but version {version} would be installed"),
                None => format!("{exact} was chosen, but would not be installed"),
            })?;
        }
        for (exact, from) in &simulation.installs {
            if let Some(drifted) = self.check_install(exact, from.as_deref())? {
                accept(drifted)?;
            }
        }
        let mut planned = self.planned(simulation);
        planned.left_out.extend(accepted.into_iter().map(|drift| format!("accepted drift: {drift}")));
        planned.way_back = way_back::known(&planned, self.pending, self.state);
        // Package managers disagree about an empty list; for some it means "everything".
        if planned.named().is_empty() {
            return Err(drift("the simulation lists none of the chosen packages as installed".to_owned()));
        }
        Ok(planned)
    }

    /// An update that comes along must itself be pending, or new; else this says how it drifted.
    fn check_install(&self, exact: &Exact, from: Option<&str>) -> Result<Option<String>, Box<StepResult>> {
        if self.choice.take.contains(exact) {
            return Ok(None);
        }
        if let Some(key) = self.wish.keeps(self.manager, &exact.name) {
            let summary = format!("`{key}` keeps {} as it is, but another update needs {exact}", exact.name);
            let help = format!("also `exclude` the update that needs it, or remove it from `{key}`");
            return Err(Box::new(failed(Class::Excluded, summary).help(help)));
        }
        let Some(from) = from else { return Ok(None) };
        if self.manager.compare(from, &exact.version) == Ordering::Greater {
            let summary = format!("{} would go back from {from} to {}", exact.name, exact.version);
            return Err(Box::new(failed(Class::Drift, summary)));
        }
        if !self.pending.updates.iter().any(|update| update.name == exact.name && update.to == exact.version) {
            return Ok(Some(format!("{exact} would be installed, but was not pending a moment ago")));
        }
        Ok(None)
    }

    fn planned(&self, simulation: &Simulation) -> Planned {
        let change = |(exact, from): &(Exact, Option<String>)| PackageChange {
            name: exact.name.clone(),
            from: from.clone(),
            to: Some(exact.version.clone()),
        };
        let changes: Vec<PackageChange> = simulation.installs.iter().map(change).collect();
        let is_auto = |name: &&String| self.state.is_auto(name);
        Planned {
            auto: changes.iter().map(|change| &change.name).filter(is_auto).cloned().collect(),
            changes,
            removals: simulation.removals.iter().cloned().collect(),
            before: self.state.versions(),
            review: self.state.review.clone(),
            left_out: self.choice.left_out().into_iter().chain(self.choice.holds.iter().cloned()).collect(),
            blocked: self.choice.blocked(),
            left: self.choice.left.clone(),
            silent: self.choice.silent.clone(),
            name_check: self.choice.name_check.clone(),
            to_hold: hold::wanted(self.manager, self.wish, self.state),
            way_back: WayBack::default(),
        }
    }
}

fn listed(packages: &[Package]) -> String {
    packages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pkg::{Update, apt::Apt},
        playbook::Scope,
    };

    /// `name from to`; `-` for a new package.
    fn installs(lines: &[&str]) -> Vec<(Exact, Option<String>)> {
        let one = |line: &&str| {
            let [name, from, to] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            (Exact { name: name.into(), version: to.into() }, (from != "-").then(|| from.to_owned()))
        };
        lines.iter().map(one).collect()
    }

    fn check(take: &[&str], would: &[&str], removals: &[&str], allow_removals: bool) -> Result<Vec<String>, String> {
        plan(take, would, removals, (allow_removals, false))
            .map(|planned| planned.named().iter().map(Exact::to_string).collect())
    }

    fn plan(
        take: &[&str],
        would: &[&str],
        removals: &[&str],
        (allow_removals, allow_drift): (bool, bool),
    ) -> Result<Planned, String> {
        let pending = Pending {
            updates: installs(&["a 1 2", "b 1 2", "docker 1 2", "new - 1"])
                .into_iter()
                .map(|(exact, from)| Update::new(exact.name, from, exact.version))
                .collect(),
            ..Pending::default()
        };
        let wish = Wish::new(Scope::All, vec![], &["docker".into()]).unwrap();
        let choice = Choice { take: installs(take).into_iter().map(|(exact, _)| exact).collect(), ..Choice::default() };
        let simulation = Simulation {
            installs: installs(would),
            removals: removals.iter().map(|name| Package::named(name)).collect(),
            refused: vec![],
        };
        let state = PackageState::default();
        let input = PlanInput {
            manager: &Apt,
            wish: &wish,
            choice: &choice,
            pending: &pending,
            state: &state,
            allow_removals,
            allow_drift,
        };
        input.plan(&simulation).map_err(|result| format!("{}: {}", result.class, result.summary))
    }

    #[test]
    fn drift_that_is_allowed_is_planned_and_said() {
        let allowed = |take: &[&str], would: &[&str]| plan(take, would, &[], (false, true));
        let planned = allowed(&["a 1 2", "b 1 2"], &["a 1 3", "docker-lib 1 9"]).unwrap();
        assert_eq!(planned.named().iter().map(Exact::to_string).collect::<Vec<_>>(), ["a=3", "docker-lib=9"]);
        assert_eq!(
            planned.left_out,
            [
                "accepted drift: a=2 was chosen, but version 3 would be installed",
                "accepted drift: b=2 was chosen, but would not be installed",
                "accepted drift: a=3 would be installed, but was not pending a moment ago",
                "accepted drift: docker-lib=9 would be installed, but was not pending a moment ago"
            ]
        );
        // What would be removed, is excluded, or goes back is refused in any case.
        assert!(allowed(&["a 1 2"], &["a 1 2", "b 3 2"]).unwrap_err().starts_with("drift: b would go back"));
        assert!(allowed(&["a 1 2"], &["a 1 2", "docker 1 2"]).unwrap_err().starts_with("excluded"));
        assert!(plan(&["a 1 2"], &["a 1 2"], &["x"], (false, true)).unwrap_err().starts_with("removals"));
        assert!(allowed(&["a 1 2"], &[]).unwrap_err().starts_with("drift: the simulation lists none"));
    }

    #[test]
    fn only_the_chosen_transaction_is_planned() {
        let ok = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let err = |text: &str| Err(text.to_owned());
        assert_eq!(check(&["a 1 2"], &["a 1 2"], &[], false), ok(&["a=2"]));
        assert_eq!(check(&["a 1 2"], &["a 1 2", "b 1 2", "new - 1", "newer - 9"], &[], false), ok(&["a=2", "b=2"]));
        assert_eq!(check(&["a 1 2"], &["a 1 2"], &["x"], true), ok(&["a=2"]));
        assert_eq!(check(&["a 1 2"], &["a 1 2"], &["x"], false), err("removals: the upgrade would remove x"));
        assert_eq!(check(&["a 1 2"], &[], &[], false), err("drift: a=2 was chosen, but would not be installed"));
        assert_eq!(
            check(&["a 1 2"], &["a 1 3"], &[], false),
            err("drift: a=2 was chosen, but version 3 would be installed")
        );
        assert_eq!(
            check(&["a 1 2"], &["a 1 2", "b 1 3"], &[], false),
            err("drift: b=3 would be installed, but was not pending a moment ago")
        );
        assert_eq!(check(&["a 1 2"], &["a 1 2", "b 3 2"], &[], false), err("drift: b would go back from 3 to 2"));
        assert_eq!(
            check(&["a - 2"], &["a - 2"], &[], false),
            err("drift: the simulation lists none of the chosen packages as installed")
        );
        assert_eq!(
            check(&["a 1 2"], &["a 1 2", "docker 1 2"], &[], false),
            err("excluded: `exclude` keeps docker as it is, but another update needs docker=2")
        );
    }
}
