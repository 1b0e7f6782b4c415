//! What a host is, as values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::printable;

/// What a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// `/etc/os-release`.
    pub os: OsRelease,
    /// Which of the requested programs the host has.
    pub tools: BTreeSet<String>,
    /// `uname -r`.
    pub kernel: String,
    /// The user that the script ran as; 0 is root.
    pub uid: Option<u32>,
    /// The kernel's boot id; `None` when it cannot be read.
    pub boot_id: Option<String>,
    /// Whether systemd is process 1.
    pub systemd: bool,
    /// The kind of container, if it is one.
    pub container: Option<String>,
    /// Why the root file system cannot be changed in place (`ostree`, `read-only`).
    pub read_only: Option<String>,
}

/// The part of os-release that tells families apart. Format: os-release(5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsRelease {
    /// `ID`.
    pub id: String,
    /// `ID_LIKE`, split.
    pub id_like: Vec<String>,
    /// `VERSION_ID`.
    pub version_id: String,
    /// `VERSION_CODENAME`.
    #[serde(default)]
    pub codename: String,
    /// `PRETTY_NAME`, for people; never empty after reading.
    pub pretty_name: String,
}

impl OsRelease {
    /// Whether `ID` or `ID_LIKE` is `family`.
    pub fn is_like(&self, family: &str) -> bool {
        self.id == family || self.id_like.iter().any(|id| id == family)
    }

    pub(super) fn take(&mut self, assignment: &str) {
        let Some((key, value)) = assignment.split_once('=') else { return };
        // os-release is shell syntax restricted to assignments; a shell's word splitter undoes its quotes.
        let value = shlex::split(value).and_then(|words| words.into_iter().next()).unwrap_or_default();
        let value = printable(&value);
        match key.trim() {
            "ID" => self.id = value,
            "ID_LIKE" => self.id_like = value.split_whitespace().map(str::to_owned).collect(),
            "VERSION_ID" => self.version_id = value,
            "VERSION_CODENAME" => self.codename = value,
            "PRETTY_NAME" => self.pretty_name = value,
            _ => {}
        }
    }
}
