//! The durable record of runs and of what was found outside them: an append-only, hash-chained SQLite journal and a
//! log file per host. Knows how events
//! are kept; must not know what a step does, or decide anything. Start at [`Ledger`], [`Journal`].

mod chain;
mod damage;
mod error;
mod first_page;
mod head;
mod history;
mod history_check;
#[cfg(test)]
mod history_tests;
mod holder;
mod host_log;
mod journal;
mod lock;
mod log;
mod log_position;
mod open;
#[cfg(test)]
mod page_tests;
mod private;
mod prune;
mod records;
mod records_check;
mod request;
mod row;
mod salvage;
mod scanned;
mod store;
#[cfg(test)]
mod tests;
mod version;

pub use damage::Damage;
pub use error::LedgerError;
pub use head::{FoundHead, noted_head};
pub use holder::Holder;
pub use host_log::{HostLog, HostLogs};
#[cfg(feature = "testing")]
pub use journal::MemoryJournal;
pub use journal::RunLedger;
pub use lock::{Driver, RunLock};
pub use log::{LogFile, Logs};
pub use private::private_folder;
pub use prune::Stale;
pub use records::StoredRecord;
pub use request::{Request, Wanted};
pub use salvage::{Salvaged, SalvagedRun, salvage};
pub use scanned::HostEntry;
pub use store::{Ledger, RunRow};
pub use version::{VERSION, is_newer};

use crate::event::Event;

/// Where the dispatcher of a run writes each event before anything acts on it.
pub trait Journal: Send {
    /// Appends; durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError`]: nothing of `events` was recorded, and no new work may start.
    fn append(&mut self, events: &[Event]) -> Result<(), LedgerError>;

    /// Requests from other shells for this run since the last call. None if the ledger cannot be read.
    fn requests(&mut self) -> Vec<Request>;
}
