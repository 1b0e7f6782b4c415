//! Inventories in, checked hosts and host patterns out: Ansible's inventories, read as Ansible reads them. Opens files
//! but no connection, starts no program itself, and knows no playbook. Start at [`Inventory`] and
//! [`Inventory::select`].

mod aliases;
mod connect;
mod entry;
mod fallbacks;
mod fold;
mod group;
mod host_list;
mod ini;
mod labels;
mod literal;
mod literal_text;
mod load;
mod name;
mod near_misses;
mod order;
mod pattern;
mod propose;
mod range;
#[cfg(test)]
mod schema_tests;
mod script;
mod select;
mod settings;
mod show;
mod sources;
mod template;
mod toml;
mod vars_files;
mod words;
mod yaml;

pub use connect::SshWords;
pub use fallbacks::{Fallback, Fallbacks};
pub use fold::fold;
pub use group::{Group, Inventory};
pub use load::variables_of;
pub use propose::Proposal;
pub use select::{NoRuns, PastRuns, SelectError};
pub use sources::{NoPrograms, Printed, Programs, Sources, is_host_list};
pub use yaml::{GROUPS, VARIABLES};
