//! What the integration tests are written with.

pub mod simulation;
pub mod sshd;
