//! How a host ends in a run, and what that means for the budget, for the exit code and for the operator. The table in
//! `docs/rollout.md` is made from this. Start at [`Outcome`].

use serde::{Deserialize, Serialize};

/// How a host ended in a run. Every selected host has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps were done and checked.
    Ok,
    /// In a rollback: its packages are as before the upgrade again. Not ok: it does not have its updates.
    RolledBack,
    /// A step failed.
    Failed,
    /// It could not be reached, or the connection was lost.
    Unreachable,
    /// The state of the host is not known.
    Unknown,
    /// The controller stopped between two of its steps. Never recorded: it follows from the other events.
    Paused,
    /// It never started. Never recorded.
    NotStarted,
}

impl Outcome {
    /// `failed`, `unreachable` and `unknown` use up the budget.
    pub fn uses_budget(self) -> bool {
        matches!(self, Self::Failed | Self::Unreachable | Self::Unknown)
    }

    /// Whether something is left to do on a host with this outcome. `@unfinished` selects these.
    pub fn is_unfinished(self) -> bool {
        self != Self::Ok
    }

    /// The word in files, tables and selections.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::NotStarted => "not_started",
        }
    }

    /// The exit code of `run` and `resume` when this is the worst outcome. A worse outcome has a greater code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::RolledBack | Self::Paused | Self::NotStarted => 4,
            Self::Unreachable => 5,
            Self::Failed => 6,
            Self::Unknown => 7,
        }
    }
}

/// The table of the documentation.
#[cfg(feature = "testing")]
impl Outcome {
    /// All outcomes, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Failed, Self::Unreachable, Self::Unknown, Self::RolledBack, Self::Paused, Self::NotStarted];

    /// What it means, for the documentation.
    pub fn means(self) -> &'static str {
        match self {
            Self::Ok => "each step did what it says, and that was checked",
            Self::Failed => "a step failed",
            Self::Unreachable => "it could not be reached, or the connection was lost and did not come back",
            Self::Unknown => "a step may or may not have been carried out",
            Self::RolledBack => "`rollback RUN` brought its packages back to those of before; it lacks its updates",
            Self::Paused => "it stopped between two steps: `Ctrl-C` twice, or its controller ended",
            Self::NotStarted => "the run ended before its turn; nothing was done on it",
        }
    }

    /// What to do about it, for the documentation.
    pub fn next(self) -> &'static str {
        match self {
            Self::Ok => "nothing",
            Self::Failed => "repair it, then `run … --limit @failed`",
            Self::Unreachable => "make it reachable, then `run … --limit @unreachable`",
            Self::Unknown => "`resume RUN` if its step is still open, else look at it, then `run … --limit @unknown`",
            Self::RolledBack => "once the cause is known: `run … --limit @rolled_back`",
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
