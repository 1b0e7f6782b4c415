//! What each package manager says and means: questions as [`Query`](crate::command::Query)s, changes as
//! [`Command`](crate::command::Command)s. Pure: nothing here waits, connects, or decides what may be upgraded.
//! Start at [`PackageManager`]. A new manager is one folder and one line in this file.

#[macro_use]
mod all;
mod advance;
mod answer;
mod boot;
mod cron;
mod detect;
mod each_source;
mod foreign;
#[cfg(test)]
mod golden;
mod holders;
mod loader;
mod locks;
mod manager;
mod origins;
mod package;
mod parts;
mod patterns;
mod pending;
#[cfg(test)]
mod properties;
mod rpm;
mod state;
mod traces;
mod transaction;
mod trial;
mod trouble;
mod undo;
mod unnumbered;
mod upkeep;

managers! {
    mod apt: Apt;
    mod dnf: Dnf;
    mod zypper: Zypper;
    mod pacman: Pacman;
    mod apk: Apk;
    #[cfg(test)]
    mod toy: Toy;
}

pub use advance::{Advance, Doing};
pub use all::{modules_of_ansible, names, needs_unit, programs};
pub use boot::{Boot, BootFiles, BootPatterns, Kernel, Kernels, RebootReason};
pub use detect::{Refusal, detect, named};
pub use loader::Starts;
pub use locks::{are_locked, is_lists, lock_holders, locked, stop_if_locked};
pub use manager::{FailedSource, LockHolder, PackageManager, Refresh, RefreshApart};
pub use origins::Origins;
pub use package::{Exact, Package, PackageChange, Versions};
pub use parts::part_of;
pub use pending::{Accepts, Advisory, Pending, Security, Simulation, Stays, Update};
pub use state::{Health, Installed, PackageState};
pub use transaction::{CannotDo, Repair, Transaction};
pub use trial::{Marks, Trial, marks, set_marks, trial};
pub use trouble::{Class, FailedScript, Trouble};
pub use undo::{Undo, WayBack};
pub use upkeep::{Repository, Upkeep};
