//! Engine and ledger: 10,000 hosts × 5 steps over the simulated fleet, into a real ledger in a temporary folder; the
//! same run, cut off in the middle and resumed; the ledger alone. `cargo bench --bench engine [-- HOSTS]`
//!
//! Where flushing the disk needs much CPU (a virtual machine), `TMPDIR=/dev/shm` shows the cost of the program itself.

mod meter;

use std::{
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use meter::{Asked, Table, apart, asked, met, tell, timed};
use patchwave::{
    clock::{Clock, SystemClock, TokioClock},
    engine::{self, Begun, Engine, HostInputs, RunEnd, Surroundings},
    event::{Event, HostAt, Kind, RunId, RunResumed, RunStarted},
    host::HostName,
    inventory::{Inventory, NoRuns},
    ledger::{Journal, Ledger, LedgerError, Request, RunLedger},
    plan, playbook,
    playbook::TemplateScope,
    sim::{Faults, SimFleet},
    step::JumpBox,
    target::Target,
    ui,
};
use tokio::sync::mpsc;

const HOSTS: usize = 10_000;
/// The most CPU of a whole run of [`HOSTS`], in milliseconds.
const TARGET_CPU: f64 = 4_000.0;
/// The same with log files.
const TARGET_CPU_LOGS: f64 = 6_000.0;
/// The most memory, in MiB.
const TARGET_MEMORY: f64 = 200.0;
/// How much more a host may cost with ten times as many hosts.
const TARGET_GROWTH: f64 = 1.3;
/// How many hosts are in flight, and whether their output goes to log files.
const WAYS: [(usize, bool); 3] = [(100_000, false), (256, false), (256, true)];

/// How long a simulated host takes to answer.
const LATENCY: Duration = Duration::from_millis(20);

const PLAYBOOK: &str = "
name: Bench
hosts: all
vars: { service: ssh }
rollout:
  stages: [ { hosts: all, canary: 1, batch: [10%, 50%] } ]
steps:
  - { name: Look, command: { run: uptime, changes: false } }
  - { name: Upgrade, command: { run: patch everything, changes: true } }
  - { name: Reboot, reboot: { when: always, warn: 0s } }
  - { name: Service, command: { run: 'systemctl is-active {{ service }}', changes: false }, register: service_state }
  - { name: Verify, command: { run: 'check {{ inventory_hostname }}', changes: false }, when: service_state.failed == false }
";

fn main() {
    match asked() {
        Asked::Nothing => println!("measures with `cargo bench --bench engine`"),
        Asked::Part(words) => {
            let number = |at: usize| words[at].parse().expect("a number");
            match words[0].as_str() {
                "run" => whole(number(1), number(2), number(3) == 1),
                "resume" => resumed(number(1)),
                "ledger" => ledger_alone(number(1), number(2)),
                other => panic!("no part `{other}`"),
            }
        }
        Asked::All(hosts) => tables(hosts.unwrap_or(HOSTS)),
    }
}

fn tables(hosts: usize) {
    let mut table =
        Table::new(&["hosts", "forks", "logs", "CPU ms", "µs/host", "events", "peak MiB", "CPU met", "memory met"]);
    for (forks, logs) in WAYS {
        let mut costs = Vec::new();
        for hosts in [hosts / 10, hosts] {
            let f = apart(&["run", &hosts.to_string(), &forks.to_string(), if logs { "1" } else { "0" }]);
            let peak = f["peak"] / 1024.0;
            let cost = f["cpu"] * 1000.0 / hosts as f64;
            let target = if logs { TARGET_CPU_LOGS } else { TARGET_CPU } * hosts as f64 / HOSTS as f64;
            table.row([
                hosts.to_string(),
                forks.to_string(),
                if logs { "yes" } else { "no" }.to_owned(),
                format!("{:.0}", f["cpu"]),
                format!("{cost:.0}"),
                format!("{:.0}", f["events"]),
                format!("{peak:.0}"),
                met(f["cpu"], target),
                met(peak, TARGET_MEMORY),
            ]);
            costs.push(cost);
        }
        let growth = costs[1] / costs[0];
        table.row([format!("ratio {growth:.2} (at most {TARGET_GROWTH}: {})", met(growth, TARGET_GROWTH))]);
    }
    table.print("engine: 5 steps per host, all ok");

    let f = apart(&["resume", &hosts.to_string()]);
    let mut table =
        Table::new(&["hosts", "open", "events read", "fold CPU ms", "settle and finish CPU ms", "peak MiB"]);
    table.row([
        hosts.to_string(),
        format!("{:.0}", f["open"]),
        format!("{:.0}", f["events"]),
        format!("{:.0}", f["fold"]),
        format!("{:.0}", f["settle"]),
        format!("{:.0}", f["peak"] / 1024.0),
    ]);
    table.print("resume: cut off with every host in flight");

    let mut table = Table::new(&["events per transaction", "events", "CPU µs/event", "events/s durable (wall)"]);
    for batch in [1, 16, 512] {
        let events = if batch == 1 { 2_000 } else { 50_000 };
        let f = apart(&["ledger", &events.to_string(), &batch.to_string()]);
        table.row([
            batch.to_string(),
            events.to_string(),
            format!("{:.1}", f["cpu"] * 1000.0 / events as f64),
            format!("{:.0}", events as f64 / f["wall"]),
        ]);
    }
    table.print("ledger alone (the wall depends on the disk)");
}

/// Everything except the journal.
struct World {
    inventory: Inventory,
    started: RunStarted,
    fleet: SimFleet,
    forks: usize,
    logs: bool,
}

impl World {
    fn new(hosts: usize, forks: usize, logs: bool, playbook: &str) -> Arc<Self> {
        let mut text = String::from("all:\n  vars: { patchwave: { environment: production, risk: low } }\n  hosts:\n");
        for n in 0..hosts {
            let _ = writeln!(
                text,
                "    h{n:05}.example.com: {{ rack: r{}, owner: team-{}, ansible_port: 22 }}",
                n % 40,
                n % 7
            );
        }
        let inventory = Inventory::from_text("bench.yml", &text).expect("the inventory is right");
        let playbook = playbook::load_text(Path::new("bench.yml"), playbook).expect("the playbook is right");
        let selected = inventory.select("all", &NoRuns).expect("all hosts");
        let plan = plan::build(&inventory, &playbook, &selected).expect("a plan");
        let fleet = SimFleet::new(selected.into_iter().map(|host| (host, Faults::default())), LATENCY);
        let started = RunStarted {
            playbook_path: "/bench.yml".to_owned(),
            inventory_paths: vec!["/inventory.yml".to_owned()],
            lenient: false,
            operator: "bench".to_owned(),
            controller: "here".to_owned(),
            ..RunStarted::of(RunId("20261122-020000-bnch".to_owned()), plan)
        };
        Arc::new(Self { inventory, started, fleet, forks, logs })
    }

    /// A new run, in a ledger in this folder that has room for this many events.
    fn start(&self, folder: &Path, room: usize) -> Begun {
        let mut ledger = Ledger::open(folder).expect("a ledger");
        let begun = engine::start(self.started.clone(), &start_of_time(), |first| {
            let lock = ledger.begin(first)?;
            Ok(Box::new(Cut { ledger: RunLedger::new(ledger, lock), room }))
        });
        begun.expect("a run")
    }
}

struct Everybody(Arc<World>);

impl HostInputs for Everybody {
    fn target(&self, host: &HostName) -> Result<Arc<Target>, String> {
        Ok(Arc::new(Target::plain(host.clone(), host.as_str())))
    }
    fn scope(&self, host: &HostName) -> TemplateScope {
        let mut vars = self.0.inventory.vars(host);
        vars.insert("service".into(), "ssh".into());
        TemplateScope::new(vars)
    }
}

/// A ledger whose disk is full after this many events, as if its controller had been killed there.
struct Cut {
    ledger: RunLedger,
    room: usize,
}

impl Journal for Cut {
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        self.room = self.room.checked_sub(events.len()).ok_or(LedgerError::Full { path: "bench".into() })?;
        self.ledger.append(events)
    }
    fn requests(&mut self) -> Vec<Request> {
        self.ledger.requests()
    }
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

fn start_of_time() -> TokioClock {
    TokioClock::starting_at("2026-11-22T02:00:00Z".parse().expect("a time"))
}

async fn drive(world: &Arc<World>, folder: &Path, begun: Begun) -> RunEnd {
    let clock: Arc<dyn Clock> = Arc::new(start_of_time());
    let logs = Ledger::open_read_only(folder).expect("a ledger").logs(&world.started.run, Arc::clone(&clock));
    let lines = ui::Lines::new(Box::new(std::io::sink()), plain(), jiff::tz::TimeZone::UTC);
    let (_signals, inbox) = mpsc::channel(1);
    let engine = Engine {
        surroundings: Arc::new(Surroundings {
            transport: Arc::new(world.fleet.clone()),
            controller: Arc::new(JumpBox::new(".".into(), ".".into())),
            clock,
            inputs: Arc::new(Everybody(Arc::clone(world))),
            gate_scope: TemplateScope::default(),
            logs: world.logs.then(|| Arc::new(logs) as _),
        }),
        reporter: Box::new(lines),
        forks: world.forks,
        tick: Duration::from_millis(250),
        signals: inbox,
        program: "patchwave".to_owned(),
        notices: None,
    };
    engine::run(engine, begun).await
}

fn plain() -> ui::Paint {
    ui::Paint::decide(ui::Colour::Never, false, |_| None)
}

/// One run from its first event to its last.
fn whole(hosts: usize, forks: usize, logs: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(hosts, forks, logs, PLAYBOOK);
    let ((), cpu) = timed(|| {
        let ended = paused(async { drive(&world, folder.path(), world.start(folder.path(), usize::MAX)).await });
        assert!(ended.lost.is_none() && ended.state.finished, "{:?}", ended.lost);
        assert_eq!(ended.state.tally.ok, hosts);
        tell("events", ended.state.seq as f64);
    });
    tell("cpu", cpu);
    tell("peak", meter::peak_kib("self").expect("this process lives") as f64);
}

/// A run that loses its ledger while every host is in flight, and a second controller that finishes it.
fn resumed(hosts: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(
        hosts,
        usize::MAX,
        false,
        &PLAYBOOK.replace("canary: 1, batch: [10%, 50%]", "canary: 0, batch: 100%"),
    );
    // Run started; first step begun and done; second step begun: then every host is in its upgrade.
    paused(async {
        let ended = drive(&world, folder.path(), world.start(folder.path(), hosts * 5)).await;
        assert!(ended.lost.is_some(), "the run was not cut off");
    });
    let ledger = Ledger::open(folder.path()).expect("a ledger");
    let (state, fold) = timed(|| ledger.state(&world.started.run).expect("a state"));
    tell("events", state.seq as f64);
    tell("open", state.hosts.iter().filter(|host| host.at == HostAt::InFlight).count() as f64);
    tell("fold", fold);
    let ((), settle) = timed(|| {
        let lock = ledger.lock(&world.started.run, "bench@here").expect("a lock");
        let resumed =
            RunResumed { operator: "bench".to_owned(), controller: "here".to_owned(), ..RunResumed::default() };
        let journal = Box::new(RunLedger::new(ledger, lock));
        let begun = engine::take_over(state, resumed, &SystemClock, journal).expect("it follows");
        let ended = paused(async { drive(&world, folder.path(), begun).await });
        assert!(ended.lost.is_none() && ended.state.finished, "{:?}", ended.lost);
        let broken = ended.state.hosts.iter().find_map(|host| host.broke_at());
        assert_eq!(ended.state.tally.ok, hosts, "{broken:?}");
    });
    tell("settle", settle);
    tell("peak", meter::peak_kib("self").expect("this process lives") as f64);
}

/// Appends `events` in transactions of `batch`.
fn ledger_alone(events: usize, batch: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(events.div_ceil(2), 1, false, PLAYBOOK);
    let started = Kind::RunStarted(Box::new(world.started.clone()));
    let first = Event { seq: 1, at: SystemClock.now(), kind: started };
    let mut ledger = Ledger::open(folder.path()).expect("a ledger");
    let lock = ledger.begin(&first).expect("a run");
    let hosts = world.inventory.hosts().iter().cycle();
    let all: Vec<Event> = hosts
        .zip(2..)
        .take(events)
        .map(|(host, seq)| Event { seq, at: first.at, kind: Kind::HostStarted { host: host.clone() } })
        .collect();
    let began = Instant::now();
    let ((), cpu) = timed(|| all.chunks(batch).for_each(|chunk| ledger.append(&lock, chunk).expect("an append")));
    tell("cpu", cpu);
    tell("wall", began.elapsed().as_secs_f64());
}
