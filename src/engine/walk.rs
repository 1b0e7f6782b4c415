//! One host's walk through its steps, from its slot to its outcome. It reaches the journal, the host's log and the
//! host's inputs only through traits ([`Record`], `HostLogs`, `HostInputs`), so it need not run in the dispatcher's
//! process. Start at [`Walk::run`]; one step is in `attempts`.

use std::sync::Arc;

use super::{
    Surroundings,
    masked_log::MaskedLog,
    record::{Ack, Record},
};
use crate::{
    event::{HostState, Kind, Outcome, RunStarted, StepPhase, StepRef, StepResult, Verdict},
    host::HostName,
    pkg::Undo,
    playbook::{Side, StepSpec, TemplateScope},
    step::{self, undrain::Broken},
    transport::Link,
};

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// Its outcome is recorded.
    Finished,
    /// It stopped at a step border; the host is still open.
    StoppedHere,
    /// The controller is leaving; the host is still open.
    Left,
    /// This program panicked.
    Panicked,
}

/// The walk of one host.
pub(super) struct Walk {
    pub(super) host: HostName,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) started: Arc<RunStarted>,
    pub(super) record: Box<dyn Record>,
    /// Its state when the last controller ended; `None` for a host that had not started.
    pub(super) before: Option<HostState>,
}

/// What one step passes on to the next.
pub(super) struct WalkState {
    pub(super) link: Link,
    pub(super) scope: TemplateScope,
    pub(super) log: MaskedLog,
    /// Whether a step ran that takes the host's lease.
    pub(super) leased: bool,
    /// The guard over the whole walk has rolled the host back.
    pub(super) rolled_back: bool,
    /// Some step of `steps` changed the host, or may have.
    pub(super) touched: bool,
    /// What a `rollback` step would undo.
    pub(super) undo: Undo,
    /// Events that need no action yet. They are recorded together with the next one, and always before anything else is
    /// done to the host.
    pub(super) unrecorded: Vec<Kind>,
}

impl WalkState {
    /// Passes the variables of a finished step to later steps.
    pub(super) fn learn_vars(&mut self, result: &StepResult) {
        for (name, value) in &result.vars {
            self.scope.set(name, value.clone());
        }
    }

    /// Remembers what matters for the host's traffic from a finished step.
    pub(super) fn saw(&mut self, step: StepRef, spec: &StepSpec, result: &StepResult) {
        self.rolled_back |= step::guard::has_rolled_back(step, result);
        if spec.kind.is_undone() {
            self.undo.add(&result.packages, result.way_back.as_deref());
        }
        self.touched |= step.phase == StepPhase::Main && step::has_touched(spec, result);
    }
}

impl Walk {
    /// Walks to the end, or until the controller leaves.
    pub(super) async fn run(self) -> WalkEnd {
        match self.walk().await {
            Ok(()) => WalkEnd::Finished,
            Err(end) => end,
        }
    }

    async fn walk(&self) -> Result<(), WalkEnd> {
        let host = &self.host;
        let target = match self.surroundings.inputs.target(host) {
            Ok(target) => target,
            Err(why) => return self.say(self.refusal(StepResult::failed("inventory", why))).await,
        };
        if self.before.is_none()
            && let Some(why) = self.surroundings.controller.changed(None).await
        {
            // Refused before the first step, rather than in the middle of the walk.
            let result = StepResult::failed("file-changed", why).help(step::sources::PUT_BACK);
            return self.say(self.refusal(result)).await;
        }
        let link = Link::new(Arc::clone(&self.surroundings.transport), target).for_many();
        let mut walk = WalkState {
            log: MaskedLog::new(self.surroundings.logs.as_ref().map(|logs| logs.host(host)), link.secrets()),
            scope: self.surroundings.inputs.scope(host).recording_secrets(link.secrets()),
            link,
            leased: self.before.is_some(),
            rolled_back: false,
            touched: false,
            undo: self.started.plan.undo_of(host).cloned().unwrap_or_default(),
            unrecorded: Vec::new(),
        };
        if let Some(before) = &self.before {
            if let Some(machine) = &before.machine {
                walk.link.stay_on(machine.clone());
            }
            for (_, result) in &before.steps {
                walk.learn_vars(result);
            }
        }
        // Secrets of all steps: a host may print what an earlier controller sent it.
        let plan = &self.started.plan;
        for spec in plan.steps.iter().chain(&plan.on_failure) {
            step::learn_secrets(spec, &walk.scope, walk.link.secrets(), self.before.is_some());
        }
        let ended = self.to_the_outcome(&mut walk).await;
        walk.link.close().await;
        ended
    }

    async fn to_the_outcome(&self, walk: &mut WalkState) -> Result<(), WalkEnd> {
        let outcome = self.all_phases(walk).await?;
        let mut lost_lease = None;
        // A walk that stopped in the middle keeps its lease: the host is still being changed.
        if outcome != Outcome::Unreachable && walk.leased {
            self.commit(walk).await?;
            lost_lease = step::lease::release(&mut walk.link, &self.started.run, &self.started.plan.steps).await;
        }
        // Each step was done, but another run worked on the host between them.
        let good = matches!(outcome, Outcome::Ok | Outcome::RolledBack);
        let outcome = if lost_lease.is_some() && good { Outcome::Unknown } else { outcome };
        walk.unrecorded.push(Kind::HostFinished { host: self.host.clone(), outcome, lost_lease });
        self.commit(walk).await
    }

    async fn all_phases(&self, walk: &mut WalkState) -> Result<Outcome, WalkEnd> {
        if self.started.check {
            return self.foresee(walk).await;
        }
        let plan = &self.started.plan;
        let mut broken: Option<(usize, Verdict)> = None;
        let mut drained = false;
        for (index, spec) in plan.steps.iter().enumerate() {
            let step = StepRef { phase: StepPhase::Main, index };
            let verdict = self.one(step, spec, walk).await?;
            drained |= spec.kind.is_drain() && verdict != Verdict::Skipped;
            drained &= !(spec.kind.is_always() && verdict == Verdict::Ok);
            if !matches!(verdict, Verdict::Ok | Verdict::Skipped) {
                broken = Some((index, verdict));
                break;
            }
        }
        let Some((broke_at, broke_with)) = broken else {
            // A host that was rolled back lacks its updates: it is never ok.
            return Ok(if plan.undoes.is_some() { Outcome::RolledBack } else { Outcome::Ok });
        };
        let mut verdict = broke_with;
        for (index, spec) in plan.steps.iter().enumerate().filter(|(_, spec)| spec.kind.ends_guard()) {
            let step = StepRef { phase: StepPhase::Always, index };
            if index > broke_at && step::guard::was_armed(&walk.scope) {
                // A host that cannot be reached is waited for: it rolls back, and then it can be asked.
                let settled = self.one(step, spec, walk).await?;
                if verdict == Verdict::Unreachable && settled != Verdict::Skipped {
                    verdict = settled;
                }
            }
        }
        let reachable = verdict != Verdict::Unreachable;
        let begun = self.begun_undrain(walk).await?;
        let mut on_failure = Vec::new();
        for (index, spec) in plan.on_failure.iter().enumerate() {
            let step = StepRef { phase: StepPhase::OnFailure, index };
            if reachable || spec.on == Side::Controller {
                on_failure.push((spec, self.one(step, spec, walk).await?));
            }
        }
        if drained {
            let (touched, rolled_back) = (walk.touched, walk.rolled_back);
            let at = &plan.steps[broke_at];
            let broken = Broken { at, verdict: broke_with, on_failure, touched, rolled_back, reachable };
            self.undrain(&broken, begun, walk).await?;
        }
        Ok(match verdict {
            Verdict::Unreachable => Outcome::Unreachable,
            Verdict::Unknown => Outcome::Unknown,
            Verdict::Ok | Verdict::Skipped | Verdict::Failed => Outcome::Failed,
        })
    }

    /// The walk of a check. A step that would fail does not end it, so that everything that is wrong is found at once;
    /// nothing was done, so nothing is cleaned up.
    async fn foresee(&self, walk: &mut WalkState) -> Result<Outcome, WalkEnd> {
        let mut outcome = Outcome::Ok;
        for (index, spec) in self.started.plan.steps.iter().enumerate() {
            let step = StepRef { phase: StepPhase::Main, index };
            let lost = match self.one(step, spec, walk).await? {
                Verdict::Ok | Verdict::Skipped => continue,
                Verdict::Failed => {
                    outcome = Outcome::Failed;
                    continue;
                }
                Verdict::Unreachable => Outcome::Unreachable,
                Verdict::Unknown => Outcome::Unknown,
            };
            // The rest cannot be asked. What was found before is as bad, and more is known about it.
            return Ok(if outcome == Outcome::Failed { outcome } else { lost });
        }
        Ok(outcome)
    }

    /// Ends an `undrain` of a broken walk that was running when an earlier controller ended. A host is in one step at a
    /// time, and older versions ran `undrain` before `on_failure`.
    async fn begun_undrain(&self, walk: &mut WalkState) -> Result<Option<StepRef>, WalkEnd> {
        let current = self.before.as_ref().and_then(|before| before.current.as_ref()).map(|current| current.step);
        let Some(step) = current.filter(|step| step.phase == StepPhase::Always) else { return Ok(None) };
        let Some(spec) = self.started.plan.steps.get(step.index).filter(|spec| spec.kind.is_always()) else {
            return Ok(None);
        };
        self.one(step, spec, walk).await?;
        Ok(Some(step))
    }

    /// Gives the host its traffic back, or records why not. This comes after everything else, so that nothing changes a
    /// host that serves.
    async fn undrain(&self, broken: &Broken<'_>, begun: Option<StepRef>, walk: &mut WalkState) -> Result<(), WalkEnd> {
        for (index, spec) in self.started.plan.steps.iter().enumerate().filter(|(_, spec)| spec.kind.is_always()) {
            let step = StepRef { phase: StepPhase::Always, index };
            let done = self.before.as_ref().is_some_and(|before| before.result(step).is_some());
            if done || begun == Some(step) {
                continue;
            }
            match broken.stays_drained(spec, &self.host) {
                Some(result) => {
                    walk.unrecorded.push(Kind::StepFinished { host: self.host.clone(), step, result });
                }
                None => drop(self.one(step, spec, walk).await?),
            }
        }
        Ok(())
    }

    /// The events of a host that cannot be tried at all: it fails in its first step, before anything is sent.
    fn refusal(&self, result: StepResult) -> Vec<Kind> {
        let step = StepRef { phase: StepPhase::Main, index: 0 };
        let host = || self.host.clone();
        vec![
            Kind::StepStarted { host: host(), step, attempt: 1 },
            Kind::StepFinished { host: host(), step, result },
            Kind::HostFinished { host: host(), outcome: Outcome::Failed, lost_lease: None },
        ]
    }

    /// Returns when all events that waited to be recorded are durable.
    pub(super) async fn commit(&self, walk: &mut WalkState) -> Result<(), WalkEnd> {
        self.say(std::mem::take(&mut walk.unrecorded)).await
    }

    /// Returns when all events are durable; at once if there are none.
    async fn say(&self, kinds: Vec<Kind>) -> Result<(), WalkEnd> {
        if kinds.is_empty() {
            return Ok(());
        }
        match self.record.record(kinds).await {
            Ack::Recorded => Ok(()),
            Ack::StopHere => Err(WalkEnd::StoppedHere),
            Ack::Leave => Err(WalkEnd::Left),
        }
    }
}
