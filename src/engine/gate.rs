//! A stage's gate: steps on the jump box after a wave.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Surroundings;
use crate::{
    event::{RunStarted, StepPhase, StepRef, Verdict},
    host::HostName,
    mask::Secrets,
    pkg::Undo,
    step::{self, Interrupted, StepCx, StepJournal},
    target::Target,
    transport::{Class, ConnectError, Link, NoSink, Phase, Session, Transport},
};

/// How a gate ended.
pub(super) struct GateEnd {
    pub(super) stage: usize,
    pub(super) wave: usize,
    /// Whether the gate passed.
    pub(super) passed: bool,
    /// Why not, or what it said.
    pub(super) summary: String,
}

/// Runs the gate steps of a stage in order; the first one that is not ok decides.
pub(super) async fn run(
    surroundings: Arc<Surroundings>,
    started: Arc<RunStarted>,
    stage: usize,
    wave: usize,
) -> GateEnd {
    let (passed, summary) = steps(&surroundings, &started, stage, wave).await;
    GateEnd { stage, wave, passed, summary }
}

async fn steps(surroundings: &Surroundings, started: &RunStarted, stage: usize, wave: usize) -> (bool, String) {
    let Ok(host) = HostName::new("localhost") else { return (false, "no name for the jump box".to_owned()) };
    let secrets = Secrets::default();
    let mut scope = surroundings.gate_scope.clone().recording_secrets(&secrets);
    let (mut said, owner) = (String::new(), started.owner());
    for (index, spec) in started.plan.stages[stage].gate.iter().enumerate() {
        let mut attempt = 1;
        let result = loop {
            if let Some(result) = step::condition(spec, &scope) {
                break if result.verdict == Verdict::Skipped { Ok(result) } else { Err(result.summary) };
            }
            let target = Target { secrets: secrets.clone(), ..Target::plain(host.clone(), "localhost") };
            let mut link = Link::new(Arc::new(Nowhere), Arc::new(target));
            let mut cx = StepCx {
                run: &started.run,
                host: &host,
                owner: &owner,
                step: StepRef { phase: StepPhase::Gate, index },
                attempt,
                gate: Some((stage, wave)),
                spec,
                check: started.check,
                scope: &scope,
                link: &mut link,
                deadline: Instant::now() + spec.limit(),
                notes: &Map::new(),
                guard: step::guard::Known::default(),
                lost_lease: None,
                leased: false,
                holds_lease: false,
                heard: step::Heard::default(),
                undo: &Undo::default(),
                resumed: false,
                journal: &mut Mute,
                log: &mut NoSink,
                controller: &*surroundings.controller,
                clock: Arc::clone(&surroundings.clock),
            };
            let deadline = cx.deadline + Duration::from_secs(30);
            let mut result = tokio::time::timeout_at(deadline, step::run(&mut cx)).await;
            if let Ok(result) = &mut result {
                step::complete(spec, result);
                result.hide(link.secrets(), spec.register.as_deref());
            }
            match result {
                Ok(result) if matches!(result.verdict, Verdict::Ok | Verdict::Skipped) => break Ok(result),
                // It may or may not have taken effect, so it is not tried again.
                Ok(result) if result.verdict == Verdict::Unknown => break Err(result.summary),
                // What it started may still be running, so it is not started a second time.
                Err(_) if step::is_change(&spec.kind) => {
                    break Err("it timed out, and may still be running on the jump box".to_owned());
                }
                _ if attempt <= spec.retries => attempt += 1,
                Ok(result) => break Err(result.summary),
                Err(_) => break Err("timed out".to_owned()),
            }
            tokio::time::sleep(spec.retry_delay).await;
        };
        match result {
            Ok(result) => {
                for (name, value) in &result.vars {
                    scope.set(name, value.clone());
                }
                said = result.summary;
            }
            Err(why) => return (false, format!("{}: {why}", spec.name)),
        }
    }
    (true, said)
}

/// Drops a gate's notes: after an interruption it runs again. Its programs are found by their own records.
struct Mute;

impl StepJournal for Mute {
    fn note<'a>(&'a mut self, _: &'a str, _: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        Box::pin(async { Ok(()) })
    }

    fn progress(&mut self, _: &str) {}
}

/// Refuses every connection: a gate step runs on the jump box.
struct Nowhere;

impl Transport for Nowhere {
    fn connect(&self, _: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async {
            Err(ConnectError {
                phase: Phase::Connect,
                class: Class::Local,
                message: "a gate step runs on the jump box; write `on: controller`".to_owned(),
                help: None,
            })
        })
    }
}
