//! What upgrades changed on a host, and what is at hand to go back. Knows no host and no step. Start at [`Undo::add`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Exact, PackageChange};

/// The way back from one upgrade, made ready before it changed anything: evidence in its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// The folder on the host with the archives of old versions, if they were fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Old versions whose archives are in that folder.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub staged: BTreeSet<Exact>,
    /// Old versions that a package source still had.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub offered: BTreeSet<Exact>,
    /// Old versions that were not to be had.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing: BTreeSet<Exact>,
    /// Packages to be removed that had come in as dependencies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub auto: BTreeSet<String>,
    /// What was to be changed, where what was changed could not be read afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<PackageChange>,
}

impl WayBack {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For a result: `None` if nothing is known.
    pub fn boxed(self) -> Option<Box<Self>> {
        (!self.is_empty()).then(|| Box::new(self))
    }
}

/// What is to be undone on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// From the version of before to the version of after; each name once, or once per version.
    pub changes: Vec<PackageChange>,
    /// Packages that were removed and had come in as dependencies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub auto: BTreeSet<String>,
    /// Folders on the host with archives of old versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Old versions that no package source had when they were replaced, and that were not fetched.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub missing: BTreeSet<Exact>,
}

impl Undo {
    /// There is nothing to undo.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Old versions without which there is no way back, and that could not be had when they were replaced.
    pub fn lacks(&self) -> impl Iterator<Item = &Exact> {
        let is_needed = |exact: &&Exact| {
            let version = Some(exact.version.as_str());
            self.changes.iter().any(|change| change.name == exact.name && change.from.as_deref() == version)
        };
        self.missing.iter().filter(is_needed)
    }

    /// Adds what a later step changed. A change that continues an earlier one is the same change; what went back to
    /// its version of before does not count.
    pub fn add(&mut self, changes: &[PackageChange], way: Option<&WayBack>) {
        let planned = way.map(|way| way.planned.as_slice()).unwrap_or_default();
        for change in changes.iter().chain(planned) {
            let goes_on = |known: &PackageChange| known.name == change.name && known.to == change.from;
            match self.changes.iter().position(goes_on) {
                Some(at) => self.changes[at].to.clone_from(&change.to),
                None if self.changes.contains(change) => {}
                None => self.changes.push(change.clone()),
            }
        }
        self.changes.retain(|change| change.from != change.to);
        let Some(way) = way else { return };
        let had = |exact: &&Exact| way.offered.contains(exact) || way.staged.contains(exact);
        self.missing.extend(way.missing.iter().filter(|exact| !had(exact)).cloned());
        self.auto.extend(way.auto.iter().cloned());
        let new = way.folder.iter().filter(|folder| !self.folders.contains(folder)).cloned().collect::<Vec<_>>();
        self.folders.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> Vec<PackageChange> {
        let version = |word: &str| (word != "-").then(|| word.to_owned());
        let one = |words: &str| {
            let [name, from, to] = words.split(' ').collect::<Vec<_>>()[..] else { panic!("{words}") };
            PackageChange { name: name.to_owned(), from: version(from), to: version(to) }
        };
        text.split(", ").filter(|words| !words.is_empty()).map(one).collect()
    }

    /// The changes of each step, and what is to be undone after all of them.
    #[test]
    fn steps_add_up() {
        for (steps, sum) in [
            (&["a 1 2, b - 1"][..], "a 1 2, b - 1"),
            (&["a 1 2", "a 2 3, b 1 2"], "a 1 3, b 1 2"),
            (&["a 1 2, b - 1", "a 2 1, b 1 -"], ""),
            (&["a 1 2", "a 2 -"], "a 1 -"),
            (&["kern - 2", "kern - 3"], "kern - 2, kern - 3"),
            (&[], ""),
        ] {
            let mut undo = Undo::default();
            steps.iter().for_each(|step| undo.add(&changes(step), None));
            assert_eq!(undo.changes, changes(sum), "{steps:?}");
            assert_eq!(undo.is_empty(), sum.is_empty());
        }
    }

    #[test]
    fn what_may_have_been_changed_is_undone_too() {
        let way = WayBack {
            folder: Some("/f".to_owned()),
            planned: changes("a 1 2"),
            auto: ["x".to_owned()].into(),
            ..WayBack::default()
        };
        let mut undo = Undo::default();
        undo.add(&[], Some(&way));
        undo.add(&[], Some(&way));
        assert_eq!((undo.changes, undo.folders, undo.auto.len()), (changes("a 1 2"), vec!["/f".to_owned()], 1));
    }

    #[test]
    fn only_a_version_that_goes_back_can_be_lacking() {
        let exact = |words: &str| -> BTreeSet<Exact> {
            let one =
                |word: &str| word.split_once('=').map(|(n, v)| Exact { name: n.to_owned(), version: v.to_owned() });
            words.split(' ').filter_map(one).collect()
        };
        let way = WayBack { missing: exact("a=1 b=1 kern=1 c=1"), offered: exact("b=1"), ..WayBack::default() };
        let mut undo = Undo::default();
        // The old kernel stays beside the new one.
        undo.add(&changes("a 1 2, b 1 2, kern - 2, c 1 2"), Some(&way));
        assert_eq!(undo.lacks().map(ToString::to_string).collect::<Vec<_>>(), ["a=1", "c=1"]);
        undo.add(&changes("a 2 1, c 2 3"), None);
        assert_eq!(undo.lacks().map(ToString::to_string).collect::<Vec<_>>(), ["c=1"]);
    }
}
