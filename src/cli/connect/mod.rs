//! How hosts are reached: makes targets and a transport from the command line, the inventory and ssh_config. Knows no
//! command. Start at [`roster`].

pub(super) mod directory;
pub(super) mod finished_leases;
pub(super) mod inventory_programs;
pub(super) mod jump_box;
mod password_command;
pub(super) mod reachable;
pub(super) mod recorded_options;
pub(super) mod roster;
pub(super) mod runtime;
pub(super) mod ssh_config;
pub(super) mod this_machine;
pub(super) mod transport;
pub(super) mod vault_passwords;
