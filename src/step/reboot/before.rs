//! What is known about a host before its reboot.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::pkg::Trial;

/// What is known before the reboot; noted before the reboot is requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// The boot that is to end.
    pub boot: String,
    /// The kernel that the next boot should start.
    pub kernel: Option<String>,
    /// The boot loader's file that names this kernel; `None`: no file says what it starts.
    #[serde(default)]
    pub loader: Option<String>,
    /// How the new kernel is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Units that had already failed.
    pub failed_units: BTreeSet<String>,
    /// Why it is rebooted.
    pub why: String,
    /// What was already wrong with the packages, in words; an older version did not look.
    #[serde(default)]
    pub broken: BTreeSet<String>,
}
