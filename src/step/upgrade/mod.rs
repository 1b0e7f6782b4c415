//! `upgrade:`: installs the wanted updates, in exact versions, as one detached transaction. Knows no package manager by
//! name and trusts no exit code. Start at [`run`]. `choose.rs` decides which updates are taken, `plan.rs` which
//! packages are named, `room.rs` and `boot_room.rs` whether they fit; `forecast.rs` is what a check says; `download.rs`
//! only fetches them, `way_back.rs` makes the way back ready, `carry_out.rs` runs the transaction, and `verdict.rs`
//! says how it ended.

mod boot_room;
mod carry_out;
mod choose;
mod download;
mod forecast;
mod hold;
mod names;
mod plan;
mod report;
mod room;
mod run;
#[cfg(test)]
mod tests;
mod verdict;
mod way_back;

pub(super) use forecast::foreseen_reboot;
pub(super) use run::first_asks;
pub use run::run;
