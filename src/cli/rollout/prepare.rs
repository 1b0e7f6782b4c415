//! From the arguments to a checked plan: inventory, playbook, selection, stages. No connection.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

use crate::{
    cli::{
        Failure, World, args::InventoryArgs, connect::inventory_programs::InventoryPrograms,
        connect::jump_box::jump_box, connect::vault_passwords::vault_passwords, outcome_selectors::RecordedRuns,
        rollout::agreed,
    },
    host::HostName,
    inventory::{Inventory, Sources, variables_of},
    plan::{self, Plan},
    playbook::{self, Playbook},
    step,
    vault::Passwords,
    yaml::{self, Problems},
};

/// A rollout that could be started.
pub(in crate::cli) struct Prepared {
    pub(in crate::cli) inventory: Arc<Inventory>,
    pub(in crate::cli) playbook: Playbook,
    pub(in crate::cli) plan: Plan,
    /// The selected hosts in the plan's order.
    pub(in crate::cli) hosts: Vec<HostName>,
}

/// What to prepare.
pub(in crate::cli) struct Request<'a> {
    pub(in crate::cli) playbook: &'a Path,
    pub(in crate::cli) inventory: &'a InventoryArgs,
    pub(in crate::cli) limit: Option<&'a str>,
    pub(in crate::cli) ignore_windows: bool,
    pub(in crate::cli) state_dir: PathBuf,
}

/// Loads, selects and plans; every fault of every file at once.
pub(in crate::cli) fn prepare(request: &Request<'_>, world: &World) -> Result<Prepared, Failure> {
    let given = &request.inventory;
    let passwords = vault_passwords(&given.vault, world)?;
    let extra = extra_vars(&given.extra_vars, &passwords, world)?;
    let programs = InventoryPrograms::new(world);
    let (inventory, playbook) = plan::load(
        request.playbook,
        &Sources {
            inventories: &given.inventory,
            beside: request.playbook.parent(),
            lenient: given.lenient,
            programs: &programs,
            vault: passwords,
        },
        extra,
    )
    .map_err(Failure::usage)?;
    let inventory = inventory.with_fallbacks(world.fallbacks.clone());
    let past = RecordedRuns {
        state_dir: request.state_dir.clone(),
        playbook: Some(world.absolute(request.playbook).display().to_string()),
    };
    let dates = world.dates();
    let wanted = plan::Request {
        playbook: &playbook,
        inventory: &inventory,
        limit: request.limit,
        past: &past,
        ignore_windows: request.ignore_windows,
        dates: &dates,
        now: world.clock.now(),
    };
    let mut plan = wanted.plan().map_err(Failure::usage)?;
    // A host that cannot be reached as it is written fails with its reason when its turn comes.
    let targets: Vec<_> = plan.hosts().filter_map(|(host, ..)| inventory.target(&host.name).ok()).collect();
    let mut problems = plan::jump_hosts_in_use(&plan, &targets);
    if changes(&playbook) {
        problems.extend(plan::duplicates(&targets));
    }
    problems.extend(plan::missing(&plan, &playbook, &inventory));
    let wanted = agreed::wanted(&plan, &playbook, &inventory, &jump_box(&playbook, world))?;
    problems.extend(agreed::stubs(&wanted, world));
    problems.or(()).map_err(Failure::usage)?;
    plan.pinned.files = agreed::sums(wanted)?;
    let hosts = plan.hosts().map(|(host, _, _)| host.name.clone()).collect();
    Ok(Prepared { inventory: Arc::new(inventory), playbook, plan, hosts })
}

/// Whether a step changes hosts.
pub(in crate::cli) fn changes(playbook: &Playbook) -> bool {
    playbook.steps.iter().chain(&playbook.on_failure).any(step::takes_lease)
}

/// The inventories alone, for commands without a playbook.
pub(in crate::cli) fn load_inventory(args: &InventoryArgs, world: &World) -> Result<Inventory, Failure> {
    let passwords = vault_passwords(&args.vault, world)?;
    let extra = extra_vars(&args.extra_vars, &passwords, world)?;
    let programs = InventoryPrograms::new(world);
    let sources = Sources {
        inventories: &args.inventory,
        beside: Some(&world.folder),
        lenient: args.lenient,
        programs: &programs,
        vault: passwords,
    };
    let inventory = Inventory::load(&sources).and_then(|inventory| inventory.with_extra_vars(&extra));
    inventory.map(|inventory| inventory.with_fallbacks(world.fallbacks.clone())).map_err(Failure::usage)
}

/// `-e key=value`, `-e '{"k": 1}'` and `-e @file`, which may be encrypted; a later one wins.
pub(in crate::cli) fn extra_vars(
    words: &[String],
    passwords: &Arc<Passwords>,
    world: &World,
) -> Result<Map<String, Value>, Failure> {
    let mut vars = Map::new();
    for word in words {
        if let Some(path) = word.strip_prefix('@') {
            let source = yaml::Source::load(&world.absolute(Path::new(path)))
                .map_err(|problem| Failure::usage(Problems(vec![problem])))?;
            vars.extend(as_map(variables_of(source, passwords).map_err(Failure::usage)?.to_json(), word)?);
        } else if word.trim_start().starts_with('{') {
            let source = yaml::Source::new("-e", word.as_str());
            vars.extend(as_map(yaml::parse(source).map_err(Failure::usage)?.to_json(), word)?);
        } else {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("-e {word:?} is neither key=value nor @file")))?;
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                return Err(Failure::usage(format!("-e {name:?} is not the name of a variable")));
            }
            vars.insert(name.to_owned(), Value::String(value.to_owned()));
        }
    }
    if let Some(name) = playbook::OF_HOSTS.iter().find(|name| vars.contains_key(**name)) {
        return Err(Failure::usage(format!("-e {name}: it is set for each host, and cannot be set here")));
    }
    Ok(vars)
}

fn as_map(value: Value, word: &str) -> Result<Map<String, Value>, Failure> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(Failure::usage(format!("-e {word:?} does not hold a mapping of variables"))),
    }
}
