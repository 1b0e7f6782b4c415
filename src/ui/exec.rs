//! One command on many hosts: hosts with the same output and the same end share one block.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{Paint, text};
use crate::{command::Exit, host::HostName};

/// What one host answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecResult {
    /// Who.
    pub host: HostName,
    /// How it ended.
    pub end: ExecEnd,
    /// Standard output, as it came.
    pub stdout: Vec<u8>,
    /// Standard error, as it came.
    pub stderr: Vec<u8>,
    /// Bytes of both that were not kept.
    pub dropped: u64,
    /// How long it took.
    pub took: Duration,
}

/// How a command ended on a host, or why it did not run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExecEnd {
    /// It returned this code.
    Code(u32),
    /// A signal ended it.
    Signal(String),
    /// There is no answer: why, what to type, and whether the command may have run.
    NoAnswer {
        /// Stable short name, for folding.
        class: String,
        /// Why, one line.
        why: String,
        /// What to type next.
        help: Option<String>,
        /// True when it was sent, so that it may have run.
        unknown: bool,
    },
}

impl From<Exit> for ExecEnd {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Code(code),
            Exit::Signal(name) => Self::Signal(name),
        }
    }
}

impl ExecEnd {
    /// In a word or two: `ok`, `exit code 3`, `unreachable`.
    fn label(&self) -> String {
        match self {
            Self::Code(0) => "ok".to_owned(),
            Self::Code(code) => format!("exit code {code}"),
            Self::Signal(name) => format!("signal {}", text::clean(name, 20)),
            Self::NoAnswer { unknown: true, .. } => "unknown".to_owned(),
            Self::NoAnswer { .. } => "unreachable".to_owned(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Code(0) => 0,
            Self::Code(_) | Self::Signal(_) => 1,
            Self::NoAnswer { unknown: false, .. } => 2,
            Self::NoAnswer { unknown: true, .. } => 3,
        }
    }
}

/// The blocks, the fine ones first, the broken ones nearest to the prompt; the second text is the line of counts.
/// `most` bounds a line in characters: a terminal's reader wants no megabyte line, a file's reader may (`usize::MAX`).
pub fn exec_text(results: &[ExecResult], most: usize, paint: Paint) -> (String, String) {
    type Key<'a> = (u8, &'a ExecEnd, &'a [u8], &'a [u8]);
    let mut groups: IndexMap<Key<'_>, Vec<&ExecResult>> = IndexMap::new();
    for result in results {
        groups.entry((result.end.rank(), &result.end, &result.stdout, &result.stderr)).or_default().push(result);
    }
    groups.sort_by(|a, a_hosts, b, b_hosts| {
        (a.0, std::cmp::Reverse(a_hosts.len()), &a_hosts[0].host).cmp(&(
            b.0,
            std::cmp::Reverse(b_hosts.len()),
            &b_hosts[0].host,
        ))
    });
    let mut blocks = String::new();
    for ((_, end, stdout, stderr), members) in &groups {
        blocks.push_str(&head(end, members, paint));
        lines(&mut blocks, "", stdout, most);
        lines(&mut blocks, "stderr: ", stderr, most);
        let dropped: u64 = members.iter().map(|result| result.dropped).max().unwrap_or(0);
        if dropped > 0 {
            blocks.push_str(&format!("({dropped} more bytes are in the log)\n"));
        }
        if let ExecEnd::NoAnswer { why, help, .. } = end {
            blocks.push_str(&format!("{}\n", text::first_line(why, 400)));
            if let Some(help) = help {
                blocks.push_str(&format!("try: {}\n", text::first_line(help, 400)));
            }
        }
    }
    (blocks, tally(results))
}

/// One object per host, in the order of `results`; output that is not UTF-8 has its bad bytes replaced and says so.
pub fn exec_json(results: &[ExecResult]) -> Vec<Value> {
    let shown = |result: &ExecResult| {
        let (stdout, stderr) = (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
        let mut value = json!({
            "host": result.host,
            "outcome": result.end.label(),
            "stdout": stdout,
            "stderr": stderr,
            "dropped": result.dropped,
            "took_ms": result.took.as_millis() as u64,
        });
        if stdout.as_bytes() != result.stdout || stderr.as_bytes() != result.stderr {
            value["lossy"] = json!(true);
        }
        match &result.end {
            ExecEnd::Code(code) => value["code"] = json!(code),
            ExecEnd::Signal(name) => value["signal"] = json!(name),
            ExecEnd::NoAnswer { class, why, .. } => {
                value["class"] = json!(class);
                value["why"] = json!(why);
            }
        }
        value
    };
    results.iter().map(shown).collect()
}

fn head(end: &ExecEnd, members: &[&ExecResult], paint: Paint) -> String {
    let names = text::hosts(members.iter().map(|result| &result.host), 200);
    let many = if members.len() > 1 { format!(" ({})", text::count(members.len(), "host")) } else { String::new() };
    let label = end.label();
    let label = if end.rank() == 0 { paint.good(&label) } else { paint.bad(&label) };
    format!("{} {}{many}: {label}\n", paint.faint("──"), paint.strong(&names))
}

fn lines(blocks: &mut String, front: &str, bytes: &[u8], most: usize) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        blocks.push_str(front);
        blocks.push_str(&text::clean(line, most));
        blocks.push('\n');
    }
}

/// The exit code of `exec`, in the order of a rollout's: `7` some answer is not known, `6` a command failed, `5` hosts
/// unreachable and none failed, `0` all ended with 0.
pub fn exec_exit_code(results: &[ExecResult]) -> u8 {
    let worst = |rank| results.iter().any(|result| result.end.rank() == rank);
    match () {
        () if worst(3) => 7,
        () if worst(1) => 6,
        () if worst(2) => 5,
        () => 0,
    }
}

fn tally(results: &[ExecResult]) -> String {
    let mut counts: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for result in results {
        *counts.entry((result.end.rank(), result.end.label())).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|((_, label), n)| format!("{n} {label}")).collect();
    format!("{}: {}", text::count(results.len(), "host"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(host: &str, end: ExecEnd, stdout: &[u8], stderr: &[u8]) -> ExecResult {
        ExecResult {
            host: HostName::new(host).unwrap(),
            end,
            stdout: stdout.to_vec(),
            stderr: stderr.to_vec(),
            dropped: 0,
            took: Duration::from_millis(12),
        }
    }

    fn mixed() -> Vec<ExecResult> {
        let lost = ExecEnd::NoAnswer {
            class: "timed-out".to_owned(),
            why: "no answer within 10 s".to_owned(),
            help: Some("ssh -v web9".to_owned()),
            unknown: false,
        };
        vec![
            result("web1", ExecEnd::Code(0), b"12.5\n", b""),
            result("web2", ExecEnd::Code(1), b"12.5\n", b"no such file\n"),
            result("web3", ExecEnd::Code(0), b"12.4\n", b""),
            result("web4", ExecEnd::Code(0), b"12.5\n", b""),
            result("web9", lost, b"", b""),
            result("web5", ExecEnd::Signal("KILL".to_owned()), b"", b""),
        ]
    }

    #[test]
    fn the_same_output_with_the_same_end_is_one_block() {
        let (blocks, tally) = exec_text(&mixed(), 400, Paint::plain());
        insta::assert_snapshot!(format!("{blocks}\n{tally}"), @r#"
        ── web[1,4] (2 hosts): ok
        12.5
        ── web3: ok
        12.4
        ── web2: exit code 1
        12.5
        stderr: no such file
        ── web5: signal KILL
        ── web9: unreachable
        no answer within 10 s
        try: ssh -v web9

        6 hosts: 3 ok, 1 exit code 1, 1 signal KILL, 1 unreachable
        "#);
    }

    #[test]
    fn hostile_output_reaches_no_terminal() {
        let mut noise = b"\x1b[2J\x1b]0;x\x07\xff\xfe\xc2\x9b31m".to_vec();
        noise.resize(1 << 20, b'x');
        let (blocks, _) = exec_text(&[result("a", ExecEnd::Code(0), &noise, &noise)], 400, Paint::plain());
        assert!(blocks.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(blocks.chars().count() < 1000, "{}", blocks.len());
        let (whole, _) = exec_text(&[result("a", ExecEnd::Code(0), &noise, b"")], usize::MAX, Paint::plain());
        assert!(whole.len() > 1_000_000, "a file gets the whole line");
    }

    #[test]
    fn json_has_one_object_per_host_and_marks_replaced_bytes() {
        let mut results = mixed();
        results.push(result("web6", ExecEnd::Code(0), b"\xff", b""));
        let values = exec_json(&results);
        assert_eq!(values.len(), 7);
        assert_eq!((&values[1]["code"], &values[1]["stderr"]), (&json!(1), &json!("no such file\n")));
        assert_eq!((&values[4]["outcome"], &values[4]["class"]), (&json!("unreachable"), &json!("timed-out")));
        assert_eq!((values[6].get("lossy"), values[0].get("lossy")), (Some(&json!(true)), None));
    }
}
