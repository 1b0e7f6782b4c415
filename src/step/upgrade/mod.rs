//! `upgrade:`: the pending updates that are asked for, in exact versions, as one detached transaction. Knows no package
//! manager by name and believes no exit code. Start at [`run`]; `choose.rs` decides what is taken, `plan.rs` what is
//! named, `boot_room.rs` whether it fits into `/boot`, `carry_out.rs` does it, `verdict.rs` says what came of it.

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
