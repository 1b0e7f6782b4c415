//! `patchwave ssh-config`: what ssh_config says about a host.

use crate::{
    cli::{Failure, World, args::SshConfigArgs, connect::ssh_config::load},
    sshconfig::{Destination, Query},
};

/// Prints the settings of a host.
pub(in crate::cli) fn ssh_config(args: &SshConfigArgs, world: &mut World) -> Result<u8, Failure> {
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
    world.print(&resolved.as_ssh_prints())
}
