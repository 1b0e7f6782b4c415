//! What can be wrong with the packages of a host, or with a change of them, in one list of classes.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kind of a trouble. Its text is stable: it is the class of a step's result in the ledger and in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No supported manager works on the host.
    Unsupported,
    /// The manager needs rights that the commands do not have.
    Rights,
    /// Another process holds a lock.
    Lock,
    /// The package database is not in order, or a package is half-installed.
    Broken,
    /// The manager refuses, though the package database is in order.
    Refused,
    /// The package lists could not be fetched.
    Refresh,
    /// No room on a disk.
    Disk,
    /// Packages could not be fetched.
    Fetch,
    /// A package could not be installed or removed: its script failed, or its archive is bad.
    Failed,
    /// The manager gave up for a reason of its own.
    Manager,
    /// The manager cannot do what is requested.
    CannotDo,
    /// The host knows none of the named packages.
    UnknownPackage,
    /// No source marks security fixes.
    NoSecuritySource,
    /// No source says which advisories an update belongs to.
    NoAdvisories,
    /// Something other than what was chosen or planned would be done.
    Drift,
    /// Packages would be removed, or are gone, without being planned.
    Removals,
    /// An excluded package is needed by another update.
    Excluded,
    /// The manager reported success but did not do what was planned.
    Missing,
    /// The transaction was cut off.
    Interrupted,
    /// Downloaded archives could not be deleted.
    Cache,
    /// Old versions are not to be had, or the manager refuses to go back to them.
    NoWayBack,
    /// Packages could not be put on hold, or taken off.
    Hold,
    /// The boot loader cannot be made to start the older kernel.
    BootLoader,
}

impl Class {
    /// Its stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Rights => "rights",
            Self::Lock => "lock",
            Self::Broken => "broken-packages",
            Self::Refused => "refused",
            Self::Refresh => "refresh",
            Self::Disk => "disk",
            Self::Fetch => "fetch",
            Self::Failed => "package-failed",
            Self::Manager => "package-manager",
            Self::CannotDo => "cannot-do",
            Self::UnknownPackage => "unknown-package",
            Self::NoSecuritySource => "no-security-source",
            Self::NoAdvisories => "no-advisories",
            Self::Drift => "drift",
            Self::Removals => "removals",
            Self::Excluded => "excluded",
            Self::Missing => "missing",
            Self::Interrupted => "interrupted",
            Self::Cache => "cache",
            Self::NoWayBack => "no-way-back",
            Self::Hold => "hold",
            Self::BootLoader => "boot-loader",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a transaction's output says about its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Which kind it is.
    pub class: Class,
    /// The package it is about, if one is named.
    pub package: Option<String>,
    /// One line for people.
    pub summary: String,
}

/// A script of a package that failed in a transaction that went on: the package counts as installed, but what the
/// script should have done is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedScript {
    /// The package.
    pub package: String,
    /// What happened, for people.
    pub summary: String,
    /// What an operator types on the host to run it again.
    pub again: String,
}
