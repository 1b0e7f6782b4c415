//! Reads ssh_config, once per command.

use std::{path::PathBuf, sync::Arc};

use crate::{
    cli::{
        Failure, World,
        connect::this_machine::{Machine, person},
    },
    sshconfig::{Sources, SshConfig},
};

/// Reads the configuration: `file` is the argument of `-F`.
pub(in crate::cli) fn load(file: Option<&str>, world: &World) -> Result<SshConfig, Failure> {
    let person = person(world);
    let sources = match file {
        Some(word) => Sources::chosen(word, world.absolute(&PathBuf::from(word))),
        None => Sources::usual(&person),
    };
    SshConfig::load(&sources, person, Arc::new(Machine::new(world))).map_err(Failure::usage)
}
