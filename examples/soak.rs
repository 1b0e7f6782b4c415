//! A soak test, started by hand: `cargo build && cargo run --example soak -- [--seconds 600] [--seed N]`.
//!
//! Round after round, the real program patches an embedded fleet (real SSH, sh and processes; simulated packages). It
//! is killed at random (SIGKILL, SIGTERM, SIGINT) and resumed, while hosts break, reboot and are repaired at random.
//! After each run the ledger must be intact, every host must have an outcome, and the hosts' own logs must contain each
//! transaction and each change at most once. After the repairs, a second run must bring every host to ok.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use patchwave::{
    demo::{Fault, Fleet, FleetSpec},
    event::{Outcome, RunState},
    ledger::Ledger,
};
use rustix::process::{Pid, Signal, kill_process};

/// Longer than any controller takes that is not killed.
const HUNG: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(50);

const PLAYBOOK: &str = r#"name: Soak
hosts: all
steps:
  - name: Ready
    precheck: { disk_free: { /: 1GiB }, packages: healthy }
    timeout: 20s
  - name: Mark
    command: 'echo "${PATCHWAVE_JOB##*/}" >>"$PATCHWAVE_ROOT/marks"; sleep 0.7'
    timeout: 60s
  - name: Updates
    upgrade: { scope: all, lock_timeout: 5s }
    timeout: 60s
  - name: Reboot
    reboot: { when: required, timeout: 30s, stable: 1s }
  - name: Healthy
    verify: { services: [ssh, nginx], packages: healthy, kernel: newest }
    timeout: 60s
"#;

type Wrong = Vec<String>;

fn main() -> ExitCode {
    let (seconds, seed) =
        (argument("--seconds").unwrap_or(600), argument("--seed").unwrap_or_else(|| fastrand::u64(..)));
    println!("soak for {seconds} s, --seed {seed}");
    fastrand::seed(seed);
    let began = Instant::now();
    let mut total = Count::default();
    let mut round = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        round += 1;
        let mut jump_box = JumpBox::new();
        let wrong = jump_box.round();
        total.add(&jump_box.count);
        println!("{:>5} s, round {round}: {:?}", began.elapsed().as_secs(), jump_box.count);
        if !wrong.is_empty() {
            println!("WRONG in round {round} (--seed {seed}):\n{}", wrong.join("\n"));
            let kept = jump_box.keep();
            println!("project, ledger and output are kept in {}", kept.display());
            return ExitCode::FAILURE;
        }
    }
    println!("{round} rounds in {} s, nothing wrong: {total:?}", began.elapsed().as_secs());
    ExitCode::SUCCESS
}

fn argument(name: &str) -> Option<u64> {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    words.next().map(|word| word.parse().unwrap_or_else(|_| panic!("{name} wants a number, not {word}")))
}

/// What happened.
#[derive(Debug, Default)]
struct Count {
    runs: usize,
    controllers: usize,
    killed: usize,
    terminated: usize,
    interrupted: usize,
    faults: usize,
    transactions: usize,
    outcomes: BTreeMap<&'static str, usize>,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.controllers += other.controllers;
        self.killed += other.killed;
        self.terminated += other.terminated;
        self.interrupted += other.interrupted;
        self.faults += other.faults;
        self.transactions += other.transactions;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
    }
}

/// A fleet and the folder from which it is patched.
struct JumpBox {
    fleet: Fleet,
    folder: tempfile::TempDir,
    count: Count,
}

impl JumpBox {
    fn new() -> Self {
        let mut spec = FleetSpec::quick(fastrand::usize(3..=10));
        spec.install = (Duration::from_millis(300), Duration::from_secs(4));
        spec.down = Duration::from_millis(fastrand::u64(100..1500));
        spec.systemd = fastrand::bool();
        let fleet = Fleet::start(spec).expect("the fleet starts");
        let folder = tempfile::Builder::new().prefix("patchwave-soak-").tempdir().expect("a folder");
        fs::write(folder.path().join("inventory.yml"), fleet.inventory()).expect("the inventory");
        fs::write(folder.path().join("playbook.yml"), PLAYBOOK).expect("the playbook");
        Self { fleet, folder, count: Count::default() }
    }

    /// Keeps the folder.
    fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// A run on hosts that break, then one on repaired hosts.
    fn round(&mut self) -> Wrong {
        let mut wrong = self.live_through(true);
        if wrong.is_empty() {
            self.heal();
            wrong = self.live_through(false);
        }
        let unknown: Vec<String> = self.fleet.hosts().map(|host| host.unknown_commands()).collect();
        wrong.extend(unknown.into_iter().filter(|lines| !lines.is_empty()));
        wrong
    }

    fn heal(&self) {
        for host in self.fleet.hosts() {
            let _ = host.heal();
        }
    }

    /// One run to its end, with as many controllers as it takes.
    fn live_through(&mut self, faults: bool) -> Wrong {
        let mut deaths = fastrand::usize(2..8);
        // A host that was lost in the first run still has that run's lease; the repair takes it away.
        let steal: &[&str] = if faults { &[] } else { &["--steal-lease"] };
        let line = |words: &[&str]| [words, steal].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let mut words = line(&["run", "playbook.yml", "-i", "inventory.yml", "--yes"]);
        let before = self.last_run().map(|state| state.started.run.clone());
        loop {
            let last = deaths == 0;
            if last {
                self.heal();
            }
            let ended = self.controller(&words.iter().map(String::as_str).collect::<Vec<_>>(), !last, faults && !last);
            let state = self.last_run().filter(|state| Some(&state.started.run) != before.as_ref());
            match (ended, state) {
                (Err(why), _) => return vec![why],
                (Ok(()), Some(state)) if state.finished && last => return self.judge(&state, faults),
                // Killed before its first event.
                (Ok(()), None) if !last => {}
                (Ok(()), Some(state)) if !last => words = line(&["resume", &state.started.run.0]),
                (Ok(()), state) => {
                    let tally = state.map(|state| state.tally);
                    return vec![format!("a controller that nobody killed left its run open: {tally:?}")];
                }
            }
            deaths = deaths.saturating_sub(1);
        }
    }

    /// One controller, until it ends or dies; whether it is killed, and whether hosts break meanwhile.
    fn controller(&mut self, words: &[&str], killed: bool, faults: bool) -> Result<(), String> {
        self.count.controllers += 1;
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("output"));
        let log = log.map_err(|error| format!("no log: {error}"))?;
        let mut child = Command::new(program())
            .args(words)
            .args(["--state-dir", "state"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} cannot be started ({error}): cargo build", program().display()))?;
        let began = Instant::now();
        let mut death = killed.then(|| Duration::from_millis(fastrand::u64(50..8000)));
        while child.try_wait().map_err(|error| error.to_string())?.is_none() {
            std::thread::sleep(LOOK);
            if death.is_some_and(|death| began.elapsed() >= death) {
                death = self.strike(&child).map(|again| began.elapsed() + again);
            }
            if faults && fastrand::u32(..30) == 0 {
                self.break_something();
            }
            if began.elapsed() > HUNG {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("a controller hangs: {}", words.join(" ")));
            }
        }
        Ok(())
    }

    /// Sends a signal; returns when to send the next one, if this one may not end it.
    fn strike(&mut self, child: &Child) -> Option<Duration> {
        let (signal, counter, again) = match fastrand::u32(..4) {
            0 => (Signal::TERM, &mut self.count.terminated, false),
            1 => (Signal::INT, &mut self.count.interrupted, true),
            _ => (Signal::KILL, &mut self.count.killed, false),
        };
        *counter += 1;
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have just ended.
            let _ = kill_process(pid, signal);
        }
        again.then(|| Duration::from_millis(fastrand::u64(100..3000)))
    }

    fn break_something(&mut self) {
        self.count.faults += 1;
        let hosts: Vec<_> = self.fleet.hosts().collect();
        let host = hosts[fastrand::usize(..hosts.len())];
        let fault = match fastrand::u32(..16) {
            0 => Fault::Refuses,
            1 => Fault::Silent,
            2 => Fault::DropsDuringAuth,
            3 => Fault::Freezes,
            4 => Fault::NeverComesBack,
            5 => Fault::PostinstFails { package: "openssl".to_owned() },
            6 => Fault::LockHeld,
            7 => Fault::DiskFull,
            8 => Fault::SlowInstall(Duration::from_secs(3)),
            9 | 10 => return host.reboot(),
            11 | 12 => Fault::DropsDuringCommand { containing: String::new(), times: fastrand::u32(1..4) },
            _ => {
                let _ = host.heal();
                return;
            }
        };
        let _ = host.break_with(fault);
    }

    fn ledger(&self) -> Result<Ledger, String> {
        Ledger::open(&self.folder.path().join("state")).map_err(|error| error.to_string())
    }

    fn last_run(&self) -> Option<RunState> {
        let ledger = self.ledger().ok()?;
        ledger.state(&ledger.last_run().ok()??).ok()
    }

    /// Everything that is wrong after a run.
    fn judge(&mut self, state: &RunState, faults: bool) -> Wrong {
        let mut wrong = Vec::new();
        let run = &state.started.run;
        self.count.runs += 1;
        match self.ledger() {
            Ok(ledger) => wrong.extend(ledger.verify(run).err().map(|error| format!("{run}: {error}"))),
            Err(error) => wrong.push(error),
        }
        if state.tally.in_flight > 0 || state.outcomes().count() != self.fleet.spec().hosts.len() {
            wrong.push(format!("{run}: hosts without an outcome: {:?}", state.tally));
        }
        for (host, outcome) in state.outcomes() {
            *self.count.outcomes.entry(outcome.as_str()).or_default() += 1;
            let Some(machine) = self.fleet.host(host.name.as_str()) else { continue };
            let read = |file| fs::read_to_string(machine.folder().join(file)).unwrap_or_default();
            let mine = |text: &str, job: &str| {
                text.lines().filter(|line| line.contains(&run.0) && line.ends_with(job)).count()
            };
            let (installs, marks) =
                (mine(&read("var/log/apt/history.log"), ".install"), mine(&read("marks"), ".command"));
            self.count.transactions += installs;
            if installs > 1 || marks > 1 {
                wrong.push(format!("{run}, {}: {installs} transactions, {marks} marks", host.name));
            }
            if outcome == Outcome::Ok && marks != 1 {
                wrong.push(format!("{run}, {} is ok with {marks} marks", host.name));
            }
            if !faults && outcome != Outcome::Ok {
                let why = host.steps.last().map(|(_, result)| format!("{} {:?}", result.summary, result.detail));
                wrong.push(format!("{run}, {} was well and is {outcome:?}: {why:?}", host.name));
            }
        }
        wrong
    }
}

/// The program that was built along with this one.
fn program() -> PathBuf {
    let me = std::env::current_exe().expect("this program has a path");
    me.parent().and_then(|examples| examples.parent()).expect("it lies in target").join("patchwave")
}
