//! The vocabulary of the records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AdvisoriesImported, Digest, Document};
use crate::host::HostName;

/// What one record says. Its JSON has the tag `record`; a kind that a newer program wrote is read as [`Kind::Other`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Kind {
    /// A host answered a scan.
    HostScanned(HostScanned),
    /// A host did not answer a scan.
    HostNotScanned(HostNotScanned),
    /// A file of advisories was imported.
    AdvisoriesImported(AdvisoriesImported),
    /// A newer program wrote it.
    #[serde(other)]
    Other,
}

/// What a scan found on a host: the documents that say it. Without a document that part is not known, and `unknown`
/// says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostScanned {
    /// The host.
    pub host: HostName,
    /// All records of one scan have the same text here: when it began.
    pub scan: String,
    /// Who ran it.
    pub by: String,
    /// What the host is: [`super::HostDocument`].
    pub facts: Digest,
    /// Which updates are pending: [`crate::pkg::Pending`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Digest>,
    /// What is installed: [`super::Packages`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Digest>,
    /// What could not be found out, and why, by the name of the part.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, String>,
}

impl HostScanned {
    /// The part of `unknown` that says why the package lists could not be fetched.
    pub const REFRESH: &str = "refresh";
    /// The part of `unknown` that names sources without a list.
    pub const SOURCES: &str = "package sources";

    /// Whether more may be pending than the host says: one of its sources did not answer, or has no list.
    pub fn is_partial(unknown: &BTreeMap<String, String>) -> bool {
        unknown.contains_key(Self::REFRESH) || unknown.contains_key(Self::SOURCES)
    }
}

/// Why a scan has no answer of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNotScanned {
    /// The host.
    pub host: HostName,
    /// As in [`HostScanned`].
    pub scan: String,
    /// Who ran it.
    pub by: String,
    /// The kind of failure, as in results of steps: `refused`, `auth`.
    pub class: String,
    /// The reason in words.
    pub why: String,
    /// Whether the host was not reached, as opposed to reached but without a usable answer.
    pub unreachable: bool,
}

impl Kind {
    /// The documents that it names.
    pub fn documents(&self) -> Vec<&Digest> {
        match self {
            Self::HostScanned(scan) => {
                [Some(&scan.facts), scan.pending.as_ref(), scan.packages.as_ref()].into_iter().flatten().collect()
            }
            Self::AdvisoriesImported(import) => vec![&import.problems],
            Self::HostNotScanned(_) | Self::Other => Vec::new(),
        }
    }
}

/// A record that is not written yet.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// What it says.
    pub kind: Kind,
    /// The documents that it names.
    pub documents: Vec<Document>,
}
