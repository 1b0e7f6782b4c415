//! `patchwave inventory check | hosts | list | graph`.

use std::path::PathBuf;

use crate::cli::{
    Failure, World, args::InventoryCommand, outcome_selectors::RecordedRuns, rollout::prepare::load_inventory,
};
pub(in crate::cli) fn inventory(
    command: &InventoryCommand,
    state_dir: PathBuf,
    world: &mut World,
) -> Result<u8, Failure> {
    match command {
        InventoryCommand::Check(args) => {
            let inventory = load_inventory(args, world)?;
            let mut problems = inventory.missing_labels(inventory.hosts());
            if let Err(found) = inventory.targets(inventory.hosts()) {
                problems.extend(found);
            }
            problems.or(()).map_err(Failure::usage)?;
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
