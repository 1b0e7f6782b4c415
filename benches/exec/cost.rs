//! The cost of a host: client CPU of each tool in turn, on the same servers.

use std::collections::HashMap;

use super::{
    TIMES,
    clients::Client,
    door::Door,
    floor,
    meter::Table,
    run::{Run, middle},
    targets::Targets,
};

/// What a client needed: medians.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Its CPU time per host, in milliseconds.
    pub cpu: f64,
    /// In seconds.
    pub wall: f64,
}

type Costs = HashMap<&'static str, Cost>;

/// Runs each of `clients` in turn; a tool that fails is named and left out.
pub fn in_turns(
    table: &mut Table,
    servers: &str,
    door: &Door,
    clients: &[Client],
    once: impl Fn(Client, &Door) -> Result<Run, String>,
) -> Costs {
    let mut runs: HashMap<&str, Vec<Run>> = HashMap::new();
    let mut failed: HashMap<&str, String> = HashMap::new();
    for _ in 0..TIMES {
        for client in clients {
            match once(*client, door) {
                Ok(run) => runs.entry(client.name()).or_default().push(run),
                Err(why) => drop(failed.insert(client.name(), why)),
            }
        }
    }
    let hosts = door.hosts() as f64;
    let mut costs = Costs::new();
    for client in clients.iter().map(|client| client.name()) {
        if let Some(why) = failed.get(client) {
            table.row([servers.to_owned(), door.hosts().to_string(), client.to_owned(), format!("FAILED: {why}")]);
            continue;
        }
        let of = |figure: fn(&Run) -> f64| middle(runs[client].iter().map(figure).collect());
        let cost = of(|run| run.cpu) / hosts;
        let wall = of(|run| run.wall.as_secs_f64());
        costs.insert(client, Cost { cpu: cost, wall });
        table.row([
            servers.to_owned(),
            door.hosts().to_string(),
            client.to_owned(),
            format!("{cost:.2}"),
            costs.get(Client::Patchwave.name()).map_or_else(String::new, |ours| format!("{:.2}", cost / ours.cpu)),
            format!("{:.0}", of(|run| run.peak as f64) / 1024.0),
            format!("{wall:.1}"),
        ]);
    }
    costs
}

pub fn head() -> Table {
    Table::new(&["servers", "hosts", "client", "CPU ms/host", "in patchwaves", "peak MiB", "wall s"])
}

/// `true` on all hosts, with each tool that is installed.
pub fn once(doors: &[(&str, Option<Door>, f64)], targets: &mut Targets) {
    let mut table = head();
    for (servers, door, part_of_ssh) in doors {
        let against = |client: Client| format!("CPU per host, {servers}, parts of {}", client.name());
        let Some(door) = door else {
            targets.missing(&against(Client::Ssh), "sshd, ssh or ssh-keygen is not installed");
            continue;
        };
        let clients: Vec<Client> = Client::ALL.into_iter().filter(|client| client.installed()).collect();
        let costs = in_turns(&mut table, servers, door, &clients, Client::once);
        for (client, most) in [(Client::Ssh, *part_of_ssh), (Client::Bssh, 0.85)] {
            match costs.get(client.name()) {
                Some(theirs) => {
                    targets.at_most(&against(client), costs[Client::Patchwave.name()].cpu / theirs.cpu, most);
                }
                None => targets.missing(&against(client), "not installed, or it failed"),
            }
        }
    }
    table.print(&format!("true on all hosts at once: middle of {TIMES} runs in turns (ssh: 64 processes at a time)"));
}

/// Ten small commands over one connection.
pub fn play(door: Option<&Door>, targets: &mut Targets) {
    let what = "CPU per host, ten small commands, parts of parallel-ssh";
    let Some(door) = door else { return targets.missing(what, "sshd is not installed") };
    let clients: Vec<Client> = [Client::Patchwave, Client::ParallelSsh, Client::Asyncssh]
        .into_iter()
        .filter(|client| client.installed())
        .collect();
    let mut table = head();
    let costs =
        in_turns(&mut table, "OpenSSH", door, &clients, |client, door| client.play(door).expect("it has plays"));
    table.print("ten small commands on all hosts at once, one connection each (patchwave: `run`, with its ledger)");
    match costs.get(Client::ParallelSsh.name()) {
        Some(theirs) => targets.at_most(what, costs[Client::Patchwave.name()].cpu / theirs.cpu, 0.5),
        None => targets.missing(what, "not installed, or it failed"),
    }
}

/// The same command on more and more hosts, compared with the cost of the cryptography alone.
pub fn growth(doors: [&Door; 3], targets: &mut Targets) {
    let mut runs: Vec<[f64; 5]> = Vec::new();
    let mut last = None;
    for _ in 0..TIMES {
        let floors = [floor::of_openssl().unwrap_or(f64::NAN), floor::of_russh()];
        let [few, some, many] = doors.map(|door| {
            let run = Client::Patchwave.once(door).expect("patchwave succeeds");
            last = Some(run);
            run.cpu / door.hosts() as f64
        });
        runs.push([floors[0], floors[1], few, some, many]);
    }
    let [openssl, russh, few, some, many] = [0, 1, 2, 3, 4].map(|at| middle(runs.iter().map(|run| run[at]).collect()));
    let mut table = Table::new(&["hosts", "CPU ms/host", "in OpenSSL's cryptography", "in russh's"]);
    let mut row = |what: String, cost: f64| {
        table.row([what, format!("{cost:.3}"), format!("{:.2}", cost / openssl), format!("{:.2}", cost / russh)]);
    };
    row("cryptography, OpenSSL".to_owned(), openssl);
    row("cryptography, russh".to_owned(), russh);
    for (door, cost) in doors.into_iter().zip([few, some, many]) {
        row(door.hosts().to_string(), cost);
    }
    table.print(&format!("true on more and more hosts of the embedded fleet: middle of {TIMES} runs in turns"));
    if let Some(run) = last {
        println!("  the last: {:.1} s, {:.0} MiB", run.wall.as_secs_f64(), run.peak as f64 / 1024.0);
    }
    let [at_few, at_some, at_many] = doors.map(Door::hosts);
    targets.at_most(&format!("CPU per host at {at_many} / at {at_few}"), many / few, 1.4);
    for (hosts, cost, most) in [(at_some, some, 4.0), (at_many, many, 5.0)] {
        let what = format!("CPU per host at {hosts} / its cryptography (`openssl speed`)");
        match openssl.is_nan() {
            true => targets.missing(&what, "openssl is not installed"),
            false => targets.at_most(&what, cost / openssl, most),
        }
    }
}
