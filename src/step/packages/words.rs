//! Words about changes of packages, the same in every step.

use crate::{command::printable, event::PackageChange};

/// `4 packages upgraded`.
pub(in crate::step) fn count(n: usize, done: &str) -> String {
    if n == 1 { format!("1 package {done}") } else { format!("{n} packages {done}") }
}

/// `openssl 3.0.11 → 3.0.15, linux-image-x 6.1 new, …`: the first three.
pub(in crate::step) fn named(changes: &[PackageChange]) -> String {
    const SHOWN: usize = 3;
    let mut words: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|change| match (&change.from, &change.to) {
            (Some(from), Some(to)) => format!("{} {from} → {to}", change.name),
            (None, Some(to)) => format!("{} {to} new", change.name),
            (Some(from), None) => format!("{} {from} removed", change.name),
            (None, None) => format!("{} removed", change.name),
        })
        .collect();
    if changes.len() > SHOWN {
        words.push("…".to_owned());
    }
    words.join(", ")
}

/// The last non-empty lines of a transaction's output.
pub(in crate::step) fn tail(output: &str) -> Vec<String> {
    const LINES: usize = 8;
    let lines: Vec<String> = output.lines().map(printable).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}
