//! `patchwave plan`.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::PlanArgs,
        rollout::prepare::{Request, prepare},
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
            state_dir,
        },
        world,
    )?;
    let digest = prepared.plan.short_digest();
    let text = if args.json {
        format!("{:#}\n", ui::plan_json(&prepared.plan, &prepared.plan.digest()))
    } else {
        ui::plan_text(&prepared.plan, &digest, world.width(), world.paint(world.stdout_is_terminal), args.all)
    };
    world.print(&text)
}
