//! Inventory files in, checked hosts and host patterns out: Ansible's YAML inventories, read as Ansible reads them.
//! Opens files but no connection, and knows no playbook. Start at [`Inventory`] and [`Inventory::select`].

mod aliases;
mod connect;
mod entry;
mod files;
mod fold;
mod group;
mod labels;
mod load;
mod name;
mod near_misses;
mod order;
mod pattern;
mod range;
mod select;
mod settings;
mod show;
mod template;
mod vars_files;
mod yaml;

pub use connect::SshWords;
pub use fold::fold;
pub use group::{Group, Inventory};
pub use select::{NoRuns, PastRuns, SelectError};
