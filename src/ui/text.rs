//! Text that is safe and readable on a screen, whatever a host sent.

use std::{borrow::Cow, time::Duration};

use comfy_table::{ColumnConstraint, Table, Width};

use crate::{
    command::turns,
    event::{Outcome, StepPhase, StepRef},
    host::HostName,
    names,
    plan::Plan,
};

/// A line that cannot move a cursor, ring, or turn the reading direction; tabs are spaces, the end is cut at `most`
/// characters and marked.
pub fn clean(line: &str, most: usize) -> String {
    let mut kept = String::new();
    let mut chars = line.chars().filter(|c| *c == '\t' || !(c.is_control() || turns(*c)));
    for c in chars.by_ref().take(most) {
        kept.push(if c == '\t' { ' ' } else { c });
    }
    if chars.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// A line broken at spaces so that no part is wider than `width` columns, as far as its words allow. Colours count as
/// nothing.
pub(super) fn wrap(line: &str, width: usize) -> String {
    if console::measure_text_width(line) <= width {
        return line.to_owned();
    }
    let (mut page, mut used) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let wide = console::measure_text_width(word);
        if used > 0 && used + console::measure_text_width(word.trim_end()) > width {
            page.truncate(page.trim_end().len());
            page.push('\n');
            used = 0;
        }
        page.push_str(word);
        used += wide;
    }
    page
}

/// The first line of `text`, clean.
pub(super) fn first_line(text: &str, most: usize) -> String {
    clean(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(""), most)
}

/// `0.4s`, `41s`, `4m02s`, `1h04m`.
pub fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, took.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A rest or a limit as it was written: without parts that are zero.
pub(super) fn rest(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `1 host`, `2 hosts`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// An outcome for a reader.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotStarted => "not started",
        other => other.as_str(),
    }
}

/// The name of a step in its playbook.
pub(super) fn step_name(plan: &Plan, step: StepRef) -> Cow<'_, str> {
    let list = match step.phase {
        StepPhase::Main | StepPhase::Always => &plan.steps,
        StepPhase::OnFailure => &plan.on_failure,
        StepPhase::Gate => return Cow::Borrowed("gate"),
    };
    match list.get(step.index) {
        Some(spec) => Cow::Owned(clean(&spec.name, 60)),
        None => Cow::Owned(format!("step {}", step.index + 1)),
    }
}

/// Keeps the words of a column whole: at least `longest` characters, at most a third of a table of `width`.
pub(super) fn keep_whole(table: &mut Table, column: usize, longest: usize, width: u16) {
    // The column's own padding counts.
    let wanted = u16::try_from(longest + 2).unwrap_or(u16::MAX).min(width / 3);
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(wanted)));
    }
}

/// Room in a column for host names: the longest with a small bracket or a comma.
pub(super) fn name_room<'a>(names: impl Iterator<Item = &'a HostName>) -> usize {
    names.map(|name| name.as_str().len()).max().unwrap_or(0) + 4
}

/// Hosts as one folded text of about `most` characters, then how many more.
pub(super) fn hosts<'a>(names: impl IntoIterator<Item = &'a HostName>, most: usize) -> String {
    let names: Vec<HostName> = names.into_iter().cloned().collect();
    let whole = names::fold(&names);
    if whole.len() <= most || names.len() == 1 {
        return spaced(&whole);
    }
    // The most names from the front that fit; one always stands there.
    let (mut fits, mut too_many) = (1, names.len());
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if names::fold(&names[..middle]).len() <= most { fits = middle } else { too_many = middle }
    }
    format!("{} and {} more", spaced(&names::fold(&names[..fits])), names.len() - fits)
}

/// With a blank behind the commas between names, so that a cell of a table can break there.
fn spaced(folded: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in folded.chars() {
        text.push(c);
        match c {
            '[' => inside = true,
            ']' => inside = false,
            ',' if !inside => text.push(' '),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_spaces_only() {
        for (line, width, expected) in [
            ("short", 10, "short"),
            ("one two three", 8, "one two\nthree"),
            ("a verylongword b", 6, "a\nverylongword\nb"),
            ("\u{1b}[31mred\u{1b}[0m word", 8, "\u{1b}[31mred\u{1b}[0m word"),
            ("", 5, ""),
        ] {
            assert_eq!(wrap(line, width), expected, "{line:?} at {width}");
        }
    }

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
            ("\u{9b}31mC1\u{85}", "31mC1"),
            ("a\tb\r\nc", "a bc"),
            ("abc\u{202e}fed\u{2066}", "abcfed"),
            ("12345678901", "123456789…"),
            ("1234567890", "1234567890"),
        ] {
            assert_eq!(clean(raw, 10.max(expected.chars().count())), expected, "{raw:?}");
        }
        let megabyte = "\x1b]0;".repeat(1 << 18);
        assert_eq!(clean(&megabyte, 40).chars().count(), 40);
    }

    #[test]
    fn durations_are_short() {
        for (ms, expected) in [
            (0, "0.0s"),
            (450, "0.4s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (62_000, "1m02s"),
            (3_600_000, "1h00m"),
            (90_061_000, "25h01m"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), expected);
        }
        for (s, expected) in [(0, "-"), (600, "10m"), (90, "1m30s"), (7200, "2h")] {
            assert_eq!(rest(Duration::from_secs(s)), expected);
        }
    }

    #[test]
    fn many_hosts_are_folded_cut_and_counted() {
        let host = |name: &str| HostName::new(name).unwrap();
        let web: Vec<HostName> = (1..=30).map(|i| host(&format!("web{i:02}.example.com"))).collect();
        assert_eq!(hosts(&web, 30), "web[01-30].example.com");
        assert_eq!(hosts(&[host("web1"), host("web3"), host("db")], 30), "web[1,3], db");
        let odd: Vec<HostName> = ["anna", "bert", "carl", "dora"].map(host).to_vec();
        assert_eq!(hosts(&odd, 19), "anna, bert, carl, dora");
        assert_eq!(hosts(&odd, 12), "anna, bert and 2 more");
        assert_eq!(hosts(&odd, 1), "anna and 3 more");
        assert_eq!(hosts(&odd[..1], 1), "anna");
    }
}
