//! `patchwave impact`: a check whose page begins with the packages, all of them.

use std::path::PathBuf;

use crate::cli::{
    Failure, World,
    args::{ImpactArgs, RunArgs},
    command::run,
};

pub(in crate::cli) fn impact(args: &ImpactArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let check = RunArgs {
        playbook: args.playbook.clone(),
        inventory: args.inventory.clone(),
        limit: args.limit.clone(),
        check: true,
        yes: true,
        ignore_window: false,
        steal_lease: false,
        json: args.json,
        temporary: false,
        impact: true,
        connect: args.connect.clone(),
    };
    run::run(&check, state_dir, world)
}
