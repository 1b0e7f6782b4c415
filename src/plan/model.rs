//! The plan as data: what the engine executes, what the first event records, what the digest covers.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    host::{Environment, HostName, Risk},
    playbook::StepSpec,
    policy::{Mode, OnBudgetSpent, Spread, Window},
};

/// Ordered stages of waves of hosts, and the steps that each host walks. Immutable once made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `name:` of the playbook.
    pub playbook: String,
    /// The stages, in the order in which they run. Every host stands in exactly one wave of one stage.
    pub stages: Vec<Stage>,
    /// What each host walks.
    pub steps: Vec<StepSpec>,
    /// What a failed host walks afterwards.
    pub on_failure: Vec<StepSpec>,
    /// Broken hosts that the run bears, already in hosts.
    pub max_failures: Option<usize>,
    /// What a spent budget of the run stops.
    pub on_budget_spent: OnBudgetSpent,
    /// Per host, a hash of the variables that its steps can see: a changed inventory is another plan.
    pub vars_digest: String,
}

/// A set of hosts with one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `production/critical`, or the pattern that names it in the playbook.
    pub name: String,
    /// The environment, when all its hosts share one.
    pub environment: Option<Environment>,
    /// The highest risk among its hosts.
    pub risk: Option<Risk>,
    /// Waves in order; none is empty. In sliding mode the waves after the canary are one wave.
    pub waves: Vec<Wave>,
    /// In sliding mode: most hosts in flight after the canary.
    pub window_size: Option<usize>,
    /// Whether a wave ends before the next begins.
    pub mode: Mode,
    /// Broken hosts that the stage bears, already in hosts.
    pub max_failures: usize,
    /// What a spent budget stops.
    pub on_budget_spent: OnBudgetSpent,
    /// Rest after each wave but the last of the run.
    pub soak: Duration,
    /// Whether a person must approve after the first wave.
    pub approve: bool,
    /// Steps run on the controller after each soak; a failing one halts.
    pub gate: Vec<StepSpec>,
}

/// The hosts that may be in flight together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wave {
    /// True for the first wave of a stage with `canary`.
    pub canary: bool,
    /// In starting order.
    pub hosts: Vec<PlannedHost>,
}

/// One host of a wave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedHost {
    /// Who.
    pub name: HostName,
    /// Its failure domain (`spread`): the limit and the label's value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub domain: Option<Domain>,
    /// When it may be started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<Arc<Window>>,
}

/// A failure domain: never more than `spread.max_unavailable` of its hosts in flight or broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The rule.
    pub spread: Arc<Spread>,
    /// The label's value on this host.
    pub value: Arc<str>,
}

impl Plan {
    /// Every host with its stage and wave index, in starting order.
    pub fn hosts(&self) -> impl Iterator<Item = (&PlannedHost, usize, usize)> {
        self.stages.iter().enumerate().flat_map(|(s, stage)| {
            stage.waves.iter().enumerate().flat_map(move |(w, wave)| wave.hosts.iter().map(move |host| (host, s, w)))
        })
    }
}
