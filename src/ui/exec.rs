//! One command on many hosts: hosts with the same output and the same result share one block.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Paint, diff,
    exec_fold::{Group, groups},
    text,
};
use crate::{command::Exit, host::HostName, spool::Spool};

/// Output longer than this is not compared line by line.
const COMPARED: u64 = 1 << 20;
/// The most bytes of a stream in a JSON object.
const IN_JSON: u64 = 1 << 20;
/// The longest part of a line that is kept in memory.
const PIECE: u64 = 64 << 10;

/// The result of the command on one host.
#[derive(Clone, Debug)]
pub struct ExecResult {
    /// The host.
    pub host: HostName,
    /// How it ended.
    pub end: ExecEnd,
    /// Standard output, as it came.
    pub stdout: Spool,
    /// Standard error, as it came.
    pub stderr: Spool,
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
    /// There is no answer.
    NoAnswer {
        /// Stable short name of the failure, for grouping.
        class: String,
        /// Why, one line.
        why: String,
        /// What to type next.
        help: Option<String>,
        /// True if the command was sent, so that it may have run.
        unknown: bool,
        /// True if the host was reached but refused the command, as sudo may.
        reached: bool,
    },
    /// Its turn never came: `exec` was interrupted before.
    NotStarted,
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
            Self::NoAnswer { reached: true, .. } => "failed".to_owned(),
            Self::NoAnswer { .. } => "unreachable".to_owned(),
            Self::NotStarted => "not started".to_owned(),
        }
    }

    /// Whether the command was sent and there is no answer, so that it may still be running.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::NoAnswer { unknown: true, .. })
    }

    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Code(0) => 0,
            Self::NoAnswer { unknown: true, .. } => 3,
            Self::Code(_) | Self::Signal(_) | Self::NoAnswer { reached: true, .. } => 1,
            Self::NoAnswer { .. } => 2,
            Self::NotStarted => 4,
        }
    }
}

/// How the blocks look.
#[derive(Clone, Copy, Debug)]
pub struct ExecLook {
    /// The most characters in a line. A line of a megabyte is useless on a terminal, but may be needed in a file
    /// (`usize::MAX`).
    pub most: usize,
    /// The columns of the terminal, for what is not a host's output; `None`: lines stay whole.
    pub width: Option<u16>,
    /// Colours.
    pub paint: Paint,
    /// Show the largest group in full, and only the differences of the others.
    pub diff: bool,
    /// Show only results that are not ok, without the output, which was shown live.
    pub ends_only: bool,
}

/// The blocks: the ok ones first, the failed ones last, next to the prompt.
///
/// # Errors
/// If `out` cannot be written, or a spool cannot be read.
pub fn exec_blocks(results: &[ExecResult], look: ExecLook, out: &mut dyn Write) -> io::Result<()> {
    let mut groups = groups(results, look.ends_only);
    if look.ends_only {
        groups.retain(|group| group.end.rank() > 0);
    }
    let answered = |group: &Group<'_>| group.end.rank() < 2;
    let largest = (0..groups.len())
        .filter(|at| answered(&groups[*at]))
        .max_by_key(|at| (groups[*at].members.len(), Reverse(*at)));
    for (at, group) in groups.iter().enumerate() {
        let reference = largest.filter(|largest| look.diff && *largest != at && answered(group)).map(|at| &groups[at]);
        block(group, reference, look, out)?;
    }
    Ok(())
}

fn block(group: &Group<'_>, reference: Option<&Group<'_>>, look: ExecLook, out: &mut dyn Write) -> io::Result<()> {
    let first = group.members[0];
    let differs = reference.map(|reference| reference.members[0]);
    writeln!(out, "{}", head(&group.end, &group.members, differs.is_some(), look.paint))?;
    if !look.ends_only {
        for (front, stream, other) in [
            ("", &first.stdout, differs.map(|other| &other.stdout)),
            ("stderr: ", &first.stderr, differs.map(|other| &other.stderr)),
        ] {
            match other {
                Some(other) => difference(front, other, stream, look, out)?,
                None => lines(front, stream.reader()?, look.most, out)?,
            }
        }
    }
    let dropped: u64 =
        group.members.iter().map(|result| result.stdout.dropped() + result.stderr.dropped()).max().unwrap_or(0);
    if dropped > 0 {
        let why = first
            .stdout
            .trouble()
            .or_else(|| first.stderr.trouble())
            .map_or_else(String::new, |why| format!(": {why}"));
        writeln!(out, "({dropped} more bytes were not kept{why})")?;
    }
    if let ExecEnd::NoAnswer { why, help, .. } = &group.end {
        let width = look.width.map_or(usize::MAX, usize::from);
        writeln!(out, "{}", text::wrap(&text::first_line(why, 400), width))?;
        if let Some(help) = help {
            writeln!(out, "{}", text::wrap_behind("try: ", "     ", &text::first_line(help, 400), width))?;
        }
    }
    Ok(())
}

/// The lines that are only in `stream` or only in `other`.
fn difference(front: &str, other: &Spool, stream: &Spool, look: ExecLook, out: &mut dyn Write) -> io::Result<()> {
    if other.digest() == stream.digest() {
        return Ok(());
    }
    let [a, b] = [other, stream].map(|spool| spool.head(COMPARED + 1));
    let (a, b) = (a?, b?);
    let (a_text, b_text) = (String::from_utf8_lossy(&a), String::from_utf8_lossy(&b));
    let (a_lines, b_lines): (Vec<&str>, Vec<&str>) = (a_text.lines().collect(), b_text.lines().collect());
    let short = a.len().max(b.len()) as u64 <= COMPARED;
    let Some(script) = short.then(|| diff::lines(&a_lines, &b_lines)).flatten().filter(|script| !script.is_empty())
    else {
        return lines(front, stream.reader()?, look.most, out);
    };
    for (sign, line) in script {
        let line = format!("{front}{sign}{}", text::clean(line, look.most));
        let line = match sign {
            '+' => look.paint.good(&line),
            '-' => look.paint.bad(&line),
            '@' => look.paint.faint("…"),
            _ => line,
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The line of counts.
pub fn exec_tally(results: &[ExecResult]) -> String {
    let mut counts: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for result in results {
        *counts.entry((result.end.rank(), result.end.label())).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|((_, label), n)| format!("{n} {label}")).collect();
    format!("{}: {}", text::count(results.len(), "host"), parts.join(", "))
}

/// One live line of one host.
pub fn exec_line(host: &HostName, line: &[u8], most: usize, paint: Paint) -> String {
    format!("{} {}\n", paint.strong(&format!("{host}:")), text::clean(&String::from_utf8_lossy(line), most))
}

/// One host as an object, with at most a mebibyte of each stream; the rest counts as dropped. In output that is not
/// UTF-8 the bad bytes are replaced, and a field says so.
///
/// # Errors
/// If a spool cannot be read.
pub fn exec_json(result: &ExecResult) -> io::Result<Value> {
    let (out, err) = (result.stdout.head(IN_JSON)?, result.stderr.head(IN_JSON)?);
    let (stdout, stderr) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    let all = result.stdout.length() + result.stdout.dropped() + result.stderr.length() + result.stderr.dropped();
    let mut value = json!({
        "host": result.host,
        "outcome": result.end.label(),
        "stdout": stdout,
        "stderr": stderr,
        "dropped": all - (out.len() + err.len()) as u64,
        "took_ms": result.took.as_millis() as u64,
    });
    if stdout.as_bytes() != out || stderr.as_bytes() != err {
        value["lossy"] = json!(true);
    }
    match &result.end {
        ExecEnd::Code(code) => value["code"] = json!(code),
        ExecEnd::Signal(name) => value["signal"] = json!(name),
        ExecEnd::NoAnswer { class, why, .. } => {
            value["class"] = json!(class);
            value["why"] = json!(why);
        }
        ExecEnd::NotStarted => {}
    }
    Ok(value)
}

fn head(end: &ExecEnd, members: &[&ExecResult], differs: bool, paint: Paint) -> String {
    let names = text::hosts(members.iter().map(|result| &result.host), 200);
    let many = if members.len() > 1 { format!(" ({})", text::count(members.len(), "host")) } else { String::new() };
    let label = end.label();
    let label = if end.rank() == 0 { paint.good(&label) } else { paint.bad(&label) };
    let differs = if differs { ", differs from the largest group" } else { "" };
    format!("{} {}{many}: {label}{differs}", paint.faint("──"), paint.strong(&names))
}

/// Copies lines, made safe for a terminal. Lines are read in pieces, so that a host that never ends a line uses no
/// memory.
fn lines(front: &str, stream: impl Read, most: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut piece = Vec::new();
    let mut begun = false;
    while stream.by_ref().take(PIECE).read_until(b'\n', &mut piece)? > 0 {
        let whole = piece.last() == Some(&b'\n');
        // The rest of a line that is too long for a terminal is skipped.
        if !begun || most == usize::MAX {
            let text = String::from_utf8_lossy(&piece);
            write!(
                out,
                "{}{}",
                if begun { "" } else { front },
                text::clean(text.trim_end_matches(['\n', '\r']), most)
            )?;
        }
        if whole {
            writeln!(out)?;
        }
        begun = !whole;
        piece.clear();
    }
    if begun { writeln!(out) } else { Ok(()) }
}

/// The exit code of `exec`, in the same order as for a rollout: `7` a result is unknown, `6` a command failed, `5`
/// hosts unreachable and none failed, `4` stopped early and none failed, `0` all commands ended with 0.
pub fn exec_exit_code(results: &[ExecResult]) -> u8 {
    let worst = |rank| results.iter().any(|result| result.end.rank() == rank);
    match () {
        () if worst(3) => 7,
        () if worst(1) => 6,
        () if worst(2) => 5,
        () if worst(4) => 4,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(host: &str, end: ExecEnd, stdout: &[u8], stderr: &[u8]) -> ExecResult {
        ExecResult {
            host: HostName::new(host).unwrap(),
            end,
            stdout: Spool::of(stdout),
            stderr: Spool::of(stderr),
            took: Duration::from_millis(12),
        }
    }

    fn told(results: &[ExecResult], most: usize, diff: bool, ends_only: bool) -> String {
        let mut out = Vec::new();
        exec_blocks(results, ExecLook { most, width: None, paint: Paint::plain(), diff, ends_only }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn mixed() -> Vec<ExecResult> {
        let lost = ExecEnd::NoAnswer {
            class: "timed-out".to_owned(),
            why: "no answer within 10 s".to_owned(),
            help: Some("ssh -v web9".to_owned()),
            unknown: false,
            reached: false,
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
        let (blocks, tally) = (told(&mixed(), 400, false, false), exec_tally(&mixed()));
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
        let blocks = told(&[result("a", ExecEnd::Code(0), &noise, &noise)], 400, false, false);
        assert!(blocks.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(blocks.chars().count() < 1000, "{}", blocks.len());
        let whole = told(&[result("a", ExecEnd::Code(0), &noise, b"")], usize::MAX, false, false);
        assert!(whole.len() > 1_000_000, "a file gets the whole line");
    }

    #[test]
    fn json_has_one_object_per_host_and_marks_replaced_bytes() {
        let mut results = mixed();
        results.push(result("web6", ExecEnd::Code(0), b"\xff", b""));
        let values: Vec<Value> = results.iter().map(|result| exec_json(result).unwrap()).collect();
        assert_eq!(values.len(), 7);
        assert_eq!((&values[1]["code"], &values[1]["stderr"]), (&json!(1), &json!("no such file\n")));
        assert_eq!((&values[4]["outcome"], &values[4]["class"]), (&json!("unreachable"), &json!("timed-out")));
        assert_eq!((values[6].get("lossy"), values[0].get("lossy")), (Some(&json!(true)), None));
    }

    #[test]
    fn the_largest_group_is_the_measure_of_the_others() {
        let text = |n: usize| (0..10).map(|at| format!("line {}\n", if at == n { 99 } else { at })).collect::<String>();
        let results: Vec<ExecResult> = [("a", 20, ""), ("b", 20, ""), ("c", 4, ""), ("d", 20, "warning\n")]
            .map(|(host, n, stderr)| result(host, ExecEnd::Code(0), text(n).as_bytes(), stderr.as_bytes()))
            .into();
        insta::assert_snapshot!(told(&results, 400, true, false), @r"
        ── a, b (2 hosts): ok
        line 0
        line 1
        line 2
        line 3
        line 4
        line 5
        line 6
        line 7
        line 8
        line 9
        ── c: ok, differs from the largest group
         line 2
         line 3
        -line 4
        +line 99
         line 5
         line 6
        ── d: ok, differs from the largest group
        stderr: +warning
        ");
    }

    #[test]
    fn after_live_output_only_what_went_wrong_is_said() {
        insta::assert_snapshot!(told(&mixed(), 400, false, true), @r"
        ── web2: exit code 1
        ── web5: signal KILL
        ── web9: unreachable
        no answer within 10 s
        try: ssh -v web9
        ");
    }

    #[test]
    fn a_stop_has_its_exit_code() {
        let results = [result("a", ExecEnd::Code(0), b"", b""), result("b", ExecEnd::NotStarted, b"", b"")];
        assert_eq!(exec_exit_code(&results), 4);
        assert_eq!(exec_exit_code(&[]), 0);
    }
}
