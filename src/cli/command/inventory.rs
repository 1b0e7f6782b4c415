//! `patchwave inventory check | hosts | list | graph | show`.

use std::path::PathBuf;

use crate::cli::{
    Failure, World,
    args::{InventoryArgs, InventoryCommand},
    command_lines::program,
    connect::reachable::look,
    outcome_selectors::RecordedRuns,
    rollout::prepare::load_inventory,
    settings::Settings,
    warnings::warn,
};
use crate::{
    host::HostName,
    inventory::Inventory,
    plan::{self, OutsideLimit},
    yaml::Problems,
};

pub(in crate::cli) fn inventory(
    command: &InventoryCommand,
    settings: &Settings,
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
            settings.without_meaning.iter().for_each(|line| world.talk(format_args!("note: {line}")));
            found.refused.or(()).map_err(Failure::usage)?;
            world.print(&inventory.summary_text())
        }
        InventoryCommand::Hosts { inventory: args, pattern, also, limit } => {
            let inventory = load(args, world)?;
            let past = RecordedRuns { state_dir, playbook: None };
            let pattern = also.as_ref().unwrap_or(pattern);
            let mut hosts = inventory.select(pattern, &past).map_err(Failure::usage)?;
            if let Some(limit) = limit {
                hosts = within(&hosts, limit, &inventory, &past)?;
            }
            world.print(&inventory.hosts_text(&hosts))
        }
        InventoryCommand::List { inventory: args, json: _, ansible } => {
            let inventory = load(args, world)?;
            let text = if *ansible { inventory.ansible_list_text() } else { format!("{:#}\n", inventory.list_json()) };
            world.print(&text)
        }
        InventoryCommand::Graph(args) => {
            let text = load(args, world)?.graph_text();
            world.print(&text)
        }
        InventoryCommand::Show { inventory: args, host } => {
            let inventory = load(args, world)?;
            let past = RecordedRuns { state_dir, playbook: None };
            let hosts = inventory.select(host, &past).map_err(Failure::usage)?;
            match hosts.as_slice() {
                [host] => world.print(&inventory.show_text(host)),
                hosts => Err(Failure::usage(format!("`{host}` means {} hosts; name one", hosts.len()))),
            }
        }
    }
}

/// Reads the inventory, and says what Ansible would warn about.
fn load(args: &InventoryArgs, world: &mut World) -> Result<Inventory, Failure> {
    let inventory = load_inventory(args, world)?;
    warn(inventory.warnings(), world);
    Ok(inventory)
}

/// Those of the hosts that `limit` names, as `--limit` of a run.
fn within(
    hosts: &[HostName],
    limit: &str,
    inventory: &Inventory,
    past: &RecordedRuns,
) -> Result<Vec<HostName>, Failure> {
    plan::within(hosts, limit, inventory, past).map_err(|no| match no {
        OutsideLimit::Pattern(error) => Failure::usage(error),
        OutsideLimit::None => Failure::usage(format!("--limit {limit} leaves none of these hosts")),
    })
}

/// Hosts without `environment` or `risk`. Only some commands need these, so it is not an error here.
fn unlabelled(inventory: &Inventory) -> Problems {
    let mut missing = inventory.missing_labels(inventory.hosts());
    let mut once = "; `patchwave init --from-inventory FILE` proposes it for every host";
    for problem in &mut missing.0 {
        let add = problem.help.take().unwrap_or_default();
        problem.help(format!(
            "{add}: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not{once}"
        ));
        once = "";
    }
    missing
}
