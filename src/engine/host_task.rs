//! One host's walk through its steps, from its slot to its outcome.

use std::{sync::Arc, time::Duration};

use serde_json::Map;
use tokio::time::Instant;

use super::{
    Outside,
    voice::{Ack, StepVoice, Voice},
};
use crate::{
    event::{HostState, Kind, Outcome, RunStarted, StepPhase, StepRef, StepResult, Verdict},
    host::HostName,
    ledger::{HostLog, Logs},
    mask::{Masker, Secrets},
    playbook::{Side, StepSpec, TemplateScope},
    step::{self, StepCx, StepLog, undrain::Broken},
    transport::{Link, Sink, Stream},
};

/// How much longer than its limit a step may take to say how it ended, before it is given up.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes of a job's output that are taken at once.
const PIECE: usize = 8 << 10;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// Its outcome is recorded.
    Finished,
    /// It stopped at a step border; the host is still open.
    StoppedHere,
    /// The run is leaving; the host is still open.
    Left,
    /// This program failed.
    Panicked,
}

/// The walk of one host.
pub(super) struct Walk {
    pub(super) outside: Arc<Outside>,
    pub(super) started: Arc<RunStarted>,
    pub(super) voice: Voice,
    /// Where it stood when the last controller ended; `None` for a fresh host.
    pub(super) before: Option<HostState>,
}

/// What is carried from step to step.
pub(super) struct Luggage {
    pub(super) link: Link,
    pub(super) scope: TemplateScope,
    pub(super) log: LogSink,
    /// Whether a step ran that takes the host's lease.
    pub(super) leased: bool,
    /// The guard over the whole walk has rolled the host back.
    pub(super) rolled_back: bool,
    /// Some step of `steps` changed the host, or may have.
    pub(super) touched: bool,
    /// Facts that nothing was done upon yet. They are recorded with the next one, in one transaction: at the latest
    /// before anything else is done to the host.
    pub(super) owed: Vec<Kind>,
}

impl Luggage {
    /// Keeps of a finished step what decides about the host's traffic.
    fn saw(&mut self, step: StepRef, spec: &StepSpec, result: &StepResult) {
        self.rolled_back |= step::guard::has_rolled_back(step, result);
        self.touched |= step.phase == StepPhase::Main && step::has_touched(spec, result);
    }
}

impl Walk {
    /// Walks to the end, or to where the run leaves.
    pub(super) async fn run(self) -> Walked {
        match self.walk().await {
            Ok(()) => Walked::Finished,
            Err(walked) => walked,
        }
    }

    async fn walk(&self) -> Result<(), Walked> {
        let host = &self.voice.host;
        let target = match self.outside.roster.target(host) {
            Ok(target) => target,
            Err(why) => return self.record(self.refusal(StepResult::failed("inventory", why))).await,
        };
        if self.before.is_none()
            && let Some(why) = self.outside.controller.changed(None).await
        {
            // Refused as a whole, rather than in the middle of the walk.
            let result = StepResult::failed("file-changed", why).help(step::sources::PUT_BACK);
            return self.record(self.refusal(result)).await;
        }
        let link = Link::new(Arc::clone(&self.outside.transport), target);
        let mut luggage = Luggage {
            log: LogSink::open(self.outside.logs.as_ref(), host, link.secrets()),
            scope: self.outside.roster.scope(host).teaching(link.secrets()),
            link,
            leased: self.before.is_some(),
            rolled_back: false,
            touched: false,
            owed: Vec::new(),
        };
        if let Some(before) = &self.before {
            if let Some(machine) = &before.machine {
                luggage.link.stay_on(machine.clone());
            }
            for (_, result) in &before.steps {
                unpack(&mut luggage.scope, result);
            }
        }
        // Of all steps: a host may repeat what an earlier controller sent it.
        let plan = &self.started.plan;
        for spec in plan.steps.iter().chain(&plan.on_failure) {
            step::learn_secrets(spec, &luggage.scope, luggage.link.secrets(), self.before.is_some());
        }
        let ended = self.to_the_outcome(&mut luggage).await;
        luggage.link.close().await;
        ended
    }

    async fn to_the_outcome(&self, luggage: &mut Luggage) -> Result<(), Walked> {
        let outcome = self.all_phases(luggage).await?;
        let mut lost_lease = None;
        // A walk that stopped in the middle keeps its lease: the host is still being changed.
        if outcome != Outcome::Unreachable && luggage.leased {
            self.record(std::mem::take(&mut luggage.owed)).await?;
            lost_lease = step::lease::release(&mut luggage.link, &self.started.run, &self.started.plan.steps).await;
        }
        // Each step did what it says, but another run was at work between them.
        let outcome = if lost_lease.is_some() && outcome == Outcome::Ok { Outcome::Unknown } else { outcome };
        luggage.owed.push(Kind::HostFinished { host: self.voice.host.clone(), outcome, lost_lease });
        self.record(std::mem::take(&mut luggage.owed)).await
    }

    async fn all_phases(&self, luggage: &mut Luggage) -> Result<Outcome, Walked> {
        let plan = &self.started.plan;
        let mut broken: Option<(usize, Verdict)> = None;
        let mut drained = false;
        for (index, spec) in plan.steps.iter().enumerate() {
            let step = StepRef { phase: StepPhase::Main, index };
            let verdict = self.one(step, spec, luggage).await?;
            drained |= spec.kind.is_drain() && verdict != Verdict::Skipped;
            drained &= !(spec.kind.is_always() && verdict == Verdict::Ok);
            if !matches!(verdict, Verdict::Ok | Verdict::Skipped) {
                broken = Some((index, verdict));
                break;
            }
        }
        let Some((broke_at, broke_with)) = broken else { return Ok(Outcome::Ok) };
        let mut verdict = broke_with;
        for (index, spec) in plan.steps.iter().enumerate().filter(|(_, spec)| spec.kind.ends_guard()) {
            let step = StepRef { phase: StepPhase::Always, index };
            if index > broke_at && step::guard::was_armed(&luggage.scope) {
                // A host that was locked out is waited for: it rolls back, and then it can be asked.
                let settled = self.one(step, spec, luggage).await?;
                if verdict == Verdict::Unreachable && settled != Verdict::Skipped {
                    verdict = settled;
                }
            }
        }
        let reachable = verdict != Verdict::Unreachable;
        let begun = self.begun_undrain(luggage).await?;
        let mut on_failure = Vec::new();
        for (index, spec) in plan.on_failure.iter().enumerate() {
            let step = StepRef { phase: StepPhase::OnFailure, index };
            if reachable || spec.on == Side::Controller {
                on_failure.push((spec, self.one(step, spec, luggage).await?));
            }
        }
        if drained {
            let (touched, rolled_back) = (luggage.touched, luggage.rolled_back);
            let at = &plan.steps[broke_at];
            let broken = Broken { at, verdict: broke_with, on_failure, touched, rolled_back, reachable };
            self.undrain(&broken, begun, luggage).await?;
        }
        Ok(match verdict {
            Verdict::Unreachable => Outcome::Unreachable,
            Verdict::Unknown => Outcome::Unknown,
            Verdict::Ok | Verdict::Skipped | Verdict::Failed => Outcome::Failed,
        })
    }

    /// Ends an `undrain` of a broken walk that had begun when an earlier controller ended: a host is in one step at a
    /// time, and older versions ran it before `on_failure`.
    async fn begun_undrain(&self, luggage: &mut Luggage) -> Result<Option<StepRef>, Walked> {
        let current = self.before.as_ref().and_then(|before| before.current.as_ref()).map(|current| current.step);
        let Some(step) = current.filter(|step| step.phase == StepPhase::Always) else { return Ok(None) };
        let Some(spec) = self.started.plan.steps.get(step.index).filter(|spec| spec.kind.is_always()) else {
            return Ok(None);
        };
        self.one(step, spec, luggage).await?;
        Ok(Some(step))
    }

    /// Gives the host its traffic back, or says why it gets none: after everything else, so that nothing works on a host
    /// that serves.
    async fn undrain(&self, broken: &Broken<'_>, begun: Option<StepRef>, luggage: &mut Luggage) -> Result<(), Walked> {
        for (index, spec) in self.started.plan.steps.iter().enumerate().filter(|(_, spec)| spec.kind.is_always()) {
            let step = StepRef { phase: StepPhase::Always, index };
            let done = self.before.as_ref().is_some_and(|before| before.result(step).is_some());
            if done || begun == Some(step) {
                continue;
            }
            match broken.stays_drained(spec, &self.voice.host) {
                Some(result) => {
                    luggage.owed.push(Kind::StepFinished { host: self.voice.host.clone(), step, result });
                }
                None => drop(self.one(step, spec, luggage).await?),
            }
        }
        Ok(())
    }

    /// One step with all its attempts; done ones are not done again.
    async fn one(&self, step: StepRef, spec: &StepSpec, luggage: &mut Luggage) -> Result<Verdict, Walked> {
        if let Some(done) = self.before.as_ref().and_then(|before| before.result(step)) {
            luggage.saw(step, spec, done);
            return Ok(done.verdict);
        }
        let begun = Instant::now();
        let interrupted = self.before.as_ref().and_then(|b| b.current.as_ref()).filter(|c| c.step == step);
        let mut result = match interrupted {
            // A step that had begun goes on, whatever `when` says now: the host may be half changed.
            Some(_) => {
                self.record(std::mem::take(&mut luggage.owed)).await?;
                self.attempts(step, spec, luggage, interrupted).await?
            }
            None => match condition(spec, &luggage.scope) {
                Some(result) => {
                    // What is skipped was never begun; what fails was.
                    if result.verdict != Verdict::Skipped {
                        luggage.owed.push(Kind::StepStarted { host: self.voice.host.clone(), step, attempt: 1 });
                    }
                    result
                }
                None => self.attempts(step, spec, luggage, None).await?,
            },
        };
        result.took = begun.elapsed();
        unpack(&mut luggage.scope, &result);
        luggage.saw(step, spec, &result);
        let verdict = result.verdict;
        // A step that is done is not done again, so what it printed must not be lost with this process.
        luggage.log.flush();
        luggage.owed.push(Kind::StepFinished { host: self.voice.host.clone(), step, result });
        Ok(verdict)
    }

    async fn attempts(
        &self,
        step: StepRef,
        spec: &StepSpec,
        luggage: &mut Luggage,
        interrupted: Option<&crate::event::CurrentStep>,
    ) -> Result<StepResult, Walked> {
        let first = interrupted.map_or(1, |current| current.attempt);
        let mut notes = interrupted.map_or_else(Map::new, |current| current.notes.clone());
        let mut attempt = first;
        let mut earlier: Option<StepResult> = None;
        loop {
            if interrupted.is_none() || attempt > first {
                luggage.owed.push(Kind::StepStarted { host: self.voice.host.clone(), step, attempt });
                self.record(std::mem::take(&mut luggage.owed)).await?;
            }
            luggage.leased |= step::takes_lease(spec) && !self.started.check;
            luggage.log.enter(&spec.name, attempt);
            let limit = spec.limit();
            let deadline = Instant::now() + limit;
            let owner = self.started.owner();
            let secrets = luggage.link.secrets().clone();
            let mut voice = StepVoice { voice: &self.voice, step, noted: Map::new(), secrets };
            let mut cx = StepCx {
                run: &self.started.run,
                host: &self.voice.host,
                owner: &owner,
                step,
                attempt,
                gate: None,
                spec,
                check: self.started.check,
                scope: &luggage.scope,
                link: &mut luggage.link,
                deadline,
                notes: &notes,
                guard: step::guard::Known::default(),
                lost_lease: None,
                resumed: interrupted.is_some() && attempt == first,
                journal: &mut voice,
                log: &mut luggage.log,
                controller: &*self.outside.controller,
                clock: Arc::clone(&self.outside.clock),
            };
            let mut result = match tokio::time::timeout_at(deadline + spec.settling() + GRACE, step::run(&mut cx)).await
            {
                Ok(result) => result,
                Err(_) => overdue(spec, limit + spec.settling()),
            };
            // Here all that a host or a program said leaves the step.
            result.hide(luggage.link.secrets(), spec.register.as_deref());
            let result = match earlier.take() {
                Some(earlier) => result.after(earlier),
                None => result,
            };
            let again = matches!(result.verdict, Verdict::Failed | Verdict::Unreachable) && attempt <= spec.retries;
            if !again {
                if let Some(machine) = luggage.link.take_news() {
                    let (key, value) = machine.note();
                    let host = self.voice.host.clone();
                    luggage.owed.push(Kind::StepNoted { host, step, key: key.to_owned(), value });
                }
                return Ok(result);
            }
            self.voice.progress(&format!("{}: {}; trying again", spec.name, result.summary));
            tokio::time::sleep(spec.retry_delay).await;
            attempt += 1;
            // As a controller that takes over would find them: a reboot that was asked for is not asked for again.
            notes.extend(voice.noted);
            earlier = Some(result);
        }
    }

    /// A host that cannot even be tried: it fails in its first step, before anything is sent.
    fn refusal(&self, result: StepResult) -> Vec<Kind> {
        let step = StepRef { phase: StepPhase::Main, index: 0 };
        let host = || self.voice.host.clone();
        vec![
            Kind::StepStarted { host: host(), step, attempt: 1 },
            Kind::StepFinished { host: host(), step, result },
            Kind::HostFinished { host: host(), outcome: Outcome::Failed, lost_lease: None },
        ]
    }

    /// Returns when all of it is durable; for nothing at once.
    async fn record(&self, kinds: Vec<Kind>) -> Result<(), Walked> {
        if kinds.is_empty() {
            return Ok(());
        }
        match self.voice.record(kinds).await {
            Ack::Recorded => Ok(()),
            Ack::StopHere => Err(Walked::StoppedHere),
            Ack::Leave => Err(Walked::Left),
        }
    }
}

/// `Some` when the step is not to run: `when` is false, or cannot be evaluated.
fn condition(spec: &StepSpec, scope: &TemplateScope) -> Option<StepResult> {
    let when = spec.when.as_ref()?;
    match scope.truth(when) {
        Ok(true) => None,
        Ok(false) => Some(StepResult::skipped(format!("not needed: `{when}` is false"))),
        Err(error) => Some(StepResult::failed("template", format!("when: {error}"))),
    }
}

fn overdue(spec: &StepSpec, limit: Duration) -> StepResult {
    let summary = format!("no end within {} s; given up", (limit + GRACE).as_secs());
    if step::is_change(&spec.kind) {
        StepResult::unknown("timeout", summary).changed(true)
    } else {
        StepResult::failed("timeout", summary)
    }
}

fn unpack(scope: &mut TemplateScope, result: &StepResult) {
    for (name, value) in &result.vars {
        scope.set(name, value.clone());
    }
}

/// A host's log file as the place where remote output goes, without secrets.
pub(super) struct LogSink {
    log: Option<HostLog>,
    step: String,
    secrets: Secrets,
    streams: [Masker; 2],
    /// The job whose output is written just now.
    job: Option<(String, Masker)>,
}

impl LogSink {
    fn open(logs: Option<&Logs>, host: &HostName, secrets: &Secrets) -> Self {
        let streams = [secrets.masker(), secrets.masker()];
        let log = logs.map(|logs| logs.host(host));
        Self { log, step: String::new(), secrets: secrets.clone(), streams, job: None }
    }

    fn enter(&mut self, step: &str, attempt: u32) {
        // What the attempt before said last belongs to that one.
        self.finish();
        self.step = if attempt == 1 { step.to_owned() } else { format!("{step} (attempt {attempt})") };
    }

    /// Writes what was held back: nothing more comes of these streams.
    fn finish(&mut self) {
        let Some(log) = &mut self.log else { return };
        for masker in &mut self.streams {
            let (rest, _) = masker.finish();
            if !rest.is_empty() {
                log.write(&self.step, &rest);
            }
        }
        if let Some((job, mut masker)) = self.job.take() {
            let (rest, raw) = masker.finish();
            if raw > 0 {
                log.write_job(&self.step, &job, &rest, raw);
            }
        }
    }
}

impl Sink for LogSink {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            let (said, _) = self.streams[usize::from(stream == Stream::Stderr)].take(bytes);
            if !said.is_empty() {
                log.write(&self.step, &said);
            }
        }
    }
}

impl StepLog for LogSink {
    fn job_offset(&mut self, job: &str) -> u64 {
        // What is held back is not in the log, and will be read again.
        self.job = self.job.take().filter(|(held, _)| held != job);
        self.log.as_mut().map_or(0, |log| log.job_offset(job))
    }

    fn write_job(&mut self, job: &str, bytes: &[u8]) {
        if self.job.as_ref().is_none_or(|(current, _)| current != job) {
            self.finish();
            self.job = Some((job.to_owned(), self.secrets.masker()));
        }
        let (Some(log), Some((_, masker))) = (&mut self.log, &mut self.job) else { return };
        // In pieces, so that the log's count of the job's bytes is right at each moment.
        for piece in bytes.chunks(PIECE) {
            let (said, raw) = masker.take(piece);
            if raw > 0 {
                log.write_job(&self.step, job, &said, raw);
            }
        }
    }

    fn flush(&mut self) {
        self.finish();
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}
