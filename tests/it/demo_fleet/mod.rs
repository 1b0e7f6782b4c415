//! The embedded fleet as a client sees it.

mod client;
mod faults;
mod packages;
mod shell;
