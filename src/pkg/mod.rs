//! What each package manager says and means: questions as [`Query`](crate::command::Query)s, changes as
//! [`Command`](crate::command::Command)s. Pure: nothing here waits, connects, or decides what may be upgraded.
//! Start at [`PackageManager`]; a new manager is one file (or folder) and one line in [`ALL`].

pub mod apt;
mod boot;
mod detect;
mod facts;
mod loader;
mod locks;
mod manager;
mod pending;
mod state;

pub use boot::{Boot, BootFiles, Kernel, Kernels, RebootReason};
pub use detect::{Refusal, detect};
pub use facts::{HostFacts, OsRelease, host_facts};
pub use loader::Starts;
pub use locks::{are_locked, lock_holders, locked, needs_unit, stop_if_locked};
pub use manager::{LockHolder, PackageManager, Refresh, Trouble};
pub use pending::{Exact, Pending, Simulation, Stays, Update};
pub use state::{Health, Installed, PackageState};

/// Every package manager that this program can drive.
pub const ALL: &[&dyn PackageManager] = &[&apt::Apt];
