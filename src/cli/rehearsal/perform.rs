//! The run of a rehearsal: the engine over simulated hosts. A controller that is to die is dropped in the middle, and a
//! second one takes over from the ledger, as `resume` does. Prints no page. Start at [`Rehearsal::perform`].

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    runtime::Runtime,
    sync::{Notify, mpsc},
    time::timeout,
};

use super::reporter::Listener;
use crate::{
    cli::{Failure, World, connect::roster::Hosts},
    engine::{self, Begun, Engine, Notice, RunEnd, Signal, Surroundings},
    event::{RunId, RunResumed, RunStarted},
    ledger::{HostLogs, Ledger, RunLedger, VERSION},
    sim::{AtSteps, SimFleet, StandIn},
    ui,
};

/// How often requests are looked for: nobody sends one.
const TICK: Duration = Duration::from_secs(60);
/// How far the first change is when the controller dies: a package manager is at work.
const INTO_CHANGE: Duration = Duration::from_secs(10);
/// The longest that the engine may take, in the time of the rehearsal.
const YEARS: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The runtime of a rehearsal: one thread, and a clock that jumps to the next timer when nothing else can run.
pub(in crate::cli) fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    built.map_err(|error| Failure::internal(format!("the async runtime cannot be started: {error}")))
}

/// Everything that a rehearsal needs, made inside its runtime.
pub(in crate::cli) struct Rehearsal<'a> {
    pub(in crate::cli) fleet: SimFleet,
    pub(in crate::cli) faults: Arc<AtSteps>,
    pub(in crate::cli) jump_box: Arc<StandIn>,
    pub(in crate::cli) hosts: Hosts,
    pub(in crate::cli) forks: usize,
    pub(in crate::cli) json: bool,
    /// The controller dies in the first wave.
    pub(in crate::cli) kill_controller: bool,
    /// Where its ledger is.
    pub(in crate::cli) state_dir: &'a Path,
    /// Whether the output of hosts is kept.
    pub(in crate::cli) logs: bool,
    /// How the program is called in hints.
    pub(in crate::cli) program: String,
}

/// One controller: what its engine needs, with the other ends of its channels.
struct Controller {
    engine: Engine,
    signals: mpsc::Sender<Signal>,
    notices: mpsc::Receiver<Notice>,
}

impl Rehearsal<'_> {
    /// Carries the run out, to its end.
    ///
    /// # Errors
    /// The ledger of the rehearsal cannot be written, or signals cannot be handled.
    pub(in crate::cli) fn perform(
        self,
        started: RunStarted,
        runtime: &Runtime,
        world: &mut World,
    ) -> Result<RunEnd, Failure> {
        let run = started.run.clone();
        let mut ledger = Ledger::open(self.state_dir)?;
        let logs = self.logs.then(|| Arc::new(ledger.logs(&run, Arc::clone(&world.clock))) as Arc<dyn HostLogs>);
        let begun = engine::start(started, &*world.clock, |first| {
            let lock = ledger.begin(first)?;
            Ok(Box::new(RunLedger::new(ledger, lock)))
        })?;
        let surroundings = Arc::new(Surroundings {
            transport: Arc::new(self.fleet.clone()),
            controller: Arc::clone(&self.jump_box) as Arc<dyn crate::step::Controller>,
            clock: Arc::clone(&world.clock),
            gate_scope: self.hosts.gate_scope(),
            inputs: Arc::new(self.hosts),
            logs,
        });
        let mut screen = screen(self.json, &self.program, world);
        if self.json {
            screen.event(begun.state(), begun.opening());
        }
        let dies = self.kill_controller.then(|| Arc::new(Notify::new()));
        let controller = |screen, first_change| {
            let listener = Listener { screen, faults: Arc::clone(&self.faults), first_change };
            controller(Arc::clone(&surroundings), Box::new(listener), self.forks, &self.program)
        };
        let first = controller(screen, dies.clone());
        if let Some(ended) = runtime.block_on(Box::pin(drive(first, begun, dies, world)))? {
            return Ok(ended);
        }
        if !self.kill_controller {
            return Err(no_end());
        }
        let begun = take_over(self.state_dir, &run, world)?;
        let mut screen = self::screen(self.json, &self.program, world);
        if self.json {
            screen.event(begun.state(), begun.opening());
        }
        let second = controller(screen, None);
        let ended = runtime.block_on(Box::pin(drive(second, begun, None, world)))?;
        ended.ok_or_else(no_end)
    }
}

fn controller(
    surroundings: Arc<Surroundings>,
    reporter: Box<dyn ui::Reporter>,
    forks: usize,
    program: &str,
) -> Controller {
    let (signals, inbox) = mpsc::channel(16);
    let (notices, questions) = mpsc::channel(4);
    let engine = Engine {
        surroundings,
        reporter,
        forks,
        tick: TICK,
        signals: inbox,
        program: program.to_owned(),
        notices: Some(notices),
    };
    Controller { engine, signals, notices: questions }
}

/// Runs one controller to its end; `None`: it died.
async fn drive(
    controller: Controller,
    begun: Begun,
    dies: Option<Arc<Notify>>,
    world: &World,
) -> Result<Option<RunEnd>, Failure> {
    let Controller { engine, signals, mut notices } = controller;
    if world.signals {
        engine::listen(signals.clone()).map_err(|e| Failure::internal(format!("signals cannot be handled: {e}")))?;
    }
    let answers = tokio::spawn(async move {
        while notices.recv().await.is_some() {
            let _ = signals.send(Signal::Approve { by: "the rehearsal".to_owned() }).await;
        }
    });
    let death = async {
        match dies {
            Some(dies) => {
                dies.notified().await;
                tokio::time::sleep(INTO_CHANGE).await;
            }
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = timeout(YEARS, engine::run(engine, begun)) => ended.ok(),
        () = death => None,
    };
    answers.abort();
    // What the tasks of a dead controller still hold is gone now.
    tokio::task::yield_now().await;
    Ok(ended)
}

fn no_end() -> Failure {
    Failure::internal("the rehearsal did not come to an end within ten years of its own time (a bug)")
}

/// What `resume` does: the state from the ledger alone, and the lock.
fn take_over(state_dir: &Path, run: &RunId, world: &mut World) -> Result<Begun, Failure> {
    let ledger = Ledger::open(state_dir)?;
    let lock = ledger.lock(run, &world.by())?;
    ledger.verify(run)?;
    let state = ledger.state(run)?;
    super::words::killed(&state, world);
    let resumed = RunResumed {
        operator: world.who.account.clone(),
        person: world.who.person.clone(),
        controller: world.machine(),
        version: VERSION.to_owned(),
        ..RunResumed::default()
    };
    Ok(engine::take_over(state, resumed, &*world.clock, Box::new(RunLedger::new(ledger, lock)))?)
}

fn screen(json: bool, program: &str, world: &World) -> Box<dyn ui::Reporter> {
    if json {
        return Box::new(ui::Json::new(Box::new(world.stdout.clone()), Box::new(world.stderr.clone())));
    }
    let lines = ui::Lines::new(Box::new(world.stderr.clone()), world.paint(world.stderr_is_terminal), world.zone());
    Box::new(lines.called(program).only_loud())
}
