//! How this controller gets a run: the first event, or the event of the takeover, is recorded before anything else
//! happens. Knows nothing of running hosts. Start at [`start`] and [`take_over`].

use crate::{
    clock::Clock,
    event::{Event, IllegalEvent, Kind, RunResumed, RunStarted, RunState},
    ledger::{Journal, LedgerError},
};

/// A run whose newest event says that this controller runs it. [`super::run`] accepts nothing else.
pub struct Begun {
    pub(super) state: RunState,
    pub(super) journal: Box<dyn Journal>,
    opening: Event,
}

impl Begun {
    /// The state of the run.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The event that was recorded here.
    pub fn opening(&self) -> &Event {
        &self.opening
    }
}

/// Why a run did not begin. Nothing was done on any host.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The event could not be recorded.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The event does not fit the run.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

/// Records that a new run starts. `open` writes the first event and returns the journal for the rest.
///
/// # Errors
/// [`BeginError`]: the plan cannot be carried out, or the ledger refuses the run.
pub fn start(
    started: RunStarted,
    clock: &dyn Clock,
    open: impl FnOnce(&Event) -> Result<Box<dyn Journal>, LedgerError>,
) -> Result<Begun, BeginError> {
    let opening = Event { seq: 1, at: clock.now(), kind: Kind::RunStarted(Box::new(started)) };
    let state = RunState::begin(&opening)?;
    let journal = open(&opening)?;
    Ok(Begun { state, journal, opening })
}

/// Records that this controller goes on with a run. `state` is the state after all recorded events.
///
/// # Errors
/// [`BeginError`]: the takeover does not fit the run, or cannot be recorded.
pub fn take_over(
    mut state: RunState,
    resumed: RunResumed,
    clock: &dyn Clock,
    mut journal: Box<dyn Journal>,
) -> Result<Begun, BeginError> {
    let kind = Kind::RunResumed(Box::new(resumed));
    let opening = Event { seq: state.seq + 1, at: clock.now(), kind };
    // An event that cannot follow must not be recorded.
    state.apply(&opening)?;
    journal.append(std::slice::from_ref(&opening))?;
    Ok(Begun { state, journal, opening })
}
