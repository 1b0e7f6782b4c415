//! What the integration tests are written with.

pub mod cli;
pub mod simulation;
pub mod sshd;
