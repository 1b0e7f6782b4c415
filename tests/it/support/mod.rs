//! The tools that the integration tests use.

pub mod case;
pub mod cases;
pub mod cli;
pub mod matrix;
pub mod prompt;
pub mod sim_controller;
pub mod simulation;
pub mod sshd;
pub mod terminal;
pub mod tmux;
