//! The connection options of a run as words: which parts are recorded, and which options count for a resume. Knows what
//! kind of value an option has, not what it means. Start at [`recorded`] and [`of_resume`].

use std::path::{Path, PathBuf};

use crate::command::quote;

/// Shown in place of a value that is not recorded.
pub const HIDDEN: &str = "…";

/// How many hosts at a time, and how long they may take. These do not change who logs in where.
const PACE: [&str; 4] = ["--forks", "--connect-rate", "--connect-timeout", "--auth-timeout"];

/// What was given with an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Recorded as it is.
    Text(String),
    /// Recorded as an absolute path: a resume may be started in another folder.
    File(PathBuf),
    /// Only its presence is recorded: the value may hold a secret, or print one.
    Hidden,
    /// No value.
    Flag,
}

/// These options as words of a command line; relative paths are below `folder`.
pub fn recorded(options: &[(&str, Option<Given>)], folder: &Path) -> Vec<String> {
    let mut words = Vec::new();
    for (option, given) in options {
        let Some(given) = given else { continue };
        words.push((*option).to_owned());
        match given {
            Given::Text(text) => words.push(text.clone()),
            Given::File(path) => words.push(folder.join(path).display().to_string()),
            Given::Hidden => words.push(HIDDEN.to_owned()),
            Given::Flag => {}
        }
    }
    words
}

/// Recorded words as they are typed again: quoted, and paths as `shown` shows them.
pub fn typed(words: &[String], shown: impl Fn(&Path) -> String) -> Vec<String> {
    let one = |word: &String| match word.as_str() {
        HIDDEN => word.clone(),
        _ => {
            let word = if word.starts_with('/') { shown(Path::new(word)) } else { word.clone() };
            quote(&word).unwrap_or(word)
        }
    };
    words.iter().map(one).collect()
}

/// The options that count for a resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// All of them.
    pub words: Vec<String>,
    /// What the resume records; `None`: nothing has changed.
    pub record: Option<Vec<String>>,
    /// Options of the run count, so the operator should see which.
    pub as_before: bool,
}

/// The options of the run cannot be used again: one of their values is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRecorded {
    /// The options, with [`HIDDEN`] where a value is missing.
    pub words: Vec<String>,
}

/// The options of a resume: those that are `given` with it, which it records, else those of the run. If only pace
/// options are given, they are added to those of the run. Otherwise the two are never mixed: half of each login could
/// be the login of someone else.
///
/// # Errors
/// The run's options count, and one of their values is not recorded.
pub fn of_resume(given: &[String], run: &[String]) -> Result<Resumed, NotRecorded> {
    let is_pace = |word: &String| !word.starts_with('-') || PACE.contains(&word.as_str());
    if run.is_empty() || !given.iter().all(is_pace) {
        let record = (!given.is_empty()).then(|| given.to_vec());
        return Ok(Resumed { words: given.to_vec(), record, as_before: false });
    }
    let said = |option: &String| option.starts_with("--") && given.contains(option);
    let mut words: Vec<String> = Vec::new();
    let mut before = run.iter();
    while let Some(word) = before.next() {
        // Each of these has one value.
        match said(word) {
            true => drop(before.next()),
            false => words.push(word.clone()),
        }
    }
    words.extend(given.iter().cloned());
    if words.iter().any(|word| word == HIDDEN) {
        return Err(NotRecorded { words });
    }
    Ok(Resumed { record: (!given.is_empty()).then(|| words.clone()), words, as_before: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn which_options_count_for_a_resume() {
        let own = |words: &'static str, record: Option<&'static str>| (words, record, false);
        let before = |words: &'static str, record: Option<&'static str>| (words, record, true);
        for (given, run, expected) in [
            ("", "", own("", None)),
            ("--user ann", "", own("--user ann", Some("--user ann"))),
            ("--forks 3", "", own("--forks 3", Some("--forks 3"))),
            ("", "--user deploy --forks 9", before("--user deploy --forks 9", None)),
            // The login is given again: no earlier option counts.
            ("--ask-pass", "--user deploy", own("--ask-pass", Some("--ask-pass"))),
            ("--user ann --forks 3", "--known-hosts /k", own("--user ann --forks 3", Some("--user ann --forks 3"))),
            // Pace options alone are added to the earlier options and replace those of their own kind.
            (
                "--forks 3 --connect-rate 1",
                "--user deploy --forks 9 --ask-pass",
                before(
                    "--user deploy --ask-pass --forks 3 --connect-rate 1",
                    Some("--user deploy --ask-pass --forks 3 --connect-rate 1"),
                ),
            ),
            ("--user ann", "--password-command …", own("--user ann", Some("--user ann"))),
        ] {
            let resumed = of_resume(&words(given), &words(run)).expect(given);
            let record = resumed.record.map(|words| words.join(" "));
            let got = (resumed.words.join(" "), record, resumed.as_before);
            assert_eq!((got.0.as_str(), got.1.as_deref(), got.2), expected, "{given:?} after {run:?}");
        }
    }

    #[test]
    fn a_value_that_is_not_recorded_is_asked_for() {
        let run = "--user deploy --become-password-command …";
        for given in ["", "--forks 3"] {
            assert!(of_resume(&words(given), &words(run)).is_err(), "{given:?}");
        }
    }

    #[test]
    fn what_is_recorded_and_how_it_is_typed_again() {
        let options = [
            ("--user", Some(Given::Text("a b".into()))),
            ("--private-key", Some(Given::File("k".into()))),
            ("--known-hosts", Some(Given::File("/k/h".into()))),
            ("--password-command", Some(Given::Hidden)),
            ("--ask-become-pass", Some(Given::Flag)),
            ("--forks", None),
        ];
        let recorded = recorded(&options, Path::new("/home/ann"));
        let line = "--private-key /home/ann/k --known-hosts /k/h --password-command … --ask-become-pass";
        assert_eq!(recorded[2..].join(" "), line);
        let typed = typed(&recorded, |path| path.display().to_string().replace("/home/ann/", ""));
        assert_eq!(typed[..4], ["--user", "'a b'", "--private-key", "k"]);
        assert_eq!(typed[7], HIDDEN);
    }
}
