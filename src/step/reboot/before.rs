//! What is known of a host before its reboot, and noted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What is known before the reboot; noted before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// The boot that is to end.
    pub boot: String,
    /// The kernel that the next boot should bring.
    pub kernel: Option<String>,
    /// The boot loader's file that says so; `None`: none says what it starts.
    #[serde(default)]
    pub loader: Option<String>,
    /// Units that had failed already.
    pub failed_units: BTreeSet<String>,
    /// Why.
    pub why: String,
    /// What was wrong with the packages already, in words; an older version did not look.
    #[serde(default)]
    pub broken: BTreeSet<String>,
}
