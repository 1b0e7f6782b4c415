//! `patchwave man`: manual pages, made from the command line's own descriptions.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{
    Failure, World,
    args::{Cli, ManArgs},
};

pub(in crate::cli) fn man(args: &ManArgs, world: &mut World) -> Result<u8, Failure> {
    if let Some(folder) = &args.dir {
        return all(&world.absolute(folder), world);
    }
    let mut command = Cli::command();
    command.build();
    for word in &args.words {
        let Some(found) = command.find_subcommand(word) else {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            return Err(Failure::usage(format!("there is no manual page for `{}`", args.words.join(" ")))
                .help(format!("`{}` has: {}", command.get_name(), names.join(", "))));
        };
        command = found.clone();
    }
    let mut text = Vec::new();
    Man::new(command).render(&mut text).map_err(Failure::internal)?;
    world.print(&String::from_utf8_lossy(&text))
}

fn all(folder: &Path, world: &mut World) -> Result<u8, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    world.talk(format_args!("manual pages written to {}", world.shown(folder)));
    Ok(0)
}
