//! Faults that strike in a certain step of a rehearsal. Follows the run by its events, and tells the fleet when a step
//! with a fault begins and ends. Does not know how a host fails. Start at [`AtSteps::follow`].

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{SimFleet, asked::Asked};
use crate::{
    event::{Event, Kind, StepPhase, StepRef, Verdict},
    host::HostName,
    plan::Plan,
    playbook::{Side, StepSpec},
    step,
};

/// One fault that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtStep {
    /// What happens.
    pub what: What,
    /// The step's name or kind; `None`: the first step that changes the host.
    pub step: Option<String>,
}

/// What happens in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What the step does to its host, or asks, fails.
    Fails,
    /// The link to the host is lost for good: after the first change of the step was sent, or at once if it changes
    /// nothing.
    IsLost,
}

impl AtStep {
    /// Whether a step of this name or kind is meant.
    pub fn means(&self, spec: &StepSpec) -> bool {
        match &self.step {
            Some(step) => spec.name.eq_ignore_ascii_case(step) || spec.kind.keyword() == step,
            None => step::takes_lease(spec),
        }
    }
}

/// The faults of all hosts, and how far they are.
pub struct AtSteps {
    fleet: SimFleet,
    hosts: Mutex<HashMap<HostName, Vec<Fate>>>,
}

/// One fault of a host.
struct Fate {
    at: AtStep,
    /// The step that it is in, if that is one that is meant.
    now: Option<StepRef>,
    struck: bool,
}

impl AtSteps {
    /// The faults of these hosts of `fleet`.
    pub fn new(fleet: SimFleet, faults: impl IntoIterator<Item = (HostName, AtStep)>) -> Self {
        let mut hosts: HashMap<HostName, Vec<Fate>> = HashMap::new();
        for (host, at) in faults {
            hosts.entry(host).or_default().push(Fate { at, now: None, struck: false });
        }
        Self { fleet, hosts: Mutex::new(hosts) }
    }

    /// Hears of an event before its host does anything else.
    pub fn follow(&self, plan: &Plan, event: &Event) {
        match &event.kind {
            Kind::StepStarted { host, step, .. } if step.phase == StepPhase::Main => {
                if let Some(spec) = plan.steps.get(step.index) {
                    self.begins(host, *step, spec);
                }
            }
            Kind::StepFinished { host, step, result } => self.ends(host, *step, result.verdict),
            _ => {}
        }
    }

    fn begins(&self, host: &HostName, step: StepRef, spec: &StepSpec) {
        let mut hosts = self.hosts();
        let changes = spec.on == Side::Host && step::is_change(&spec.kind);
        for fate in hosts.get_mut(host).into_iter().flatten().filter(|fate| !fate.struck && fate.at.means(spec)) {
            fate.now = Some(step);
            // The jump box asks `fails_now`.
            let here = spec.on == Side::Host;
            self.fleet.asked(host, |asked| match fate.at.what {
                What::Fails if here => asked.fail_from_now(changes),
                What::Fails => {}
                What::IsLost => asked.lose_soon(changes),
            });
        }
    }

    fn ends(&self, host: &HostName, step: StepRef, verdict: Verdict) {
        let mut hosts = self.hosts();
        for fate in hosts.get_mut(host).into_iter().flatten().filter(|fate| fate.now == Some(step)) {
            fate.now = None;
            match fate.at.what {
                What::Fails => {
                    self.fleet.asked(host, Asked::fail_no_more);
                    // A step that had nothing to do cannot fail; without a step's name the next one does.
                    fate.struck = !matches!(verdict, Verdict::Ok | Verdict::Skipped);
                }
                What::IsLost => {
                    if fate.at.step.is_some() && !self.is_cut_off(host) {
                        self.fleet.asked(host, |asked| asked.lose_soon(false));
                    }
                    fate.struck = fate.at.step.is_some() || self.is_cut_off(host);
                }
            }
        }
    }

    fn is_cut_off(&self, host: &HostName) -> bool {
        self.fleet.asked(host, |asked| asked.cut_off).unwrap_or(false)
    }

    /// Whether a host is in a step that fails.
    pub(super) fn fails_now(&self, host: &HostName) -> bool {
        let hosts = self.hosts();
        hosts.get(host).into_iter().flatten().any(|fate| fate.now.is_some() && fate.at.what == What::Fails)
    }

    /// Hosts whose faults had no occasion.
    pub fn without_occasion(&self) -> Vec<(HostName, AtStep)> {
        let hosts = self.hosts();
        let all = hosts.iter().flat_map(|(host, fates)| fates.iter().map(move |fate| (host, fate)));
        let never = all.filter(|(_, fate)| !fate.struck && fate.now.is_none());
        never.map(|(host, fate)| (host.clone(), fate.at.clone())).collect()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<HostName, Vec<Fate>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
