//! Reads what apk complains about: the end of a transaction's output, a refused question, a failed refresh.

use super::{lines::is_name, version::is_version};
use crate::{
    command::{Output, printable},
    pkg::{Class, Refresh, Trouble},
};

/// apk's words for a lock that another process holds.
const LOCKED: &str = "nable to lock database";

/// Kinds of scripts, as they are named behind a package.
const SCRIPTS: [&str; 7] =
    ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-deinstall", "post-deinstall", "trigger"];

/// The first cause of a failed transaction.
pub(super) fn read(output: &str) -> Option<Trouble> {
    let line_with = |texts: &[&str]| {
        let found = output.lines().find(|line| texts.iter().any(|text| line.contains(text)));
        found.map(|line| printable(line.trim()))
    };
    let trouble = |class, package, summary| Some(Trouble { class, package, summary });
    if let Some(line) = line_with(&["No space left on device"]) {
        return trouble(Class::Disk, None, line);
    }
    if let Some(line) = line_with(&[LOCKED, "E: the packages are locked"]) {
        return trouble(Class::Lock, None, line);
    }
    if let Some((package, summary)) = output.lines().find_map(script) {
        return trouble(Class::Failed, Some(package), summary);
    }
    if output.contains("unable to select packages:") {
        let text = unsatisfied(output.lines()).join("; ");
        return trouble(Class::Refused, None, format!("unable to select packages: {text}"));
    }
    if let Some(line) = line_with(&["E: no archive of ", "E: not every archive could be fetched"]) {
        return trouble(Class::Fetch, None, line_with(&["ERROR: "]).unwrap_or(line));
    }
    if let Some(line) = line_with(&["UNTRUSTED signature", "BAD signature", "BAD archive", "trying to overwrite"]) {
        return trouble(Class::Failed, None, line);
    }
    let line = line_with(&["ERROR: ", "E: "])?;
    trouble(Class::Manager, None, line)
}

/// `ERROR: NAME-VERSION.post-upgrade: script exited with error 1`: the package, and what happened.
fn script(line: &str) -> Option<(String, String)> {
    let (what, how) = line.strip_prefix("ERROR: ")?.split_once(": ")?;
    // Version 3 names the file.
    let what = what.rsplit('/').next().unwrap_or(what);
    let (full, script) = what.rsplit_once('.').filter(|(_, script)| SCRIPTS.contains(script))?;
    let how = how.strip_prefix("script ").unwrap_or(how);
    Some((name_of(full)?.to_owned(), printable(&format!("its {script} script failed ({how})"))))
}

/// The name in `NAME-VERSION-rRELEASE`.
fn name_of(full: &str) -> Option<&str> {
    let (name_and_version, release) = full.rsplit_once('-')?;
    let (name, version) = name_and_version.rsplit_once('-')?;
    (release.starts_with('r') && is_name(name) && is_version(version)).then_some(name)
}

/// Which packages cannot be together, and why: the indented lines below the error.
fn unsatisfied<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let below = lines.skip_while(|line| !line.contains("unable to select packages:")).skip(1);
    below.take_while(|line| line.starts_with(' ')).take(8).map(|line| printable(line.trim())).collect()
}

/// The lines in which apk says why it did not do what was asked, at most ten.
pub(super) fn complaints(output: &Output) -> Vec<String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = output.text();
    let all = || stderr.lines().chain(stdout.lines());
    let says = |line: &&str| ["ERROR: ", "E: ", "WARNING: "].iter().any(|text| line.starts_with(text));
    let mut found: Vec<String> = all().filter(says).map(|line| printable(line.trim())).collect();
    // An error before a warning.
    found.sort_by_key(|line| line.starts_with("WARNING: "));
    if let Some(first) = found.iter_mut().find(|line| line.ends_with("unable to select packages:")) {
        let text = unsatisfied(all()).join("; ");
        *first = format!("{first} {text}");
    }
    found.truncate(10);
    if found.is_empty() {
        let last = output.last_lines(3);
        found.push(if last.is_empty() { output.exit.to_string() } else { last });
    }
    found
}

/// Reads `apk-refresh`. A source that did not answer counts in the exit code, and is named in a warning.
pub(super) fn refresh(output: &Output) -> Refresh {
    let warned = || String::from_utf8_lossy(&output.stderr).lines().any(|line| line.starts_with("WARNING: "));
    if output.success() && !warned() {
        return Refresh::Fresh;
    }
    let lines = complaints(output);
    if is_locked(&lines) { Refresh::Locked { pid: None } } else { Refresh::Failed { lines } }
}

/// Whether these lines say that another process is at work.
pub(super) fn is_locked(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains(LOCKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_is_named() {
        for (output, class, package, says) in [
            (
                "(1/1) Upgrading a (1-r0 -> 2-r0)\nExecuting a-2-r0.post-upgrade\nERROR: a-2-r0.post-upgrade: script exited with error 1\n",
                Class::Failed,
                Some("a"),
                "its post-upgrade script failed (exited with error 1)",
            ),
            (
                "ERROR: unable to select packages:\n  nothing (no such package):\n    required by: a-2-r0[nothing]\nOK",
                Class::Refused,
                None,
                "nothing (no such package):; required by: a-2-r0[nothing]",
            ),
            ("ERROR: Unable to lock database: Resource temporarily unavailable\n", Class::Lock, None, "lock"),
            ("E: no archive of a=2-r0 could be fetched\n", Class::Fetch, None, "a=2-r0"),
            (
                "ERROR: a-2-r0: network error\nE: not every archive could be fetched\n",
                Class::Fetch,
                None,
                "a-2-r0: network error",
            ),
            (
                "ERROR: lib/apk/exec/a-2-r0.post-upgrade: exited with error 1\n",
                Class::Failed,
                Some("a"),
                "its post-upgrade script failed (exited with error 1)",
            ),
            ("ERROR: a-2-r0: BAD archive\n", Class::Failed, None, "BAD"),
            ("ERROR: something else\n", Class::Manager, None, "something"),
        ] {
            let trouble = read(output).unwrap();
            assert_eq!((trouble.class, trouble.package.as_deref()), (class, package), "{output}");
            assert!(trouble.summary.contains(says), "{trouble:?}");
        }
        assert_eq!(read("OK: 7 MiB in 15 packages\n"), None);
    }
}
