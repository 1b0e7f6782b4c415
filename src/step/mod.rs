//! What one step does on one host, with a file for each kind. `kinds.rs` says what is true of a kind, `act.rs` which
//! file runs it. A step sees its host, its spec and the jump box; never other hosts, never the ledger. Start at [`run`]
//! and [`StepCx`].

mod act;
#[cfg(feature = "testing")]
mod answers;
mod attempt;
mod baseline;
mod change;
pub mod cleanup;
mod command;
mod controller;
mod copy;
mod cx;
mod disk;
mod files;
pub mod guard;
mod heard;
mod hook;
mod http;
pub mod job;
mod kinds;
pub mod lease;
mod marked;
mod notify;
mod packages;
mod pause;
mod precheck;
mod program;
mod reboot;
mod register;
pub mod remote;
mod result;
pub mod rollback;
mod script;
mod service;
mod services;
mod snapshot;
pub mod sources;
mod stale;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod undrain;
pub mod upgrade;
mod verify;
mod wait_for;

#[cfg(feature = "testing")]
pub use answers::answers_understood;
pub use attempt::run;
pub use controller::JumpBox;
pub use cx::{Ask, Claim, Controller, HookOutput, Interrupted, NoEnd, Ran, StepCx, StepJournal, StepLog};
pub use heard::Heard;
pub use kinds::{has_touched, is_change, takes_lease, wants_rights};
pub use program::learn_secrets;
pub use register::{complete, condition, foreseen};
pub use result::Ended;
