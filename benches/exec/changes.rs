//! Changing commands: what ten of them cost on many hosts, compared with other tools, and what one more costs on one
//! host, in seconds and in processes. Each run is checked on the hosts: every command ran exactly once.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    TIMES,
    clients::{self, Client, PLAY},
    cost,
    door::Door,
    meter::ms,
    run::{installed, middle, run},
    sshd::{self, Servers},
    targets::Targets,
};

/// Hosts that are changed at the same time.
const HOSTS: usize = 100;
/// How many changes more a host gets, to see what one costs.
const MORE: usize = 20;

/// Many hosts, then one.
pub fn changes(servers: Option<&Servers>, targets: &mut Targets) {
    let Some(servers) = servers else {
        return targets.missing("ten changing commands", "sshd is not installed");
    };
    let door = servers.door();
    many(&door.first(HOSTS), targets);
    let one = door.first(1);
    each(&one, targets);
    processes(servers, &one, targets);
}

/// Client CPU and wall time of ten changes on many hosts.
fn many(door: &Door, targets: &mut Targets) {
    let clients: Vec<Client> = [Client::Patchwave, Client::ParallelSsh, Client::Asyncssh]
        .into_iter()
        .filter(|client| client.installed())
        .collect();
    let mut table = cost::head();
    let costs = cost::in_turns(&mut table, "OpenSSH", door, &clients, |client, door| {
        clear(door);
        let run = client.changes(door).expect("it has plays")?;
        all_ran(door, PLAY.len())?;
        Ok(run)
    });
    table.print("ten changing commands on all hosts at once, one connection each (patchwave: `run`, with its ledger)");
    let ours = costs.get(Client::Patchwave.name());
    let theirs = costs.get(Client::ParallelSsh.name());
    let hosts = door.hosts();
    let what = |what: &str| format!("{what}, ten changing commands, {hosts} hosts, parts of parallel-ssh");
    match ours.zip(theirs) {
        Some((ours, theirs)) => {
            targets.at_most(&what("client CPU"), ours.cpu / theirs.cpu, 1.0);
            targets.at_most(&what("wall (hosts on the same cores)"), ours.wall / theirs.wall, 1.5);
        }
        None => targets.missing(&what("CPU and wall"), "a client is not installed, or it failed"),
    }
}

/// Milliseconds of one more change without delay.
fn each(door: &Door, targets: &mut Targets) {
    let what = "ms of one more changing command, one host, no delay";
    let took = |steps: usize| -> Result<f64, String> {
        clear(door);
        let run = run(&mut clients::rollout(door, &clients::changing(steps)))?;
        all_ran(door, steps)?;
        Ok(ms(run.wall))
    };
    let more = || Ok((took(1 + MORE)? - took(1)?) / MORE as f64);
    match (0..TIMES).map(|_| more()).collect::<Result<Vec<f64>, String>>() {
        Ok(figures) => targets.at_most(what, middle(figures), 80.0),
        Err(why) => targets.missing(what, &why),
    }
}

/// Processes that one more change starts on its host, sshd's own included.
fn processes(servers: &Servers, door: &Door, targets: &mut Targets) {
    let what = "processes on the host for one more changing command";
    if !installed("strace", &["--version"]) {
        return targets.missing(what, "strace is not installed");
    }
    let started = |steps: usize| -> Result<usize, String> {
        let file = door.folder.join("bench-processes");
        let _ = fs::remove_file(&file);
        let mut strace = Command::new("strace")
            .args([
                "-f",
                "-qq",
                "-e",
                "trace=clone,clone3,fork,vfork",
                "-p",
                &servers.first_process().to_string(),
                "-o",
            ])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let attached = is_traced(servers.first_process());
        clear(door);
        let ended = run(&mut clients::rollout(door, &clients::changing(steps)));
        // Asked to end, it lets go of the processes that it follows.
        let _ = Command::new("kill").arg(strace.id().to_string()).status();
        let _ = strace.wait();
        ended?;
        all_ran(door, steps)?;
        if !attached {
            return Err("strace is not allowed here".to_owned());
        }
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let is_process = |line: &&str| {
            let pid = line.rsplit_once("= ").and_then(|(_, pid)| pid.trim().parse::<u32>().ok());
            pid.is_some_and(|pid| pid > 0) && !line.contains("CLONE_THREAD")
        };
        Ok(text.lines().filter(is_process).count())
    };
    match started(1).and_then(|one| Ok((started(1 + MORE)? as f64 - one as f64) / MORE as f64)) {
        Ok(each) => targets.at_most(what, each, 8.0),
        Err(why) => targets.missing(what, &why),
    }
}

/// Whether a tracer has attached to a process, within a few seconds.
fn is_traced(pid: u32) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn clear(door: &Door) {
    for (address, _) in &door.addresses {
        let _ = fs::remove_file(sshd::root(&door.folder, address).join("changes"));
    }
}

/// Whether each host was changed exactly so often.
fn all_ran(door: &Door, times: usize) -> Result<(), String> {
    for (address, _) in &door.addresses {
        let file = sshd::root(&door.folder, address).join("changes");
        let ran = fs::read_to_string(file).unwrap_or_default().lines().count();
        if ran != times {
            return Err(format!("{address} was changed {ran} times instead of {times}"));
        }
    }
    Ok(())
}
