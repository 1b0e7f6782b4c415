//! A rehearsal: the real engine, ledger and pages over simulated hosts, with a clock that jumps to the next timer.
//! Touches nothing but its own folder. Which faults are asked for is in [`faults`], the run itself in [`perform`], what
//! is said around it in [`words`].

pub(super) mod faults;
pub(super) mod perform;
mod reporter;
pub(super) mod words;
