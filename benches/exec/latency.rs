//! A host that is far away: each tool behind a proxy that delays what passes through it. A round trip is what the
//! client waits for, so seconds are what counts; the turns say how often the two sides had to wait for each other.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use patchwave::demo::{Fleet, FleetSpec};

use super::{
    clients::{self, CHANGE},
    door::Door,
    meter::Table,
    run::{installed, middle, run},
    targets::Targets,
};

/// Round trips, in milliseconds. The middle one decides about the targets; the others say how the time grows.
const DELAYS: [u64; 3] = [20, 100, 300];
/// Small commands of a play.
const COMMANDS: usize = 10;
/// Each figure of patchwave is the median of this many runs, taken in turn with the others.
const ROUNDS: usize = 3;
/// The steps of a host that has nothing to do.
const IDLE: &str = "  - precheck: { disk_free: { /: 1MiB }, packages: healthy }
  - upgrade: {}
  - verify: { packages: healthy }
";
const UPGRADE: &str = "  - upgrade: { scope: security }\n";

/// What a client took: the turns say how often it spoke after the host had spoken.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    turns: f64,
}

/// One line of the table: what is done, by whom.
type Line = (&'static str, &'static str);

/// The runs of one delay.
#[derive(Default)]
struct Runs(Vec<(Line, Result<Took, String>)>);

/// All delays.
pub fn latency(door: Option<&Door>, targets: &mut Targets) {
    let mut table = Table::new(&["round trip ms", "what", "client", "s", "in round trips", "turns"]);
    let mut delays = Vec::new();
    for delay in DELAYS {
        let mut runs = Runs::default();
        for round in 0..ROUNDS {
            let mut far = Far { delay: Duration::from_millis(delay), runs: &mut runs };
            if let Some(door) = door {
                far.small(door);
                // The others decide about no target at the other delays, and take long there.
                if delay == DELAYS[1] || round == 0 {
                    far.others(door);
                }
            }
            far.patches();
        }
        runs.print(delay, &mut table);
        delays.push(runs);
    }
    table.print("one host behind a proxy that delays; patching is on the embedded fleet, the rest on OpenSSH");
    let [near, middle, far] = &delays[..] else { unreachable!("there are three") };
    judge_changes(middle, targets);
    judge_trips(near, middle, far, targets);
    judge_patching(middle, targets);
}

/// Ten changes beside other tools.
fn judge_changes(runs: &Runs, targets: &mut Targets) {
    for (name, most) in [("pyinfra", 0.75), ("ansible", 0.75)] {
        let what = format!("ten changing commands at {} ms, parts of {name}", DELAYS[1]);
        match runs.of(("10 changes", "patchwave")).zip(runs.of(("10 changes", name))) {
            Some((ours, theirs)) => targets.at_most(&what, ours.seconds / theirs.seconds, most),
            None => targets.missing(&what, "not installed, or it failed"),
        }
    }
}

/// What one more command costs. How the time grows with the delay is its round trips, however slow the host is.
fn judge_trips(near: &Runs, middle: &Runs, far: &Runs, targets: &mut Targets) {
    let further = |runs: &Runs, [one, ten]: [&'static str; 2]| {
        let (one, ten) = (runs.of((one, "patchwave"))?, runs.of((ten, "patchwave"))?);
        let each = |ten: f64, one: f64| (ten - one) / (COMMANDS - 1) as f64;
        Some(Took { seconds: each(ten.seconds, one.seconds), turns: each(ten.turns, one.turns) })
    };
    let [least, decides, most] = DELAYS.map(|delay| delay as f64 / 1000.0);
    for (what, lines, limit) in
        [("changing", ["1 change", "10 changes"], 2.0), ("read-only", ["1 look", "10 looks"], 1.2)]
    {
        let all = further(near, lines).zip(further(middle, lines)).zip(further(far, lines));
        let Some(((near, middle), far)) = all else {
            targets.missing(&format!("round trips of one more {what} command"), "it failed");
            continue;
        };
        let slope = (far.seconds - near.seconds) / (most - least);
        targets.at_most(&format!("round trips of one more {what} command, 20 to 300 ms"), slope, limit);
        targets.at_most(&format!("turns of one more {what} command"), middle.turns, limit);
        let what = format!("one more {what} command at 100 ms, in round trips, with the host's own time");
        targets.at_most(&what, middle.seconds / decides, limit);
    }
}

fn judge_patching(runs: &Runs, targets: &mut Targets) {
    let login = runs.of(("login and one command", "patchwave"));
    for (line, most) in [("precheck, idle upgrade, verify", 6.0), ("security upgrade", 12.0)] {
        let what = format!("turns after login: {line}");
        match login.zip(runs.of((line, "patchwave"))) {
            Some((login, all)) => targets.at_most(&what, all.turns - (login.turns - 1.0), most),
            None => targets.missing(&what, "it failed"),
        }
    }
}

impl Runs {
    /// The medians; `None`: it failed, or was not run.
    fn of(&self, line: Line) -> Option<Took> {
        let runs = self.0.iter().filter(|(of, _)| *of == line).map(|(_, took)| took.as_ref().ok().copied());
        let runs: Vec<Took> = runs.collect::<Option<_>>()?;
        (!runs.is_empty()).then(|| Took {
            seconds: middle(runs.iter().map(|took| took.seconds).collect()),
            turns: middle(runs.iter().map(|took| took.turns).collect()),
        })
    }

    fn print(&self, delay: u64, table: &mut Table) {
        let mut lines: Vec<Line> = Vec::new();
        for (line, _) in &self.0 {
            if !lines.contains(line) {
                lines.push(*line);
            }
        }
        for line in lines {
            let cells = match self.of(line) {
                Some(Took { seconds, turns }) => {
                    [format!("{seconds:.2}"), format!("{:.1}", 1000.0 * seconds / delay as f64), format!("{turns:.0}")]
                }
                None => {
                    let mut all = self.0.iter().filter(|(of, _)| *of == line);
                    let why = all.find_map(|(_, took)| took.as_ref().err());
                    [format!("FAILED: {}", why.map_or("", String::as_str)), String::new(), String::new()]
                }
            };
            table.row([delay.to_string(), line.0.to_owned(), line.1.to_owned()].into_iter().chain(cells));
        }
    }
}

struct Far<'a> {
    delay: Duration,
    runs: &'a mut Runs,
}

impl Far<'_> {
    /// `exec`, looks and changes on OpenSSH.
    fn small(&mut self, door: &Door) {
        let look = |n: usize| "  - command: { run: 'true', changes: false }\n".repeat(n);
        self.row("exec", "patchwave", door, |door| clients::exec(door, &[], &["true"]));
        for (line, steps) in [
            ("1 look", look(1)),
            ("10 looks", look(COMMANDS)),
            ("1 change", clients::changing(1)),
            ("10 changes", clients::changing(COMMANDS)),
        ] {
            self.row(line, "patchwave", door, |door| clients::rollout(door, &steps));
        }
    }

    /// The same with other tools.
    fn others(&mut self, door: &Door) {
        self.row("exec", "ssh", door, |door| ssh(door, &[], &["true".to_owned()]));
        self.row("10 changes", "ssh, ControlMaster", door, |door| multiplexed(door, CHANGE));
        for (name, there, other) in [
            ("pyinfra", installed("pyinfra", &["--version"]), pyinfra as fn(&Door, &str) -> Command),
            ("ansible", installed("ansible-playbook", &["--version"]), ansible),
        ] {
            if there {
                self.row("10 changes", name, door, |door| other(door, CHANGE));
            }
        }
    }

    /// A host with nothing to do and one with security updates, each on a fleet of its own.
    fn patches(&mut self) {
        let start = || {
            let mut spec = FleetSpec::quick(1);
            spec.hosts.iter_mut().for_each(|host| host.kernel_update = false);
            Fleet::start(spec).expect("a fleet")
        };
        let fresh = start();
        self.row("login and one command", "patchwave", &Door::of(&fresh), |door| clients::exec(door, &[], &["true"]));
        self.row("security upgrade", "patchwave", &Door::of(&fresh), |door| clients::rollout(door, UPGRADE));
        let fleet = start();
        let door = Door::of(&fleet);
        run(&mut clients::rollout(&door, "  - upgrade: {}\n")).expect("the fleet takes its updates");
        self.row("precheck, idle upgrade, verify", "patchwave", &door, |door| clients::rollout(door, IDLE));
    }

    fn row(&mut self, what: &'static str, client: &'static str, door: &Door, command: impl FnOnce(&Door) -> Command) {
        let proxy = Proxy::start(&door.addresses[0], self.delay / 2);
        let near = fs::read_to_string(&door.known_hosts).expect("known hosts");
        let key = near.lines().next().and_then(|line| line.split_once(' ')).expect("a key").1;
        let known_hosts = door.write("bench-far-known-hosts", &format!("[127.0.0.1]:{} {key}\n", proxy.port));
        let addresses = vec![("127.0.0.1".to_owned(), proxy.port)];
        let far = Door { addresses, known_hosts, ..door.clone() };
        let mut command = command(&far);
        let ended = run(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let took = ended.map(|run| Took { seconds: run.wall.as_secs_f64(), turns: proxy.turns() as f64 });
        self.runs.0.push(((what, client), took));
    }
}

fn ssh(door: &Door, options: &[String], words: &[String]) -> Command {
    let all = clients::ssh_words(door);
    let (address, port) = &door.addresses[0];
    let mut command = Command::new(&all[0]);
    command.args(&all[1..]).args(options).arg(format!("ssh://{}@{address}:{port}", door.user)).args(words);
    command
}

/// Ten commands of `ssh` over one connection.
fn multiplexed(door: &Door, line: &str) -> Command {
    let path = door.folder.join("bench-master");
    let options = ["ControlMaster=auto", &format!("ControlPath={}", path.display()), "ControlPersist=5"];
    let options: Vec<String> = options.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]).collect();
    let one = ssh(door, &options, &[line.to_owned()]);
    let words: Vec<String> = std::iter::once(one.get_program())
        .chain(one.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''")))
        .collect();
    let stop = ssh(door, &[&options[..], &["-O".to_owned(), "exit".to_owned()]].concat(), &[]);
    let stop: Vec<String> =
        std::iter::once(stop.get_program()).chain(stop.get_args()).map(|w| w.to_string_lossy().into_owned()).collect();
    let script =
        format!("for n in 1 2 3 4 5 6 7 8 9 10; do {} || exit 1; done; exec {}", words.join(" "), stop.join(" "));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    command
}

fn pyinfra(door: &Door, line: &str) -> Command {
    let (address, port) = &door.addresses[0];
    let inventory = format!(
        "hosts = [({address:?}, {{\"ssh_port\": {port}, \"ssh_user\": {:?}, \"ssh_key\": {:?}, \
         \"ssh_known_hosts_file\": {:?}}})]\n",
        door.user,
        door.key.display().to_string(),
        door.known_hosts.display().to_string()
    );
    let deploy = format!(
        "from pyinfra.operations import server\nfor n in range({COMMANDS}):\n    server.shell(name=f\"c{{n}}\", commands=[{line:?}])\n"
    );
    let (inventory, deploy) = (door.write("bench_inventory.py", &inventory), door.write("bench_deploy.py", &deploy));
    let mut command = Command::new("pyinfra");
    command.env("HOME", door.home()).current_dir(&door.folder).arg("-y").arg(inventory).arg(deploy);
    command
}

fn ansible(door: &Door, line: &str) -> Command {
    let (address, port) = &door.addresses[0];
    let words = clients::ssh_words(door);
    let inventory = format!(
        "far ansible_host={address} ansible_port={port} ansible_user={} ansible_ssh_pipelining=true \
         ansible_ssh_private_key_file={} ansible_ssh_common_args='{}'\n",
        door.user,
        door.key.display(),
        words[6..].join(" ")
    );
    let tasks = format!("    - ansible.builtin.shell: {line:?}\n").repeat(COMMANDS);
    let playbook = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
    let inventory = door.write("bench-ansible.ini", &inventory);
    let mut command = Command::new("ansible-playbook");
    command.env("HOME", door.home()).arg("-i").arg(inventory).arg(door.write("bench-ansible.yml", &playbook));
    command
}

/// Passes on what comes, each piece after a delay.
struct Proxy {
    port: u16,
    turns: Arc<AtomicU64>,
}

impl Proxy {
    /// To one host; `delay` in each direction. It lives as long as the process.
    fn start((address, port): &(String, u16), delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let turns = Arc::new(AtomicU64::new(0));
        let proxy = Self { port: listener.local_addr().expect("it is bound").port(), turns: Arc::clone(&turns) };
        let host = (address.clone(), *port);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // The connect itself takes a round trip, too.
                std::thread::sleep(delay * 2);
                let Ok(server) = TcpStream::connect(&host) else { continue };
                let last = Arc::new(AtomicU64::new(0));
                for (side, from, to) in [(1, &client, &server), (2, &server, &client)] {
                    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let _ = to.set_nodelay(true);
                    pass(from, to, delay, side, Arc::clone(&last), Arc::clone(&turns));
                }
            }
        });
        proxy
    }

    /// How often the client spoke after the host had spoken.
    fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    delay: Duration,
    side: u64,
    last: Arc<AtomicU64>,
    turns: Arc<AtomicU64>,
) {
    let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if last.swap(side, Ordering::Relaxed) != side && side == 1 {
                turns.fetch_add(1, Ordering::Relaxed);
            }
            if send.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (at, bytes) in receive {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
