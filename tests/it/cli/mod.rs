//! The command line, a file per command: whole pages of what an operator reads, and what a fault looks like to one.

mod again;
mod agreed;
mod approval;
mod bad_input;
mod clock;
mod demo;
mod exec;
mod guard;
mod help;
mod hooks;
mod host_faults;
mod inventory;
mod ledger;
mod ledger_faults;
mod not_files;
mod plan;
mod prompts;
mod refused;
mod resume;
mod run;
mod status;
mod streams;
mod terms;
mod traffic;
mod typed;
mod whose;
