//! The embedded fleet as a client sees it.

mod client;
mod faults;
mod packages;
mod product;
mod shell;
mod story;
mod walk;
