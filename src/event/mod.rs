//! What happened in a run, and the only fold, which makes a state from it. Pure: appending, showing and deciding are
//! done elsewhere. Start at [`Event`] and [`RunState`].

mod exit_code;
mod forecast;
mod host;
mod kind;
mod lease;
mod left_behind;
mod machine;
mod outcome;
mod person;
mod remaining;
#[cfg(test)]
pub(crate) mod sample;
mod schedule;
mod state;
mod tally;

pub use forecast::{Fate, Forecast, ForeseenPackage, ForeseenService, ListsSeen};
pub use kind::{Event, Kind, Progress, RunId, RunResumed, RunStarted, StepPhase, StepRef, StepResult, Stop, Verdict};
pub use lease::{Ground, LostLease, TakenLease};
pub use left_behind::{LeftBehind, PackageLeft, WhyLeft};
pub use machine::Machine;
pub use outcome::Outcome;
pub use person::{Person, account_of};
pub use state::{CurrentStep, HostAt, HostState, IllegalEvent, RunState, StageState, WaveState};
pub use tally::Tally;

pub use crate::pkg::PackageChange;
