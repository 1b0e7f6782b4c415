//! The only way to the package side of a host: which manager it has, whether its packages are in order and free, what
//! is done with them. Knows no manager by name, and no step; rights are set in `ask.rs` alone, and each trouble has one
//! class (`pkg::Class`). Start at [`find`] and [`free`].

mod ask;
mod health;
mod lists;
mod locks;
mod manager;
mod repair;
mod result;
mod transaction;

pub(super) use ask::{Rights, ask, change, look};
pub(super) use health::{check, state, whole};
pub(super) use lists::refresh;
pub(super) use locks::{PATIENCE, free, free_of, wait, working};
pub(super) use manager::{find, for_changes, manager};
pub(super) use repair::{Moment, mend, mended, was_begun};
pub(super) use result::{broken, failed};
pub(super) use transaction::{Done, End, changes, goes_back, run};
