//! Reads what zypper complains about: the end of a transaction's output, a refused question, and scripts of packages
//! that failed in a transaction that went on.

use super::{resolved::Parts, xml::elements};
use crate::{
    command::{Output, printable},
    pkg::{
        Class, FailedScript, Refresh, Trouble,
        rpm::{names::nevra, scripts},
    },
};

/// zypper's words for a lock that another process holds.
const LOCKED: &str = "System management is locked";

/// The first cause of a failed transaction.
pub(super) fn read(output: &str) -> Option<Trouble> {
    let line_with = |texts: &[&str]| {
        let found = output.lines().find(|line| texts.iter().any(|text| line.contains(text)));
        found.map(|line| printable(line.trim()))
    };
    let trouble = |class, package, summary| Some(Trouble { class, package, summary });
    if let Some(line) = line_with(&["No space left on device", "ot enough disk space", "more space needed on"]) {
        return trouble(Class::Disk, None, line);
    }
    if let Some(FailedScript { package, summary, .. }) = failed_scripts(output).into_iter().next() {
        return trouble(Class::Failed, Some(package), summary);
    }
    if let Some(line) = line_with(&[LOCKED, "E: the packages are locked"]) {
        return trouble(Class::Lock, None, line);
    }
    // `Installation of lab-a-1.0-1.noarch failed:`
    if let Some(line) = output.lines().find(|line| line.contains("nstallation of ") && line.contains(" failed")) {
        let full = line.split_once("nstallation of ").and_then(|(_, rest)| rest.split(' ').next());
        let name = full.and_then(nevra).map(|(name, _, _)| name.to_owned());
        return trouble(Class::Failed, name, printable(line.trim()));
    }
    const FETCH: [&str; 6] = [
        "Valid metadata not found",
        "Download (curl) error",
        "not found on medium",
        "Failed to provide Package",
        "Can't provide file",
        "is not a directory: file:",
    ];
    if let Some(line) = line_with(&FETCH) {
        return trouble(Class::Fetch, None, line);
    }
    if let Some(line) = line_with(&["Problem: ", "nothing provides"]) {
        return trouble(Class::Refused, None, line);
    }
    let line =
        line_with(&["Signature verification failed", "No provider of", "not found", "Error: ", "Subprocess failed"])?;
    trouble(Class::Manager, None, line)
}

/// Scripts that failed in a transaction that went on.
pub(super) fn failed_scripts(output: &str) -> Vec<FailedScript> {
    scripts::failed(output, "zypper install --force")
}

/// The lines in which zypper says why it did not do what was asked, at most ten.
pub(super) fn complaints(output: &Output) -> Vec<String> {
    let text = output.text();
    let xml = Parts::read(output).ok().and_then(|parts| parts.before_end().map(str::to_owned)).unwrap_or(text);
    let mut found = Vec::new();
    let mut lines = |text: &str| {
        let lines = text.lines().map(|line| printable(line.trim()));
        found.extend(lines.filter(|line| !line.is_empty() && line != "History:"));
    };
    for element in elements(&xml).unwrap_or_default() {
        match element.name.as_str() {
            "message" if element.get("type") == "error" => lines(&element.text),
            "description" if element.is_in("prompt") => lines(&element.text),
            _ => {}
        }
    }
    if found.is_empty() {
        const SAYS: [&str; 4] = ["E: ", "Problem", "rror", LOCKED];
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = xml.lines().chain(stderr.lines());
        found
            .extend(said.filter(|line| SAYS.iter().any(|text| line.contains(text))).map(|line| printable(line.trim())));
    }
    found.truncate(10);
    if found.is_empty() {
        let last = output.last_lines(3);
        found.push(if last.is_empty() { output.exit.to_string() } else { last });
    }
    found
}

/// Reads `zypper-refresh`.
pub(super) fn refresh(output: &Output) -> Refresh {
    if output.success() {
        return Refresh::Fresh;
    }
    let lines = complaints(output);
    let locked = lines.iter().find(|line| line.contains(LOCKED));
    match locked {
        Some(line) => Refresh::Locked { pid: holder(line) },
        None => Refresh::Failed { lines },
    }
}

/// `… by the application with pid 59 (zypper).`
fn holder(line: &str) -> Option<u32> {
    line.split_once("with pid ")?.1.split(' ').next()?.parse().ok()
}

/// Whether these lines say that another process is at work.
pub(super) fn is_locked(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains(LOCKED))
}
