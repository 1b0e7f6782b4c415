//! What all readers need: names, and apt's own complaints.

use crate::command::{Output, printable};

/// Whether `text` is a package name, `:arch` allowed (deb-control(5)); anything else never reaches a command line.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 256
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"+.:-_".contains(&b))
}

/// The lines in which apt and dpkg say what is wrong, at most ten, from both streams.
pub(super) fn complaints(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = output.text();
    let complaint = |line: &&str| line.starts_with("E:") || line.starts_with("W:") || line.starts_with("dpkg: error");
    let mut found: Vec<String> = stderr.lines().chain(stdout.lines()).filter(complaint).map(printable).collect();
    // Errors before warnings: the first line is what people see.
    found.sort_by_key(|line| line.starts_with("W:"));
    found.truncate(10);
    if found.is_empty() {
        let last = output.last_lines(3);
        found.push(if last.is_empty() { output.exit.to_string() } else { last });
    }
    found
}
