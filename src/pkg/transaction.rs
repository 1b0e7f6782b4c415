//! A change of a host's packages, as a value. A manager reports what it cannot do of it; nothing is left out silently.

use std::{collections::BTreeSet, time::Duration};

use super::{Exact, Package};

/// What is to be done, in exact versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Packages that are not installed, or further versions of those that are.
    pub install: Vec<Exact>,
    /// Newer versions of installed packages. What is not installed is not added.
    pub upgrade: Vec<Exact>,
    /// Older versions of installed packages.
    pub downgrade: Vec<Exact>,
    /// Packages to remove.
    pub remove: Vec<Package>,
    /// Removed packages leave their configuration behind.
    pub keep_configuration: bool,
    /// Those of them that came in as dependencies and keep that mark. A manager that removes the mark from packages
    /// that are named restores it with [`super::PackageManager::restore_marks`].
    pub auto: BTreeSet<String>,
    /// Whether packages may be removed that `remove` does not name.
    pub allow_removals: bool,
    /// Folders on the host with the archives that [`super::PackageManager::stage`] fetched. What they have is taken
    /// from them, everything else from the package sources.
    pub folders: Vec<String>,
    /// Fetch all that it needs and change nothing.
    pub download_only: bool,
    /// How long to wait for a lock that another process holds.
    pub lock_timeout: Duration,
}

impl Transaction {
    /// An upgrade to exactly these versions.
    pub fn upgrade(set: &[Exact]) -> Self {
        Self { upgrade: set.to_vec(), ..Self::default() }
    }

    /// The removal of these packages with their configuration, and of what depends on them: the simulation shows that.
    pub fn removal(packages: &[Package]) -> Self {
        Self { remove: packages.to_vec(), allow_removals: true, ..Self::default() }
    }
}

/// A transaction that a manager cannot do as requested.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{manager} cannot {what}")]
pub struct CannotDo {
    /// [`super::PackageManager::name`].
    pub manager: &'static str,
    /// What it cannot do, after "cannot".
    pub what: &'static str,
}

/// A command that finishes what an interrupted transaction left half done.
#[derive(Clone, Debug)]
pub struct Repair {
    /// Its name among the repairs of its manager, and the name of its job, so it must not change between versions.
    /// Lower-case letters and digits.
    pub name: &'static str,
    /// What to run.
    pub command: crate::command::Command,
}
