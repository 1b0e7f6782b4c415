//! The documentation is run: samples are loaded, command lines are parsed and typed, tables of defaults and exit codes
//! are compared with the program, queries are asked. Start at [`page`], which reads the pages.

mod commands;
mod defaults;
mod exit_codes;
mod first_minutes;
mod from_ansible;
mod ledger;
mod links;
mod page;
mod picture;
mod samples;
mod schemas;
mod svg;
mod typed;
mod windows;
