//! What the integration tests are written with.

pub mod sshd;
