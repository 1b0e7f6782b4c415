//! The way back, as it is written: what an upgrade does for it, and the step that goes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LOCK_TIMEOUT, Reboot, RebootWhen, StepKind, StepSpec, Template, Verify};

/// `rollback:` of an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBackWish {
    /// Nothing is fetched.
    #[default]
    No,
    /// The old versions are fetched to the host; what cannot be had is named.
    Prepare,
    /// As `Prepare`, and without all of them nothing is changed.
    Required,
}

impl WayBackWish {
    /// Nothing is fetched. The default is not written down, so that plans of older versions read the same.
    pub fn is_no(&self) -> bool {
        *self == Self::No
    }
}

/// `rollback:`, the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// `hold:`: how long what was rolled back is held. Default 7 days; zero: it is not held.
    pub hold: Duration,
    /// `reason:`, noted with the hold.
    pub reason: Option<Template>,
    /// `lock_timeout:`: how long to wait for someone else who is changing packages. Default 10 min.
    pub lock_timeout: Duration,
    /// Old versions come back although the packages were changed again since. Not a key: only the command can say it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

impl Default for Rollback {
    fn default() -> Self {
        Self { hold: Duration::from_secs(7 * 86_400), reason: None, lock_timeout: LOCK_TIMEOUT, force: false }
    }
}

/// The steps of a rollback of a whole run: the packages, a reboot if the older kernel needs one, and a look at both.
pub fn way_back(rollback: Rollback) -> Vec<StepSpec> {
    let reboot = Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(900),
        stable: Duration::from_secs(10),
        lock_timeout: LOCK_TIMEOUT,
        trial: false,
    };
    let verify = Verify { packages_healthy: true, ..Verify::default() };
    [StepKind::Rollback(rollback), StepKind::Reboot(reboot), StepKind::Verify(verify)].map(StepSpec::of).into()
}
