//! `exec -- true` over loopback, beside one `ssh` per host with the same key exchange: against OpenSSH's server on many
//! addresses, and against the embedded fleet, which answers at once. `cargo bench --bench exec [-- HOSTS]`

#[path = "../meter/mod.rs"]
mod meter;
mod sessions;
mod sshd;

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use meter::{Asked, Table, asked, holds, ms};
use patchwave::demo::{Fleet, FleetSpec};

/// Addresses of the real server.
const HOSTS: usize = 500;
/// Hosts of the embedded fleet, for the growth with their number.
const MANY: usize = 5_000;
/// Each figure is the middle one of so many runs, taken in turns with those of the others.
const TIMES: usize = 3;
/// `ssh` processes at a time.
const PROCESSES: &str = "64";

/// Most client CPU per host, as parts of what `ssh` takes.
const TARGET_SSHD: f64 = 1.0 / 8.0;
const TARGET_FLEET: f64 = 1.0 / 20.0;
/// Most that a host may cost among [`MANY`], as parts of its cost among [`HOSTS`].
const TARGET_GROWTH: f64 = 1.4;

fn main() {
    match asked() {
        Asked::Nothing => println!("measures with `cargo bench --bench exec`"),
        Asked::Part(words) => sessions::part(&words),
        Asked::All(hosts) if std::env::args().any(|word| word == "fleet") => stand(hosts.unwrap_or(HOSTS)),
        Asked::All(hosts) => tables(hosts.unwrap_or(HOSTS)),
    }
}

/// Keeps both fleets up until a line comes in, for other clients: `cargo bench --bench exec -- fleet [HOSTS]`.
fn stand(hosts: usize) {
    let fleet = Fleet::start(FleetSpec::instant(hosts)).expect("a fleet");
    let servers = sshd::Servers::start(hosts);
    for door in [Some(door_of(&fleet)), servers.as_ref().map(sshd::Servers::door)].into_iter().flatten() {
        println!("{}", words(&mut client(&door)));
    }
    println!("one line of input ends the fleets");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn words(command: &mut Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn tables(hosts: usize) {
    let mut table =
        Table::new(&["servers", "hosts", "client", "CPU ms/host", "part of ssh", "holds", "peak MiB", "wall s"]);
    if let Some(servers) = sshd::Servers::start(hosts) {
        compare(&mut table, "OpenSSH", &servers.door(), hosts, TARGET_SSHD);
    } else {
        println!("NOT RUN: sshd, ssh or ssh-keygen is not installed");
    }
    let few = Fleet::start(FleetSpec::instant(hosts)).expect("a fleet");
    compare(&mut table, "embedded", &door_of(&few), hosts, TARGET_FLEET);
    let many = hosts * MANY / HOSTS;
    let fleet = Fleet::start(FleetSpec::instant(many)).expect("a fleet");
    let door = door_of(&fleet);
    // In turns with the small fleet, so that the machine's other work meets both.
    let mut runs: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for _ in 0..TIMES {
        let small = patchwave(&door_of(&few), hosts);
        let large = patchwave(&door, many);
        runs.push((large.cpu / many as f64, small.cpu / hosts as f64));
        last = Some(large);
    }
    let middle = middle(runs.iter().map(|run| run.0).collect());
    let growth = middle / self::middle(runs.iter().map(|run| run.1).collect());
    let last = last.expect("it ran");
    table.row(row("embedded", many, "patchwave", middle, String::new(), String::new(), &last));
    table.print(&format!("exec -- true, middle of {TIMES} runs; 8 and 20 times less than ssh are the targets"));
    println!(
        "  CPU per host at {many} / at {hosts}: {growth:.2} (at most {TARGET_GROWTH}: {})",
        holds(growth, TARGET_GROWTH)
    );
    drop(few);
    sessions::table(&door, many);
}

/// How to reach a fleet.
pub struct Door {
    /// The login name.
    pub user: String,
    /// The private key.
    pub key: PathBuf,
    /// Trusted host keys.
    pub known_hosts: PathBuf,
    /// Address and port of each host.
    pub addresses: Vec<(String, u16)>,
    /// A folder for what the clients need.
    pub folder: PathBuf,
}

fn door_of(fleet: &Fleet) -> Door {
    Door {
        user: fleet.user().to_owned(),
        key: fleet.key_file(),
        known_hosts: fleet.known_hosts(),
        addresses: fleet.hosts().map(|host| ("127.0.0.1".to_owned(), host.port())).collect(),
        folder: fleet.folder().to_owned(),
    }
}

/// Both clients in turns.
fn compare(table: &mut Table, servers: &str, door: &Door, hosts: usize, target: f64) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        ours.push(patchwave(door, hosts));
        theirs.push(ssh(door));
    }
    let cost = |runs: &[Run]| middle(runs.iter().map(|run| run.cpu / hosts as f64).collect());
    let (our_cost, their_cost) = (cost(&ours), cost(&theirs));
    let part = our_cost / their_cost;
    let said = format!("1/{:.1}", 1.0 / part);
    table.row(row(servers, hosts, "patchwave", our_cost, said, holds(part, target), &ours[TIMES - 1]));
    table.row(row(servers, hosts, "ssh", their_cost, "1".to_owned(), String::new(), &theirs[TIMES - 1]));
}

fn row(servers: &str, hosts: usize, client: &str, cost: f64, part: String, holds: String, run: &Run) -> [String; 8] {
    let (peak, wall) = (format!("{:.0}", run.peak as f64 / 1024.0), format!("{:.1}", run.wall.as_secs_f64()));
    [servers.to_owned(), hosts.to_string(), client.to_owned(), format!("{cost:.2}"), part, holds, peak, wall]
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What one run of a client took.
struct Run {
    /// User and system, with all its processes, in milliseconds.
    cpu: f64,
    /// Peak memory of its first process, in KiB.
    peak: u64,
    wall: Duration,
}

/// Starts `command`, waits for its end, and says what it took.
fn run(command: &mut Command) -> Run {
    let (before, began) = (meter::children_cpu(), std::time::Instant::now());
    let mut child = command.env_remove("SSH_AUTH_SOCK").spawn().expect("the client starts");
    let mut peak = 0;
    let status = loop {
        peak = meter::peak_kib(&child.id().to_string()).unwrap_or(peak);
        match child.try_wait().expect("our own child") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(status.success(), "{command:?}: {status}");
    Run { cpu: ms(meter::children_cpu() - before), peak, wall: began.elapsed() }
}

/// `patchwave exec … -- true` on all hosts of a fleet.
fn client(door: &Door) -> Command {
    let inventory = door.folder.join("bench-inventory.yml");
    let mut text = String::from("all:\n  hosts:\n");
    for (n, (address, port)) in door.addresses.iter().enumerate() {
        let _ = writeln!(text, "    h{n:05}: {{ ansible_host: {address}, ansible_port: {port} }}");
    }
    fs::write(&inventory, text).expect("an inventory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
    command.arg("--state-dir").arg(door.folder.join("bench-state")).args(["exec", "--json", "-i"]).arg(&inventory);
    command.args(["all", "--forks", "100000", "--user", &door.user, "--private-key"]).arg(&door.key);
    command.arg("--known-hosts").arg(&door.known_hosts).args(["--", "true"]);
    command
}

fn patchwave(door: &Door, hosts: usize) -> Run {
    let answers = door.folder.join("bench-answers");
    let out = fs::File::create(&answers).expect("a file");
    let run = run(client(door).stdin(Stdio::null()).stdout(out).stderr(Stdio::null()));
    let answered = fs::read_to_string(&answers).expect("answers");
    assert_eq!(answered.lines().count(), hosts, "every host must have answered");
    run
}

/// One `ssh` per host, as lean as it can be.
fn ssh(door: &Door) -> Run {
    let list = door.folder.join("bench-hosts");
    let mut file = fs::File::create(&list).expect("a file");
    for (address, port) in &door.addresses {
        writeln!(file, "ssh://{}@{address}:{port}", door.user).expect("a line");
    }
    let known = format!("UserKnownHostsFile={}", door.known_hosts.display());
    let mut command = Command::new("xargs");
    command.args(["-P", PROCESSES, "-I{}", "ssh", "-n", "-F", "none", "-i"]).arg(&door.key).args(["-o", &known]);
    for option in [
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "GlobalKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "KexAlgorithms=curve25519-sha256",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    run(command.args(["{}", "true"]).stdin(open(&list)).stdout(Stdio::null()))
}

fn open(path: &Path) -> fs::File {
    fs::File::open(path).expect("it was just written")
}
