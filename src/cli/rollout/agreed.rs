//! The files of the jump box that a run is agreed with: which ones its steps mean, on which host, and their sums.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    cli::Failure,
    inventory::Inventory,
    mask::Secrets,
    plan::Plan,
    playbook::{Playbook, Source, StepSpec, TemplateScope},
    step::{Controller, JumpBox, sources},
};

/// The sums of all files that `plan`'s steps name and that are there, by their names. A name that only a later step can
/// complete is not among them, and no more is a file that the run itself makes.
///
/// # Errors
/// A file that is there and cannot be read whole.
pub(in crate::cli) fn files(
    plan: &Plan,
    playbook: &Playbook,
    inventory: &Inventory,
    jump_box: &JumpBox,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut wanted: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut want = |source: Source<'_>, scope: &TemplateScope| {
        if let Some((name, path)) = meant(source, scope, jump_box) {
            wanted.insert(name, path);
        }
    };
    let secrets = Secrets::default();
    let of_playbook = TemplateScope::new(playbook.vars.clone()).recording_secrets(&secrets);
    let gates = plan.stages.iter().flat_map(|stage| &stage.gate);
    gates.filter_map(StepSpec::source).for_each(|source| want(source, &of_playbook));
    let walk: Vec<Source<'_>> = plan.steps.iter().chain(&plan.on_failure).filter_map(StepSpec::source).collect();
    let (literal, of_hosts): (Vec<Source<'_>>, Vec<Source<'_>>) = walk.into_iter().partition(Source::is_literal);
    literal.into_iter().for_each(|source| want(source, &of_playbook));
    if !of_hosts.is_empty() {
        for (host, ..) in plan.hosts().filter(|(host, ..)| inventory.has(&host.name)) {
            let mut vars = inventory.vars(&host.name);
            vars.extend(playbook.vars.clone());
            let scope = TemplateScope::new(vars).recording_secrets(&secrets);
            of_hosts.iter().for_each(|source| want(*source, &scope));
        }
    }
    let mut files = BTreeMap::new();
    for (name, path) in wanted {
        if secrets.hide(&name) != name {
            return Err(Failure::refused("the name of a file that a step sends or runs holds a secret variable")
                .help("names of files are recorded and shown: take one without the secret"));
        }
        let sum = sources::sum(&path).map_err(|error| {
            Failure::refused(format!("{}: {error}", path.display()))
                .help("a run is held to the text of its scripts, hooks and files, so each is read when it starts")
        })?;
        files.insert(name, sum);
    }
    Ok(files)
}

/// The file that a source means: of a command line its program, or else the first of its words that names one, as in
/// `python3 hooks/drain.py`.
fn meant(source: Source<'_>, scope: &TemplateScope, jump_box: &JumpBox) -> Option<(String, PathBuf)> {
    let names = sources::names(source, scope);
    names.into_iter().find_map(|name| jump_box.find(&name).filter(|path| path.is_file()).map(|path| (name, path)))
}

/// Files that are not as `recorded`, a sentence each, and their sums of now.
pub(in crate::cli) fn changed(
    recorded: &BTreeMap<String, String>,
    jump_box: &JumpBox,
) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut other, mut gone, mut now) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for (name, sum) in recorded {
        match jump_box.find(name).and_then(|path| sources::sum(&path).ok()) {
            None => drop(gone.insert(name.as_str())),
            Some(is) if is == *sum => {}
            Some(is) => {
                other.insert(name.as_str());
                now.insert(name.clone(), is);
            }
        }
    }
    let mut said = Vec::new();
    if !other.is_empty() {
        said.push(format!("the text of {} has changed", list(&other)));
    }
    if !gone.is_empty() {
        said.push(format!("{} can no longer be read", list(&gone)));
    }
    (said, now)
}

/// A few of many.
fn list(names: &BTreeSet<&str>) -> String {
    const MOST: usize = 5;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
