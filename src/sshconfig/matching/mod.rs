//! Which blocks hold for a host. Knows what a condition looks at (`facts`), not what the settings below it mean. Start
//! at `evaluate`.

pub(super) mod condition;
pub(super) mod evaluate;
pub(super) mod facts;
mod network;
