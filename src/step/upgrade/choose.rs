//! Which pending updates a step takes. Pure; start at [`choose`].

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::{
    event::{PackageLeft, WhyLeft},
    pkg::{Exact, PackageManager, PackageState, Pending, Security, Stays, Update},
    playbook::Scope,
    step::packages::Hold,
};

/// What the step wants, with templates rendered.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub scope: Scope,
    /// For [`Scope::Packages`].
    pub names: Vec<String>,
    /// For [`Scope::Cve`] and [`Scope::Advisory`].
    pub ids: Vec<String>,
    names_match: GlobSet,
    exclude: GlobSet,
    hold: GlobSet,
    /// The patterns of `hold`.
    pub hold_patterns: Vec<String>,
    /// Take an older version where the newest one cannot be installed.
    pub nobest: bool,
}

/// The pending updates, sorted. Each update in scope is in exactly one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub take: Vec<Exact>,
    pub excluded: Vec<String>,
    /// They stay because the playbook holds them.
    pub kept: Vec<String>,
    /// Patterns of packages to hold that no installed package has.
    pub nothing_to_hold: Vec<String>,
    pub phased: Vec<String>,
    /// Not taken as security updates, because their sources do not say whether they are.
    pub unsure: Vec<String>,
    /// Asked for, but cannot be installed: held, kept back, or pinned to an older version.
    pub left: Vec<PackageLeft>,
    /// Named, but not on the host.
    pub not_installed: Vec<String>,
    /// Which of the names the host knows.
    pub name_check: NameCheck,
    /// Package sources that did not answer and did not have to.
    pub silent: Vec<String>,
    /// Of the held updates, those that a rollback holds, with its reason and its end.
    pub holds: Vec<String>,
}

/// Which of the named packages are known to the host's package manager. Patterns are not included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NameCheck {
    pub known: Vec<String>,
    pub unknown: Vec<String>,
    /// CVEs or advisories that a pending update belongs to, and those that none belongs to.
    #[serde(default)]
    pub matched: Vec<String>,
    #[serde(default)]
    pub unmatched: Vec<String>,
}

impl Wish {
    /// Reads the patterns.
    ///
    /// # Errors
    /// Which pattern is not valid, and why.
    pub(super) fn new(scope: Scope, names: Vec<String>, exclude: &[String]) -> Result<Self, String> {
        let (names_match, exclude) = (globs(&names)?, globs(exclude)?);
        let (hold, hold_patterns) = (GlobSet::empty(), Vec::new());
        Ok(Self { scope, names_match, exclude, hold, hold_patterns, names, ids: Vec::new(), nobest: false })
    }

    /// The same, with these patterns of packages to hold.
    ///
    /// # Errors
    /// As [`Wish::new`].
    pub(super) fn holding(self, patterns: Vec<String>) -> Result<Self, String> {
        Ok(Self { hold: globs(&patterns)?, hold_patterns: patterns, ..self })
    }

    fn covers(&self, manager: &dyn PackageManager, update: &Update) -> bool {
        match self.scope {
            Scope::All => true,
            Scope::Security => update.security.fix().is_some(),
            Scope::Kernel => update.kernel,
            Scope::Packages => matches(manager, &self.names_match, &update.name),
            Scope::Cve | Scope::Advisory => self.ids.iter().any(|id| self.belongs(update, id)),
        }
    }

    /// Whether an update belongs to this CVE or advisory.
    fn belongs(&self, update: &Update, id: &str) -> bool {
        update.advisories.iter().any(|advisory| match self.scope {
            Scope::Cve => advisory.cves.iter().any(|cve| cve.eq_ignore_ascii_case(id)),
            _ => advisory.id.eq_ignore_ascii_case(id),
        })
    }

    pub(super) fn excludes(&self, manager: &dyn PackageManager, name: &str) -> bool {
        matches(manager, &self.exclude, name)
    }

    /// Whether the playbook wants this package on hold.
    pub(super) fn holds(&self, manager: &dyn PackageManager, name: &str) -> bool {
        matches(manager, &self.hold, name)
    }

    /// Patterns of packages to hold that no installed package has.
    fn without_package(&self, manager: &dyn PackageManager, state: &PackageState) -> Vec<String> {
        let of = |name: &String| [self.hold.matches(name), self.hold.matches(manager.bare(name))].concat();
        let found: BTreeSet<usize> = state.packages.keys().flat_map(of).collect();
        let all = self.hold_patterns.iter().enumerate();
        all.filter(|(at, _)| !found.contains(at)).map(|(_, pattern)| pattern.clone()).collect()
    }

    /// Which key of the playbook keeps this package as it is.
    pub(super) fn keeps(&self, manager: &dyn PackageManager, name: &str) -> Option<&'static str> {
        match () {
            () if self.excludes(manager, name) => Some("exclude"),
            () if self.holds(manager, name) => Some("hold"),
            () => None,
        }
    }

    /// Whether only the newest version will do. A fix is taken in any case, as far as it goes: the rest stays pending.
    fn wants_newest(&self, update: &Update) -> bool {
        let by_name = matches!(self.scope, Scope::All | Scope::Kernel | Scope::Packages);
        by_name && !self.nobest && update.security.fix().is_none()
    }

    /// Whether updates are chosen by what advisories say.
    pub(super) fn needs_advisories(&self) -> bool {
        matches!(self.scope, Scope::Cve | Scope::Advisory)
    }

    /// Whether it would be taken if its source said that it is a security update.
    fn is_unsure(&self, update: &Update) -> bool {
        self.scope == Scope::Security && update.security == Security::Unknown
    }

    /// The scope as words in a sentence: `no security update pending`.
    pub(super) fn noun(&self) -> &'static str {
        match self.scope {
            Scope::All => "update",
            Scope::Security => "security update",
            Scope::Kernel => "kernel update",
            Scope::Packages => "update of the named packages",
            Scope::Cve => "update for these CVEs",
            Scope::Advisory => "update of these advisories",
        }
    }
}

/// Sorts the pending updates. New packages are not named: they come with the packages that need them.
pub(super) fn choose(wish: &Wish, manager: &dyn PackageManager, pending: &Pending, state: &PackageState) -> Choice {
    let mut choice = Choice::default();
    // A package pinned to an older version may need a fix, so it is named along with the security updates.
    let pinned = |update: &Update| update.stays == Some(Stays::PinnedBack) && wish.scope == Scope::Security;
    let covered = |update: &&Update| {
        update.from.is_some() && (wish.covers(manager, update) || pinned(update) || wish.is_unsure(update))
    };
    for update in pending.updates.iter().filter(covered) {
        if wish.wants_newest(update) && !is_newest(manager, pending, update) {
            continue;
        }
        let name = update.name.clone();
        if wish.excludes(manager, &name) {
            choice.excluded.push(name);
        } else if wish.holds(manager, &name) {
            choice.kept.push(name);
        } else if wish.is_unsure(update) {
            choice.unsure.push(name);
        } else if state.is_held(&name) {
            choice.left.push(left(update, WhyLeft::Held));
        } else {
            match (update.stays, update.security.fix()) {
                (None, _) => choice.take.push(Exact { name, version: update.to.clone() }),
                // Security fixes are never phased in; only a later version built on top of one is.
                (Some(Stays::Phased), Some(fix)) => choice.take.push(Exact { name, version: fix.clone() }),
                (Some(Stays::Phased), None) => choice.phased.push(name),
                (Some(Stays::KeptBack), _) => choice.left.push(left(update, WhyLeft::KeptBack)),
                (Some(Stays::PinnedBack), _) => choice.left.push(left(update, WhyLeft::Pinned)),
            }
        }
    }
    let is_there = |name: &String| state.has(name) || is_pattern(name);
    let has_update = |id: &&String| pending.updates.iter().any(|update| wish.belongs(update, id));
    let (matched, unmatched) = wish.ids.iter().cloned().partition(|id| has_update(&id));
    (choice.name_check.matched, choice.name_check.unmatched) = (matched, unmatched);
    choice.nothing_to_hold = wish.without_package(manager, state);
    choice.not_installed = wish.names.iter().filter(|name| !is_there(name)).cloned().collect();
    choice
}

/// Whether no newer version of the package is pending, which the manager cannot install.
fn is_newest(manager: &dyn PackageManager, pending: &Pending, update: &Update) -> bool {
    let mut others = pending.updates.iter().filter(|other| other.name == update.name);
    !others.any(|other| manager.compare(&other.to, &update.to) == Ordering::Greater)
}

/// An update that stays pending. A fix that a pin keeps away is newer than what the pin asks for.
fn left(update: &Update, why: WhyLeft) -> PackageLeft {
    let available = if why == WhyLeft::Pinned { update.security.fix().cloned() } else { Some(update.to.clone()) };
    PackageLeft {
        name: update.name.clone(),
        installed: update.from.clone(),
        available,
        security: update.security.fix().is_some(),
        why,
    }
}

impl Choice {
    /// What was left out and why, for people: `held: a, b`.
    pub(super) fn left_out(&self) -> Vec<String> {
        let by_wish = [
            ("phased", &self.phased),
            ("excluded", &self.excluded),
            ("held by the playbook", &self.kept),
            ("not installed, so not held", &self.nothing_to_hold),
            ("the source does not mark security updates", &self.unsure),
            ("not installed", &self.not_installed),
            ("no pending update belongs to", &self.name_check.unmatched),
            ("package sources that did not answer", &self.silent),
        ];
        let mut lines = self.blocked();
        lines.extend(named(&by_wish));
        lines
    }

    /// Says why updates are held that a rollback put on hold.
    pub(super) fn explain_holds(&mut self, holds: &BTreeMap<String, Hold>) {
        let held = self.left.iter().filter(|left| left.why == WhyLeft::Held);
        let explained =
            held.filter_map(|left| Some(format!("{} is held {}", left.name, holds.get(&left.name)?.words())));
        self.holds = explained.collect();
    }

    /// Updates that are wanted and pending but cannot be installed: they must not be overlooked.
    pub(super) fn blocked(&self) -> Vec<String> {
        let of = |why| self.left.iter().filter(|left| left.why == why).map(|left| left.name.clone()).collect();
        let lists: [(WhyLeft, Vec<String>); 3] =
            [WhyLeft::Held, WhyLeft::KeptBack, WhyLeft::Pinned].map(|why| (why, of(why)));
        let mut lines: Vec<String> = named(&lists.each_ref().map(|(why, names)| (why.as_str(), names))).collect();
        lines.extend(named(&[("unknown here", &self.name_check.unknown)]));
        lines
    }
}

fn named(lists: &[(&str, &Vec<String>)]) -> impl Iterator<Item = String> {
    let filled = lists.iter().filter(|(_, names)| !names.is_empty());
    filled.map(|(why, names)| format!("{why}: {}", names.join(", ")))
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder
            .add(Glob::new(pattern).map_err(|error| format!("{pattern:?} is not a valid pattern: {}", error.kind()))?);
    }
    builder.build().map_err(|error| error.to_string())
}

pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// A name without an architecture means all architectures.
fn matches(manager: &dyn PackageManager, globs: &GlobSet, name: &str) -> bool {
    globs.is_match(name) || globs.is_match(manager.bare(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Advisory, Installed, apt::Apt};

    fn update(name: &str, from: Option<&str>, to: &str, security: Option<&str>, stays: Option<Stays>) -> Update {
        Update {
            security: Security::known(security.map(str::to_owned)),
            kernel: name.starts_with("linux-image"),
            stays,
            ..Update::new(name, from.map(str::to_owned), to)
        }
    }

    fn check(scope: Scope, names: &[&str], exclude: &[&str]) -> (String, Vec<String>) {
        let phased = Some(Stays::Phased);
        let pending = Pending {
            updates: vec![
                update("docker-ce", Some("1"), "2", Some("2"), None),
                update("gradual", Some("1"), "2", None, phased),
                update("gradual-fix", Some("1"), "3", Some("2"), phased),
                update("held", Some("1"), "2", Some("2"), Some(Stays::KeptBack)),
                update("libssl3:i386", Some("1"), "2", Some("2"), None),
                update("linux-image-6.1.0-99-amd64", None, "6", Some("6"), None),
                update("linux-image-amd64", Some("5"), "6", Some("6"), None),
                update("masked", Some("1"), "2.0", Some("1+deb"), None),
                update("pinned", Some("3"), "2", None, Some(Stays::PinnedBack)),
                update("plain", Some("1"), "2", None, None),
                update("stuck", Some("1"), "2", Some("2"), Some(Stays::KeptBack)),
                Update { security: Security::Unknown, ..update("vendor", Some("1"), "2", None, None) },
                Update { security: Security::Unknown, ..update("vendor-new", None, "2", None, None) },
            ],
            ..Pending::default()
        };
        let mut state = PackageState::default();
        for update in pending.updates.iter().filter(|update| update.from.is_some()) {
            let installed = Installed { held: update.name == "held", ..Installed::default() };
            state.add(&update.name, installed);
        }
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let wish = Wish::new(scope, owned(names), &owned(exclude)).unwrap();
        let choice = choose(&wish, &Apt, &pending, &state);
        let take: Vec<String> = choice.take.iter().map(Exact::to_string).collect();
        (take.join(" "), choice.left_out())
    }

    #[test]
    fn each_scope_takes_what_it_says() {
        assert_eq!(
            check(Scope::All, &[], &[]),
            (
                "docker-ce=2 gradual-fix=2 libssl3:i386=2 linux-image-amd64=6 masked=2.0 plain=2 vendor=2".into(),
                vec![
                    "held: held".into(),
                    "kept back: stuck".into(),
                    "pinned to an older version: pinned".into(),
                    "phased: gradual".into()
                ]
            )
        );
        assert_eq!(
            check(Scope::Security, &[], &["docker-*", "libssl3", "pinned"]),
            (
                "gradual-fix=2 linux-image-amd64=6 masked=2.0".into(),
                vec![
                    "held: held".into(),
                    "kept back: stuck".into(),
                    "excluded: docker-ce, libssl3:i386, pinned".into(),
                    "the source does not mark security updates: vendor".into()
                ]
            )
        );
        assert_eq!(check(Scope::Kernel, &[], &[]), ("linux-image-amd64=6".into(), vec![]));
        assert_eq!(
            check(Scope::Packages, &["plain", "libssl*", "nonesuch"], &[]),
            ("libssl3:i386=2 plain=2".into(), vec!["not installed: nonesuch".into()])
        );
        assert_eq!(check(Scope::Packages, &[], &[]), (String::new(), vec![]), "an empty name is not a package");
    }

    #[test]
    fn what_cannot_be_had_is_kept_with_its_versions() {
        let pending = Pending {
            updates: vec![
                update("held", Some("1"), "3", Some("2"), Some(Stays::KeptBack)),
                update("pinned", Some("3"), "2", None, Some(Stays::PinnedBack)),
                update("pinned-fix", Some("3"), "2", Some("4"), Some(Stays::PinnedBack)),
                update("phased", Some("1"), "2", None, Some(Stays::Phased)),
                update("plain", Some("1"), "2", None, Some(Stays::KeptBack)),
                update("skipped", Some("1"), "2", Some("2"), Some(Stays::KeptBack)),
            ],
            ..Pending::default()
        };
        let mut state = PackageState::default();
        state.add("held", Installed { held: true, ..Installed::default() });
        let left = |scope| {
            let wish = Wish::new(scope, Vec::new(), &["skipped".to_owned()]).unwrap();
            let of = |one: &PackageLeft| {
                let (from, to) = (one.installed.as_deref().unwrap(), one.available.as_deref().unwrap_or("-"));
                let fix = if one.security { " fix" } else { "" };
                format!("{} {from} {to} {}{fix}", one.name, one.why.as_str())
            };
            choose(&wish, &Apt, &pending, &state).left.iter().map(of).collect::<Vec<_>>()
        };
        let held = "held 1 3 held fix";
        let pinned = ["pinned 3 - pinned to an older version", "pinned-fix 3 4 pinned to an older version fix"];
        assert_eq!(left(Scope::Security), [held, pinned[0], pinned[1]]);
        assert_eq!(left(Scope::All), [held, pinned[0], pinned[1], "plain 1 2 kept back"]);
        assert_eq!(left(Scope::Kernel), [""; 0]);
    }

    #[test]
    fn an_older_version_is_taken_where_that_is_wanted_or_it_is_a_fix() {
        let kept = Some(Stays::KeptBack);
        let pending = Pending {
            updates: vec![
                update("fixed", Some("1"), "2", Some("2"), None),
                update("fixed", Some("1"), "3", None, kept),
                update("other", Some("1"), "2", None, None),
                update("other", Some("1"), "3", Some("3"), kept),
            ],
            ..Pending::default()
        };
        for (scope, nobest, take, left) in [
            (Scope::All, false, "fixed=2", &["fixed 3", "other 3"][..]),
            (Scope::All, true, "fixed=2 other=2", &["fixed 3", "other 3"]),
            (Scope::Security, false, "fixed=2", &["other 3"]),
        ] {
            let wish = Wish { nobest, ..Wish::new(scope, Vec::new(), &[]).unwrap() };
            let choice = choose(&wish, &Apt, &pending, &PackageState::default());
            let taken: Vec<String> = choice.take.iter().map(Exact::to_string).collect();
            let named = |one: &PackageLeft| format!("{} {}", one.name, one.available.as_deref().unwrap_or("-"));
            let stays: Vec<String> = choice.left.iter().map(named).collect();
            assert_eq!((taken.join(" ").as_str(), stays), (take, left.iter().map(|one| (*one).to_owned()).collect()));
        }
    }

    #[test]
    fn cves_and_advisories_take_what_belongs_to_them() {
        let of = |name: &str, id: &str, cves: &[&str]| {
            let cves = cves.iter().map(|cve| (*cve).to_owned()).collect();
            let advisory = Advisory { id: id.to_owned(), security: true, severity: String::new(), cves };
            Update { advisories: vec![advisory], ..update(name, Some("1"), "2", None, None) }
        };
        let pending = Pending {
            updates: vec![
                of("a", "RHSA-2026:1", &["CVE-2026-0001", "CVE-2026-0002"]),
                of("b", "RHSA-2026:2", &["CVE-2026-0002"]),
                update("c", Some("1"), "2", Some("2"), None),
            ],
            ..Pending::default()
        };
        for (scope, ids, expected, unmatched) in [
            (Scope::Cve, vec!["CVE-2026-0002"], "a=2 b=2", vec![]),
            (Scope::Cve, vec!["cve-2026-0001", "CVE-2026-9999"], "a=2", vec!["CVE-2026-9999"]),
            (Scope::Advisory, vec!["RHSA-2026:2"], "b=2", vec![]),
            (Scope::Advisory, vec!["CVE-2026-0002"], "", vec!["CVE-2026-0002"]),
        ] {
            let ids = ids.into_iter().map(str::to_owned).collect();
            let wish = Wish { ids, ..Wish::new(scope, Vec::new(), &[]).unwrap() };
            let choice = choose(&wish, &Apt, &pending, &PackageState::default());
            let take: Vec<String> = choice.take.iter().map(Exact::to_string).collect();
            assert_eq!(
                (take.join(" ").as_str(), choice.name_check.unmatched),
                (expected, unmatched.into_iter().map(str::to_owned).collect())
            );
        }
    }

    #[test]
    fn a_broken_pattern_is_named() {
        assert!(Wish::new(Scope::All, vec![], &["a[".into()]).unwrap_err().contains("a["));
    }
}
