//! Which package sources a failed `apt-get update` is about: its lines hold the address that failed, and apt lists the
//! addresses of all its sources. Never guesses: a line that belongs to no source makes the answer unreadable.

use super::policy::is_security;
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    pkg::FailedSource,
};

/// More lines than this are not kept of a failed refresh, so that others may be missing.
const MOST: usize = 10;

/// `apt-sources`: the sources behind the lines of a failed refresh.
pub(super) fn failed(lines: &[String]) -> Option<Query<Vec<FailedSource>>> {
    if lines.len() >= MOST {
        return None;
    }
    let format = "$(REPO_URI)|$(RELEASE)|$(LABEL)|$(SUITE)|$(CODENAME)";
    let command =
        Command::reads("apt-sources", ["apt-get", "indextargets", "--format", format, "Created-By: Packages"]);
    let lines = lines.to_vec();
    Some(Query::new(command, move |output| read(&lines, output)))
}

fn read(lines: &[String], output: &Output) -> Result<Vec<FailedSource>, Unreadable> {
    if !output.success() {
        return Err(Unreadable::new(format!("apt-get indextargets: {}", output.last_lines(1))));
    }
    let text = output.text();
    let sources: Vec<[&str; 5]> =
        text.lines().filter_map(|line| line.split('|').collect::<Vec<_>>().try_into().ok()).collect();
    let mut failed = Vec::new();
    for line in lines.iter().filter(|line| !line.contains(": Some index files failed to download.")) {
        let known = failed.len();
        for [address, release, label, suite, codename] in &sources {
            if !is_about(line, address, release) {
                continue;
            }
            let address = address.trim_end_matches('/');
            failed.push(FailedSource {
                name: printable(&format!("{release} at {address}")),
                words: vec![(*release).to_owned(), address.to_owned()],
                // A source that never answered has no label, suite or code name yet.
                security: is_security(label, suite, codename) || release.ends_with("-security"),
            });
        }
        if failed.len() == known {
            return Err(Unreadable::new(format!("this line names none of the host's sources: {line}")));
        }
    }
    failed.sort();
    failed.dedup();
    Ok(failed)
}

/// Whether a line is about the release of a repository: `E: Failed to fetch ADDRESS/dists/RELEASE/InRelease  …`,
/// `E: The repository 'ADDRESS RELEASE InRelease' is not signed.`
fn is_about(line: &str, address: &str, release: &str) -> bool {
    let address = address.trim_end_matches('/');
    let Some(rest) = line.split_once(address).map(|(_, rest)| rest).filter(|_| !address.is_empty()) else {
        return false;
    };
    let flat = release.ends_with('/');
    rest.starts_with(&format!("/dists/{release}/"))
        || rest.starts_with(&format!(" {release} "))
        || (flat && rest.starts_with(['/', ' ']) && !rest.starts_with("/dists/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    const SOURCES: &str = "http://deb.debian.org/debian/|bookworm|Debian|stable|bookworm
http://deb.debian.org/debian/|bookworm-updates|Debian|stable-updates|bookworm-updates
http://deb.debian.org/debian-security/|bookworm-security|||
https://vendor.example/apt/|stable|Vendor|stable|stable
http://flat.example/repo/|./|||
";

    fn check(lines: &[&str]) -> Result<Vec<(String, bool)>, String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let output = Output { exit: Exit::Code(0), stdout: SOURCES.into(), stderr: Vec::new(), dropped: 0 };
        let query = failed(&lines).ok_or("cannot tell")?;
        let sources = query.read(&output).map_err(|unreadable| unreadable.why)?;
        Ok(sources.into_iter().map(|source| (source.name, source.security)).collect())
    }

    #[test]
    fn a_failed_address_belongs_to_its_own_source_only() {
        let some = "E: Some index files failed to download. They have been ignored, or old ones used instead.";
        let main = "E: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Could not connect";
        let fixes =
            "E: Failed to fetch http://deb.debian.org/debian-security/dists/bookworm-security/InRelease  timed out";
        let vendor = "E: The repository 'https://vendor.example/apt stable Release' does not have a Release file.";
        let flat = "W: Failed to fetch http://flat.example/repo/./InRelease  404";
        let of = |name: &str, security| (name.to_owned(), security);
        let main_source = of("bookworm at http://deb.debian.org/debian", false);
        let fixes_source = of("bookworm-security at http://deb.debian.org/debian-security", true);
        assert_eq!(check(&[main, some]), Ok(vec![main_source.clone()]));
        assert_eq!(check(&[fixes, some]), Ok(vec![fixes_source.clone()]), "the address begins like the other one");
        assert_eq!(check(&[vendor]), Ok(vec![of("stable at https://vendor.example/apt", false)]));
        assert_eq!(check(&[flat, main, fixes, main]).map(|all| all.len()), Ok(3));
    }

    #[test]
    fn a_line_that_names_no_source_is_not_passed_over() {
        assert!(check(&["E: Write error - write (28: No space left on device)"]).is_err());
        assert!(check(&["E: Failed to fetch http://other.example/dists/bookworm/InRelease  404"]).is_err());
        assert_eq!(check(&["E: x"; 10]), Err("cannot tell".to_owned()), "there may be more lines");
    }
}
