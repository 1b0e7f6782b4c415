//! A fleet without sockets, processes or files: hosts as small state machines that answer commands by their labels.
//!
//! For what would be too slow in reality: rehearsals, thousands of seeded rollouts with faults, under tokio's paused
//! clock, and the benchmark of the engine. Proves nothing about a shell or a package manager; the embedded fleet and
//! the lab do. Start at [`SimFleet`]; what one host does is in `host`, what can go wrong in [`Fault`], and what goes
//! wrong in a certain step in [`AtSteps`]. [`StandIn`] is the jump box of a rehearsal.

mod asked;
mod at_steps;
mod debian;
mod fault;
mod fleet;
mod guard;
mod host;
mod job;
mod jump_box;
mod lease;

pub use at_steps::{AtStep, AtSteps, What};
pub use fault::{Fault, Faults};
pub use fleet::{Moment, SimFleet, Watcher};
pub use jump_box::{NotDone, StandIn};
