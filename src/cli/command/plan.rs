//! `patchwave plan`.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, PlanArgs},
        command_lines::program,
        connect::reachable::look,
        rollout::{
            experience::{experience, walks},
            prepare::{Request, prepare},
        },
        warnings::warn,
    },
    plan, ui,
};

pub(in crate::cli) fn show_plan(args: &PlanArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
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
    let playbook = world.absolute(&args.playbook).display().to_string();
    let (past, now) = (experience(&state_dir, &playbook, None), world.clock.now());
    let walks = walks(&state_dir, &playbook, &prepared.plan);
    let notes = ui::PlanNotes {
        now,
        overrun: plan::overrun(&prepared.plan, &past, ConnectArgs::FORKS, &walks, now),
        walks,
        origins: plan::origins(&prepared.inventory, &prepared.playbook, &prepared.hosts),
        estimate: plan::estimate(&prepared.plan, &past, ConnectArgs::FORKS),
    };
    let text = if args.json {
        format!("{:#}\n", ui::plan_json(&prepared.plan, &prepared.plan.digest()))
    } else {
        ui::plan_text(&prepared.plan, &notes, world.width(), world.paint(world.stdout_is_terminal), args.all)
    };
    world.print(&text)
}
