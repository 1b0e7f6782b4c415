//! Runs for tests, built event by event, each applied at once.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Event, IllegalEvent, Kind, Outcome, PackageChange, RunId, RunResumed, RunStarted, RunState, StepPhase, StepRef,
    StepResult, Verdict,
};
use crate::{
    host::HostName,
    plan::{Domain, Plan, PlannedHost, Stage, Wave},
    playbook::{Pause, StepKind, StepSpec},
    policy::{Mode, OnBudgetSpent, Spread},
};

/// A run under construction.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) events: Vec<Event>,
    pub(crate) state: RunState,
    second: i64,
}

/// So many seconds after 2026-11-22 02:00:00 UTC.
pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_312_800 + second).unwrap()
}

pub(crate) fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

pub(crate) fn step_spec(name: &str) -> StepSpec {
    StepSpec { name: name.to_owned(), ..StepSpec::of(StepKind::Pause(Pause { duration: Duration::ZERO })) }
}

/// Stages as `(name, waves of "a b c")`; the first of several waves is the canary.
pub(crate) fn plan(stages: &[(&str, &[&str])]) -> Plan {
    let planned = |name: &str| PlannedHost { name: host(name), domain: None, window: None, freezes: None, undo: None };
    let stage = |(name, waves): &(&str, &[&str])| Stage {
        name: (*name).to_owned(),
        environment: None,
        risk: None,
        waves: waves
            .iter()
            .enumerate()
            .map(|(i, hosts)| Wave {
                canary: i == 0 && waves.len() > 1,
                hosts: hosts.split_whitespace().map(planned).collect(),
            })
            .collect(),
        window_size: None,
        mode: Mode::Waves,
        max_failures: 0,
        on_budget_spent: OnBudgetSpent::HaltRun,
        soak: Duration::ZERO,
        approve: None,
        gate: Vec::new(),
    };
    Plan {
        playbook: "Rolling patch wave".to_owned(),
        stages: stages.iter().map(stage).collect(),
        steps: ["Ready to be patched", "Security updates", "Reboot where it is needed"].map(step_spec).to_vec(),
        on_failure: vec![step_spec("Restore the snapshot")],
        max_failures: None,
        on_budget_spent: OnBudgetSpent::HaltRun,
        ignores_windows: false,
        skipped: Vec::new(),
        dates: Default::default(),
        undoes: None,
        vars_digest: String::new(),
        pinned: Default::default(),
    }
}

/// Puts a host of `plan` into a failure domain.
pub(crate) fn put_in_domain(plan: &mut Plan, name: &str, value: &str) {
    let spread = Arc::new(Spread { by: "cluster".to_owned(), max_unavailable: 1 });
    let hosts = plan.stages.iter_mut().flat_map(|s| &mut s.waves).flat_map(|w| &mut w.hosts);
    let found = hosts.into_iter().find(|h| h.name.as_str() == name).unwrap();
    found.domain = Some(Domain { spread, value: value.into() });
}

pub(crate) fn main_step(index: usize) -> StepRef {
    StepRef { phase: StepPhase::Main, index }
}

pub(crate) fn result(verdict: Verdict, summary: &str) -> StepResult {
    StepResult {
        verdict,
        class: String::new(),
        summary: summary.to_owned(),
        detail: Vec::new(),
        help: None,
        changed: false,
        found_work: false,
        forecast: None,
        packages: Vec::new(),
        restarted: Vec::new(),
        left_behind: Default::default(),
        way_back: None,
        rebooted: false,
        vars: serde_json::Map::new(),
        took: Duration::from_secs(3),
    }
}

pub(crate) fn failure(class: &str, summary: &str) -> StepResult {
    StepResult { class: class.to_owned(), ..result(Verdict::Failed, summary) }
}

/// An upgrade of these packages from `1.0` to `1.1`.
pub(crate) fn upgraded(names: &[&str]) -> StepResult {
    let change = |name: &&str| PackageChange { name: (*name).into(), from: Some("1.0".into()), to: Some("1.1".into()) };
    let packages: Vec<_> = names.iter().map(change).collect();
    StepResult { changed: true, packages, ..result(Verdict::Ok, "upgraded") }
}

pub(crate) fn rebooted() -> StepResult {
    StepResult { changed: true, rebooted: true, ..result(Verdict::Ok, "rebooted") }
}

/// Another controller takes over, and leaves these hosts out.
pub(crate) fn resumed(left_out: &[&str]) -> Kind {
    Kind::RunResumed(Box::new(RunResumed {
        operator: "bob".to_owned(),
        controller: "jump".to_owned(),
        left_out: left_out.iter().map(|name| host(name)).collect(),
        ..RunResumed::default()
    }))
}

impl Sample {
    /// A run of `plan` that has just started.
    pub(crate) fn of(plan: Plan) -> Self {
        let started = RunStarted {
            digest: "3f9a2c1b77d0".to_owned(),
            playbook_path: "/srv/playbooks/rolling-patch.yml".to_owned(),
            inventory_paths: vec!["/srv/inventories/production.yml".to_owned()],
            lenient: false,
            operator: "ann".to_owned(),
            controller: "jump".to_owned(),
            version: "0.1.0".to_owned(),
            ..RunStarted::of(RunId("20261122-020000-kxfa".to_owned()), plan)
        };
        let event = Event { seq: 1, at: time(0), kind: Kind::RunStarted(Box::new(started)) };
        let state = RunState::begin(&event).unwrap();
        Self { events: vec![event], state, second: 0 }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, seconds: i64) -> &mut Self {
        self.second += seconds;
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        time(self.second)
    }

    pub(crate) fn try_tell(&mut self, kind: Kind) -> Result<(), IllegalEvent> {
        let event = Event { seq: self.state.seq + 1, at: self.now(), kind };
        self.state.apply(&event)?;
        self.events.push(event);
        Ok(())
    }

    pub(crate) fn tell(&mut self, kind: Kind) -> &mut Self {
        self.try_tell(kind).unwrap();
        self
    }

    pub(crate) fn start(&mut self, name: &str) -> &mut Self {
        self.tell(Kind::HostStarted { host: host(name) })
    }

    pub(crate) fn begin(&mut self, name: &str, step: StepRef) -> &mut Self {
        self.tell(Kind::StepStarted { host: host(name), step, attempt: 1 })
    }

    pub(crate) fn note(&mut self, name: &str, step: StepRef, key: &str, value: Value) -> &mut Self {
        self.tell(Kind::StepNoted { host: host(name), step, key: key.to_owned(), value })
    }

    pub(crate) fn end(&mut self, name: &str, step: StepRef, result: StepResult) -> &mut Self {
        self.tell(Kind::StepFinished { host: host(name), step, result })
    }

    pub(crate) fn finish(&mut self, name: &str, outcome: Outcome) -> &mut Self {
        self.tell(Kind::HostFinished { host: host(name), outcome, lost_lease: None })
    }

    /// The whole walk of a host: its main steps with these results, one second each; the last one decides.
    pub(crate) fn walk(&mut self, name: &str, results: Vec<StepResult>) -> &mut Self {
        self.start(name);
        self.walk_on(name, results)
    }

    /// Like [`Sample::walk`], for a host that has its slot.
    pub(crate) fn walk_on(&mut self, name: &str, results: Vec<StepResult>) -> &mut Self {
        let mut outcome = Outcome::Ok;
        for (i, result) in results.into_iter().enumerate() {
            outcome = match result.verdict {
                Verdict::Ok | Verdict::Skipped => outcome,
                Verdict::Failed => Outcome::Failed,
                Verdict::Unreachable => Outcome::Unreachable,
                Verdict::Unknown => Outcome::Unknown,
            };
            self.begin(name, main_step(i)).wait(1).end(name, main_step(i), result);
        }
        self.finish(name, outcome)
    }

    /// A host that is patched without trouble.
    pub(crate) fn good(&mut self, name: &str) -> &mut Self {
        let results = vec![result(Verdict::Ok, "ready"), upgraded(&["openssl", "libc6"]), rebooted()];
        self.walk(name, results)
    }

    /// A host whose upgrade fails.
    pub(crate) fn bad(&mut self, name: &str, class: &str, summary: &str) -> &mut Self {
        self.walk(name, vec![result(Verdict::Ok, "ready"), failure(class, summary)])
    }
}
