//! The answers of scripts: lines that begin with a tag, and a last line that tells a short answer from a cut one. Knows
//! no manager. Start at [`before_end`].

use std::collections::BTreeSet;

use crate::command::{Command, Output, Query, Unreadable};

/// The lines before the line `end`.
///
/// # Errors
/// The line is missing: the script died, or the answer was cut.
pub(in crate::pkg) fn before_end(output: &Output, end: &str) -> Result<Vec<String>, Unreadable> {
    let text = output.text();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    match lines.iter().rposition(|line| line == end) {
        Some(at) if output.success() => {
            lines.truncate(at);
            Ok(lines)
        }
        _ => Err(Unreadable::new(format!("the answer is incomplete ({}): {}", output.exit, output.last_lines(3)))),
    }
}

/// A tag and what follows it, divided by one space or tab.
pub(in crate::pkg) fn tagged(line: &str) -> (&str, &str) {
    line.split_once([' ', '\t']).unwrap_or((line, ""))
}

/// A query for which of `names` a manager knows: its answer has a line `known NAME` for each.
pub(in crate::pkg) fn known(names: &[String], command: Command) -> Query<BTreeSet<String>> {
    let wanted: BTreeSet<String> = names.iter().cloned().collect();
    Query::new(command, move |output| {
        let lines = before_end(output, "end")?;
        let heard: BTreeSet<&str> = lines.iter().filter_map(|line| line.strip_prefix("known ")).collect();
        Ok(wanted.iter().filter(|name| heard.contains(name.as_str())).cloned().collect())
    })
}
