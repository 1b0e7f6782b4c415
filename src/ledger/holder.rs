//! Who holds the lock of a run, as written in the lock file.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A controller, as it describes itself in the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `account@machine (login person)`.
    pub owner: String,
    /// Its process id, in its PID namespace.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, process {}, since {}", self.owner, self.pid, self.since.strftime("%F %T UTC"))
    }
}
