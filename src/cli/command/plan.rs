//! `patchwave plan`.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::PlanArgs,
        command_lines::program,
        connect::reachable::look,
        rollout::prepare::{Request, prepare},
        warnings::warn,
    },
    ui,
};

pub(in crate::cli) fn plan(args: &PlanArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let prepared = prepare(
        &Request {
            playbook: &args.playbook,
            inventory: &args.inventory,
            limit: args.limit.as_deref(),
            ignore_windows: args.ignore_window,
            state_dir: state_dir.clone(),
        },
        world,
    )?;
    let found = look(&prepared.inventory, &prepared.hosts, &program(&state_dir, world), world)?;
    warn(&found.warnings, world);
    found.refused.or(()).map_err(Failure::usage)?;
    let digest = prepared.plan.short_digest();
    let text = if args.json {
        format!("{:#}\n", ui::plan_json(&prepared.plan, &prepared.plan.digest()))
    } else {
        ui::plan_text(&prepared.plan, &digest, world.width(), world.paint(world.stdout_is_terminal), args.all)
    };
    world.print(&text)
}
