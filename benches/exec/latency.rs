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
    clients,
    door::Door,
    meter::Table,
    run::{installed, run},
    targets::Targets,
};

/// Round trips, in milliseconds.
const DELAYS: [u64; 3] = [20, 100, 300];
/// Small commands of a play.
const COMMANDS: usize = 10;
/// A step list of a host that has nothing to do.
const IDLE: &str = "  - precheck: {}\n  - upgrade: {}\n  - verify: {}\n";

/// All delays; the middle one decides about the targets.
pub fn latency(door: Option<&Door>, targets: &mut Targets) {
    let fleet = Fleet::start(FleetSpec::instant(1)).expect("a fleet");
    let mut table = Table::new(&["round trip ms", "what", "client", "s", "in round trips", "turns"]);
    for delay in DELAYS {
        let mut far = Far { delay: Duration::from_millis(delay), table: &mut table };
        if let Some(door) = door {
            far.small(door, delay == 100, targets);
        }
        far.patchwave("precheck, upgrade with nothing to do, verify", &Door::of(&fleet), IDLE);
    }
    table.print("one host behind a proxy that delays; the last line of each delay is the embedded fleet");
    if door.is_none() {
        targets.missing("ten changing commands at 100 ms", "sshd is not installed");
    }
}

struct Far<'a> {
    delay: Duration,
    table: &'a mut Table,
}

impl Far<'_> {
    /// `exec`, looks and changes on OpenSSH.
    fn small(&mut self, door: &Door, decides: bool, targets: &mut Targets) {
        let line = format!("echo x >>{}", door.folder.join("bench-count").display());
        let look = |n: usize| "  - command: { run: 'true', changes: false }\n".repeat(n);
        let change = |n: usize| format!("  - command: {line:?}\n").repeat(n);
        self.row("exec", "patchwave", door, |door| clients::exec(door, &[], &["true"]));
        self.row("exec", "ssh", door, |door| ssh(door, &[], &["true".to_owned()]));
        let [one_look, looks] = [1, COMMANDS].map(|n| self.patchwave(&format!("{n} looks"), door, &look(n)));
        let [one, changes] = [1, COMMANDS].map(|n| self.patchwave(&format!("{n} changes"), door, &change(n)));
        self.row("10 changes", "ssh, ControlMaster", door, |door| multiplexed(door, &line));
        let mut others = Vec::new();
        for (name, there, other) in [
            ("pyinfra", installed("pyinfra", &["--version"]), pyinfra as fn(&Door, &str) -> Command),
            ("ansible", installed("ansible-playbook", &["--version"]), ansible),
        ] {
            let took = there.then(|| self.row("10 changes", name, door, |door| other(door, &line))).flatten();
            others.push((name, took));
        }
        if !decides {
            return;
        }
        let trip = self.delay.as_secs_f64();
        let further = |one: Option<f64>, all: Option<f64>| {
            one.zip(all).map(|(one, all)| (all - one) / (COMMANDS - 1) as f64 / trip)
        };
        for (what, figure, most) in [
            ("round trips and own time of one more changing command, 100 ms", further(one, changes), 2.0),
            ("the same of one that looks", further(one_look, looks), 1.2),
        ] {
            match figure {
                Some(figure) => targets.at_most(what, figure, most),
                None => targets.missing(what, "it failed"),
            }
        }
        for (name, took) in others {
            let what = format!("ten changing commands at 100 ms, parts of {name}");
            match took.zip(changes) {
                Some((theirs, ours)) => targets.at_most(&what, ours / theirs, 0.75),
                None => targets.missing(&what, "not installed, or it failed"),
            }
        }
    }

    fn patchwave(&mut self, what: &str, door: &Door, steps: &str) -> Option<f64> {
        self.row(what, "patchwave", door, |door| clients::rollout(door, steps))
    }

    /// Seconds of one client; `None`: it failed.
    fn row(&mut self, what: &str, client: &str, door: &Door, command: impl FnOnce(&Door) -> Command) -> Option<f64> {
        let proxy = Proxy::start(&door.addresses[0], self.delay / 2);
        let near = fs::read_to_string(&door.known_hosts).expect("known hosts");
        let key = near.lines().next().and_then(|line| line.split_once(' ')).expect("a key").1;
        let known_hosts = door.write("bench-far-known-hosts", &format!("[127.0.0.1]:{} {key}\n", proxy.port));
        let addresses = vec![("127.0.0.1".to_owned(), proxy.port)];
        let far = Door { addresses, known_hosts, ..door.clone() };
        let mut command = command(&far);
        let ended = run(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        let took = ended.as_ref().map(|run| run.wall.as_secs_f64());
        let delay = self.delay.as_secs_f64();
        let cells = match took {
            Ok(took) => [format!("{took:.2}"), format!("{:.1}", took / delay), proxy.turns().to_string()],
            Err(why) => [format!("FAILED: {why}"), String::new(), String::new()],
        };
        let first = [self.delay.as_millis().to_string(), what.to_owned(), client.to_owned()];
        self.table.row(first.into_iter().chain(cells));
        took.ok()
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
