//! Where a host's updates come from, and which other programs install them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Repositories of a host, and programs besides this one that install updates on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Each repository whose list the host has.
    pub repositories: Vec<Repository>,
    /// Programs that install updates by themselves, and files with lines that do, as a person would name them.
    pub rivals: Vec<String>,
    /// The source package and its version of each installed package that is not named or numbered like its source.
    #[serde(skip)]
    pub origins: BTreeMap<String, (String, String)>,
}

/// A repository, as its list on the host describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its address and release, in short.
    pub name: String,
    /// Who publishes it; empty: it does not say.
    pub origin: String,
    /// The date of the list, by the publisher's clock; `None`: it does not say.
    pub dated: Option<Timestamp>,
    /// Until when the publisher says that the list may be used.
    pub valid_until: Option<Timestamp>,
}
