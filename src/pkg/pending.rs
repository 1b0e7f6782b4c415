//! What an upgrade would do: the updates that are pending, and what becomes of an exact set.

use serde::Serialize;

use super::{Exact, Package};

/// What an upgrade of everything would do on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// By name, new packages included.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Update {
    /// Its name, as in [`super::PackageState`].
    pub name: String,
    /// The installed version, the newest of several; `None`: a new package that another one needs.
    pub from: Option<String>,
    /// The version that the manager would install.
    pub to: String,
    /// The highest version from a security origin that is above `from` and not above `to`, if there is one.
    pub security: Option<String>,
    /// A kernel, its headers or modules, or a meta package of them.
    pub kernel: bool,
    /// Why the manager does not take it by itself.
    pub stays: Option<Stays>,
}

/// Why a pending update is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
