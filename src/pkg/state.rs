//! What is installed on a host, and whether its package database is in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::Serialize;

use super::{Package, Versions};

/// All packages of a host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageState {
    /// By name, with the architecture where the manager needs it to tell two apart. Only what has files on the host.
    /// Several versions of one name may be installed side by side (kernels); no list is empty.
    pub packages: BTreeMap<String, Vec<Installed>>,
    /// A transaction was cut off and left a journal.
    pub interrupted: bool,
    /// Configuration files that the maintainer has changed, and of which the host kept its own version.
    pub review: BTreeSet<String>,
    /// How old the package lists are, by the host's own clock; `None`: there are none, or it is not known.
    pub lists_age: Option<Duration>,
}

/// One installed version of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// What is wrong with it (`half-configured`), if anything is.
    pub broken: Option<String>,
    /// An administrator put it on hold.
    pub held: bool,
    /// It came in as a dependency.
    pub auto: bool,
    /// Other versions of it may be installed beside it (kernels).
    pub side_by_side: bool,
}

/// Whether the package database is in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Packages that are neither installed nor absent, with their status.
    pub broken: Vec<(String, String)>,
    /// A transaction was cut off and left a journal.
    pub interrupted: bool,
}

impl PackageState {
    /// Adds an installed version.
    pub fn add(&mut self, name: impl Into<String>, installed: Installed) {
        self.packages.entry(name.into()).or_default().push(installed);
    }

    /// The installed versions of a name.
    pub fn of(&self, name: &str) -> &[Installed] {
        self.packages.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether any version of `name` is installed.
    pub fn has(&self, name: &str) -> bool {
        !self.of(name).is_empty()
    }

    /// Whether this package is installed, in its version if it names one.
    pub fn has_package(&self, package: &Package) -> bool {
        let is_it = |installed: &Installed| package.version.as_ref().is_none_or(|it| *it == installed.version);
        self.of(&package.name).iter().any(is_it)
    }

    /// Whether the package database is in order.
    pub fn health(&self) -> Health {
        let all = self.packages.iter().flat_map(|(name, versions)| versions.iter().map(move |one| (name, one)));
        let broken = all.filter_map(|(name, one)| Some((name.clone(), one.broken.clone()?))).collect();
        Health { broken, interrupted: self.interrupted }
    }

    /// Names and versions.
    pub fn versions(&self) -> BTreeMap<String, Versions> {
        let of = |all: &Vec<Installed>| all.iter().map(|one| one.version.clone()).collect();
        self.packages.iter().map(|(name, all)| (name.clone(), of(all))).collect()
    }

    /// Whether `name` is installed and held.
    pub fn is_held(&self, name: &str) -> bool {
        self.of(name).iter().any(|one| one.held)
    }

    /// Takes these packages off hold.
    pub fn release(&mut self, names: &BTreeSet<String>) {
        let released = self.packages.iter_mut().filter(|(name, _)| names.contains(*name));
        released.flat_map(|(_, versions)| versions).for_each(|version| version.held = false);
    }

    /// Whether `name` is installed and came in as a dependency.
    pub fn is_auto(&self, name: &str) -> bool {
        self.of(name).iter().any(|one| one.auto)
    }
}

impl Health {
    /// Nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.broken.is_empty() && !self.interrupted
    }
}

impl fmt::Display for Health {
    /// `lab-fail is half-configured, x is unpacked and 3 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let mut parts: Vec<String> =
            self.broken.iter().take(SHOWN).map(|(name, status)| format!("{name} is {status}")).collect();
        if self.broken.len() > SHOWN {
            parts.push(format!("{} more", self.broken.len() - SHOWN));
        }
        if self.interrupted {
            parts.push("an earlier transaction was interrupted".to_owned());
        }
        if parts.is_empty() {
            parts.push("in order".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
