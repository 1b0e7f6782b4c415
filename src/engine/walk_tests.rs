//! A host's walk with a recorder, a log and inputs in memory: no dispatcher, no ledger, no inventory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;

use super::{
    HostInputs,
    record::{Ack, Record},
    testing::{Bench, command, paused, started},
    walk::{Walk, WalkEnd},
};
use crate::{
    event::{
        HostState, Kind, Outcome, Verdict,
        sample::{Sample, host, main_step, plan, result},
    },
    host::HostName,
    ledger::{HostLog, HostLogs},
    plan::Plan,
    playbook::{StepSpec, TemplateScope},
    target::Target,
};

/// Keeps events and answers as set up, or else `Recorded`.
#[derive(Clone, Default)]
struct Memory {
    kinds: Arc<Mutex<Vec<Kind>>>,
    answers: Arc<Mutex<VecDeque<Ack>>>,
}

impl Record for Memory {
    fn record(&self, kinds: Vec<Kind>) -> BoxFuture<'_, Ack> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ack::Recorded);
        if answer == Ack::Recorded {
            self.kinds.lock().unwrap().extend(kinds);
        }
        Box::pin(async move { answer })
    }

    fn progress(&self, _: &str) {}
}

/// A log in memory: `host|tag|text`.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<String>>>);

struct Page(HostName, Pages);

impl HostLogs for Pages {
    fn host(&self, host: &HostName) -> Box<dyn HostLog> {
        Box::new(Page(host.clone(), self.clone()))
    }

    fn take_trouble(&self) -> Option<String> {
        None
    }
}

impl HostLog for Page {
    fn write(&mut self, tag: &str, bytes: &[u8]) {
        let line = format!("{}|{tag}|{}", self.0, String::from_utf8_lossy(bytes));
        self.1.0.lock().unwrap().push(line);
    }

    fn write_job(&mut self, tag: &str, _: &str, bytes: &[u8], _: u64) {
        self.write(tag, bytes);
    }

    fn job_offset(&mut self, _: &str) -> u64 {
        0
    }

    fn flush(&mut self) {}
}

/// A host with one variable; `b` is not in any inventory.
struct Inputs;

impl HostInputs for Inputs {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        match host.as_str() {
            "b" => Err("b is not in the inventory any more".to_owned()),
            name => Ok(Arc::new(Target::plain(host.clone(), name))),
        }
    }

    fn scope(&self, _: &HostName) -> TemplateScope {
        let mut scope = TemplateScope::default();
        scope.set("what", "uptime".into());
        scope
    }
}

fn two_looks() -> Plan {
    let named = |name: &str, spec: StepSpec| StepSpec { name: name.to_owned(), ..spec };
    let steps = vec![named("Look", command("{{ what }}", false)), named("Look again", command("uptime", false))];
    Plan { steps, on_failure: vec![], ..plan(&[("s", &["a b"])]) }
}

/// Walks one host with these answers. Returns how the walk ended, the recorded events, and the log.
fn walk(name: &str, before: Option<HostState>, answers: &[Ack]) -> (WalkEnd, Vec<Kind>, Vec<String>) {
    paused(async {
        let pages = Pages::default();
        let bench = Bench::new(two_looks());
        let bench = Bench { inputs: Arc::new(Inputs), logs: Some(Arc::new(pages.clone())), ..bench };
        let memory = Memory { answers: Arc::new(Mutex::new(answers.to_vec().into())), ..Memory::default() };
        let walk = Walk {
            host: host(name),
            surroundings: bench.surroundings(),
            started: Arc::new(started(two_looks())),
            record: Box::new(memory.clone()),
            before,
        };
        let end = walk.run().await;
        let kinds = memory.kinds.lock().unwrap().clone();
        let pages = pages.0.lock().unwrap().clone();
        (end, kinds, pages)
    })
}

fn words(kinds: &[Kind]) -> Vec<String> {
    let word = |kind: &Kind| match kind {
        Kind::StepStarted { step, .. } => format!("begins {}", step.index),
        Kind::StepFinished { step, result, .. } => format!("ends {} {:?}", step.index, result.verdict),
        Kind::HostFinished { outcome, .. } => format!("done {outcome}"),
        other => format!("{other:?}"),
    };
    kinds.iter().map(word).collect()
}

#[test]
fn a_walk_says_each_step_and_its_outcome_and_logs_what_the_host_prints() {
    let (end, kinds, log) = walk("a", None, &[]);
    assert_eq!(end, WalkEnd::Finished);
    assert_eq!(words(&kinds), ["begins 0", "ends 0 Ok", "begins 1", "ends 1 Ok", "done ok"]);
    assert_eq!(log, ["a|Look|fine\n", "a|Look again|fine\n"]);
}

#[test]
fn a_host_without_inputs_fails_before_anything_is_sent() {
    let (end, kinds, log) = walk("b", None, &[]);
    assert_eq!(end, WalkEnd::Finished);
    assert_eq!(words(&kinds), ["begins 0", "ends 0 Failed", "done failed"]);
    assert_eq!(log, [""; 0]);
}

#[test]
fn what_is_not_recorded_is_not_done() {
    for (answer, expected) in [(Ack::StopHere, WalkEnd::StoppedHere), (Ack::Leave, WalkEnd::Left)] {
        let (end, kinds, log) = walk("a", None, &[answer]);
        assert_eq!((end, kinds.len(), log.len()), (expected, 0, 0), "the first step does not begin");
        let (end, kinds, log) = walk("a", None, &[Ack::Recorded, answer]);
        assert_eq!((end, words(&kinds), log.len()), (expected, vec!["begins 0".to_owned()], 1), "nor the second");
    }
}

#[test]
fn a_walk_that_is_taken_over_does_not_do_again_what_is_done() {
    let mut sample = Sample::of(two_looks());
    sample.start("a").begin("a", main_step(0)).end("a", main_step(0), result(Verdict::Ok, "seen"));
    let before = sample.state.host(&host("a")).cloned();
    let (end, kinds, log) = walk("a", before, &[]);
    assert_eq!(end, WalkEnd::Finished);
    assert_eq!(words(&kinds), ["begins 1", "ends 1 Ok", "done ok"]);
    assert!(matches!(kinds.last(), Some(Kind::HostFinished { outcome: Outcome::Ok, .. })));
    assert_eq!(log, ["a|Look again|fine\n"]);
}
