//! How a group of hosts is rolled out: batches, budget, soak, spread, window. Data and its merging only.
//! Written under `patchwave:` in an inventory or in a playbook's `rollout:`; read by the planner. Start at [`Policy`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    amount::Amount,
    host::{Environment, Risk},
};

/// One layer of policy; what is `None` is left to the layer below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The environment (inventory only).
    pub environment: Option<Environment>,
    /// The risk level (inventory only).
    pub risk: Option<Risk>,
    /// Hosts in the first wave.
    pub canary: Option<u32>,
    /// Sizes of the waves after the canary; the last repeats. Never empty, never zero.
    pub batch: Option<Vec<Amount>>,
    /// Broken hosts that are still borne by the stage.
    pub max_failures: Option<Amount>,
    /// Rest after each wave.
    pub soak: Option<Duration>,
    /// Wait for a person after the first wave.
    pub approve: Option<bool>,
    /// Whether a wave waits for its slowest host.
    pub mode: Option<Mode>,
    /// Hosts of one failure domain that may be out at once.
    pub spread: Option<Spread>,
    /// What a spent budget stops.
    pub on_budget_spent: Option<OnBudgetSpent>,
    /// When hosts may be started.
    pub window: Option<Window>,
}

/// Whether a batch is a wave or a sliding window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A wave ends before the next begins.
    #[default]
    Waves,
    /// After the canary, a host that is done is replaced at once.
    Sliding,
}

/// `spread: {by: LABEL, max_unavailable: N}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The host variable whose value names the failure domain.
    pub by: String,
    /// Most hosts of one value in flight or broken at once, over all stages. At least 1.
    pub max_unavailable: u32,
}

/// What happens when more hosts broke than the budget bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBudgetSpent {
    /// No host of the run starts any more.
    #[default]
    HaltRun,
    /// No host of this stage starts any more; later stages go on.
    HaltStage,
    /// The failure is noted, nothing stops.
    Continue,
}

/// When hosts may be started: a cron expression, a length, a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Cron fields with `#` and `L` (`0 2 * * SUN#2`).
    pub start: String,
    /// How long it is open.
    pub duration: Duration,
    /// IANA name.
    pub timezone: String,
}

impl Policy {
    /// What is said in `above` wins.
    #[must_use]
    pub fn overlaid(&self, above: &Self) -> Self {
        macro_rules! pick {
            ($($field:ident),+) => { Self { $($field: above.$field.clone().or_else(|| self.$field.clone())),+ } };
        }
        pick!(environment, risk, canary, batch, max_failures, soak, approve, mode, spread, on_budget_spent, window)
    }
}
