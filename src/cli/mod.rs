//! Wiring: arguments in, exit code out. One file per command.
//! Decides nothing about a rollout and formats no table; joins the floors below. Start at [`main`].

mod agreed;
pub mod args;
mod commands;
mod confirm;
mod counting;
mod demo;
mod exec;
mod failure;
mod gather;
mod inventory;
mod keyboard;
mod known_hosts;
mod ledger;
mod live;
mod outside;
mod past;
mod plan;
mod prepare;
mod reach;
mod report;
mod resume;
mod rollout;
mod roster;
mod run;
mod runs;
mod secret;
mod settled;
mod since;
mod sshconfig;
mod status;
mod trace;
mod typed;
mod who;
pub mod world;

pub use commands::main;
pub use failure::Failure;
pub use who::Who;
pub use world::World;
