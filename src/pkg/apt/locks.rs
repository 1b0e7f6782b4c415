//! Reads `apt-locks`.

use super::lines::{before_end, tagged};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::LockHolder,
};

pub(super) fn read(output: &Output) -> Result<Vec<LockHolder>, Unreadable> {
    let lines = before_end(output, "end")?;
    let holders = lines.iter().filter_map(|line| line.strip_prefix("lock ")).map(|rest| {
        let (file, rest) = tagged(rest);
        let (pid, words) = tagged(rest);
        let pid = pid.parse().map_err(|_| Unreadable::new(format!("not a process: {}", printable(rest))))?;
        Ok(LockHolder { file: file.to_owned(), pid, program: program(words) })
    });
    holders.collect()
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
