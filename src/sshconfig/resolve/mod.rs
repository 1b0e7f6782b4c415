//! From the settings that apply to a host to how it is reached. Start at `host`, which puts a `Resolved` together.

pub(super) mod gathered;
pub(super) mod host;
mod login;
pub(super) mod resolved;
