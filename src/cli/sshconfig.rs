//! `patchwave ssh-config`, and the one reading of ssh_config that a command does.

use std::{path::PathBuf, sync::Arc};

use super::{
    Failure, World,
    args::SshConfigArgs,
    commands::print,
    outside::{Machine, person},
};
use crate::sshconfig::{Destination, Query, Sources, SshConfig};

/// Reads the configuration: `file` is the argument of `-F`.
pub(super) fn load(file: Option<&str>, world: &World) -> Result<SshConfig, Failure> {
    let person = person(world);
    let sources = match file {
        Some(word) => Sources::chosen(word, world.absolute(&PathBuf::from(word))),
        None => Sources::usual(&person),
    };
    SshConfig::load(&sources, person, Arc::new(Machine::new(world))).map_err(Failure::usage)
}

/// Prints what holds for a host.
pub(super) fn ssh_config(args: &SshConfigArgs, world: &mut World) -> Result<u8, Failure> {
    let Some(destination) = Destination::parse(&args.host) else {
        return Err(Failure::usage(format!("{:?} is not [user@]host", args.host)));
    };
    let query = Query {
        host: destination.host,
        user: args.login.clone().or(destination.user),
        port: args.port.or(destination.port),
        identities: args.identity.iter().map(|path| path.display().to_string()).collect(),
        jumps: args.jumps.clone(),
        options: args.option.clone(),
        source: String::new(),
    };
    let config = load(args.file.as_deref(), world)?;
    let resolved = config.resolve(&query).map_err(Failure::usage)?;
    if let Err(problem) = resolved.connectable() {
        world.talk(format_args!("note: this program would not connect: {problem}"));
    }
    print(world, &resolved.as_ssh_prints())
}
