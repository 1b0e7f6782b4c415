//! A run of two hosts in which one thing goes wrong at one moment of one host's walk, and the controllers after it.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use patchwave::{
    clock::{Clock, TokioClock},
    engine::{self, Engine, HostInputs, RunEnd, Signal, Surroundings},
    event::{Event, Kind, RunId, RunStarted, RunState, StepPhase, Stop},
    host::HostName,
    ledger::{Journal, LedgerError, Request},
    plan::{Plan, PlannedHost, Stage, Wave},
    playbook::TemplateScope,
    policy::{Mode, OnBudgetSpent},
    sim::{Faults, SimFleet},
    target::Target,
    ui::Reporter,
};
use tokio::sync::{Notify, mpsc};

use super::{
    cases::Case,
    sim_controller::SimController,
    simulation::{Shared, resumed},
};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    LinkCut,
    ControllerKilled,
    ControllerTerminated,
    /// The job and its wrapper: there is no exit code.
    JobKilled,
    /// The job's program: its wrapper writes 137.
    ProgramKilled,
    ForeignReboot,
    PowerOff,
    HostDiskFull,
    JumpBoxDiskFull,
    ClockForward,
    ClockBack,
}

impl Blow {
    pub const ALL: [Self; 11] = [
        Self::LinkCut,
        Self::ControllerKilled,
        Self::ControllerTerminated,
        Self::JobKilled,
        Self::ProgramKilled,
        Self::ForeignReboot,
        Self::PowerOff,
        Self::HostDiskFull,
        Self::JumpBoxDiskFull,
        Self::ClockForward,
        Self::ClockBack,
    ];

    /// Whether the host and its connection stay untouched.
    pub fn spares_the_host(self) -> bool {
        use Blow::*;
        matches!(self, ControllerKilled | ControllerTerminated | JumpBoxDiskFull | ClockForward | ClockBack)
    }
}

/// Where in the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Before,
    During,
    After,
}

/// When and how it strikes, and what happens around it.
#[derive(Clone, Debug)]
pub struct Strike {
    pub blow: Blow,
    /// The moment of the first host's walk, counted from 0.
    pub moment: usize,
    /// How long after that moment.
    pub delay: Duration,
    /// The controller is also killed, this long after it.
    pub then_killed: Option<Duration>,
    /// The time between two controllers.
    pub rest: Duration,
    /// Whether the host is repaired before the second controller.
    pub healed: bool,
    /// The second controller is killed after this time.
    pub killed_again: Option<Duration>,
}

/// What is known afterwards.
pub struct Aftermath {
    pub fleet: SimFleet,
    pub jump_box: Arc<SimController>,
    pub hosts: [HostName; 2],
    pub state: RunState,
    /// Whether it struck, and whether a job was running on the host then.
    pub struck: Option<bool>,
    pub controllers: u32,
    /// The phase of every moment of the first host.
    pub trace: Vec<Phase>,
}

/// Counts the moments of one host's walk and strikes in one of them.
struct Trap {
    subject: HostName,
    at: usize,
    strike: Option<Strike>,
    seen: Mutex<Vec<Phase>>,
    phase: Mutex<Phase>,
    struck: Mutex<Option<bool>>,
    armed: AtomicBool,
    fleet: SimFleet,
    controller: Mutex<Handle>,
    jump_disk_full: Arc<AtomicBool>,
    jump: Arc<AtomicI64>,
}

/// The faults that hit a controller.
#[derive(Clone, Default)]
struct Handle {
    dead: Arc<AtomicBool>,
    death: Arc<Notify>,
    signals: Option<mpsc::Sender<Signal>>,
}

impl Handle {
    fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.death.notify_one();
    }
}

impl Trap {
    /// One more moment of a host; true if the fault struck now.
    fn moment(self: &Arc<Self>, host: &HostName) -> bool {
        if *host != self.subject || !self.armed.load(Ordering::SeqCst) {
            return false;
        }
        let n = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(*self.phase.lock().unwrap());
            seen.len() - 1
        };
        let Some(strike) = self.strike.as_ref().filter(|strike| strike.moment == n) else { return false };
        if strike.delay.is_zero() {
            self.strike(strike);
            return true;
        }
        let (trap, delay) = (Arc::clone(self), strike.delay);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if trap.armed.load(Ordering::SeqCst)
                && let Some(strike) = &trap.strike
            {
                trap.strike(strike);
            }
        });
        false
    }

    fn strike(&self, strike: &Strike) {
        *self.struck.lock().unwrap() = Some(self.fleet.is_busy(&self.subject));
        let handle = self.controller.lock().unwrap().clone();
        let host = &self.subject;
        const DAY: i64 = 86_400;
        match strike.blow {
            Blow::LinkCut => self.fleet.cut(host),
            Blow::ControllerKilled => handle.kill(),
            Blow::ControllerTerminated => {
                let stop = Signal::Stop { how: Stop::Detach, by: "SIGTERM".to_owned() };
                let _ = handle.signals.as_ref().unwrap().try_send(stop);
            }
            Blow::JobKilled => self.fleet.kill_jobs(host, None),
            Blow::ProgramKilled => self.fleet.kill_jobs(host, Some(137)),
            Blow::ForeignReboot => self.fleet.reboot(host),
            Blow::PowerOff => self.fleet.power_off(host),
            Blow::HostDiskFull => self.fleet.fill_disk(host, true),
            Blow::JumpBoxDiskFull => self.jump_disk_full.store(true, Ordering::SeqCst),
            Blow::ClockForward => self.jump.store(DAY, Ordering::SeqCst),
            Blow::ClockBack => self.jump.store(-DAY, Ordering::SeqCst),
        }
        if let Some(after) = strike.then_killed {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                handle.kill();
            });
        }
    }

    fn learn(&self, kind: &Kind) {
        let mine = |host: &HostName, index: usize| *host == self.subject && index == self.at;
        match kind {
            Kind::StepStarted { host, step, .. } if step.phase == StepPhase::Main && mine(host, step.index) => {
                *self.phase.lock().unwrap() = Phase::During;
            }
            Kind::StepFinished { host, step, .. } if step.phase == StepPhase::Main && mine(host, step.index) => {
                *self.phase.lock().unwrap() = Phase::After;
            }
            _ => {}
        }
    }
}

/// The ledger: there are moments before and after each event of a host. A dead controller writes nothing, and neither
/// does a full disk.
struct TrapJournal {
    shared: Shared,
    trap: Arc<Trap>,
    handle: Handle,
}

impl Journal for TrapJournal {
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        let hosts = |events: &[Event]| events.iter().filter_map(|e| host_of(&e.kind)).collect::<Vec<_>>();
        for host in hosts(events) {
            self.trap.moment(&host);
        }
        if self.handle.dead.load(Ordering::SeqCst) || self.trap.jump_disk_full.load(Ordering::SeqCst) {
            return Err(LedgerError::Full { path: "memory".into() });
        }
        self.shared.append(events)?;
        for event in events {
            self.trap.learn(&event.kind);
        }
        for host in hosts(events) {
            self.trap.moment(&host);
        }
        Ok(())
    }

    fn requests(&mut self) -> Vec<Request> {
        Vec::new()
    }
}

fn host_of(kind: &Kind) -> Option<HostName> {
    match kind {
        Kind::HostStarted { host }
        | Kind::StepStarted { host, .. }
        | Kind::StepNoted { host, .. }
        | Kind::StepFinished { host, .. }
        | Kind::HostFinished { host, .. } => Some(host.clone()),
        _ => None,
    }
}

#[derive(Debug)]
struct JumpingClock {
    steady: TokioClock,
    jump: Arc<AtomicI64>,
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let jump = SignedDuration::from_secs(self.jump.load(Ordering::SeqCst));
        self.steady.now().saturating_add(jump).unwrap()
    }
}

struct Names;

impl HostInputs for Names {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        Ok(Arc::new(Target::plain(host.clone(), host.as_str())))
    }
    fn scope(&self, host: &HostName) -> TemplateScope {
        let mut scope = TemplateScope::default();
        scope.set("inventory_hostname", host.as_str().into());
        scope
    }
}

struct Silence;

impl Reporter for Silence {
    fn event(&mut self, _: &RunState, _: &Event) {}
    fn progress(&mut self, _: &patchwave::event::Progress) {}
    fn tick(&mut self, _: &RunState, _: Timestamp) {}
    fn note(&mut self, _: Timestamp, _: &str) {}
    fn finish(&mut self, _: &RunState) {}
}

/// More virtual time than any run needs: a run that is not done by then hangs.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// Runs `case` with this fault to its end.
pub async fn live_through(case: &Case, folder: &Path, strict: bool, strike: Option<Strike>) -> Aftermath {
    let hosts = ["h00", "h01"].map(|name| HostName::new(name).unwrap());
    let healthy = hosts.iter().map(|host| (host.clone(), Faults::default()));
    let fleet = SimFleet::new(healthy, Duration::from_millis(2)).with_apt().with_jitter(Duration::from_millis(40));
    let jump = Arc::new(AtomicI64::new(0));
    let trap = Arc::new(Trap {
        subject: hosts[0].clone(),
        at: case.at,
        strike: strike.clone(),
        seen: Mutex::default(),
        phase: Mutex::new(Phase::Before),
        struck: Mutex::default(),
        armed: AtomicBool::new(true),
        fleet: fleet.clone(),
        controller: Mutex::default(),
        jump_disk_full: Arc::default(),
        jump: Arc::clone(&jump),
    });
    let moments = {
        let trap = Arc::clone(&trap);
        Arc::new(move |host: &HostName| trap.moment(host))
    };
    let watcher = {
        let trap = Arc::clone(&trap);
        Arc::new(move |host: &HostName, _| trap.moment(host))
    };
    let jump_box =
        Arc::new(SimController { fleet: fleet.clone(), folder: folder.to_owned(), moments, effects: Mutex::default() });
    let steady = TokioClock::starting_at("2026-11-22T02:00:00Z".parse().unwrap());
    let stage = Stages {
        trap: Arc::clone(&trap),
        journal: Shared::default(),
        surroundings: Arc::new(Surroundings {
            transport: Arc::new(fleet.clone().watched(watcher)),
            controller: Arc::clone(&jump_box) as _,
            clock: Arc::new(JumpingClock { steady, jump }),
            inputs: Arc::new(Names),
            gate_scope: TemplateScope::default(),
            logs: None,
        }),
        first: started(case, &hosts, strict),
        forks: if strict { 1 } else { 2 },
    };
    let mut controllers = 1;
    stage.controller(PATIENCE).await;
    trap.armed.store(false, Ordering::SeqCst);
    if let Some(strike) = &strike {
        tokio::time::sleep(strike.rest).await;
        if strike.healed {
            fleet.heal();
        }
        trap.jump_disk_full.store(false, Ordering::SeqCst);
        if let Some(life) = strike.killed_again {
            controllers += 1;
            stage.controller_for(life).await;
            tokio::time::sleep(strike.rest).await;
        }
        controllers += 1;
        let ended = stage.controller(PATIENCE).await.expect("nobody kills it");
        assert!(ended.lost.is_none(), "{:?}", ended.lost);
    }
    let events = stage.journal.events();
    let struck = *trap.struck.lock().unwrap();
    let trace = trap.seen.lock().unwrap().clone();
    let state = RunState::fold(&events).unwrap();
    Aftermath { fleet, jump_box, hosts, state, struck, controllers, trace }
}

/// The world in which the controllers run.
struct Stages {
    trap: Arc<Trap>,
    journal: Shared,
    surroundings: Arc<Surroundings>,
    first: RunStarted,
    forks: usize,
}

impl Stages {
    /// One controller, until it ends or dies.
    async fn controller(&self, patience: Duration) -> Option<RunEnd> {
        match tokio::time::timeout(patience, self.live()).await {
            Ok(ended) => ended,
            Err(_) => {
                panic!("a controller hangs: {:#?}", self.journal.events().iter().rev().take(5).collect::<Vec<_>>())
            }
        }
    }

    /// One controller that is killed after `life`, unless it ends before.
    async fn controller_for(&self, life: Duration) {
        let _ = tokio::time::timeout(life, self.live()).await;
    }

    async fn live(&self) -> Option<RunEnd> {
        let (signals, inbox) = mpsc::channel(4);
        let handle = Handle { signals: Some(signals), ..Handle::default() };
        *self.trap.controller.lock().unwrap() = handle.clone();
        let (trap, shared) = (Arc::clone(&self.trap), self.journal.clone());
        let mut journal = TrapJournal { shared, trap, handle: handle.clone() };
        let events = self.journal.events();
        let clock = &*self.surroundings.clock;
        let begun = if events.is_empty() {
            engine::start(self.first.clone(), clock, |first| {
                journal.append(std::slice::from_ref(first))?;
                Ok(Box::new(journal))
            })
        } else {
            engine::take_over(RunState::fold(&events).unwrap(), resumed(), clock, Box::new(journal))
        };
        let begun = begun.unwrap();
        let engine = Engine {
            surroundings: Arc::clone(&self.surroundings),
            reporter: Box::new(Silence),
            forks: self.forks,
            tick: Duration::from_secs(120),
            signals: inbox,
            program: "patchwave".to_owned(),
            notices: None,
        };
        tokio::select! {
            biased;
            () = handle.death.notified() => None,
            ended = engine::run(engine, begun) => Some(ended),
        }
    }
}

fn started(case: &Case, hosts: &[HostName], strict: bool) -> RunStarted {
    let planned =
        |host: &HostName| PlannedHost { name: host.clone(), domain: None, window: None, freezes: None, undo: None };
    let stage = Stage {
        name: "all".to_owned(),
        environment: None,
        risk: None,
        waves: vec![Wave { canary: false, hosts: hosts.iter().map(planned).collect() }],
        window_size: None,
        mode: Mode::Waves,
        max_failures: if strict { 0 } else { hosts.len() },
        on_budget_spent: OnBudgetSpent::HaltRun,
        soak: Duration::ZERO,
        approve: None,
        gate: vec![],
    };
    let plan = Plan {
        playbook: "matrix".to_owned(),
        stages: vec![stage],
        steps: case.steps.clone(),
        on_failure: vec![],
        max_failures: None,
        on_budget_spent: OnBudgetSpent::HaltRun,
        ignores_windows: false,
        skipped: Vec::new(),
        dates: Default::default(),
        undoes: None,
        vars_digest: String::new(),
        pinned: Default::default(),
    };
    RunStarted {
        operator: "sim".to_owned(),
        controller: "sim".to_owned(),
        ..RunStarted::of(RunId("20261122-020000-mtrx".to_owned()), plan)
    }
}
