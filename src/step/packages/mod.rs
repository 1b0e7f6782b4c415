//! The only way to the packages of a host: which manager it has, whether its packages are in order and unlocked, and
//! what is done with them. Knows no manager by name, and no step. Rights are set only in `ask.rs`, and each kind of
//! trouble has one class (`pkg::Class`). Start at [`find`] and [`free`].

mod ask;
mod health;
mod holds;
mod lists;
mod locks;
mod manager;
mod repair;
mod result;
mod staged;
mod telling;
mod transaction;
mod words;

pub(super) use ask::{Rights, ask, ask_ahead, change, look, repeat};
pub(super) use health::{check, check_asks, state, state_asks, whole};
pub(super) use holds::{
    Hold, for_good as hold_for_good, forget as forget_holds, known as known_holds, put as put_holds,
    release as release_holds,
};
pub(super) use lists::{SECURITY, refresh, refresh_apart, remove_apart};
pub(super) use locks::{PATIENCE, free, free_of, wait, working};
pub(super) use manager::{find, for_changes, known, manager};
pub(super) use repair::{Moment, healthy_state, repair, was_begun};
pub(super) use result::{broken, failed};
pub(super) use staged::{STAGED, clear_staged};
pub(super) use transaction::{Done, End, changes, follow, goes_back, run};
pub(super) use words::{count, named, tail};
