//! Inventory and playbook in, [`Plan`] out: who is patched with whom, in what order, under which budget.
//! Pure: no connection, no clock but the one handed in. Start at [`Request`], [`build()`] and [`Plan`].

mod agreed;
mod bastions;
mod batches;
mod build;
mod careful;
mod digest;
mod model;
mod request;
mod sealed;
mod spread;
mod stages;
mod twins;
pub mod window;

pub use agreed::{Agreed, VarsChange};
pub use bastions::endangered_ways;
pub use build::build;
pub use model::{Domain, Moment, Plan, PlannedHost, Stage, Wave};
pub use request::{OutsideLimit, Request, load, within};
pub use twins::twins;
