//! Reads `apt-locks`.

use super::lines::{before_end, tagged};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::LockHolder,
};

pub(super) fn read(output: &Output) -> Result<Vec<LockHolder>, Unreadable> {
    let mut holders: Vec<LockHolder> = Vec::new();
    for line in before_end(output, "end")? {
        match tagged(&line) {
            ("lock", rest) => {
                let (file, rest) = tagged(rest);
                let (pid, words) = tagged(rest);
                let pid = pid.parse().map_err(|_| Unreadable::new(format!("not a process: {}", printable(rest))))?;
                holders.push(LockHolder { file: file.to_owned(), pid, program: program(words), group: String::new() });
            }
            // A host with both versions of control groups prints two lines, one of them with `/`.
            ("in", group) if group != "/" => {
                if let Some(last) = holders.last_mut() {
                    last.group = printable(group);
                }
            }
            _ => {}
        }
    }
    Ok(holders)
}

/// Units without which a transaction, or the scripts of its packages, cannot go on.
const NEEDED: [&str; 9] = [
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "dbus.service",
    "dbus-broker.service",
    "dbus.socket",
    "packagekit.service",
    "polkit.service",
    "systemd-logind.service",
    "unattended-upgrades.service",
];

/// Stopping a unit that is more than a service stops much else: a mount takes the disk away, a slice or a target the
/// session of the person who installs something.
pub(super) fn needs_unit(unit: &str) -> bool {
    let more = [".mount", ".slice", ".scope", ".target"].iter().any(|end| unit.ends_with(end));
    more || NEEDED.contains(&unit) || unit.starts_with("user@")
}

/// The name by which people know a process: `unattended-upgrade`, not `python3`.
fn program(words: &str) -> String {
    const INTERPRETERS: [&str; 6] = ["python", "perl", "sh", "bash", "dash", "env"];
    let base = |word: &str| printable(word.rsplit('/').next().unwrap_or(word));
    let mut named = words.split(' ').filter(|word| !word.is_empty());
    let Some(first) = named.next().map(base) else { return String::new() };
    let bare = first.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&bare) {
        return first;
    }
    named.find(|word| !word.starts_with('-')).map_or(first, base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_not_the_program() {
        for (words, expected) in [
            ("/usr/bin/python3 /usr/bin/unattended-upgrade --download-only ", "unattended-upgrade"),
            ("/usr/bin/python3.11 -u /usr/bin/x.py", "x.py"),
            ("apt-get update", "apt-get"),
            ("/bin/sh /usr/lib/apt/apt.systemd.daily install", "apt.systemd.daily"),
            ("python3", "python3"),
            ("", ""),
        ] {
            assert_eq!(program(words), expected);
        }
    }
}
