//! What is installed on a host, and whether its package database is in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::Serialize;

/// All packages of a host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageState {
    /// By name (`:arch` added for a foreign architecture). Only what has files on the host.
    pub packages: BTreeMap<String, Installed>,
    /// A transaction was cut off and left a journal.
    pub interrupted: bool,
    /// Configuration files that the maintainer has changed and the host's own version was kept of.
    pub review: BTreeSet<String>,
    /// How old the package lists are, by the host's own clock; `None`: there are none, or it is not known.
    pub lists_age: Option<Duration>,
}

/// One installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// What is wrong with it (`half-configured`), if anything is.
    pub broken: Option<String>,
    /// Somebody said that it must stay as it is.
    pub held: bool,
    /// It came in as a dependency.
    pub auto: bool,
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
    /// Whether the package database is in order.
    pub fn health(&self) -> Health {
        let broken = self.packages.iter().filter_map(|(name, p)| Some((name.clone(), p.broken.clone()?))).collect();
        Health { broken, interrupted: self.interrupted }
    }

    /// Names and versions.
    pub fn versions(&self) -> BTreeMap<String, String> {
        self.packages.iter().map(|(name, package)| (name.clone(), package.version.clone())).collect()
    }

    /// Whether `name` is installed and held.
    pub fn is_held(&self, name: &str) -> bool {
        self.packages.get(name).is_some_and(|package| package.held)
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
