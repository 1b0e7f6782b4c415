//! Reads what pacman complains about: the end of a transaction's output, a refused question, and scripts of packages
//! that failed in a transaction that went on.

use super::state::is_name;
use crate::{
    command::{Output, printable},
    pkg::{Class, FailedScript, Refresh, Trouble},
};

/// What pacman prints when a script or a hook fails. The transaction goes on, and the exit code is 0.
const SCRIPT_FAILED: &str = "error: command failed to execute correctly";

/// What the script of a transaction prints if something else than planned would be done.
pub(super) const DRIFT: &str = "E: the pending updates are no longer the planned ones";

/// The first cause of a failed transaction.
pub(super) fn read(output: &str) -> Option<Trouble> {
    let line_with = |texts: &[&str]| {
        let found = output.lines().find(|line| texts.iter().any(|text| line.contains(text)));
        found.map(|line| printable(line.trim()))
    };
    let trouble = |class, package, summary| Some(Trouble { class, package, summary });
    if let Some(line) = line_with(&["not enough free disk space", "No space left on device"]) {
        return trouble(Class::Disk, None, line);
    }
    if let Some(line) = line_with(&[DRIFT]) {
        return trouble(Class::Drift, None, line);
    }
    if let Some(line) = line_with(&["unable to lock database", "E: the packages are locked"]) {
        return trouble(Class::Lock, None, line);
    }
    if let Some(line) = line_with(&["failed retrieving file", "failed to retrieve some files"]) {
        return trouble(Class::Fetch, None, line);
    }
    if let Some(package) = output.lines().find_map(|line| line.split_once("error: problem occurred while ")) {
        let name = package.1.split(' ').nth(1).filter(|name| is_name(name)).map(str::to_owned);
        return trouble(Class::Failed, name, printable(package.1));
    }
    if let Some(FailedScript { package, summary, .. }) = failed_scripts(output).into_iter().next() {
        return trouble(Class::Failed, Some(package), summary);
    }
    // Keys that are newer than the keyring of the host.
    if let Some(line) = line_with(&["is unknown trust", "is marginal trust", "could not be looked up remotely"]) {
        return trouble(
            Class::Failed,
            None,
            format!("{line}; on the host: pacman -Sy archlinux-keyring && pacman -Su"),
        );
    }
    if let Some(line) = line_with(&[" exists in filesystem"]).or_else(|| line_with(&["invalid or corrupted package"])) {
        return trouble(Class::Failed, None, line);
    }
    if let Some(line) = line_with(&["unable to satisfy dependency", " breaks dependency ", " are in conflict"]) {
        return trouble(Class::Refused, None, line);
    }
    let line = line_with(&["error: ", "E: "])?;
    trouble(Class::Manager, None, line)
}

/// A script belongs to the package that was named last, a hook to its own description: `(1/4) Updating …`.
pub(super) fn failed_scripts(output: &str) -> Vec<FailedScript> {
    let mut failed: Vec<FailedScript> = Vec::new();
    let (mut package, mut hook): (Option<String>, Option<String>) = (None, None);
    for line in output.lines() {
        if line.starts_with(SCRIPT_FAILED) {
            let (name, summary, again) = match (&hook, &package) {
                (Some(hook), _) => ("hook".to_owned(), format!("{hook} failed"), run_again(hook)),
                (None, Some(name)) => {
                    (name.clone(), "its install script failed".to_owned(), format!("pacman -S {name}"))
                }
                (None, None) => continue,
            };
            if !failed.iter().any(|known| (&known.package, &known.summary) == (&name, &summary)) {
                failed.push(FailedScript { package: name, summary, again });
            }
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["installing" | "upgrading" | "reinstalling" | "downgrading" | "removing", name] => {
                let name = name.trim_end_matches("...");
                if is_name(name) {
                    (package, hook) = (Some(name.to_owned()), None);
                }
            }
            ["::", "Running", _, "hooks..."] => (package, hook) = (None, Some("a hook".to_owned())),
            [number, ..] if hook.is_some() && number.starts_with('(') && number.ends_with(')') => {
                hook = Some(printable(line[number.len()..].trim()));
            }
            ["::", ..] => (package, hook) = (None, None),
            _ => {}
        }
    }
    failed
}

/// What an operator types after a hook has failed.
fn run_again(hook: &str) -> String {
    if hook.contains("initcpio") {
        return "mkinitcpio -P".to_owned();
    }
    let words: String = hook.chars().filter(|c| c.is_ascii_alphanumeric() || " -_".contains(*c)).collect();
    format!("what the hook runs: grep -r '{}' /usr/share/libalpm/hooks /etc/pacman.d/hooks", words.trim())
}

/// The lines in which pacman says why it did not do what was asked, at most ten.
pub(super) fn complaints(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = output.text();
    const SAYS: [&str; 7] = [
        ":: unable to",
        "error: ",
        "E: ",
        "in conflict",
        "breaks dependency",
        "could not find",
        "exists in filesystem",
    ];
    let says = |line: &&str| SAYS.iter().any(|text| line.contains(text));
    let lines = stderr.lines().chain(stdout.lines());
    let mut found: Vec<String> = lines.filter(says).map(|line| printable(line.trim())).collect();
    // The reason before the summary of it.
    found.sort_by_key(|line| line.starts_with("error: failed to"));
    found.truncate(10);
    if found.is_empty() {
        let last = output.last_lines(3);
        found.push(if last.is_empty() { output.exit.to_string() } else { last });
    }
    found
}

/// Reads `pacman-refresh`. It fetches into a folder of its own, so no lock of others can be in its way.
pub(super) fn refresh(output: &Output) -> Refresh {
    if output.success() { Refresh::Fresh } else { Refresh::Failed { lines: complaints(output) } }
}
