//! A controller of the search: the program's own code for an attempt of a step, as far as the answers it has heard take
//! it. It cannot be copied, so it begins again and hears the same answers once more. It knows nothing of the host but
//! answers. Start at [`Life`] and [`Life::stands`].

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::{sync::Notify, time::Instant};

use super::host::{Key, PROGRAM, digest};
use crate::{
    clock::SystemClock,
    command::{Command, Effect, Output},
    event::{LostLease, RunId, StepPhase, StepRef, StepResult, Verdict},
    host::HostName,
    playbook::{CommandLine, CommandSpec, StepKind, StepSpec, Template, TemplateScope},
    step::{
        self, StepCx, StepLog as _, guard, lease,
        testing::{Log, NoController, Notebook, spec},
    },
    target::{FinishedRuns, Target},
    transport::{Class, ConnectError, ExecError, Link, Session, Sink, Transport},
};

/// What is given to a controller and does not change.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    pub run: &'static str,
    pub other: &'static str,
    pub owner: &'static str,
    /// `--steal-lease`.
    pub steals: bool,
    /// An earlier step of its walk took the lease.
    pub leased: bool,
    /// How long its step may take.
    pub limit: Duration,
}

/// What a controller hears when it has sent a command.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    /// Without one the connection was lost.
    pub answer: Option<Output>,
    /// Whether the other run has finished with the host.
    pub other_is_over: bool,
}

/// A controller from its start, or its resumption, until now.
#[derive(Clone)]
pub(super) struct Life {
    orders: Arc<Orders>,
    resumed: bool,
    notes: Map<String, Value>,
    logged: Vec<u8>,
    result: Option<StepResult>,
    heard: Vec<Heard>,
    /// Says all of the above.
    pub key: Key,
}

/// Where a controller is.
pub(super) struct Standing {
    /// What it sends next; nothing once its walk is over.
    pub sends: Option<Arc<Sent>>,
    pub notes: Map<String, Value>,
    /// The job's output as it is in the host's log.
    pub logged: Vec<u8>,
    /// How its step ended.
    pub result: Option<StepResult>,
    /// At the end of the walk it found that another run has the lease.
    pub lost: Option<LostLease>,
}

/// A command that a controller sends.
pub(super) struct Sent {
    pub run: &'static str,
    pub command: Command,
    /// Says all of it but how long it waits on the host.
    pub key: Key,
}

impl Sent {
    fn new(run: &'static str, command: Command) -> Self {
        let waits = |n: usize| command.label.starts_with("job-") && (7..9).contains(&n);
        let words = command.argv.iter().enumerate().filter(|(n, _)| !waits(*n)).map(|(_, word)| word.as_bytes());
        Self { run, key: digest(&words.collect::<Vec<_>>()), command }
    }

    /// The link sends it again by itself when its answer is lost: nothing else of the controller changes.
    pub fn is_repeated(&self) -> bool {
        self.command.effect == Effect::Reads
    }
}

impl Life {
    pub fn new(orders: Orders) -> Self {
        let key = digest(&[orders.run.as_bytes()]);
        let (notes, logged) = Default::default();
        Self { orders: Arc::new(orders), resumed: false, notes, logged, result: None, heard: Vec::new(), key }
    }

    /// The life of the controller that resumes, when this one has died where it was.
    pub fn resumed(&self, standing: &Standing) -> Self {
        let (notes, logged, result) = (standing.notes.clone(), standing.logged.clone(), standing.result.clone());
        let text = format!("resumed {notes:?} {result:?}");
        let key = digest(&[self.orders.run.as_bytes(), text.as_bytes(), &logged]);
        Self { orders: Arc::clone(&self.orders), resumed: true, notes, logged, result, heard: Vec::new(), key }
    }

    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    pub fn hears(&self, heard: Heard) -> Self {
        let (what, answer) = match &heard.answer {
            Some(answer) => (format!("{:?} {}", answer.exit, heard.other_is_over), &answer.stdout[..]),
            None => (format!("lost {}", heard.other_is_over), &b""[..]),
        };
        let key = digest(&[&self.key, what.as_bytes(), answer]);
        let mut life = Self { key, ..self.clone() };
        life.heard.push(heard);
        life
    }

    /// Whether it has heard the same three times in a row: after that only time passes.
    pub fn repeats(&self) -> bool {
        matches!(self.heard.as_slice(), [.., a, b, c] if a == b && b == c)
    }

    /// Tells the controller all that it has heard, and says where it is then.
    pub fn stands(&self) -> Standing {
        // Pauses have a random length.
        fastrand::seed(7);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(self.replayed())
    }

    async fn replayed(&self) -> Standing {
        let wire = Arc::new(Wire::default());
        wire.heard.lock().unwrap().extend(self.heard.iter().cloned());
        let host = HostName::new("web1").unwrap();
        let mut target = Target::plain(host.clone(), "127.0.0.1");
        target.steal_lease = self.orders.steals;
        let (other, over) = (self.orders.other, Arc::clone(&wire));
        target.finished_runs = Some(FinishedRuns(Arc::new(move |run, _| run == other && over.other_is_over())));
        let mut link = Link::new(Arc::new(OneHost(Arc::clone(&wire))), Arc::new(target));
        let mut journal = Notebook { notes: self.notes.clone(), ..Notebook::default() };
        let mut log = Log::default();
        let job = format!("{}.659a7fb2.s1.1.command", self.orders.run);
        log.write_job(&job, &self.logged);
        let mut result = self.result.clone();
        let walk = self.walk(&host, &mut link, &mut journal, &mut log, &mut result);
        let lost = tokio::select! {
            biased;
            lost = walk => Some(lost),
            () = wire.silent.notified() => None,
        };
        let sends = wire.sent.lock().unwrap().take().map(|command| Arc::new(Sent::new(self.orders.run, command)));
        assert_eq!(sends.is_none(), lost.is_some(), "a controller is over, or sends something");
        Standing { sends, notes: journal.notes, logged: log.0, result, lost: lost.flatten() }
    }

    /// A walk of one step that changes the host, as the engine makes it.
    async fn walk(
        &self,
        host: &HostName,
        link: &mut Link,
        journal: &mut Notebook,
        log: &mut Log,
        result: &mut Option<StepResult>,
    ) -> Option<LostLease> {
        let run = RunId(self.orders.run.to_owned());
        let spec = step();
        if result.is_none() {
            let mut cx = StepCx {
                run: &run,
                host,
                owner: self.orders.owner,
                step: StepRef { phase: StepPhase::Main, index: 0 },
                attempt: 1,
                gate: None,
                spec: &spec,
                check: false,
                scope: &TemplateScope::default(),
                link: &mut *link,
                deadline: Instant::now() + self.orders.limit,
                notes: &self.notes,
                guard: guard::Known::default(),
                lost_lease: None,
                leased: self.resumed || self.orders.leased,
                holds_lease: false,
                heard: step::Heard::default(),
                undo: &crate::pkg::Undo::default(),
                resumed: self.resumed,
                journal,
                log,
                controller: &NoController,
                clock: Arc::new(SystemClock),
            };
            let mut ended = step::run(&mut cx).await;
            ended.took = Duration::ZERO;
            *result = Some(ended);
        }
        if result.as_ref().is_some_and(|result| result.verdict == Verdict::Unreachable) {
            return None;
        }
        lease::release(link, &run, &[spec]).await
    }
}

fn step() -> StepSpec {
    let run = CommandLine::Shell(Template(PROGRAM.to_owned()));
    spec(StepKind::Command(CommandSpec { run, changes: true, environment: BTreeMap::new(), ok_codes: vec![0] }))
}

/// A connection over which only that is heard which was written down before.
#[derive(Default)]
struct Wire {
    heard: Mutex<VecDeque<Heard>>,
    over: AtomicBool,
    /// The command to which no answer is written down.
    sent: Mutex<Option<Command>>,
    silent: Notify,
}

impl Wire {
    fn other_is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

struct OneHost(Arc<Wire>);

impl Transport for OneHost {
    fn connect(&self, _: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async { Ok(Box::new(Self(Arc::clone(&self.0))) as Box<dyn Session>) })
    }
}

impl Session for OneHost {
    fn exec<'a>(&'a mut self, command: &'a Command, _: &'a mut dyn Sink) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(async move {
            let Some(heard) = self.0.heard.lock().unwrap().pop_front() else {
                *self.0.sent.lock().unwrap() = Some(command.clone());
                self.0.silent.notify_one();
                return std::future::pending().await;
            };
            self.0.over.store(heard.other_is_over, Ordering::Relaxed);
            let Some(output) = heard.answer else {
                return Err(ExecError { sent: true, class: Class::Lost, message: "lost".to_owned(), help: None });
            };
            // A look at a job that is not over has waited.
            if ["patchwave-job alive", "patchwave-job claimed"].iter().any(|state| output.text().starts_with(state)) {
                let hundredths: u64 = command.argv[7].parse().unwrap();
                tokio::time::sleep(Duration::from_millis(10 * hundredths)).await;
            }
            Ok(output)
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
