//! Which change of packages the program of a job makes.

use super::packages::Packages;

/// A change of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Change {
    /// `apt-get install NAME=VERSION…`.
    Install(Vec<String>),
    /// `dpkg --configure -a`, `apt-get -f install`.
    Repair,
    /// `apt-get purge NAME…`.
    Purge(Vec<String>),
}

impl Change {
    /// The change that this command line makes, if it makes one.
    pub(in crate::sim) fn read(words: &[String]) -> Option<Self> {
        let after = |verb: &str| {
            let at = words.iter().position(|word| word == verb);
            at.map(|at| words[at + 1..].iter().filter(|word| !word.starts_with('-')).cloned().collect::<Vec<_>>())
        };
        match words.first().map(String::as_str) {
            Some("dpkg") => Some(Self::Repair),
            Some("apt-get") if words.iter().any(|word| word == "-f") => Some(Self::Repair),
            Some("apt-get") if words.iter().any(|word| word == "-d") => None,
            // With versions from a folder of the host: `/bin/sh -c SCRIPT sh FOLDER… -- install NAME=VERSION…`.
            Some("/bin/sh") if words.get(2).is_some_and(|script| script.contains("from_folders.sh")) => {
                after("install").map(Self::Install)
            }
            Some("apt-get") => after("install").map(Self::Install).or_else(|| after("purge").map(Self::Purge)),
            _ => None,
        }
    }

    /// Whether it takes little time.
    pub(in crate::sim) fn is_short(&self) -> bool {
        *self == Self::Repair
    }

    /// Does it, or half of it.
    pub(in crate::sim) fn apply(&self, packages: &mut Packages, half: bool) {
        match self {
            Self::Install(words) => packages.install(words, half),
            Self::Purge(names) => packages.purge(names, half),
            Self::Repair if !half => packages.configure(),
            Self::Repair => {}
        }
    }
}
