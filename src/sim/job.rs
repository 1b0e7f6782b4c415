//! Detached jobs of a simulated host: what each one does, when it ends, and what it leaves when it is cut off.

use std::time::Duration;

use tokio::time::Instant;

use super::debian::Change;

/// How long a job takes, unless it is a short one.
const LONG: Duration = Duration::from_secs(40);
const SHORT: Duration = Duration::from_secs(4);

/// What a job does, read from its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A change of packages.
    Packages(Change),
    /// Units and whether they run afterwards.
    Service { units: Vec<String>, active: bool },
    /// A command after which no login works.
    LockOut,
    /// What a playbook says.
    Other,
}

impl Work {
    /// Reads the program that a start sends: shell text whose last command begins with `exec`.
    pub(super) fn read(program: &[u8]) -> Self {
        let text = String::from_utf8_lossy(program);
        let words = text.split_once("\nexec ").and_then(|(_, rest)| shlex::split(rest)).unwrap_or_default();
        if let Some(change) = Change::read(&words) {
            return Self::Packages(change);
        }
        match words.first().map(String::as_str) {
            // `/bin/sh -c SCRIPT sh VERB UNIT…`
            Some("/bin/sh") if words.get(2).is_some_and(|script| script.contains("systemctl \"$verb\"")) => {
                Self::Service {
                    units: words.iter().skip(5).cloned().collect(),
                    active: words.get(4).is_some_and(|verb| verb != "stop"),
                }
            }
            _ if words.iter().any(|word| word.contains("lock everybody out")) => Self::LockOut,
            _ => Self::Other,
        }
    }

    pub(super) fn takes(&self) -> Duration {
        match self {
            Self::Service { .. } => SHORT,
            Self::Packages(change) if change.is_short() => SHORT,
            _ => LONG,
        }
    }

    /// Whether it holds the lock of the packages.
    pub(super) fn locks(&self) -> bool {
        matches!(self, Self::Packages(_))
    }
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Runs,
    /// It left this exit code.
    Done(u32),
    /// It left none.
    Lost,
}

pub(super) struct Job {
    pub(super) began: Instant,
    pub(super) boot: u64,
    pub(super) starts: u32,
    pub(super) work: Work,
    pub(super) state: JobState,
    pub(super) output: String,
    /// It is killed after half of its time.
    pub(super) doomed: bool,
    /// It ends with an exit code that says so.
    pub(super) fails: bool,
}

impl Job {
    /// When it ends by itself, if it is running.
    pub(super) fn ends_at(&self) -> Instant {
        self.began + if self.doomed { self.work.takes() / 2 } else { self.work.takes() }
    }
}
