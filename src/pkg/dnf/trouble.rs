//! Reads what dnf complains about: the end of a transaction's output, a refused question, and scripts of packages that
//! failed in a transaction that went on.

use crate::{
    command::{Output, printable},
    pkg::{Class, FailedScript, Refresh, Trouble, rpm::scripts},
};

/// The first cause of a failed transaction.
pub(super) fn read(output: &str) -> Option<Trouble> {
    let line_with = |texts: &[&str]| {
        let found = output.lines().find(|line| texts.iter().any(|text| line.contains(text)));
        found.map(|line| printable(line.trim_start_matches([' ', '>', '-']).trim()))
    };
    let trouble = |class, package, summary| Some(Trouble { class, package, summary });
    if let Some(line) = line_with(&["No space left on device", "more space needed on", "needs at least"]) {
        return trouble(Class::Disk, None, line);
    }
    if let Some(FailedScript { package, summary, .. }) = failed_scripts(output).into_iter().next() {
        return trouble(Class::Failed, Some(package), summary);
    }
    if let Some(line) = line_with(&[
        "already locked by",
        "E: the packages are locked",
        "Waiting for process with pid",
        "Waiting for a lock on",
    ]) {
        return trouble(Class::Lock, None, line);
    }
    const FETCH: [&str; 6] = [
        "Error downloading packages",
        "Failed to download",
        "Cannot download",
        "No more mirrors to try",
        "Librepo error",
        "Usable URL not found",
    ];
    if let Some(line) = line_with(&FETCH) {
        return trouble(Class::Fetch, None, line);
    }
    if let Some(line) =
        line_with(&["Error unpacking rpm package", "unpacking of archive failed", "Transaction test error"])
    {
        return trouble(Class::Failed, None, line);
    }
    if let Some(line) = line_with(&[" Problem: ", " Problem 1: ", "Problem: ", "matches only packages excluded"]) {
        return trouble(Class::Refused, None, line);
    }
    let line = line_with(&["Error: ", "No match for argument", "Failed to resolve the transaction"])?;
    trouble(Class::Manager, None, line)
}

/// Scripts that failed in a transaction that went on.
pub(super) fn failed_scripts(output: &str) -> Vec<FailedScript> {
    scripts::failed(output, "dnf reinstall")
}

/// How much had to be fetched: `Total download size: 12 M` of version 4, `… Need to download 6 KiB.` of dnf5.
pub(super) fn fetched(output: &str) -> Option<String> {
    let four = || output.lines().find_map(|line| line.strip_prefix("Total download size: "));
    let five = || output.lines().find_map(|line| Some(line.split_once("Need to download ")?.1.trim_end_matches('.')));
    four().or_else(five).map(printable)
}

/// The lines in which dnf says why it did not do what was asked, at most ten.
pub(super) fn complaints(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = output.text();
    const SAYS: [&str; 12] = [
        "Error:",
        "E: ",
        "Problem",
        "- nothing provides",
        "No match for",
        "No package",
        "Cache-only",
        "Failed to",
        "Cannot ",
        "excluded",
        "conflicting requests",
        "protected",
    ];
    // A line that ends with a colon only announces the next ones.
    let says = |line: &&str| SAYS.iter().any(|text| line.contains(text)) && !line.trim().ends_with(':');
    let lines = stderr.lines().chain(stdout.lines());
    let mut found: Vec<String> = lines.filter(says).map(|line| printable(line.trim())).collect();
    found.truncate(10);
    if found.is_empty() {
        let last = output.last_lines(3);
        found.push(if last.is_empty() { output.exit.to_string() } else { last });
    }
    found
}

/// Reads `dnf-refresh`.
pub(super) fn refresh(output: &Output) -> Refresh {
    if output.success() {
        return Refresh::Fresh;
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let locked = stderr.lines().find_map(|line| line.split_once("already locked by ").map(|(_, pid)| pid.to_owned()));
    match locked {
        Some(pid) => Refresh::Locked { pid: pid.trim().parse().ok() },
        None => Refresh::Failed { lines: complaints(output) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_to_be_fetched_is_said_in_the_words_of_dnf() {
        for (output, expected) in [
            ("Total download size: 12 M\nInstalled size: 3 M\n", Some("12 M")),
            ("Total size of inbound packages is 102 KiB. Need to download 6 KiB.\n", Some("6 KiB")),
            // All of it was there already.
            ("Total size: 5.9 k\n", None),
        ] {
            assert_eq!(fetched(output).as_deref(), expected, "{output}");
        }
    }
}
