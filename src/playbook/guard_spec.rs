//! [`Guard`]: what a guard of a step or of a walk asks for, once it is read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CommandLine;

/// `guard:`: unless a new connection confirms in time, the host itself rolls back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// `within:`, of the host's own time while it is up and no job of ours runs.
    pub within: Duration,
    /// `rollback:`, run by the host with raised rights.
    pub rollback: CommandLine,
    /// `timeout:`, for the rollback; the host ends one that takes longer.
    #[serde(default = "Guard::timeout_if_none", skip_serializing_if = "Guard::is_usual")]
    pub timeout: Duration,
    /// The playbook's: from the first change on a host to the end of its walk, rather than one step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_walk: bool,
}

impl Guard {
    /// How long a rollback may take where the playbook does not say it.
    pub const TIMEOUT: Duration = Duration::from_secs(600);

    /// How long a rollback waits on the host for somebody else who installs packages there (`watch.sh`).
    const PACKAGES: Duration = Duration::from_secs(300);

    /// How long finding out what became of it may take: its own time, what it waits for others, that of the rollback,
    /// and a minute to end it.
    pub fn patience(&self) -> Duration {
        self.within + Self::PACKAGES + self.timeout + Duration::from_secs(60)
    }

    fn timeout_if_none() -> Duration {
        Self::TIMEOUT
    }

    fn is_usual(timeout: &Duration) -> bool {
        *timeout == Self::TIMEOUT
    }
}
