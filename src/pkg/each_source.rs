//! Which package sources do not answer, for a manager whose refresh does not say it: each source is fetched for itself,
//! and the script prints a line for it. `fresh ID`, or `failed ID MARKS`, where the marks are those of its newest list:
//! whether it has advisories (`yes`, `no`), or that there is no list on the host, or that no list of this manager has
//! any (`none`). Start at [`query`].

use std::time::Duration;

use super::{
    FailedSource,
    answer::{before_end, tagged},
};
use crate::command::{Command, Output, Query, Unreadable, printable};

/// Repeating a refresh does no harm, so it counts as reading.
const LIMIT: Duration = Duration::from_secs(600);

/// The sources that failed; the script ends with the line `end`.
pub(in crate::pkg) fn query(label: &'static str, script: &str) -> Query<Vec<FailedSource>> {
    Query::new(Command::sh(label, script, [""; 0]).timeout(LIMIT), read)
}

fn read(output: &Output) -> Result<Vec<FailedSource>, Unreadable> {
    if !output.success() {
        return Err(Unreadable::new(format!("it is not known which sources failed: {}", output.last_lines(1))));
    }
    let mut failed = Vec::new();
    let mut seen = 0;
    for line in before_end(output, "end")? {
        match (tagged(&line), line.split(' ').collect::<Vec<_>>().as_slice()) {
            (("fresh", _), _) => seen += 1,
            (_, ["failed", id, marks @ ("yes" | "no" | "none")]) => {
                seen += 1;
                let id = printable(id);
                // A source that never answered may have advisories.
                let security = *marks != "no";
                failed.push(FailedSource { name: format!("source {id}"), words: words(&id), security });
            }
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(&line)))),
        }
    }
    if seen == 0 {
        return Err(Unreadable::new("there is no source"));
    }
    Ok(failed)
}

/// The id; of an address, also its last part (`community`).
fn words(id: &str) -> Vec<String> {
    let last = id.trim_end_matches('/').rsplit_once('/').map(|(_, last)| last.to_owned());
    std::iter::once(id.to_owned()).chain(last.filter(|last| !last.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn check(code: u32, text: &str) -> Result<String, String> {
        let output = Output { exit: Exit::Code(code), stdout: text.into(), stderr: Vec::new(), dropped: 0 };
        let words = |source: FailedSource| format!("{} {}", source.words.join(","), source.security);
        read(&output).map(|all| all.into_iter().map(words).collect::<Vec<_>>().join("; ")).map_err(|error| error.why)
    }

    #[test]
    fn a_source_that_may_have_fixes_counts_as_one_that_has() {
        assert_eq!(
            check(0, "fresh base\nfailed epel yes\nfailed new none\nfailed vendor no\nend\n").as_deref(),
            Ok("epel true; new true; vendor false")
        );
        assert_eq!(check(0, "fresh base\nend\n").as_deref(), Ok(""), "all answered the second time");
        assert_eq!(
            check(0, "failed https://x.example/v3.20/main/ none\nend\n").as_deref(),
            Ok("https://x.example/v3.20/main/,main true")
        );
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        for (code, text) in [
            (0, "end\n"),
            (0, "fresh base\n"),
            (200, "fresh base\nend\n"),
            (0, "odd a*\nend\n"),
            (0, "failed a\nend\n"),
            (0, "failed a maybe\nend\n"),
        ] {
            assert!(check(code, text).is_err(), "{code} {text}");
        }
    }
}
