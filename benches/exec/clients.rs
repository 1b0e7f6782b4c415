//! The clients that are compared, each with as little overhead as possible, with the same key and the same key
//! exchange, the only one that the servers offer.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{
    door::Door,
    run::{Run, installed, open, run},
};

/// How many `ssh` processes run at a time.
const PROCESSES: &str = "64";
/// The small commands of a play.
pub const PLAY: [&str; 10] = [
    "true",
    "id -u",
    "uname -r",
    "hostname",
    "date +%s",
    "test -d /etc",
    "cat /etc/os-release",
    "echo ok",
    "wc -l /etc/passwd",
    "uptime",
];

/// A changing command; the lines in the file are how often it ran on a host.
pub const CHANGE: &str = "echo x >>$PATCHWAVE_ROOT/changes";

/// Steps that each run [`CHANGE`].
pub fn changing(steps: usize) -> String {
    format!("  - command: {CHANGE:?}\n").repeat(steps)
}

/// A tool that connects to many hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Patchwave,
    /// One process per host.
    Ssh,
    /// Rust, on russh as we are.
    Bssh,
    /// Python, `parallel-ssh` with libssh2.
    ParallelSsh,
    /// Python, in one process.
    Asyncssh,
}

impl Client {
    pub const ALL: [Self; 5] = [Self::Patchwave, Self::Ssh, Self::Bssh, Self::ParallelSsh, Self::Asyncssh];

    pub fn name(self) -> &'static str {
        match self {
            Self::Patchwave => "patchwave",
            Self::Ssh => "ssh",
            Self::Bssh => "bssh",
            Self::ParallelSsh => "parallel-ssh",
            Self::Asyncssh => "asyncssh",
        }
    }

    /// Whether it can be started here.
    pub fn installed(self) -> bool {
        match self {
            Self::Patchwave => true,
            Self::Ssh => installed("ssh", &["-V"]),
            Self::Bssh => installed("bssh", &["--version"]),
            Self::ParallelSsh => installed("python3", &["-c", "import pssh.clients"]),
            Self::Asyncssh => installed("python3", &["-c", "import asyncssh"]),
        }
    }

    /// `true` on all hosts at once.
    pub fn once(self, door: &Door) -> Result<Run, String> {
        match self {
            Self::Patchwave => Ok(patchwave(door)),
            Self::Ssh => run(&mut ssh(door)),
            Self::Bssh => run(&mut bssh(door)),
            Self::ParallelSsh => run(&mut library("parallel_ssh_run.py", door, &["true"])),
            Self::Asyncssh => run(&mut library("asyncssh_run.py", door, &["true"])),
        }
    }

    /// The same changing command ten times on all hosts, over one connection each; `None`: this client cannot do that.
    pub fn changes(self, door: &Door) -> Option<Result<Run, String>> {
        match self {
            Self::Patchwave => Some(run(&mut rollout(door, &changing(PLAY.len())))),
            Self::Ssh | Self::Bssh => None,
            Self::ParallelSsh => Some(run(&mut library("parallel_ssh_run.py", door, &[CHANGE; PLAY.len()]))),
            Self::Asyncssh => Some(run(&mut library("asyncssh_run.py", door, &[CHANGE; PLAY.len()]))),
        }
    }

    /// The commands of [`PLAY`] on all hosts, over one connection each; `None`: this client cannot do that.
    pub fn play(self, door: &Door) -> Option<Result<Run, String>> {
        match self {
            Self::Patchwave => Some(Ok(run(&mut play(door)).expect("patchwave succeeds"))),
            Self::Ssh | Self::Bssh => None,
            Self::ParallelSsh => Some(run(&mut library("parallel_ssh_run.py", door, &PLAY))),
            Self::Asyncssh => Some(run(&mut library("asyncssh_run.py", door, &PLAY))),
        }
    }
}

fn program(door: &Door) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
    command.env("HOME", door.home()).arg("--state-dir").arg(door.folder.join("bench-state"));
    command.stdin(Stdio::null());
    command
}

fn connect(command: &mut Command, door: &Door) {
    command.args(["--forks", "100000", "--user", &door.user, "--private-key"]).arg(&door.key);
    command.arg("--known-hosts").arg(&door.known_hosts);
}

/// `patchwave exec OPTIONS all -- WORDS` on all hosts of a fleet.
pub fn exec(door: &Door, options: &[&str], words: &[&str]) -> Command {
    let mut command = program(door);
    command.arg("exec").args(options).arg("-i").arg(door.inventory()).arg("all");
    connect(&mut command, door);
    command.arg("--").args(words);
    command
}

/// `exec -- true`, including the check that each host has answered.
pub fn patchwave(door: &Door) -> Run {
    let answers = door.folder.join("bench-answers");
    let out = fs::File::create(&answers).expect("a file");
    let mut command = exec(door, &["--json"], &["true"]);
    let run = run(command.stdout(out).stderr(Stdio::null())).expect("patchwave succeeds");
    let answered = fs::read_to_string(&answers).expect("answers");
    assert_eq!(answered.lines().count(), door.hosts(), "every host must have answered");
    run
}

/// A rollout of ten steps that only look: ledger and everything else.
fn play(door: &Door) -> Command {
    rollout(
        door,
        &PLAY.iter().map(|line| format!("  - command: {{ run: {line:?}, changes: false }}\n")).collect::<String>(),
    )
}

/// A rollout of these steps.
pub fn rollout(door: &Door, steps: &str) -> Command {
    let playbook = door.write("bench-play.yml", &format!("name: bench\nhosts: all\nsteps:\n{steps}"));
    let mut command = program(door);
    command.arg("run").arg(playbook).arg("-i").arg(door.inventory()).arg("--yes");
    connect(&mut command, door);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ssh(door: &Door) -> Command {
    let list = door.list(|user, address, port| format!("ssh://{user}@{address}:{port}"));
    let mut command = Command::new("xargs");
    command.args(["-P", PROCESSES, "-I{}"]).args(ssh_words(door)).args(["{}", "true"]);
    command.stdin(open(&list)).stdout(Stdio::null());
    command
}

/// One `ssh`, without its host.
pub fn ssh_words(door: &Door) -> Vec<String> {
    let mut words = ["ssh", "-n", "-F", "none", "-i"].map(str::to_owned).to_vec();
    words.push(door.key.display().to_string());
    for option in [
        &format!("UserKnownHostsFile={}", door.known_hosts.display()),
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "GlobalKnownHostsFile=/dev/null",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "KexAlgorithms=curve25519-sha256",
        "LogLevel=ERROR",
    ] {
        words.extend(["-o".to_owned(), option.to_owned()]);
    }
    words
}

fn bssh(door: &Door) -> Command {
    let hosts: Vec<String> = door.addresses.iter().map(|(address, port)| format!("{address}:{port}")).collect();
    let mut command = Command::new("bssh");
    command.env("HOME", door.home()).args(["-b", "-H", &hosts.join(","), "--parallel", &hosts.len().to_string(), "-i"]);
    command.arg(&door.key).args(["-l", &door.user, "--strict-host-key-checking", "no", "--connect-timeout", "60"]);
    command.args(["--timeout", "0", "--require-all-success", "true"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn library(script: &str, door: &Door, commands: &[&str]) -> Command {
    let list = door.list(|user, address, port| format!("{user} {address} {port}"));
    let mut command = Command::new("python3");
    command.arg(format!("{}/benches/exec/peers/{script}", env!("CARGO_MANIFEST_DIR"))).arg(list).arg(&door.key);
    command.env("HOME", door.home()).args(commands);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
