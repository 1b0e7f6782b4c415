//! What the state of one host says. Computed, never stored.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{HostAt, HostState, Outcome, StepPhase, StepRef, StepResult, Verdict};
use crate::{
    pkg::{PackageChange, Undo},
    plan::Plan,
};

impl HostState {
    /// Its outcome if nothing more happened. `StepStarted` is durable before a step does anything. So a host in flight
    /// that is between two steps is as its last recorded step left it: `paused`, or the outcome of that step.
    pub fn outcome(&self) -> Outcome {
        match (self.at, self.broke_at()) {
            (HostAt::Waiting, _) => Outcome::NotStarted,
            (HostAt::Done(outcome), _) => outcome,
            (HostAt::InFlight, _) if self.current.is_some() || self.cut => Outcome::Unknown,
            (HostAt::InFlight, None) => Outcome::Paused,
            (HostAt::InFlight, Some((_, result))) => match result.verdict {
                Verdict::Unreachable => Outcome::Unreachable,
                Verdict::Unknown => Outcome::Unknown,
                Verdict::Ok | Verdict::Skipped | Verdict::Failed => Outcome::Failed,
            },
        }
    }

    /// The step that decided the outcome of a broken host: the first that did not end well. If the host could not be
    /// reached and rolled back by itself (with a guard over the whole walk), it is the step with that rollback.
    pub fn broke_at(&self) -> Option<(StepRef, &StepResult)> {
        let mut broken = self.steps.iter().filter(|(_, r)| !matches!(r.verdict, Verdict::Ok | Verdict::Skipped));
        let first = broken.next()?;
        let outcome = if let HostAt::Done(outcome) = self.at { Some(outcome) } else { None };
        let decided = match (first.1.verdict, outcome) {
            (Verdict::Unreachable, Some(Outcome::Failed | Outcome::Unknown)) => broken.next().unwrap_or(first),
            _ => first,
        };
        Some((decided.0, &decided.1))
    }

    /// What happened after it broke: whether `on_failure` brought it back, what became of the guard over its walk if
    /// something else broke the walk, and of its traffic. A few words that follow the reason.
    pub fn and_then(&self, plan: &Plan) -> Option<String> {
        let (broke_at, _) = self.broke_at()?;
        let back = self.steps.iter().filter_map(|(step, result)| brought_back(plan, *step, result));
        let ends = self.steps.iter().filter(|(step, _)| step.phase == StepPhase::Always && *step != broke_at);
        let words = ends.filter_map(|(_, result)| match result.class.as_str() {
            "rolled-back" => Some("rolled back by the host"),
            "rollback-failed" => Some("the host's rollback failed"),
            "rollback-cut" => Some("the host's rollback was cut off"),
            "rollback-hangs" => Some("the host's rollback did not end in time"),
            "guard-lost" | "guard-open" => Some("the state of its guard is not known"),
            "stays-drained" => Some("it stays drained"),
            _ if !matches!(result.verdict, Verdict::Ok | Verdict::Skipped) => Some("its undrain did not end well"),
            _ => None,
        });
        let words: Vec<String> = back.chain(words.map(str::to_owned)).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// If it stays drained: why it did not get its traffic back, and what to do about that.
    pub fn stays_drained(&self) -> Option<&StepResult> {
        let mut ends = self.steps.iter().filter(|(step, _)| step.phase == StepPhase::Always);
        ends.find(|(_, result)| result.class == "stays-drained").map(|(_, result)| result)
    }

    /// The result of a step, if it has ended.
    pub fn result(&self, step: StepRef) -> Option<&StepResult> {
        self.steps.iter().find(|(done, _)| *done == step).map(|(_, result)| result)
    }

    /// What its upgrades changed on it, after all steps: what a rollback of the run undoes.
    pub fn undo(&self, plan: &Plan) -> Undo {
        let mut undo = Undo::default();
        for (step, result) in &self.steps {
            let list = match step.phase {
                StepPhase::OnFailure => &plan.on_failure,
                StepPhase::Main | StepPhase::Always | StepPhase::Gate => &plan.steps,
            };
            if list.get(step.index).is_some_and(|spec| spec.kind.is_undone()) {
                undo.add(&result.packages, result.way_back.as_deref());
            }
        }
        undo
    }

    /// The id of the last snapshot that was taken of it.
    pub fn snapshot(&self) -> Option<&str> {
        let mut ids =
            self.steps.iter().rev().filter_map(|(_, result)| result.vars.get("snapshot")?.get("id")?.as_str());
        ids.find(|id| *id != "none")
    }

    /// What all of its steps together changed, in the order in which they did: a change that a later step continues is
    /// one change, and what went back to its version of before is none.
    pub fn changes(&self) -> Vec<PackageChange> {
        let mut changes: Vec<Option<PackageChange>> = Vec::new();
        // By name and version of now.
        let mut at: HashMap<(&str, Option<&str>), usize> = HashMap::new();
        for change in self.steps.iter().flat_map(|(_, result)| &result.packages) {
            let (name, to) = (change.name.as_str(), change.to.as_deref());
            let known = at.remove(&(name, change.from.as_deref()));
            let place = known.unwrap_or(changes.len());
            let from =
                known.map_or_else(|| change.from.clone(), |known| changes[known].take().and_then(|one| one.from));
            if known.is_none() {
                changes.push(None);
            }
            if from != change.to {
                changes[place] = Some(PackageChange { from, ..change.clone() });
                at.insert((name, to), place);
            }
        }
        changes.into_iter().flatten().collect()
    }

    /// How many packages are not as they were before the run.
    pub fn packages_changed(&self) -> usize {
        let mut with_changes = self.steps.iter().map(|(_, result)| result.packages.len()).filter(|n| *n > 0);
        match (with_changes.next(), with_changes.next()) {
            (None, _) => 0,
            (Some(n), None) => n,
            (Some(_), Some(_)) => self.changes().len(),
        }
    }

    /// True if it rebooted in this run.
    pub fn rebooted(&self) -> bool {
        self.steps.iter().any(|(_, result)| result.rebooted)
    }

    /// One sentence for each time its lease was taken from another run, or taken by one.
    pub fn lease_lines(&self) -> impl Iterator<Item = String> {
        self.leases.iter().map(ToString::to_string).chain(self.lost_lease.iter().map(ToString::to_string))
    }

    /// The time from its slot to its end, or to `now`.
    pub fn took(&self, now: Timestamp) -> Option<Duration> {
        let started = self.started_at?;
        Duration::try_from(self.finished_at.unwrap_or(now).duration_since(started)).ok()
    }
}

/// What a step of `on_failure` says about the way back; `None`: nothing, or it is another step.
fn brought_back(plan: &Plan, step: StepRef, result: &StepResult) -> Option<String> {
    let kind = &plan.on_failure.get(step.index).filter(|_| step.phase == StepPhase::OnFailure)?.kind;
    let (done, what) = match kind.restores_snapshot() {
        true => ("its snapshot was restored", "restoring its snapshot failed"),
        false if kind.is_undone() => ("then rolled back", "its rollback failed"),
        false => return None,
    };
    match result.verdict {
        Verdict::Ok => Some(done.to_owned()),
        Verdict::Skipped => None,
        _ => Some(format!("{what}: {}", result.summary.lines().next().unwrap_or_default())),
    }
}
