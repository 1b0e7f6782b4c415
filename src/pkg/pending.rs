//! What an upgrade would do: the updates that are pending, and what becomes of an exact set.

use serde::{Deserialize, Serialize};

use super::{Exact, Package};

/// What an upgrade accepts that it would otherwise leave out or refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    /// That packages are removed.
    pub removals: bool,
    /// Updates that are still being phased in.
    pub phased: bool,
    /// That package sources did not answer: what is known of them is used, and they are passed over if nothing is.
    pub silent: bool,
}

/// What an upgrade of everything would do on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// By name, new packages included. If the newest version of a package cannot be installed and an older one can,
    /// there are two updates of its name; the newest one is [`Stays::KeptBack`].
    pub updates: Vec<Update>,
    /// Packages that it would remove.
    pub removals: Vec<Package>,
    /// Whether any package source marks security fixes. Without one, an update that is not marked as a security fix may
    /// be one.
    pub knows_security: bool,
    /// Why the manager refused to compute this, in its own words; empty if it did not refuse.
    pub refused: Vec<String>,
}

/// One pending update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Its name, as in [`super::PackageState`].
    pub name: String,
    /// The installed version, the newest of several; `None`: a new package that another one needs.
    pub from: Option<String>,
    /// The version that the manager would install.
    pub to: String,
    /// Whether it fixes a security problem.
    pub security: Security,
    /// A kernel, its headers or modules, or a meta package of them.
    pub kernel: bool,
    /// Why the manager does not take it by itself.
    pub stays: Option<Stays>,
    /// The package source that has `to`, as the manager names it: `stable-security`, `baseos`; `None`: not known.
    pub source: Option<String>,
    /// The advisories that a version above `from` and not above `to` belongs to, by id.
    pub advisories: Vec<Advisory>,
    /// Whether a package source still has `from`; `None`: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offers_from: Option<bool>,
}

impl Update {
    /// An update that nothing else is known of.
    pub fn new(name: impl Into<String>, from: Option<String>, to: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            from,
            to: to.into(),
            security: Security::Unknown,
            kernel: false,
            stays: None,
            source: None,
            advisories: Vec::new(),
            offers_from: None,
        }
    }
}

/// Whether an update fixes a security problem. Written as `{"fix": VERSION}`, `"no"` or `"unknown"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// It does: the highest version above the installed one, and not above the pending one, that is a security fix.
    Fix(String),
    /// Its source marks security fixes, and this is none.
    No,
    /// Its source does not mark security fixes.
    Unknown,
}

impl Security {
    /// `Fix` or `No`, from a source that marks security fixes.
    pub fn known(fix: Option<String>) -> Self {
        fix.map_or(Self::No, Self::Fix)
    }

    /// The version that is the fix.
    pub fn fix(&self) -> Option<&String> {
        match self {
            Self::Fix(version) => Some(version),
            Self::No | Self::Unknown => None,
        }
    }
}

/// What the distribution published about a problem and the versions that fix it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Advisory {
    /// `RHSA-2026:1234`, `DSA-5000-1`, `openSUSE-SLE-15.6-2026-1234`.
    pub id: String,
    /// Whether it is about security, as opposed to a bug or a new function.
    pub security: bool,
    /// In the distribution's own word, lower case: `critical`, `important`; empty: it does not say.
    pub severity: String,
    /// The problems that have a CVE id, sorted.
    pub cves: Vec<String>,
}

/// Why a pending update is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stays {
    /// It is rolled out gradually by the distribution, and it is not yet this host's turn.
    Phased,
    /// It is held, or cannot be installed without a removal or a missing dependency.
    KeptBack,
    /// A pin asks for an older version than the installed one. Packages are never downgraded for a pin.
    PinnedBack,
}

/// What a transaction would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Simulation {
    /// Versions that it would bring in, each with the installed version, the newest of several, if there is one.
    pub installs: Vec<(Exact, Option<String>)>,
    /// Packages that it would remove.
    pub removals: Vec<Package>,
    /// Why the manager would refuse the transaction, in its own words; empty if it would not.
    pub refused: Vec<String>,
}
