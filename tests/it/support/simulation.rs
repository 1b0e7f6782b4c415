//! Random rollouts over a simulated fleet, made from a seed, and a reporter that checks the rules while they run.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::DateTime};
use patchwave::{
    calendar::{Dates, Freeze, Frozen},
    clock::{Clock, TokioClock},
    engine::{self, Engine, HostInputs, RunEnd, Surroundings},
    event::{Event, HostAt, Kind, Outcome, Progress, RunId, RunResumed, RunStarted, RunState, Stop},
    host::HostName,
    ledger::{Journal, LedgerError, MemoryJournal, Request, Wanted},
    plan::{Domain, Moment, Plan, PlannedHost, Stage, Wave},
    playbook::{CommandLine, CommandSpec, Reboot, RebootWhen, StepKind, StepSpec, Template, TemplateScope},
    policy::{Mode, OnBudgetSpent, Spread},
    rollout,
    sim::{Fault, Faults, SimFleet},
    target::Target,
    ui::Reporter,
};
use tokio::{sync::mpsc, time::Instant};

/// How often a run looks for requests from other shells.
const TICK: Duration = Duration::from_secs(120);

/// A rollout and its fleet.
pub struct World {
    pub plan: Plan,
    pub fleet: SimFleet,
    pub hosts: Vec<HostName>,
    pub forks: usize,
    /// Whether the jump box's wall clock is set to another time again and again; `None`: never.
    pub clock: Option<u64>,
}

impl World {
    /// The world of a seed with at most `most` hosts; `health` in 0..=100 is the percentage of hosts without a fault.
    pub fn of(seed: u64, health: u32, most: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let count = rng.usize(1..=most);
        let hosts: Vec<HostName> = (0..count).map(|n| HostName::new(&format!("h{n:02}")).unwrap()).collect();
        let faults = hosts.iter().map(|host| (host.clone(), faults(&mut rng, health))).collect::<Vec<_>>();
        let spread = rng.bool().then(|| Arc::new(Spread { by: "rack".to_owned(), max_unavailable: rng.u32(1..=3) }));
        let mut stages = Vec::new();
        let mut rest = &hosts[..];
        while !rest.is_empty() {
            let (mine, others) = rest.split_at(rng.usize(1..=rest.len()));
            rest = others;
            stages.push(stage(&mut rng, stages.len(), mine, spread.as_ref()));
        }
        let plan = Plan {
            playbook: "simulation".to_owned(),
            stages,
            steps: steps(&mut rng),
            on_failure: vec![],
            max_failures: rng.bool().then(|| rng.usize(0..=3)),
            on_budget_spent: OnBudgetSpent::HaltRun,
            ignores_windows: false,
            skipped: Vec::new(),
            dates: Default::default(),
            undoes: None,
            vars_digest: String::new(),
            pinned: Default::default(),
        };
        let fleet = SimFleet::new(faults, Duration::from_millis(rng.u64(1..=50)));
        Self { plan, fleet, hosts, forks: rng.usize(1..=12), clock: Some(seed) }
    }
}

impl World {
    /// The same, with a freeze of about half of its hosts that begins while the run goes on, and may end then, too.
    pub fn frozen(seed: u64, (health, most): (u32, usize), ends: bool) -> Self {
        let mut world = Self { clock: None, ..Self::of(seed, health, most) };
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xf7ee);
        let at = |seconds: i64| "2026-11-22T02:00:00".parse::<DateTime>().unwrap().saturating_add(seconds.seconds());
        let from = rng.i64(0..600);
        let long = if ends { rng.i64(60..3600) } else { 1_000_000 };
        let when = Frozen::Between { from: at(from), to: at(from + long), timezone: "UTC".to_owned() };
        let freeze = Freeze { when, reason: None, owner: None };
        world.plan.dates = Dates { freezes: [("f".to_owned(), freeze)].into(), ..Dates::default() };
        let freezes = Arc::new(vec!["f".to_owned()]);
        for host in world.plan.stages.iter_mut().flat_map(|stage| &mut stage.waves).flat_map(|wave| &mut wave.hosts) {
            host.freezes = rng.bool().then(|| Arc::clone(&freezes));
        }
        world
    }

    /// Hosts without faults in one wave, which take different times and so drift apart.
    pub fn wide(count: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(7);
        let hosts: Vec<HostName> = (0..count).map(|n| HostName::new(&format!("h{n:04}")).unwrap()).collect();
        let mut stage = stage(&mut rng, 0, &hosts, None);
        stage.mode = Mode::Waves;
        stage.waves = vec![Wave { canary: false, hosts: stage.waves.drain(..).flat_map(|wave| wave.hosts).collect() }];
        let plan = Plan {
            playbook: "simulation".to_owned(),
            stages: vec![stage],
            steps: vec![look("look"), transaction("upgrade"), reboot(), look("verify")],
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
        let healthy = hosts.iter().map(|host| (host.clone(), Faults::default()));
        let fleet = SimFleet::new(healthy, Duration::from_millis(20)).with_jitter(Duration::from_millis(500));
        Self { plan, fleet, hosts, forks: count, clock: None }
    }
}

fn faults(rng: &mut fastrand::Rng, health: u32) -> Faults {
    if rng.u32(0..100) < health {
        return Faults::default();
    }
    let n = rng.u32(0..14);
    Faults::of((0..rng.usize(1..=2)).map(|_| match rng.u32(0..11) {
        0 => Fault::Refuses,
        1 => Fault::Silent,
        2 => Fault::DropsBefore(n),
        3 => Fault::DropsAfter(n),
        4 => Fault::Hangs(n),
        5 => Fault::TransactionFails,
        6 => Fault::TransactionKilled,
        7 => Fault::RebootsItself(n),
        8 => Fault::NeverComesBack,
        9 => Fault::NeverGoesDown,
        _ => Fault::NewKeyAfterReboot,
    }))
}

fn stage(rng: &mut fastrand::Rng, number: usize, hosts: &[HostName], spread: Option<&Arc<Spread>>) -> Stage {
    let mode = if rng.u32(0..4) == 0 { Mode::Sliding } else { Mode::Waves };
    let mut waves = Vec::new();
    let mut rest = hosts;
    while !rest.is_empty() {
        let canary = waves.is_empty() && rng.bool();
        let size = if canary {
            1
        } else if mode == Mode::Sliding {
            rest.len()
        } else {
            rng.usize(1..=rest.len())
        };
        let (mine, others) = rest.split_at(size);
        rest = others;
        let planned = |host: &HostName| PlannedHost {
            name: host.clone(),
            domain: spread.map(|spread| Domain {
                spread: Arc::clone(spread),
                value: format!("r{}", host.as_str().len() + host.as_str().bytes().map(usize::from).sum::<usize>() % 3)
                    .into(),
            }),
            window: None,
            freezes: None,
            undo: None,
        };
        waves.push(Wave { canary, hosts: mine.iter().map(planned).collect() });
    }
    Stage {
        name: format!("stage{number}"),
        environment: None,
        risk: None,
        waves,
        window_size: (mode == Mode::Sliding).then(|| rng.usize(1..=5)),
        mode,
        max_failures: rng.usize(0..=2),
        on_budget_spent: match rng.u32(0..4) {
            0 => OnBudgetSpent::HaltStage,
            1 => OnBudgetSpent::Continue,
            _ => OnBudgetSpent::HaltRun,
        },
        soak: Duration::from_secs(rng.u64(0..3) * 300),
        approve: match rng.u32(0..6) {
            0 => Some(Moment::Before),
            1 => Some(Moment::AfterCanary),
            _ => None,
        },
        gate: vec![],
    }
}

pub fn step(name: &str, kind: StepKind) -> StepSpec {
    StepSpec { name: name.to_owned(), ..StepSpec::of(kind) }
}

pub fn transaction(name: &str) -> StepSpec {
    step(
        name,
        StepKind::Command(CommandSpec {
            run: CommandLine::Shell(Template("patch everything".to_owned())),
            changes: true,
            environment: Default::default(),
            ok_codes: vec![0],
        }),
    )
}

pub fn look(name: &str) -> StepSpec {
    let mut spec = transaction(name);
    if let StepKind::Command(command) = &mut spec.kind {
        command.changes = false;
    }
    spec
}

pub fn reboot() -> StepSpec {
    step(
        "reboot",
        StepKind::Reboot(Reboot {
            when: RebootWhen::Always,
            warn: Duration::ZERO,
            message: None,
            timeout: Duration::from_secs(300),
            stable: Duration::from_secs(10),
            trial: false,
            lock_timeout: Duration::from_secs(600),
        }),
    )
}

/// Runs `work` under a clock that jumps to the next timer.
pub fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

/// Spreads `seeds` over the cores.
pub fn over_cores<T: Send>(seeds: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || (core..seeds).step_by(cores as usize).map(work).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    })
}

fn steps(rng: &mut fastrand::Rng) -> Vec<StepSpec> {
    let mut steps = vec![look("look"), transaction("upgrade")];
    if rng.bool() {
        steps.push(reboot());
    }
    steps.push(look("verify"));
    steps
}

/// A journal that several controllers share, one after the other.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    journal: MemoryJournal,
    /// A transaction that does not fit is cut to the events that fit, as if each event had its own transaction.
    torn: bool,
    transactions: usize,
    looks: usize,
    stop_at_look: Option<usize>,
}

impl Shared {
    /// The disk is full after this many events; a transaction is recorded whole or not at all.
    pub fn with_room(room: usize) -> Self {
        Self::of(Kept { journal: MemoryJournal::with_room(room), ..Kept::default() })
    }

    /// As [`Shared::with_room`], but the last transaction is torn.
    pub fn torn(room: usize) -> Self {
        Self::of(Kept { journal: MemoryJournal::with_room(room), torn: true, ..Kept::default() })
    }

    /// Every host is asked to stop at its next step border, at the controller's look number `look` (from 1).
    pub fn stopping(look: usize) -> Self {
        Self::of(Kept { stop_at_look: Some(look), ..Kept::default() })
    }

    fn of(kept: Kept) -> Self {
        Self(Arc::new(Mutex::new(kept)))
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().journal.events.clone()
    }

    pub fn transactions(&self) -> usize {
        self.0.lock().unwrap().transactions
    }

    /// The next controller has room, and is not asked to stop.
    pub fn heal(&self) {
        let mut kept = self.0.lock().unwrap();
        (kept.journal.room, kept.stop_at_look) = (None, None);
    }
}

impl Journal for Shared {
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        let mut kept = self.0.lock().unwrap();
        kept.transactions += 1;
        let whole = kept.journal.append(events);
        if let (true, Err(_), Some(room)) = (kept.torn, &whole, kept.journal.room) {
            kept.journal.append(&events[..room])?;
        }
        whole
    }

    fn requests(&mut self) -> Vec<Request> {
        let mut kept = self.0.lock().unwrap();
        kept.looks += 1;
        // A patient person approves every wait.
        let what = match kept.stop_at_look == Some(kept.looks) {
            true => Wanted::Stop(Stop::StepBorder),
            false => Wanted::Approve { stage: None },
        };
        vec![Request { at: Timestamp::UNIX_EPOCH, by: "sim".to_owned(), what }]
    }
}

/// A wall clock that is set to another time, up to a day off, every minute and a half.
#[derive(Debug)]
struct SetClock {
    steady: TokioClock,
    began: Instant,
    seed: Option<u64>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let nth = self.began.elapsed().as_secs() / 97;
        let off = self.seed.map_or(0, |seed| fastrand::Rng::with_seed(seed ^ (nth << 32)).i64(-86_400..=86_400));
        self.steady.now() + SignedDuration::from_secs(off)
    }
}

/// Checks the rules while a run goes on.
pub struct Watch {
    forks: usize,
    in_flight: HashSet<HostName>,
    halted: bool,
    /// The stage of the last host that was done, and the time by a clock that is never set.
    last: Option<(usize, Instant)>,
}

impl Reporter for Watch {
    fn event(&mut self, state: &RunState, event: &Event) {
        match &event.kind {
            Kind::HostStarted { host } => {
                assert!(!self.halted, "{host} started after the halt");
                let planned = state.plan().hosts().find(|(planned, ..)| planned.name == *host).unwrap().0;
                let open = state.schedule(planned).open(event.at);
                assert!(open.is_ok(), "{host} started at {}: {open:?}", event.at);
                self.soaked(state, host);
                self.in_flight.insert(host.clone());
                self.bounds(state, host);
            }
            Kind::HostFinished { host, .. } => {
                self.last = state.host(host).map(|host| (host.stage, Instant::now()));
                self.in_flight.remove(host);
            }
            Kind::RunResumed(_) => self.halted = false,
            _ => {}
        }
        self.halted |= rollout::halt(state).is_some();
    }

    fn progress(&mut self, _: &Progress) {}
    fn tick(&mut self, _: &RunState, _: Timestamp) {}
    fn note(&mut self, _: Timestamp, _: &str) {}
    fn finish(&mut self, _: &RunState) {}
}

impl Watch {
    /// Between two waves there is the whole soak, whatever the wall clock shows.
    fn soaked(&self, state: &RunState, host: &HostName) {
        let me = state.host(host).unwrap();
        let first =
            state.stages[me.stage].waves[me.wave].tally.waiting() + 1 == state.wave_hosts(me.stage, me.wave).len();
        let Some((stage, done)) = self.last.filter(|_| first) else { return };
        let (plan, broken) = (&state.plan().stages[stage], state.stages[stage].tally.broken());
        if broken > plan.max_failures && plan.on_budget_spent == OnBudgetSpent::HaltStage {
            return;
        }
        let (soak, rested) = (plan.soak, done.elapsed());
        assert!(rested >= soak, "{host} began {rested:?} after the wave before, with a soak of {soak:?}");
    }

    fn bounds(&self, state: &RunState, host: &HostName) {
        let me = state.host(host).unwrap();
        let stage = &state.plan().stages[me.stage];
        let wave = &stage.waves[me.wave];
        assert!(state.tally.in_flight <= self.forks, "more than --forks in flight");
        for other in state.hosts.iter().filter(|h| h.at == HostAt::InFlight) {
            assert_eq!((other.stage, other.wave), (me.stage, me.wave), "{} is in flight in another wave", other.name);
        }
        if let Some(size) = stage.window_size
            && !wave.canary
        {
            assert!(state.tally.in_flight <= size, "more than the window in flight");
        }
        let mut domains: HashMap<Arc<str>, u32> = HashMap::new();
        for ((planned, _, _), at) in state.plan().hosts().zip(&state.hosts) {
            let out = at.at == HostAt::InFlight || matches!(at.at, HostAt::Done(o) if o.uses_budget());
            if let Some(domain) = &planned.domain
                && out
            {
                let n = domains.entry(Arc::clone(&domain.value)).or_default();
                *n += 1;
            }
        }
        if let Some(domain) =
            state.plan().hosts().find(|(h, _, _)| h.name == *host).and_then(|(h, _, _)| h.domain.clone())
        {
            assert!(domains[&domain.value] <= domain.spread.max_unavailable, "{} is emptied", domain.value);
        }
    }
}

struct Everybody;

impl HostInputs for Everybody {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        Ok(Arc::new(Target::plain(host.clone(), host.as_str())))
    }
    fn scope(&self, _: &HostName) -> TemplateScope {
        TemplateScope::default()
    }
}

/// Starts a run of `world`, or continues with what `journal` holds.
pub async fn drive(world: &World, mut journal: Shared) -> RunEnd {
    let steady = TokioClock::starting_at("2026-11-22T02:00:00Z".parse().unwrap());
    let clock = Arc::new(SetClock { steady, began: Instant::now(), seed: world.clock });
    let events = journal.events();
    let mut watch = Watch { forks: world.forks, in_flight: HashSet::new(), halted: false, last: None };
    let begun = if events.is_empty() {
        engine::start(started(world), &*clock, |first| {
            journal.append(std::slice::from_ref(first))?;
            Ok(Box::new(journal))
        })
    } else {
        let state = RunState::fold(&events).unwrap();
        let in_flight = state.hosts.iter().filter(|h| h.at == HostAt::InFlight);
        watch.in_flight = in_flight.map(|h| h.name.clone()).collect();
        engine::take_over(state, resumed(), &*clock, Box::new(journal))
    };
    let begun = begun.unwrap();
    let (_signals, inbox) = mpsc::channel(1);
    let engine = Engine {
        surroundings: Arc::new(Surroundings {
            transport: Arc::new(world.fleet.clone()),
            controller: Arc::new(patchwave::step::JumpBox::new(".".into(), ".".into())),
            clock,
            inputs: Arc::new(Everybody),
            gate_scope: TemplateScope::default(),
            logs: None,
        }),
        reporter: Box::new(watch),
        forks: world.forks,
        tick: TICK,
        signals: inbox,
        program: "patchwave".to_owned(),
        notices: None,
    };
    engine::run(engine, begun).await
}

/// One more controller.
pub fn resumed() -> RunResumed {
    RunResumed { operator: "sim".to_owned(), controller: "sim".to_owned(), ..RunResumed::default() }
}

fn started(world: &World) -> RunStarted {
    RunStarted {
        operator: "sim".to_owned(),
        controller: "sim".to_owned(),
        ..RunStarted::of(RunId("20261122-020000-seed".to_owned()), world.plan.clone())
    }
}

/// What must hold when a controller has ended, for whatever reason.
pub fn settled(world: &World, events: &[Event]) -> RunState {
    let state = RunState::fold(events).unwrap();
    assert_eq!(state.outcomes().count(), world.hosts.len(), "every host has exactly one outcome");
    for host in &world.hosts {
        for (job, times) in world.fleet.transactions(host) {
            assert!(times <= 1, "{host}: transaction {job} was begun {times} times");
        }
        let jobs = world.fleet.transactions(host).len();
        assert!(jobs <= 1, "{host}: {jobs} transactions for one step");
        assert!(world.fleet.reboots(host) <= 1, "{host} was rebooted {} times", world.fleet.reboots(host));
    }
    for (host, outcome) in state.outcomes() {
        if outcome == Outcome::Ok {
            let done = world.fleet.transactions(&host.name);
            assert_eq!(done.len(), 1, "{} is ok without its transaction", host.name);
            assert_eq!(host.steps.len(), world.plan.steps.len(), "{} is ok without all its steps", host.name);
        }
    }
    state
}
