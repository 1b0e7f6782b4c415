//! Wiring: arguments in, exit code out. A folder for the commands, one for how hosts are reached, one for the person at
//! the terminal. Decides nothing about a rollout and formats no table; it connects the floors below. Start at [`main`].

pub mod args;
mod command;
mod command_lines;
mod commands;
mod completion;
mod connect;
mod failure;
mod from_ansible;
mod imported;
mod inventory_args;
mod outcome_selectors;
mod project;
mod project_dates;
mod recorded_hosts;
mod rehearsal;
mod rollout;
mod schemas;
mod settings;
mod state_dir;
mod terminal;
mod trace;
mod warnings;
mod which_run;
mod who;
pub mod world;

pub use commands::main;
pub use failure::Failure;
#[cfg(feature = "testing")]
pub use from_ansible::understand;
#[cfg(feature = "testing")]
pub use schemas::text as schema_text;
#[cfg(feature = "testing")]
pub use settings::{Found as SettingsFound, ansible_cfg, ansible_settings, settings_of};
pub use who::Who;
pub use world::World;
