//! Which blocks apply to a host. Knows what a condition depends on (`facts`), not what the settings below it mean.
//! Start at `evaluate`.

pub(super) mod condition;
pub(super) mod evaluate;
pub(super) mod facts;
mod network;
