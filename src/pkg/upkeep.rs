//! Where a host's updates come from, and which other programs install them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{before_end, tagged};
use crate::command::{Output, Unreadable, printable};

/// The most repositories, and the most other programs.
const MOST: usize = 500;

/// Repositories of a host, and programs besides this one that install updates on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Each repository whose list the host has.
    pub repositories: Vec<Repository>,
    /// Programs that install updates by themselves, and files with lines that do, as a person would name them.
    pub rivals: Vec<String>,
    /// The source package and its version of each installed package that is not named or numbered like its source.
    #[serde(skip)]
    pub origins: BTreeMap<String, (String, String)>,
}

/// A repository, as its list on the host describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its address and release, in short.
    pub name: String,
    /// Who publishes it; empty: it does not say.
    pub origin: String,
    /// The date of the list, by the publisher's clock; `None`: it does not say.
    pub dated: Option<Timestamp>,
    /// Until when the publisher says that the list may be used.
    pub valid_until: Option<Timestamp>,
}

impl Upkeep {
    /// Reads lines `repository NAME`, each perhaps followed by `dated SECONDS`; `rival PROGRAM`, `cron FILE`; `end`.
    ///
    /// # Errors
    /// The last line is missing.
    pub(super) fn read(output: &Output) -> Result<Self, Unreadable> {
        let mut upkeep = Self::default();
        for line in before_end(output, "end")? {
            match (tagged(&line), upkeep.repositories.last_mut()) {
                (("repository", name), _) => {
                    upkeep.repositories.push(Repository { name: printable(name), ..Repository::default() });
                }
                (("dated", seconds), Some(repository)) => repository.dated = moment(seconds),
                (("rival", name), _) => upkeep.rivals.push(printable(name)),
                (("cron", file), _) => upkeep.cron(file),
                _ => {}
            }
        }
        Ok(upkeep.tidied())
    }

    /// A file of cron has a line that installs updates.
    pub(super) fn cron(&mut self, file: &str) {
        self.rivals.push(format!("a line of {}", printable(file)));
    }

    /// Each program once, and not more of all than anybody reads.
    pub(super) fn tidied(mut self) -> Self {
        self.rivals.sort();
        self.rivals.dedup();
        self.rivals.truncate(MOST);
        self.repositories.truncate(MOST);
        self
    }
}

/// Seconds since 1970. 0 is the date of no list.
fn moment(seconds: &str) -> Option<Timestamp> {
    let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn read(text: &str) -> Result<Upkeep, Unreadable> {
        Upkeep::read(&Output { exit: Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 })
    }

    #[test]
    fn a_list_without_a_date_has_none_and_a_cut_answer_is_refused() {
        let upkeep = read(
            "dated 5\nrepository a b\ndated 1795806084\nrepository c\ndated 0\nrepository d\ndated \n\
             dated 99999999999999\nrival x\nrival x\ncron /etc/crontab\nend\n",
        )
        .unwrap();
        let dated = |one: &Repository| format!("{} {:?}", one.name, one.dated.map(|at| at.as_second()));
        let repositories: Vec<String> = upkeep.repositories.iter().map(dated).collect();
        assert_eq!(repositories, ["a b Some(1795806084)", "c None", "d None"]);
        assert_eq!(upkeep.rivals, ["a line of /etc/crontab", "x"]);
        assert!(read("repository a\n").is_err());
    }
}
