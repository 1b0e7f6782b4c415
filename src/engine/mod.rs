//! The only concurrent code: one task per host walks its steps, and one dispatcher records what they say and decides.
//! Knows no step kind and no rule of the rollout: it asks `rollout::next` and calls `step::run`. Start at [`start`],
//! [`take_over`] and [`run`]; a host's walk is in `walk`.

mod attempts;
mod begin;
mod dispatch;
mod event_writer;
mod fanout;
mod gate;
mod group_commit;
mod inbox;
mod masked_log;
mod record;
mod requests;
mod scan;
mod setup;
mod signals;
mod walk;

#[cfg(test)]
mod dispatch_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod walk_tests;

pub use begin::{BeginError, Begun, start, take_over};
pub use dispatch::run;
pub use event_writer::Lost;
pub use fanout::{Answer, fan_out};
pub use scan::{Visited, scan};
pub use setup::{Engine, HostInputs, Notice, RunEnd, Surroundings};
pub use signals::{Signal, listen};
