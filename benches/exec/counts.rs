//! The cost of a host in instructions and system calls, which does not depend on other work on the machine: callgrind
//! and strace on few hosts and on more, and the difference.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{
    clients::{exec, ssh_words},
    door::Door,
    meter::Table,
    run::installed,
};

const FEW: usize = 20;
const MORE: usize = 60;

/// For one more host with patchwave, and for one `ssh`.
pub fn counts(door: &Door) {
    let mut table = Table::new(&["per host", "patchwave", "ssh", "part of ssh"]);
    for (what, tool, count) in [
        ("instructions (user), millions", "valgrind", instructions as fn(&Command, &Door) -> Option<f64>),
        ("system calls", "strace", calls),
    ] {
        if !installed(tool, &["--version"]) {
            println!("\nNOT MEASURED: {what}: {tool} is not installed");
            continue;
        }
        let ours = |hosts| count(&exec(&door.first(hosts), &["--json", "--connect-rate", "0"], &["true"]), door);
        let words = ssh_words(door);
        let mut ssh = Command::new(&words[0]);
        let (address, port) = &door.addresses[0];
        ssh.args(&words[1..]).args([&format!("ssh://{}@{address}:{port}", door.user), "true"]);
        match (ours(FEW), ours(MORE), count(&ssh, door)) {
            (Some(few), Some(more), Some(ssh)) => {
                let each = (more - few) / (MORE - FEW) as f64;
                let part = format!("1/{:.1}", ssh / each);
                table.row([what.to_owned(), format!("{each:.1}"), format!("{ssh:.1}"), part]);
            }
            _ => println!("\nNOT MEASURED: {what}: {tool} is not allowed here, or the client failed under it"),
        }
    }
    table.print(&format!("instructions and system calls: {MORE} hosts less {FEW} hosts; one ssh"));
}

/// The command, run under another program.
fn under(tool: &[&str], command: &Command) -> Command {
    let mut all = Command::new(tool[0]);
    all.args(&tool[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => all.env(name, value),
            None => all.env_remove(name),
        };
    }
    all.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null()).stdout(Stdio::null());
    all
}

/// In millions.
fn instructions(command: &Command, _: &Door) -> Option<f64> {
    let output = under(&["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], command).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = text.lines().find_map(|line| line.split_once("Collected :"))?.1;
    let count: f64 = collected.trim().parse().ok()?;
    output.status.success().then_some(count / 1e6)
}

fn calls(command: &Command, door: &Door) -> Option<f64> {
    let to = door.folder.join("bench-strace");
    let words = ["strace", "-f", "-c", "-U", "name,calls", "-o", to.to_str()?];
    let status = under(&words, command).stderr(Stdio::null()).status().ok()?;
    let text = fs::read_to_string(to).ok()?;
    let total = text.lines().find(|line| line.trim_start().starts_with("total"))?;
    let count = total.split_whitespace().nth(1)?.parse().ok()?;
    status.success().then_some(count)
}
