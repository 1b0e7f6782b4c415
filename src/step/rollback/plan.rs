//! What brings a host back: each recorded change compared with what is installed now, and the simulated transaction
//! compared with that. Pure. Written as a note before anything is started, so that `resume` can judge the result.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    event::{PackageChange, StepResult},
    pkg::{Class, Exact, Package, PackageManager, PackageState, Simulation, Transaction, Undo, Versions},
    step::packages::{failed, goes_back},
};

/// What will be done, and what was there before. The note `plan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    /// From the version of now to the one that comes back; `to` is `None` for a package that was new.
    pub changes: Vec<PackageChange>,
    /// Packages to remove; of several versions, with the one that is meant.
    pub removals: BTreeSet<Package>,
    /// New packages that stay because the kernel that runs needs them.
    pub kept: BTreeSet<Package>,
    /// Which of `changes` are marked as dependencies afterwards.
    pub auto: BTreeSet<String>,
    /// All names and versions from before.
    pub before: BTreeMap<String, Versions>,
    /// Folders on the host with archives of old versions.
    pub folders: Vec<String>,
    /// Changes that were undone already.
    pub already: usize,
    /// The undone upgrades brought or replaced a kernel.
    pub kernel: bool,
}

/// What one recorded change means for the host as it is now.
enum Need {
    Do(PackageChange),
    Already,
    /// It is neither as before nor as after.
    Drift(String),
}

impl Planned {
    /// What undoes `undo` on a host with these packages, without the packages in `kept`.
    ///
    /// # Errors
    /// The step's result: class `drift` if something else changed the packages since, unless `force`; class `refused`
    /// for packages that are on hold.
    pub(super) fn new(
        undo: &Undo,
        manager: &dyn PackageManager,
        state: &PackageState,
        kept: BTreeSet<Package>,
        force: bool,
    ) -> Result<Self, Box<StepResult>> {
        let mut planned = Self {
            before: state.versions(),
            folders: undo.folders.clone(),
            kernel: undo.changes.iter().any(|change| super::kernel::is_kernel(manager, &change.name)),
            ..Self::default()
        };
        let mut drift = Vec::new();
        for change in &undo.changes {
            match need(manager, change, state, force) {
                Need::Do(change) if change.to.is_none() && of_running(&kept, &change) => planned.keep(change, state),
                Need::Do(change) => planned.take(change, state),
                Need::Already => planned.already += 1,
                Need::Drift(what) => drift.push(what),
            }
        }
        if !drift.is_empty() {
            return Err(Box::new(drifted(&drift)));
        }
        let held = |change: &&PackageChange| state.is_held(&change.name);
        let held: Vec<&str> = planned.changes.iter().filter(held).map(|change| change.name.as_str()).collect();
        if !held.is_empty() {
            let summary = format!("on hold on this host, so not rolled back: {}", held.join(", "));
            let help = "if they are to go back: take the hold off on the host, then roll back again";
            return Err(Box::new(failed(Class::Refused, summary).help(help)));
        }
        // A package that comes back has lost its mark; one that only changes its version still has it.
        let auto = |change: &&PackageChange| match change.from {
            None => undo.auto.contains(&change.name),
            Some(_) => state.is_auto(&change.name),
        };
        planned.auto = planned.comes_back().filter(auto).map(|change| change.name.clone()).collect();
        Ok(planned)
    }

    fn take(&mut self, change: PackageChange, state: &PackageState) {
        if change.to.is_none() {
            self.removals.insert(before(&change, state));
        }
        self.changes.push(change);
    }

    fn keep(&mut self, change: PackageChange, state: &PackageState) {
        self.kept.insert(before(&change, state));
    }

    /// Changes after which the package is installed.
    pub(super) fn comes_back(&self) -> impl Iterator<Item = &PackageChange> {
        self.changes.iter().filter(|change| change.to.is_some())
    }

    /// Names of which the next upgrade would bring again what goes: they get an older version, or keep one.
    pub(super) fn to_hold(&self) -> BTreeSet<String> {
        let side_by_side = self.removals.iter().filter(|package| package.version.is_some());
        let names = self.comes_back().map(|change| &change.name).chain(side_by_side.map(|package| &package.name));
        names.cloned().collect()
    }

    /// What stays, for people: `kernel-core=5.14.0-3.el9, …`.
    pub(super) fn kept_words(&self) -> String {
        self.kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// A line for the result about what stays.
    pub(super) fn stays(&self) -> Option<String> {
        (!self.kept.is_empty()).then(|| format!("stays, because its kernel is running: {}", self.kept_words()))
    }

    /// The transaction that does it.
    pub(super) fn transaction(&self, manager: &dyn PackageManager) -> Transaction {
        let mut transaction = Transaction {
            remove: self.removals.iter().cloned().collect(),
            keep_configuration: true,
            auto: self.auto.clone(),
            folders: self.folders.clone(),
            ..Transaction::default()
        };
        for change in self.comes_back() {
            let exact = Exact { name: change.name.clone(), version: change.to.clone().unwrap_or_default() };
            match &change.from {
                None => transaction.install.push(exact),
                Some(_) if goes_back(manager, change) => transaction.downgrade.push(exact),
                Some(_) => transaction.upgrade.push(exact),
            }
        }
        transaction
    }

    /// Checks that the simulated transaction is exactly this one.
    ///
    /// # Errors
    /// The step's result, if it is not. Nothing was changed.
    pub(super) fn agrees(&self, manager: &dyn PackageManager, simulation: &Simulation) -> Result<(), Box<StepResult>> {
        if let Some(first) = simulation.refused.first() {
            let summary = format!("{} refuses to go back: {first}", manager.name());
            let fetched = if self.folders.is_empty() {
                "no archive of an old version is on the host (with `rollback: required` an upgrade fetches them, or \
                 changes nothing)"
            } else {
                "the archives that the upgrade fetched to the host are not enough"
            };
            let help = format!(
                "{fetched}: add a package source that has the old versions and roll back again, or restore a snapshot"
            );
            let result = failed(Class::NoWayBack, summary).detail(simulation.refused.clone()).help(help);
            return Err(Box::new(result));
        }
        let meant: BTreeSet<(&str, Option<&str>)> =
            self.comes_back().map(|change| (change.name.as_str(), change.to.as_deref())).collect();
        let would: BTreeSet<(&str, Option<&str>)> =
            simulation.installs.iter().map(|(exact, _)| (exact.name.as_str(), Some(exact.version.as_str()))).collect();
        let version = |version: &Option<&str>| version.unwrap_or_default().to_owned();
        let mut wrong: Vec<String> = Vec::new();
        wrong.extend(would.difference(&meant).map(|(name, v)| format!("{name} {} would be installed", version(v))));
        wrong.extend(meant.difference(&would).map(|(name, v)| format!("{name} {} would not be installed", version(v))));
        let (gone, to_go): (BTreeSet<Package>, _) = (simulation.removals.iter().cloned().collect(), &self.removals);
        wrong.extend(gone.difference(to_go).map(|package| format!("{package} would be removed")));
        wrong.extend(to_go.difference(&gone).map(|package| format!("{package} would not be removed")));
        if wrong.is_empty() {
            return Ok(());
        }
        let summary = format!("going back would not restore the packages of before: {}", few(&wrong));
        Err(Box::new(failed(Class::Drift, summary).detail(wrong)))
    }
}

/// The package of before the change; of several versions, with the one that is meant.
fn before(change: &PackageChange, state: &PackageState) -> Package {
    let several = state.of(&change.name).len() > 1;
    Package { name: change.name.clone(), version: change.from.clone().filter(|_| several) }
}

fn of_running(kept: &BTreeSet<Package>, change: &PackageChange) -> bool {
    super::kernel::is_among(kept, &change.name, change.from.as_deref())
}

fn need(manager: &dyn PackageManager, change: &PackageChange, state: &PackageState, force: bool) -> Need {
    let PackageChange { name, from, to } = change;
    let now = state.of(name);
    let is = |version: &String| now.iter().any(|one| one.version == *version);
    // Beside others, a version that was not there says nothing about those that are.
    let side_by_side = now.iter().any(|one| one.side_by_side);
    let has = |version: &Option<String>, other: &Option<String>| match (version, other) {
        (Some(version), _) => is(version),
        (None, Some(other)) if side_by_side => !is(other),
        (None, _) => now.is_empty(),
    };
    let newer = |version: &String| now.iter().any(|one| manager.compare(&one.version, version).is_gt());
    let drift = || {
        let all: Vec<&str> = now.iter().map(|one| one.version.as_str()).collect();
        let is = if all.is_empty() { "not installed any more".to_owned() } else { all.join(" and ") };
        let was = to.as_deref().unwrap_or("removed");
        Need::Drift(format!("{name} is {is} (the upgrade left it {was})"))
    };
    let go = |now: Option<String>| Need::Do(PackageChange { name: name.clone(), from: now, to: from.clone() });
    match (has(to, from), has(from, to)) {
        // Versions side by side: only the new one goes.
        (true, true) => Need::Do(PackageChange { name: name.clone(), from: to.clone(), to: None }),
        (true, false) => go(to.clone()),
        // Something else brought a newer one in its place.
        (false, true) if side_by_side && from.is_none() && !force && to.as_ref().is_some_and(newer) => drift(),
        (false, true) => Need::Already,
        (false, false) if force => go(now.first().map(|one| one.version.clone())),
        (false, false) => drift(),
    }
}

fn drifted(drift: &[String]) -> StepResult {
    let summary = format!("the packages were changed again since the upgrade: {}", few(drift));
    failed(Class::Drift, summary)
        .detail(drift.to_vec())
        .help("look at them on the host; `patchwave rollback RUN --force` brings the old versions back all the same")
}

/// The first three of many.
fn few(lines: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = lines.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match lines.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Installed, apt::Apt};

    fn change(words: &str) -> PackageChange {
        let version = |word: &str| (word != "-").then(|| word.to_owned());
        let [name, from, to] = words.split(' ').collect::<Vec<_>>()[..] else { panic!("{words}") };
        PackageChange { name: name.to_owned(), from: version(from), to: version(to) }
    }

    fn state(packages: &[&str]) -> PackageState {
        let mut state = PackageState::default();
        for words in packages {
            let words: Vec<&str> = words.split(' ').collect();
            let (auto, held) = (words.contains(&"auto"), words.contains(&"held"));
            let (version, side_by_side) = (words[1].to_owned(), words[0] == "kern");
            state.add(words[0], Installed { version, auto, held, side_by_side, ..Installed::default() });
        }
        state
    }

    fn plan(undo: &[&str], now: &[&str], force: bool) -> Result<String, String> {
        let undo = Undo {
            changes: undo.iter().map(|words| change(words)).collect(),
            auto: ["gone".to_owned()].into(),
            ..Undo::default()
        };
        let kept = [Package::named("linux-image-9"), Package::from("kern=2".to_owned())].into();
        let planned = Planned::new(&undo, &Apt, &state(now), kept, force)
            .map_err(|result| format!("{}: {}", result.class, result.summary))?;
        let of = |change: &PackageChange| {
            let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} {} {}", change.name, word(&change.from), word(&change.to))
        };
        let mut words: Vec<String> = planned.changes.iter().map(of).collect();
        words.extend(planned.auto.iter().map(|name| format!("auto {name}")));
        words.extend(planned.kept.iter().map(|name| format!("kept {name}")));
        words.extend((planned.already > 0).then(|| format!("{} already", planned.already)));
        Ok(words.join(", "))
    }

    #[test]
    fn each_change_is_turned_round_or_was_undone_already_or_is_drift() {
        let drift = "drift: the packages were changed again since the upgrade: ";
        let ok = |text: &str| Ok(text.to_owned());
        let err = |text: &str| Err(format!("{drift}{text}"));
        for (undo, now, force, expected) in [
            (&["a 1 2"][..], &["a 2"][..], false, ok("a 2 1")),
            (&["a 1 2"], &["a 2 auto"], false, ok("a 2 1, auto a")),
            (&["a 1 2"], &["a 1"], false, ok("1 already")),
            (&["a 1 2"], &["a 3"], false, err("a is 3 (the upgrade left it 2)")),
            (&["a 1 2"], &["a 3"], true, ok("a 3 1")),
            (&["a 1 2"], &[], false, err("a is not installed any more (the upgrade left it 2)")),
            (&["a 1 2"], &[], true, ok("a - 1")),
            (&["new - 1"], &["new 1"], false, ok("new 1 -")),
            (&["new - 1"], &[], false, ok("1 already")),
            (&["new - 1"], &["new 2"], false, err("new is 2 (the upgrade left it 1)")),
            (&["new - 1"], &["new 2"], true, ok("new 2 -")),
            (&["gone 1 -"], &[], false, ok("gone - 1, auto gone")),
            (&["gone 1 -"], &["gone 1"], false, ok("1 already")),
            (&["gone 1 -"], &["gone 2"], false, err("gone is 2 (the upgrade left it removed)")),
            (&["linux-image-9 - 9", "a 1 2"], &["linux-image-9 9", "a 2"], false, ok("a 2 1, kept linux-image-9")),
            // Versions side by side: only those that the upgrade brought count.
            (&["kern - 3"], &["kern 1", "kern 2", "kern 3"], false, ok("kern 3 -")),
            (&["kern - 2"], &["kern 1", "kern 2"], false, ok("kept kern=2")),
            (&["kern 1 2"], &["kern 1", "kern 2"], false, ok("kept kern=2")),
            (&["kern - 3"], &["kern 1", "kern 2"], false, ok("1 already")),
            (&["kern - 3"], &["kern 1", "kern 4"], false, err("kern is 1 and 4 (the upgrade left it 3)")),
            (&["kern - 3"], &["kern 1", "kern 4"], true, ok("1 already")),
            (&["kern 1 -"], &["kern 4"], false, ok("kern - 1")),
            (&["a 1 2"], &["a 2 held"], false, Err("refused: on hold on this host, so not rolled back: a".to_owned())),
        ] {
            assert_eq!(plan(undo, now, force), expected, "{undo:?} {now:?}");
        }
    }

    #[test]
    fn the_simulation_must_be_exactly_the_way_back() {
        let undo = Undo { changes: vec![change("a 1 2"), change("new - 1"), change("gone 1 -")], ..Undo::default() };
        let planned = Planned::new(&undo, &Apt, &state(&["a 2", "new 1"]), BTreeSet::new(), false).unwrap();
        let transaction = planned.transaction(&Apt);
        let texts = |set: &[Exact]| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (texts(&transaction.downgrade), texts(&transaction.install)),
            (vec!["a=1".into()], vec!["gone=1".into()])
        );
        let simulate = |installs: &[&str], removals: &[&str], refused: &[&str]| {
            let exact = |text: &&str| {
                let (name, version) = text.split_once('=').unwrap();
                (Exact { name: name.to_owned(), version: version.to_owned() }, None)
            };
            let simulation = Simulation {
                installs: installs.iter().map(exact).collect(),
                removals: removals.iter().map(|name| Package::named(name)).collect(),
                refused: refused.iter().map(|line| (*line).to_owned()).collect(),
            };
            planned.agrees(&Apt, &simulation).map_err(|result| format!("{}: {}", result.class, result.summary))
        };
        assert_eq!(simulate(&["a=1", "gone=1"], &["new"], &[]), Ok(()));
        for (installs, removals, refused, why) in [
            (&["a=1", "gone=1", "b=1"][..], &["new"][..], &[][..], "b 1 would be installed"),
            (&["a=1"], &["new"], &[], "gone 1 would not be installed"),
            (&["a=1", "gone=1"], &["new", "nginx"], &[], "nginx would be removed"),
            (&["a=1", "gone=1"], &[], &[], "new would not be removed"),
            (&[], &[], &["E: Version '1' for 'a' was not found"], "no-way-back: apt refuses to go back: E: Version"),
        ] {
            let said = simulate(installs, removals, refused).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
