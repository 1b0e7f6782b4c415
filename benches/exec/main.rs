//! Many hosts over loopback: `patchwave` compared with one `ssh` per host and, where installed, with other tools, on
//! OpenSSH's server on many addresses and on the embedded fleet, which answers at once.
//!
//! `cargo bench --bench exec [-- [HOSTS] [PART…]]`; the parts are those of [`PARTS`].

mod changes;
mod clients;
mod cost;
mod counts;
mod dead;
mod door;
mod flood;
mod floor;
mod latency;
#[path = "../meter/mod.rs"]
mod meter;
mod run;
mod sessions;
mod sshd;
mod targets;

use std::process::Command;

use clients::Client;
use door::Door;
use meter::{Asked, asked};
use patchwave::demo::{Fleet, FleetSpec};
use sshd::Servers;
use targets::Targets;

/// The hosts of the comparison with other tools; the other numbers are derived from it.
const HOSTS: usize = 500;
/// The hosts of a play, of a flood, and of a fleet with dead hosts.
const SOME: usize = 200;
/// Each figure is the median of this many runs, taken in turn with those of the others.
const TIMES: usize = 3;

const PARTS: [&str; 10] =
    ["cost", "play", "play-changes", "growth", "sessions", "flood", "dead", "forks", "counts", "latency"];

fn main() {
    match asked() {
        Asked::Nothing => println!("measures with `cargo bench --bench exec`"),
        Asked::Part(words) if words[0] == "floor" => floor::part(),
        Asked::Part(words) => sessions::part(&words),
        Asked::All(hosts) => {
            let hosts = hosts.unwrap_or(HOSTS).max(20);
            let words: Vec<String> = std::env::args().skip(1).collect();
            if words.iter().any(|word| word == "fleet") {
                return stand(hosts);
            }
            let none = !PARTS.iter().any(|part| words.iter().any(|word| word == part));
            measure(hosts, |part| none || words.iter().any(|word| word == part));
        }
    }
}

/// Keeps both fleets up until a line is read, for other clients.
fn stand(hosts: usize) {
    let fleet = Fleet::start(FleetSpec::instant(hosts)).expect("a fleet");
    let servers = Servers::start(hosts);
    for door in [Some(Door::of(&fleet)), servers.as_ref().map(Servers::door)].into_iter().flatten() {
        println!("{}", words(&clients::exec(&door, &["--json"], &["true"])));
    }
    println!("one line of input ends the fleets");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn measure(hosts: usize, wanted: impl Fn(&str) -> bool) {
    let mut targets = Targets::default();
    for client in Client::ALL.into_iter().filter(|client| !client.installed()) {
        println!("NOT INSTALLED, so not compared: {}", client.name());
    }
    for program in
        ["pyinfra", "ansible-playbook"].into_iter().filter(|program| !run::installed(program, &["--version"]))
    {
        println!("NOT INSTALLED, so not compared: {program}");
    }
    // The real server first, and alone: its processes do most of the machine's work.
    with_sshd(hosts, &wanted, &mut targets);
    if ["growth", "sessions"].into_iter().any(&wanted) {
        with_fleets(hosts, &wanted, &mut targets);
    }
    targets.print();
}

fn with_sshd(hosts: usize, wanted: &impl Fn(&str) -> bool, targets: &mut Targets) {
    let fleet = Fleet::start(FleetSpec::instant(hosts)).expect("a fleet");
    let servers = if ["cost", "play", "play-changes", "flood", "dead", "forks", "latency"].into_iter().any(wanted) {
        let servers = Servers::start(2 * hosts);
        if servers.is_none() {
            println!("NOT RUN on OpenSSH's server: sshd, ssh or ssh-keygen is not installed");
        }
        servers
    } else {
        None
    };
    let door = servers.as_ref().map(Servers::door);
    let some = door.as_ref().map(|door| door.first(SOME.min(hosts)));
    if wanted("cost") {
        let real = door.as_ref().map(|door| door.first(hosts));
        cost::once(&[("OpenSSH", real, 1.0 / 8.0), ("embedded", Some(Door::of(&fleet)), 1.0 / 20.0)], targets);
    }
    if wanted("play") {
        cost::play(some.as_ref(), targets);
    }
    if wanted("play-changes") {
        changes::changes(servers.as_ref(), targets);
    }
    if wanted("flood") {
        flood::flood(some.as_ref(), targets);
    }
    if wanted("dead") {
        dead::dead(some.as_ref(), targets);
    }
    if wanted("forks") {
        forks(door.as_ref(), targets);
    }
    if wanted("counts") {
        counts::counts(&Door::of(&fleet));
    }
    if wanted("latency") {
        latency::latency(door.map(|door| door.first(1)).as_ref(), targets);
    }
}

/// All hosts at the same time.
fn forks(door: Option<&Door>, targets: &mut Targets) {
    let Some(door) = door else { return targets.missing("--forks 1000 on OpenSSH", "sshd is not installed") };
    let run = clients::patchwave(door);
    println!(
        "\n{} hosts of OpenSSH, all in flight: every one answered; {:.1} s, {:.2} CPU ms/host",
        door.hosts(),
        run.wall.as_secs_f64(),
        run.cpu / door.hosts() as f64
    );
}

fn with_fleets(hosts: usize, wanted: &impl Fn(&str) -> bool, targets: &mut Targets) {
    // Each with its own file of known hosts, as large as the fleet.
    let fleets = [hosts, 2 * hosts, 10 * hosts].map(|hosts| Fleet::start(FleetSpec::instant(hosts)).expect("a fleet"));
    let doors = fleets.each_ref().map(Door::of);
    if wanted("growth") {
        cost::growth(doors.each_ref(), targets);
    }
    if wanted("sessions") {
        sessions::table(&doors[2], targets);
    }
}
