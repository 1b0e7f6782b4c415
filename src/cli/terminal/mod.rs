//! The person at the terminal: what is asked there, and how the answer is read.

pub(super) mod confirm;
pub(super) mod counting;
pub(super) mod keyboard;
