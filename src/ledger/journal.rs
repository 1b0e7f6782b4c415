//! The two journals: one run of a ledger, and one in memory for simulations.

use super::{Journal, Ledger, LedgerError, Request, RunLock};
use crate::event::{Event, RunId};

/// One run of a ledger, locked for this process.
#[derive(Debug)]
pub struct RunLedger {
    ledger: Ledger,
    lock: RunLock,
}

impl RunLedger {
    /// A journal from a ledger and the lock that [`Ledger::begin`] or [`Ledger::lock`] returned.
    pub fn new(ledger: Ledger, lock: RunLock) -> Self {
        Self { ledger, lock }
    }
}

impl Journal for RunLedger {
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        self.ledger.append(&self.lock, events)
    }

    fn requests(&mut self) -> Vec<Request> {
        self.ledger.take_requests(self.lock.run()).unwrap_or_else(|error| {
            tracing::warn!(%error, "requests cannot be read");
            Vec::new()
        })
    }
}

/// A journal in memory that can be made to fail: what it holds is what a crashed controller would leave.
#[cfg(feature = "testing")]
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    /// What was recorded.
    pub events: Vec<Event>,
    /// The requests that are returned next.
    pub asked: Vec<Request>,
    /// How many more events fit; after that every append fails as on a full disk. `None`: no limit.
    pub room: Option<usize>,
}

#[cfg(feature = "testing")]
impl MemoryJournal {
    /// An empty one that fails once it holds `room` events.
    pub fn with_room(room: usize) -> Self {
        Self { room: Some(room), ..Self::default() }
    }
}

#[cfg(feature = "testing")]
impl Journal for MemoryJournal {
    /// All or nothing, like the ledger.
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        let first = self.events.last().map_or(1, |event| event.seq + 1);
        for (expected, event) in (first..).zip(events) {
            if event.seq != expected {
                return Err(LedgerError::Gap { run: RunId("memory".to_owned()), expected, found: event.seq });
            }
        }
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(events.len()).ok_or(LedgerError::Full { path: "memory".into() })?;
        }
        self.events.extend_from_slice(events);
        Ok(())
    }

    fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.asked)
    }
}
