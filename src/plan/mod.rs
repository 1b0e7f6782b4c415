//! Inventory and playbook in, [`Plan`] out: which hosts are patched together, in which order, with which budget. Pure:
//! no connection, and no clock except the one passed in. Start at [`Request`], [`build()`] and [`Plan`].

mod alike;
mod batches;
mod build;
mod dates;
mod digest;
mod duplicates;
mod encrypted;
mod estimate;
mod jump_hosts;
mod missing;
mod model;
mod origins;
mod pinned;
mod request;
mod spread;
mod stage_rules;
mod stages;
mod undo;
mod walks;

pub use alike::{Alike, alike};
pub use build::build;
pub use duplicates::duplicates;
pub use estimate::{Estimate, Experience, estimate, of_nine_in_ten, side_by_side};
pub use jump_hosts::jump_hosts_in_use;
pub use missing::missing;
pub use model::{Domain, Moment, Plan, PlannedHost, SkippedHost, Stage, Wave, skipped_lines};
pub use origins::origins;
pub use pinned::{Pinned, VarsChange};
pub use request::{OutsideLimit, Request, apart, load, within};
pub use undo::undo;
pub use walks::{LastStarts, Overrun, Walks, asks_for_walks, last_starts, overrun, walks};
