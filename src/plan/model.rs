//! The plan as data: what the engine executes, what the first event records, what the digest covers.

use std::{fmt, sync::Arc, time::Duration};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Pinned;
use crate::{
    calendar::{Dates, Schedule, Windows},
    host::{Environment, HostName, Risk},
    names,
    pkg::Undo,
    playbook::StepSpec,
    policy::{Mode, OnBudgetSpent, Spread},
};

/// Ordered stages of waves of hosts, and the steps that each host walks. Immutable once made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `name:` of the playbook.
    pub playbook: String,
    /// The stages, in the order in which they run. Every host is in exactly one wave of one stage.
    pub stages: Vec<Stage>,
    /// The steps of each host.
    pub steps: Vec<StepSpec>,
    /// The steps of a host after a failure.
    pub on_failure: Vec<StepSpec>,
    /// How many broken hosts the run tolerates; percentages are already converted.
    pub max_failures: Option<usize>,
    /// What stops when the run's budget is used up.
    pub on_budget_spent: OnBudgetSpent,
    /// `--ignore-window`: no host has a window, whatever inventory and playbook say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignores_windows: bool,
    /// The freezes and calendars that its hosts use.
    #[serde(default, skip_serializing_if = "Dates::is_empty")]
    pub dates: Dates,
    /// Selected hosts that are left out, because the inventory says that they are not reached over SSH.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedHost>,
    /// In a rollback: the run that is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// A hash of the variables that the steps of each host can see: a changed inventory makes a different plan.
    pub vars_digest: String,
    /// What else is agreed to: files of the jump box, and the marks that show which variable has changed.
    #[serde(rename = "agreed", default, skip_serializing_if = "Pinned::is_empty")]
    pub pinned: Pinned,
}

/// A selected host that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedHost {
    /// The host.
    pub name: HostName,
    /// Why, for people.
    pub reason: String,
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
    /// In sliding mode: the most hosts in flight after the canary.
    pub window_size: Option<usize>,
    /// Whether a wave ends before the next begins.
    pub mode: Mode,
    /// How many broken hosts the stage tolerates; percentages are already converted.
    pub max_failures: usize,
    /// What stops when the stage's budget is used up.
    pub on_budget_spent: OnBudgetSpent,
    /// How long to wait after each wave, except the last of the run.
    pub soak: Duration,
    /// When a person must approve, if at all.
    #[serde(with = "approve")]
    pub approve: Option<Moment>,
    /// Steps run on the controller after each soak; a failing one halts.
    pub gate: Vec<StepSpec>,
}

/// When a stage waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before its first host.
    Before,
    /// After its first wave, before anything else. Older ledgers have only this one.
    #[default]
    AfterCanary,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before its first host",
            Self::AfterCanary => "after its first wave",
        })
    }
}

/// The moment of an approval in a plan's JSON: `false`, `"before"`, or `true` for after the first wave, which is what
/// `true` has always meant there.
mod approve {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use serde_json::Value;

    use super::Moment;

    pub(super) fn serialize<S: Serializer>(moment: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
        match moment {
            Some(Moment::Before) => "before".serialize(to),
            moment => moment.is_some().serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Moment>, D::Error> {
        match Value::deserialize(from)? {
            Value::Bool(asks) => Ok(asks.then_some(Moment::AfterCanary)),
            Value::String(word) if word == "before" => Ok(Some(Moment::Before)),
            _ => Err(de::Error::custom("`approve` of a stage is true, false or \"before\"")),
        }
    }
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
    /// The host.
    pub name: HostName,
    /// Its failure domain (`spread`): the rule and the label's value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub domain: Option<Domain>,
    /// When it may be started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<Arc<Windows>>,
    /// Names of freezes that hold for it. They are in the plan's `dates`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub freezes: Option<Arc<Vec<String>>>,
    /// In a rollback: what is undone on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<Box<Undo>>,
}

/// A failure domain: never more than `spread.max_unavailable` of its hosts in flight or broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The rule.
    pub spread: Arc<Spread>,
    /// The label's value on this host.
    pub value: Arc<str>,
}

/// One line for the hosts that are left out for the same reason.
pub fn skipped_lines(skipped: &[SkippedHost]) -> Vec<String> {
    let mut by_reason: IndexMap<&str, Vec<HostName>> = IndexMap::new();
    for host in skipped {
        by_reason.entry(&host.reason).or_default().push(host.name.clone());
    }
    by_reason.iter().map(|(reason, hosts)| format!("skipped: {}: {reason}", names::fold(hosts))).collect()
}

impl Plan {
    /// One line for the hosts that are left out for the same reason.
    pub fn skipped_lines(&self) -> Vec<String> {
        skipped_lines(&self.skipped)
    }

    /// The approvals that this plan waits for if all goes well: the index of the stage, and when. After the last wave
    /// of the run there is none, since nothing comes after it.
    pub fn approvals(&self) -> impl Iterator<Item = (usize, Moment)> {
        let last = self.stages.iter().rposition(|stage| !stage.waves.is_empty());
        self.stages.iter().enumerate().filter_map(move |(s, stage)| {
            let moment = stage.approve.filter(|_| !stage.waves.is_empty())?;
            let something_follows = stage.waves.len() > 1 || Some(s) != last;
            (moment == Moment::Before || something_follows).then_some((s, moment))
        })
    }

    /// The plan as it may be shown: without the addresses of webhooks, which are secret. It has a different digest.
    #[must_use]
    pub fn shown(&self) -> Self {
        let shown = |steps: &[StepSpec]| steps.iter().map(StepSpec::shown).collect();
        let mut plan = self.clone();
        (plan.steps, plan.on_failure) = (shown(&self.steps), shown(&self.on_failure));
        for stage in &mut plan.stages {
            stage.gate = shown(&stage.gate);
        }
        plan
    }

    /// When this host may be started.
    pub fn schedule<'p>(&'p self, host: &'p PlannedHost) -> Schedule<'p> {
        let freezes = host.freezes.as_deref().map(Vec::as_slice).unwrap_or_default();
        Schedule { windows: host.window.as_deref(), freezes, dates: &self.dates, walk: None }
    }

    /// What is undone on this host, in a rollback.
    pub fn undo_of(&self, host: &HostName) -> Option<&Undo> {
        self.undoes.as_ref()?;
        self.hosts().find(|(planned, ..)| planned.name == *host)?.0.undo.as_deref()
    }

    /// Every host with its stage and wave index, in starting order.
    pub fn hosts(&self) -> impl Iterator<Item = (&PlannedHost, usize, usize)> {
        self.stages.iter().enumerate().flat_map(|(s, stage)| {
            stage.waves.iter().enumerate().flat_map(move |(w, wave)| wave.hosts.iter().map(move |host| (host, s, w)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Asks(#[serde(with = "approve")] Option<Moment>);

    #[test]
    fn an_approval_reads_back_and_a_recorded_true_means_what_it_meant() {
        for (json, moment) in
            [("false", None), ("true", Some(Moment::AfterCanary)), ("\"before\"", Some(Moment::Before))]
        {
            assert_eq!(serde_json::from_str::<Asks>(json).unwrap().0, moment, "{json}");
            assert_eq!(serde_json::to_string(&Asks(moment)).unwrap(), json);
        }
        for wrong in ["null", "1", "\"sometimes\""] {
            assert!(serde_json::from_str::<Asks>(wrong).is_err(), "{wrong}");
        }
    }
}
