//! `patchwave inventory check | hosts | list | graph`.

use std::path::PathBuf;

use crate::cli::{
    Failure, World, args::InventoryCommand, command_lines::program, connect::reachable::look,
    outcome_selectors::RecordedRuns, rollout::prepare::load_inventory, warnings::warn,
};
use crate::{inventory::Inventory, yaml::Problems};

pub(in crate::cli) fn inventory(
    command: &InventoryCommand,
    state_dir: PathBuf,
    world: &mut World,
) -> Result<u8, Failure> {
    match command {
        InventoryCommand::Check(args) => {
            let inventory = load_inventory(args, world)?;
            let found = look(&inventory, inventory.hosts(), &program(&state_dir, world), world)?;
            let mut warnings = unlabelled(&inventory);
            warnings.extend(found.warnings);
            warn(&warnings, world);
            found.refused.or(()).map_err(Failure::usage)?;
            world.print(&inventory.summary_text())
        }
        InventoryCommand::Hosts { inventory: args, pattern } => {
            let inventory = load_inventory(args, world)?;
            let past = RecordedRuns { state_dir, playbook: None };
            let hosts = inventory.select(pattern, &past).map_err(Failure::usage)?;
            world.print(&inventory.hosts_text(&hosts))
        }
        InventoryCommand::List(args) => world.print(&format!("{:#}\n", load_inventory(args, world)?.list_json())),
        InventoryCommand::Graph(args) => world.print(&load_inventory(args, world)?.graph_text()),
    }
}

/// Hosts without `environment` or `risk`. Only some commands need these, so it is not an error here.
fn unlabelled(inventory: &Inventory) -> Problems {
    let mut missing = inventory.missing_labels(inventory.hosts());
    for problem in &mut missing.0 {
        let add = problem.help.take().unwrap_or_default();
        problem.help(format!(
            "{add}: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not"
        ));
    }
    missing
}
