//! What was wrong with a host before the change, so that afterwards only new trouble counts: failed units and the
//! journal's error lines. Taken by precheck (`baseline`), used by verify and reboot. Lines are kept as hashes, because
//! they may contain anything.
//!
//! Command lines on the host, through `/bin/sh -c`: `systemctl list-units --state=failed --no-legend --plain`,
//! `systemctl list-units --type=service --state=active --no-legend --plain`, `journalctl -p err -q --no-pager
//! -o short-unix -n 500 [-b] [--since @N] [--until @N]`, `date +%s`, `cut -c 1-400`, `sed`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StepCx;
use crate::command::{Command, Output, Query, Unreadable, printable};

const SCRIPT: &str = include_str!("baseline.sh");
/// The most entries of each kind that are remembered.
const MOST: usize = 300;

/// The variable `baseline`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// The boot.
    pub boot: String,
    /// The host's clock, seconds since 1970.
    pub at: i64,
    /// Failed units.
    pub failed_units: BTreeSet<String>,
    /// Running services.
    pub active_services: BTreeSet<String>,
    /// Hashes of the journal's error lines.
    pub journal_errors: BTreeSet<String>,
}

/// The current state, compared with a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    /// The whole state, as a baseline for later.
    pub seen: Baseline,
    /// Error lines that are in neither the baseline nor the journal before it; at most 300.
    pub new_errors: Vec<String>,
    /// False: the host has no journal.
    pub journal: bool,
}

impl Baseline {
    /// The variable that an earlier precheck left.
    pub fn recall(cx: &StepCx<'_>) -> Option<Self> {
        serde_json::from_value(cx.scope.get("baseline")?.clone()).ok()
    }
}

/// Asks for the current state; with a baseline, for what is new since then.
pub(super) fn query(before: Option<Baseline>, privileged: bool) -> Query<Since> {
    let (since, boot) = match &before {
        Some(before) => (before.at.to_string(), before.boot.clone()),
        None => (String::new(), String::new()),
    };
    let command = Command::sh("baseline", SCRIPT, [since, boot]).privileged(privileged);
    Query::new(command, move |output| read(before.as_ref(), output))
}

fn read(before: Option<&Baseline>, output: &Output) -> Result<Since, Unreadable> {
    let text = output.text();
    let mut since = Since::default();
    let mut ended = false;
    let mut new = Vec::new();
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let seen = &mut since.seen;
        match tag {
            "boot" => seen.boot = printable(rest),
            "now" => seen.at = rest.parse().unwrap_or(0),
            "failed" if seen.failed_units.len() < MOST => drop(seen.failed_units.insert(printable(rest))),
            "active" if seen.active_services.len() < MOST => drop(seen.active_services.insert(printable(rest))),
            "old" => {
                if let Some(message) = message(rest)
                    && seen.journal_errors.len() < MOST
                {
                    seen.journal_errors.insert(hash(&message));
                }
            }
            "new" if new.len() < MOST => new.extend(message(rest)),
            "journal" => since.journal = true,
            "end" => ended = true,
            _ => {}
        }
    }
    if !ended {
        let why =
            format!("the answer about the system state is incomplete ({}): {}", output.exit, output.last_lines(1));
        return Err(Unreadable::new(why));
    }
    let known = |message: &String| {
        let hash = hash(message);
        since.seen.journal_errors.contains(&hash) || before.is_some_and(|b| b.journal_errors.contains(&hash))
    };
    new.retain(|message| !known(message));
    new.dedup_by_key(|message| hash(message));
    since.new_errors = new;
    Ok(since)
}

/// `program[pid]: text` of a line `time host program[pid]: text`; continued lines are indented and have no time.
fn message(line: &str) -> Option<String> {
    if line.starts_with([' ', '\t', '-']) {
        return None;
    }
    let mut parts = line.splitn(3, ' ');
    let (_, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    // For sshd, every connection that ends early is an error, including those made while waiting for the reboot.
    (!text.starts_with("sshd")).then(|| printable(text.trim()))
}

/// The same for lines that differ only in numbers: process ids, addresses, counts.
fn hash(message: &str) -> String {
    let mut plain = String::with_capacity(message.len());
    for c in message.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if !(c == '#' && plain.ends_with('#')) {
            plain.push(c);
        }
    }
    base16ct::lower::encode_string(&Sha256::digest(plain.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn answer(stdout: &str) -> Output {
        Output { exit: Exit::Code(0), stdout: stdout.into(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn only_new_lines_count() {
        let before =
            read(None, &answer("boot b\nnow 5\nfailed a.service\nold 1.0 h kernel: ACPI error 17\njournal\nend\n"));
        let before = before.unwrap().seen;
        let text = "boot c\nnow 9\nold 1.0 h x[1]: seen in the past\nnew 7.1 h kernel: ACPI error 99\n\
                    new 7.2 h x[2]: seen in the past\nnew 7.3 h app[77]: disk on fire\nnew  continued\nnew 7.4 h app[78]: disk on fire\n\
                    new 7.5 h sshd-session[9]: error: kex_exchange_identification: reset\n\
                    journal\nend\n";
        let since = read(Some(&before), &answer(text)).unwrap();
        assert_eq!(since.new_errors, ["app[77]: disk on fire"]);
        assert!(since.journal);
        assert!(before.failed_units.contains("a.service"));
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(read(None, &answer("boot b\nnow 5\n")).is_err());
    }
}
