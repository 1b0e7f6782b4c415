//! The layout of text on a screen: line breaks, folded host names, columns. `view::words` makes text safe.

use std::time::Duration;

use comfy_table::{ColumnConstraint, Table, Width};

pub use crate::view::{clean, duration};
pub(super) use crate::view::{count, first_line, step_name};
use crate::{event::Outcome, host::HostName, names};

/// A line broken at spaces so that no part is wider than `width` columns, unless a single word is. Colours have no
/// width.
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

/// The same behind `lead`, with `rest` in front of the other lines. A command in backticks stays in one line, so that
/// it can be copied.
pub fn wrap_behind(lead: &str, rest: &str, line: &str, width: usize) -> String {
    const UNBROKEN: char = '\u{a0}';
    let mut quoted = false;
    let whole: String = line
        .chars()
        .map(|c| {
            quoted ^= c == '`';
            if quoted && c == ' ' { UNBROKEN } else { c }
        })
        .collect();
    let room = width.saturating_sub(lead.len().max(rest.len()));
    format!("{lead}{}", wrap(&whole, room).replace('\n', &format!("\n{rest}")).replace(UNBROKEN, " "))
}

/// A duration as it was written: without parts that are zero.
pub(super) fn rest(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// An outcome as it is shown.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotStarted => "not started",
        Outcome::RolledBack => "rolled back",
        other => other.as_str(),
    }
}

/// Keeps the words of a column unbroken: at least `longest` characters, at most a third of a table of `width`.
pub(super) fn keep_whole(table: &mut Table, column: usize, longest: usize, width: u16) {
    // The column's own padding counts.
    let wanted = u16::try_from(longest + 2).unwrap_or(u16::MAX).min(width / 3);
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(wanted)));
    }
}

/// The width of a column for host names: the longest name with a small bracket or a comma.
pub(super) fn name_room<'a>(names: impl Iterator<Item = &'a HostName>) -> usize {
    names.map(|name| name.as_str().len()).max().unwrap_or(0) + 4
}

/// Folded host names of about `most` characters, then how many more there are.
pub(super) fn hosts<'a>(names: impl IntoIterator<Item = &'a HostName>, most: usize) -> String {
    let names: Vec<HostName> = names.into_iter().cloned().collect();
    let whole = names::fold(&names);
    if whole.len() <= most || names.len() == 1 {
        return spaced(&whole);
    }
    // As many names from the front as fit, but at least one.
    let (mut fits, mut too_many) = (1, names.len());
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if names::fold(&names[..middle]).len() <= most { fits = middle } else { too_many = middle }
    }
    format!("{} and {} more", spaced(&names::fold(&names[..fits])), names.len() - fits)
}

/// Adds a blank after the commas between names, so that a table cell can break there.
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
    fn a_line_behind_another_text_is_indented_and_keeps_its_commands() {
        let wrapped = wrap_behind("  try: ", "       ", "log in, then `systemctl start x` there", 30);
        assert_eq!(wrapped, "  try: log in, then\n       `systemctl start x`\n       there");
        assert_eq!(wrap_behind("  | ", "  |   ", "one two three", 11), "  | one\n  |   two\n  |   three");
    }

    #[test]
    fn rests_are_as_they_were_written() {
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
