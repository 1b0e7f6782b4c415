//! `upgrade:`: installs the wanted updates, in exact versions, as one detached transaction. Knows no package manager by
//! name and trusts no exit code. Start at [`run`]. `choose.rs` decides which updates are taken, `plan.rs` which
//! packages are named, `boot_room.rs` whether they fit into `/boot`; `carry_out.rs` runs the transaction, and
//! `verdict.rs` says how it ended.

mod boot_room;
mod carry_out;
mod choose;
mod names;
mod plan;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod verdict;

pub use run::run;
