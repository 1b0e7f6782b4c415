//! A package manager asked on a lab host as root, as steps ask it, and lists of packages compared.

use std::collections::BTreeSet;

use patchwave::command::{Command, Exit, Output, Query};

use crate::fleet::Lab;

/// Every package of the host, by a command that prints one with its version a line.
pub fn packages(lab: &Lab, host: &str, list: &str) -> BTreeSet<String> {
    lab.on(host, list).lines().map(str::to_owned).collect()
}

/// What came and what went, as `+bash 5-1` and `-bash 4-1`.
pub fn changed(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let came = after.difference(before).map(|one| format!("+{one}"));
    came.chain(before.difference(after).map(|one| format!("-{one}"))).collect()
}

/// A command of the manager, as root on the host.
pub fn go(lab: &Lab, host: &str, command: &Command) -> Output {
    lab.put(host, "/root/ask", command.shell_line().expect("no NUL").as_bytes());
    lab.put(host, "/root/sent", &command.stdin);
    let said = lab.on(host, "sh /root/ask </root/sent >/root/out 2>/root/err; echo $?");
    let file = |name: &str| lab.on(host, &format!("cat /root/{name}")).into_bytes();
    let mut stdout = file("out");
    stdout.push(b'\n');
    Output { exit: Exit::Code(said.parse().expect("a number")), stdout, stderr: file("err"), dropped: 0 }
}

/// A question to the manager, as root on the host.
pub fn ask<T>(lab: &Lab, host: &str, query: &Query<T>) -> T {
    let output = go(lab, host, &query.command);
    query.read(&output).unwrap_or_else(|error| panic!("{host}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}
