//! What has changed since a run was started: files, hosts, the limit. Says on which terms it may go on.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

use crate::{
    cli::{
        Failure, World,
        args::ResumeArgs,
        connect::{inventory_programs::InventoryPrograms, vault_passwords::vault_passwords},
        outcome_selectors::RecordedRuns,
        rollout::{agreed, prepare::extra_vars},
        settings::of_record,
    },
    event::{HostAt, HostState, RunStarted, RunState},
    host::HostName,
    inventory::{Inventory, Sources},
    names,
    plan::{self, OutsideLimit, VarsChange},
    playbook::Playbook,
    step::JumpBox,
    vault::Passwords,
    yaml::Problems,
};

/// The terms on which a run goes on.
pub(in crate::cli) struct Reentry {
    /// Its hosts that are in the inventory.
    pub(in crate::cli) hosts: Vec<HostName>,
    /// Its hosts without a slot that get none now.
    pub(in crate::cli) left_out: Vec<HostName>,
    /// What has changed and was accepted.
    pub(in crate::cli) accepted: Option<String>,
    /// Files of the jump box that this controller holds to another sum than the ones before.
    pub(in crate::cli) files: BTreeMap<String, String>,
}

/// The files that the run was started from, as they are now.
pub(in crate::cli) fn files(
    state: &RunState,
    args: &ResumeArgs,
    world: &World,
) -> Result<(Inventory, Playbook), Failure> {
    let words = &args.extra_vars;
    let started = &state.started;
    same_names(&started.extra_vars, words)?;
    let passwords = vault_passwords(&args.vault, world)?;
    let extra = extra_vars(words, &passwords, world)?;
    let inventory = (&**started, passwords);
    if let Some(undoes) = &started.plan.undoes {
        return Ok((inventory_of(inventory, &extra, world)?, rolling_back(started, undoes)));
    }
    let (inventory, playbook) =
        with_sources(inventory, world, |sources| plan::load(Path::new(&started.playbook_path), sources, extra))?;
    Ok((inventory.with_fallbacks(of_record(&started.settings, world)?), playbook))
}

/// The inventories that a run was started with, as they are now.
pub(in crate::cli) fn inventory_of(
    run: (&RunStarted, Arc<Passwords>),
    extra: &Map<String, Value>,
    world: &World,
) -> Result<Inventory, Failure> {
    let fallbacks = of_record(&run.0.settings, world)?;
    let inventory = with_sources(run, world, |sources| {
        Inventory::load(sources).and_then(|inventory| inventory.with_extra_vars(extra))
    })?;
    Ok(inventory.with_fallbacks(fallbacks))
}

/// Reads what a run was started from.
fn with_sources<T>(
    (started, vault): (&RunStarted, Arc<Passwords>),
    world: &World,
    read: impl FnOnce(&Sources<'_>) -> Result<T, Problems>,
) -> Result<T, Failure> {
    let paths: Vec<PathBuf> = started.inventory_paths.iter().map(PathBuf::from).collect();
    let programs = InventoryPrograms::new(world);
    let sources = Sources {
        inventories: &paths,
        beside: Path::new(&started.playbook_path).parent(),
        lenient: started.lenient,
        programs: &programs,
        vault,
    };
    read(&sources).map_err(Failure::usage)
}

/// The playbook of a rollback. No file has it: its steps are in the record.
fn rolling_back(started: &RunStarted, undoes: &str) -> Playbook {
    let path = Path::new(&started.playbook_path);
    Playbook { steps: started.plan.steps.clone(), ..crate::playbook::undoing(undoes, path, Default::default()) }
}

/// A run goes on with the plan that it was started with, or not at all; its limit may only become narrower.
pub(in crate::cli) fn reentry(
    state: &RunState,
    inventory: &Inventory,
    playbook: &Playbook,
    jump_box: &JumpBox,
    (args, past): (&ResumeArgs, RecordedRuns),
) -> Result<Reentry, Failure> {
    let known: HashSet<&HostName> = inventory.hosts().iter().collect();
    let hosts: Vec<HostName> =
        state.hosts.iter().map(|h| &h.name).filter(|name| known.contains(name)).cloned().collect();
    let gone: Vec<&HostState> = state.hosts.iter().filter(|host| !known.contains(&host.name)).collect();
    let mut changes = changes(state, inventory, playbook, &hosts, &gone)?;
    let (texts, mut files) = agreed::changed(&state.files, jump_box);
    changes.extend(texts);
    if state.started.plan.pinned.is_empty() && state.files.is_empty() {
        // A run of a program that kept no sums: from here on it has them.
        files = agreed::sums(agreed::wanted(&state.started.plan, playbook, inventory, jump_box)?)?;
    }
    let accepted = (!changes.is_empty()).then(|| changes.join("; "));
    if let Some(what) = &accepted {
        if !args.accept_changed_plan {
            return Err(Failure::refused(format!(
                "{what}, so this is not the plan any more that the run was started with"
            ))
            .help(
                "put the files back; or say --accept-changed-plan: the recorded steps are carried out, with the variables \
                 and the texts of now; or start a new run with --limit @unfinished",
            ));
        }
        if let Some(open) = gone.iter().find(|host| host.at == HostAt::InFlight) {
            return Err(Failure::refused(format!("{} left the inventory while it is open", open.name))
                .help("put it back: nobody can settle it otherwise"));
        }
    }
    let waiting = || state.hosts.iter().filter(|host| host.at == HostAt::Waiting).map(|host| &host.name);
    let here: Vec<HostName> = waiting().filter(|name| known.contains(name)).cloned().collect();
    let starting: HashSet<HostName> = match &args.limit {
        None => here.into_iter().collect(),
        Some(limit) => match plan::within(&here, limit, inventory, &past) {
            Ok(hosts) => hosts.into_iter().collect(),
            Err(OutsideLimit::Pattern(error)) => return Err(Failure::usage(error)),
            // Open hosts are settled all the same.
            Err(OutsideLimit::None) if state.tally.in_flight > 0 => HashSet::new(),
            Err(OutsideLimit::None) => {
                let message = format!("--limit {limit:?} names no host of this run that has not started");
                return Err(Failure::usage(message));
            }
        },
    };
    let left_out = waiting().filter(|name| !starting.contains(*name)).cloned().collect();
    Ok(Reentry { hosts, left_out, accepted, files })
}

/// What is not as it was, one sentence each.
fn changes(
    state: &RunState,
    inventory: &Inventory,
    playbook: &Playbook,
    hosts: &[HostName],
    gone: &[&HostState],
) -> Result<Vec<String>, Failure> {
    let mut changes = Vec::new();
    if !gone.is_empty() {
        let names: Vec<HostName> = gone.iter().map(|host| host.name.clone()).collect();
        changes.push(format!("{} left the inventory", names::fold(&names)));
    }
    if hosts.is_empty() {
        return Ok(changes);
    }
    let now = plan::build(inventory, playbook, hosts).map_err(Failure::usage)?;
    let then = &state.started.plan;
    if now.steps != then.steps || now.on_failure != then.on_failure {
        changes.push("the playbook's steps have changed".to_owned());
    }
    let vars = VarsChange::between(then, &now);
    if (gone.is_empty() && VarsChange::any(then, &now)) || vars != VarsChange::default() {
        changes.push(vars.sentence());
    }
    Ok(changes)
}

/// Values of extra variables are not in the ledger, since they may be secret: they must be given again.
pub(in crate::cli) fn same_names(then: &[String], now: &[String]) -> Result<(), Failure> {
    let names = |words: &[String]| -> Vec<String> {
        let mut names: Vec<String> =
            words.iter().map(|word| word.split_once('=').map_or(word.as_str(), |(name, _)| name).to_owned()).collect();
        names.sort();
        names
    };
    if names(then) == names(now) {
        return Ok(());
    }
    let then = if then.is_empty() { "none".to_owned() } else { then.join(", ") };
    Err(Failure::usage(format!("the run was started with other extra variables: {then}"))
        .help("give the same -e again; their values are not kept, since they may be secret"))
}
