//! One step of a host's walk, with all its attempts: from its start to its result.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    record::StepRecord,
    walk::{Walk, WalkEnd, WalkState},
};
use crate::{
    event::{CurrentStep, Kind, StepRef, StepResult, Verdict},
    playbook::StepSpec,
    step::{self, StepCx, StepLog},
};

/// How much longer than its limit a step may take to report its end before it is given up.
const GRACE: Duration = Duration::from_secs(30);

impl Walk {
    /// One step with all its attempts. A step that is done is not repeated.
    pub(super) async fn one(&self, step: StepRef, spec: &StepSpec, walk: &mut WalkState) -> Result<Verdict, WalkEnd> {
        if let Some(done) = self.before.as_ref().and_then(|before| before.result(step)) {
            walk.saw(step, spec, done);
            return Ok(done.verdict);
        }
        let begun = Instant::now();
        let interrupted = self.before.as_ref().and_then(|b| b.current.as_ref()).filter(|c| c.step == step);
        let mut result = match interrupted {
            // A step that has begun goes on, whatever `when` says now: the host may be half changed.
            Some(_) => {
                self.commit(walk).await?;
                self.attempts(step, spec, walk, interrupted).await?
            }
            None => match step::condition(spec, &walk.scope) {
                Some(result) => {
                    // A skipped step never began; a failed one did.
                    if result.verdict != Verdict::Skipped {
                        walk.unrecorded.push(Kind::StepStarted { host: self.host.clone(), step, attempt: 1 });
                    }
                    result
                }
                None => self.attempts(step, spec, walk, None).await?,
            },
        };
        if self.started.check {
            result = step::foreseen(result, &self.started.plan.steps[..step.index], &walk.scope);
        }
        result.took = begun.elapsed();
        walk.learn_vars(&result);
        walk.saw(step, spec, &result);
        let verdict = result.verdict;
        // A step that is done is not repeated, so its output must not be lost with this process.
        walk.log.flush();
        walk.unrecorded.push(Kind::StepFinished { host: self.host.clone(), step, result });
        Ok(verdict)
    }

    async fn attempts(
        &self,
        step: StepRef,
        spec: &StepSpec,
        walk: &mut WalkState,
        interrupted: Option<&CurrentStep>,
    ) -> Result<StepResult, WalkEnd> {
        let first = interrupted.map_or(1, |current| current.attempt);
        let mut notes = interrupted.map_or_else(Map::new, |current| current.notes.clone());
        let mut attempt = first;
        let mut earlier: Option<StepResult> = None;
        loop {
            if interrupted.is_none() || attempt > first {
                walk.unrecorded.push(Kind::StepStarted { host: self.host.clone(), step, attempt });
                self.commit(walk).await?;
            }
            let resumed = interrupted.is_some() && attempt == first;
            let (result, noted) =
                self.attempt(step, spec, walk, Attempt { number: attempt, resumed, notes: &notes }).await;
            let result = match earlier.take() {
                Some(earlier) => result.after(earlier),
                None => result,
            };
            let again = matches!(result.verdict, Verdict::Failed | Verdict::Unreachable) && attempt <= spec.retries;
            if !again {
                if let Some(machine) = walk.link.take_news() {
                    let (key, value) = machine.note();
                    let host = self.host.clone();
                    walk.unrecorded.push(Kind::StepNoted { host, step, key: key.to_owned(), value });
                }
                return Ok(result);
            }
            self.record.progress(&format!("{}: {}; trying again", spec.name, result.summary));
            tokio::time::sleep(spec.retry_delay).await;
            attempt += 1;
            // The next attempt gets the notes that a new controller would find, so that a requested reboot is not
            // requested again.
            notes.extend(noted);
            earlier = Some(result);
        }
    }

    /// One attempt: its result, with secrets masked, and its notes.
    async fn attempt(
        &self,
        step: StepRef,
        spec: &StepSpec,
        walk: &mut WalkState,
        attempt: Attempt<'_>,
    ) -> (StepResult, Map<String, Value>) {
        let leased = walk.leased;
        walk.leased |= step::takes_lease(spec) && !self.started.check;
        walk.log.enter(&spec.name, attempt.number);
        let limit = spec.limit();
        let deadline = Instant::now() + limit;
        let owner = self.started.owner();
        let secrets = walk.link.secrets().clone();
        let mut journal = StepRecord { record: &*self.record, host: &self.host, step, noted: Map::new(), secrets };
        let mut cx = StepCx {
            run: &self.started.run,
            host: &self.host,
            owner: &owner,
            step,
            attempt: attempt.number,
            gate: None,
            spec,
            check: self.started.check,
            scope: &walk.scope,
            link: &mut walk.link,
            deadline,
            notes: attempt.notes,
            guard: step::guard::Known::default(),
            lost_lease: None,
            leased,
            holds_lease: false,
            heard: step::Heard::default(),
            undo: &walk.undo,
            resumed: attempt.resumed,
            journal: &mut journal,
            log: &mut walk.log,
            controller: &*self.surroundings.controller,
            clock: Arc::clone(&self.surroundings.clock),
        };
        let last = deadline + spec.guard_time() + GRACE;
        let mut result = match tokio::time::timeout_at(last, step::run(&mut cx)).await {
            Ok(result) => result,
            Err(_) => overdue(spec, limit + spec.guard_time()),
        };
        step::complete(spec, &mut result);
        // All text from hosts and programs passes here when it leaves the step.
        result.hide(walk.link.secrets(), spec.register.as_deref());
        (result, journal.noted)
    }
}

/// One attempt at a step.
struct Attempt<'a> {
    number: u32,
    /// It continues an attempt that was interrupted when a controller ended.
    resumed: bool,
    /// The notes of earlier attempts, including the interrupted one.
    notes: &'a Map<String, Value>,
}

fn overdue(spec: &StepSpec, limit: Duration) -> StepResult {
    let summary = format!("timed out after {} s", (limit + GRACE).as_secs());
    if step::is_change(&spec.kind) {
        StepResult::unknown("timeout", summary).changed(true)
    } else {
        StepResult::failed("timeout", summary)
    }
}
