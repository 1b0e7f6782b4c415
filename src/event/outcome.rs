//! How a host ends in a run, and what each end means: for the budget, for the exit code, for whoever reads it.
//! The table in `docs/rollout.md` is made of this. Start at [`Outcome`].

use serde::{Deserialize, Serialize};

/// A host's end in a run. Every selected host has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps are proved.
    Ok,
    /// A step failed.
    Failed,
    /// It could not be reached, or was lost.
    Unreachable,
    /// What is on it cannot be known from here.
    Unknown,
    /// It was left out on purpose.
    Skipped,
    /// Its controller stopped between two of its steps. Never recorded: it follows from the record.
    Paused,
    /// It never got its slot. Never recorded.
    NotStarted,
}

impl Outcome {
    /// `failed`, `unreachable` and `unknown` use up the budget.
    pub fn uses_budget(self) -> bool {
        matches!(self, Self::Failed | Self::Unreachable | Self::Unknown)
    }

    /// Whether it is the end of a host that something is left to do on. `@unfinished` means these.
    pub fn is_unfinished(self) -> bool {
        !matches!(self, Self::Ok | Self::Skipped)
    }

    /// The word in files, tables and selections.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::Paused => "paused",
            Self::NotStarted => "not_started",
        }
    }

    /// What `run` and `resume` end with when this is the gravest outcome. The graver one has the greater code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Skipped => 0,
            Self::Paused | Self::NotStarted => 4,
            Self::Unreachable => 5,
            Self::Failed => 6,
            Self::Unknown => 7,
        }
    }
}

/// The table of the documentation.
#[cfg(feature = "testing")]
impl Outcome {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Failed, Self::Unreachable, Self::Unknown, Self::Paused, Self::NotStarted, Self::Skipped];

    /// What it means, for the documentation.
    pub fn means(self) -> &'static str {
        match self {
            Self::Ok => "each step did what it says, and that was checked",
            Self::Failed => "a step failed",
            Self::Unreachable => "it could not be reached, or the connection was lost and did not come back",
            Self::Unknown => "a step may or may not have been carried out",
            Self::Skipped => "it was left out on purpose; no host of this version ends so",
            Self::Paused => "it stopped between two steps: `Ctrl-C` twice, or its controller ended",
            Self::NotStarted => "the run ended before its turn; nothing was done on it",
        }
    }

    /// What to do about it, for the documentation.
    pub fn next(self) -> &'static str {
        match self {
            Self::Ok | Self::Skipped => "nothing",
            Self::Failed => "repair it, then `run … --limit @failed`",
            Self::Unreachable => "make it reachable, then `run … --limit @unreachable`",
            Self::Unknown => "`resume RUN` if its step is still open, else look at it, then `run … --limit @unknown`",
            Self::Paused => "`resume RUN` goes on with its next step",
            Self::NotStarted => "`resume RUN`; after a halt `run … --limit @RUN:not_started`",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
