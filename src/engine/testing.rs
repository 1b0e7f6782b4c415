//! What the engine's tests use: a run in memory over simulated hosts, with what it recorded and showed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Begun, Engine, HostInputs, Notice, Signal, Surroundings, start, take_over};
use crate::{
    clock::{Clock, TokioClock},
    event::{Event, Kind, Progress, RunId, RunResumed, RunStarted, RunState, sample::time},
    host::HostName,
    ledger::{HostLogs, Journal, LedgerError, MemoryJournal, Request},
    plan::Plan,
    playbook::{CommandLine, CommandSpec, Pause, StepKind, StepSpec, Template, TemplateScope},
    sim::{Faults, SimFleet},
    step::JumpBox,
    target::Target,
    transport::Transport,
    ui::Reporter,
};

/// A journal that the test can read.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<MemoryJournal>>);

impl Kept {
    pub(super) fn with_room(room: usize) -> Self {
        Self(Arc::new(Mutex::new(MemoryJournal::with_room(room))))
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// The kinds of all events after the one that opened the run.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.events().into_iter().skip(1).map(|event| event.kind).collect()
    }

    /// Makes room again.
    pub(super) fn heal(&self) {
        self.0.lock().unwrap().room = None;
    }

    /// Adds a request from another shell.
    pub(super) fn ask(&self, request: Request) {
        self.0.lock().unwrap().asked.push(request);
    }
}

impl Journal for Kept {
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        self.0.lock().unwrap().append(events)
    }

    fn requests(&mut self) -> Vec<Request> {
        self.0.lock().unwrap().requests()
    }
}

/// Keeps sentences and questions.
#[derive(Clone, Default)]
pub(super) struct Heard(pub(super) Arc<Mutex<Vec<String>>>);

impl Reporter for Heard {
    fn event(&mut self, _: &RunState, _: &Event) {}
    fn progress(&mut self, _: &Progress) {}
    fn tick(&mut self, _: &RunState, _: Timestamp) {}
    fn finish(&mut self, _: &RunState) {}
    fn note(&mut self, _: Timestamp, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// Inputs for any host: each has its name as a variable.
pub(super) struct Everybody;

impl HostInputs for Everybody {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        Ok(Arc::new(Target::plain(host.clone(), host.as_str())))
    }

    fn scope(&self, host: &HostName) -> TemplateScope {
        let mut scope = TemplateScope::default();
        scope.set("inventory_hostname", host.as_str().into());
        scope
    }
}

/// A step that takes this long and changes nothing.
pub(super) fn pause(duration: Duration) -> StepSpec {
    StepSpec::of(StepKind::Pause(Pause { duration }))
}

/// A step that runs this line on the host.
pub(super) fn command(line: &str, changes: bool) -> StepSpec {
    let run = CommandLine::Shell(Template(line.to_owned()));
    StepSpec::of(StepKind::Command(CommandSpec { run, changes, environment: Default::default(), ok_codes: vec![0] }))
}

pub(super) fn started(plan: Plan) -> RunStarted {
    RunStarted { operator: "ann".to_owned(), ..RunStarted::of(RunId("20261122-020000-kxfa".to_owned()), plan) }
}

/// Everything around a run of this plan.
pub(super) struct Bench {
    pub(super) journal: Kept,
    pub(super) heard: Heard,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) inputs: Arc<dyn HostInputs>,
    pub(super) logs: Option<Arc<dyn HostLogs>>,
    pub(super) notices: Option<mpsc::Sender<Notice>>,
    pub(super) plan: Plan,
}

impl Bench {
    /// Needs a runtime, and uses its clock.
    pub(super) fn new(plan: Plan) -> Self {
        let healthy = plan.hosts().map(|(host, _, _)| (host.name.clone(), Faults::default()));
        Self {
            journal: Kept::default(),
            heard: Heard::default(),
            clock: Arc::new(TokioClock::starting_at(time(0))),
            transport: Arc::new(SimFleet::new(healthy, Duration::from_millis(10))),
            inputs: Arc::new(Everybody),
            logs: None,
            notices: None,
            plan,
        }
    }

    pub(super) fn surroundings(&self) -> Arc<Surroundings> {
        Arc::new(Surroundings {
            transport: Arc::clone(&self.transport),
            controller: Arc::new(JumpBox::new(".".into(), ".".into())),
            clock: Arc::clone(&self.clock),
            inputs: Arc::clone(&self.inputs),
            gate_scope: TemplateScope::default(),
            logs: self.logs.clone(),
        })
    }

    /// An engine, and the sender for its signals.
    pub(super) fn engine(&self) -> (mpsc::Sender<Signal>, Engine) {
        let (sender, signals) = mpsc::channel(4);
        let engine = Engine {
            surroundings: self.surroundings(),
            reporter: Box::new(self.heard.clone()),
            forks: 100,
            tick: Duration::from_millis(250),
            signals,
            program: "patchwave".to_owned(),
            notices: self.notices.clone(),
        };
        (sender, engine)
    }

    pub(super) fn start(&self) -> Begun {
        let mut journal = self.journal.clone();
        let begun = start(started(self.plan.clone()), &*self.clock, |first| {
            journal.append(std::slice::from_ref(first))?;
            Ok(Box::new(journal))
        });
        begun.unwrap()
    }

    /// Another controller takes over the run in the journal.
    pub(super) fn take_over(&self) -> Begun {
        let state = RunState::fold(&self.journal.events()).unwrap();
        take_over(state, RunResumed::default(), &*self.clock, Box::new(self.journal.clone())).unwrap()
    }
}

/// The hosts of the wanted events, in order.
pub(super) fn of(kinds: &[Kind], wanted: fn(&Kind) -> Option<&HostName>) -> Vec<String> {
    kinds.iter().filter_map(wanted).map(ToString::to_string).collect()
}

pub(super) fn hosts_started(kinds: &[Kind]) -> Vec<String> {
    of(kinds, |kind| match kind {
        Kind::HostStarted { host } => Some(host),
        _ => None,
    })
}

/// Runs `work` under a clock that jumps to the next timer.
pub(super) fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}
