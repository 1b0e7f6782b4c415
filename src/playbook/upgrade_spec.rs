//! What `upgrade:` and `rollback:` ask for, checked. The rest of a playbook is in `spec.rs`; their reader is
//! `kinds/changes.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LOCK_TIMEOUT, Template, TemplateList};

/// `upgrade:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Which updates.
    pub scope: Scope,
    /// `packages:` for `scope: packages`.
    pub packages: Option<TemplateList>,
    /// `cves:` for `scope: cve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cves: Option<TemplateList>,
    /// `advisories:` for `scope: advisory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<TemplateList>,
    /// `exclude:`: names (globs allowed) that stay as they are.
    pub exclude: Option<TemplateList>,
    /// `hold:`: names (globs allowed) that stay as they are, and that the host's package manager holds from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<TemplateList>,
    /// `allow_removals:`; default no.
    pub allow_removals: bool,
    /// `include_phased:`; default no.
    pub include_phased: bool,
    /// `nobest:`: take an older version where the newest one cannot be installed. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nobest: bool,
    /// `lock_timeout:`: how long to wait for a package lock that someone else holds. Default 10 min.
    pub lock_timeout: Duration,
    /// `repair:`: repair half-configured packages first. Default no: a broken host fails.
    pub repair: bool,
    /// `refresh:`: fetch the package lists first. Default yes.
    pub refresh: bool,
    /// `required_origins:`: the package sources that must answer; empty: all of them, which is the default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_origins: Vec<String>,
    /// `allow_drift:`: accept what the package manager would install instead of what was chosen. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_drift: bool,
    /// `predownload:`: only fetch the packages; install nothing. Default no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub predownload: bool,
    /// `restart_services:`: what to do about services that still use replaced files. Default nothing.
    #[serde(default, skip_serializing_if = "RestartServices::is_never")]
    pub restart_services: RestartServices,
    /// `rollback:`: what is done for the way back before anything is changed. Default nothing.
    #[serde(default, skip_serializing_if = "WayBackWish::is_no")]
    pub rollback: WayBackWish,
}

impl Default for Upgrade {
    /// `upgrade: {}`.
    fn default() -> Self {
        Self {
            scope: Scope::Security,
            packages: None,
            cves: None,
            advisories: None,
            exclude: None,
            hold: None,
            allow_removals: false,
            include_phased: false,
            nobest: false,
            lock_timeout: LOCK_TIMEOUT,
            repair: false,
            refresh: true,
            required_origins: Vec::new(),
            allow_drift: false,
            predownload: false,
            restart_services: RestartServices::Never,
            rollback: WayBackWish::No,
        }
    }
}

/// Whether an upgrade restarts services that still use the files it has replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartServices {
    /// They are only reported.
    #[default]
    Never,
    /// Those that need it are restarted.
    Needed,
}

impl RestartServices {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

/// Which updates an upgrade takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that is pending.
    All,
    /// What has a security fix between the installed and the candidate version.
    Security,
    /// Kernels and their meta packages.
    Kernel,
    /// The named packages.
    Packages,
    /// What belongs to these CVE ids.
    Cve,
    /// What belongs to these advisories.
    Advisory,
}

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
    /// `hold:`: how long what was rolled back is held; zero: it is not held. `None`: for 7 days where the package
    /// manager can hold packages; elsewhere it is not held, and the result says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
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
        Self { hold: None, reason: None, lock_timeout: LOCK_TIMEOUT, force: false }
    }
}

impl Rollback {
    /// How long what was rolled back is held if nothing else is said.
    pub const HOLD: Duration = Duration::from_secs(7 * 86_400);

    /// How long what was rolled back is held; zero: it is not held.
    pub fn holds_for(&self) -> Duration {
        self.hold.unwrap_or(Self::HOLD)
    }
}
