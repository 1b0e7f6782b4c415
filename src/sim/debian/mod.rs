//! The Debian part of a simulated host: its packages, what its programs print about them, and which of its command
//! lines changes them. Start at [`Packages`].

mod answers;
mod packages;
mod programs;

pub(super) use answers::{DISK_FULL, FACTS, LOCK};
pub(super) use packages::{KERNEL, Packages};
pub(super) use programs::Change;
