//! [`Guard`]: the guard of a step or of a whole walk, as read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CommandLine;

/// `guard:`: unless a new connection confirms in time, the host itself rolls back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// `within:`, measured by the host while it is up and no job of ours runs.
    pub within: Duration,
    /// `rollback:`, run by the host with raised rights.
    pub rollback: CommandLine,
    /// `timeout:`, for the rollback; the host ends one that takes longer.
    #[serde(default = "Guard::timeout_if_none", skip_serializing_if = "Guard::is_usual")]
    pub timeout: Duration,
    /// The playbook's guard, from the first change on a host to the end of its walk, and not the guard of one step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_walk: bool,
}

impl Guard {
    /// How long a rollback may take if the playbook does not say.
    pub const TIMEOUT: Duration = Duration::from_secs(600);

    /// How long a rollback waits on the host while someone else installs packages there (`watch.sh`).
    const PACKAGES: Duration = Duration::from_secs(300);

    /// How long it may take until the end of the guard is known: its own time, its wait for others, its rollback, and a
    /// minute to stop that.
    pub fn longest_time(&self) -> Duration {
        self.within + Self::PACKAGES + self.timeout + Duration::from_secs(60)
    }

    fn timeout_if_none() -> Duration {
        Self::TIMEOUT
    }

    fn is_usual(timeout: &Duration) -> bool {
        *timeout == Self::TIMEOUT
    }
}
