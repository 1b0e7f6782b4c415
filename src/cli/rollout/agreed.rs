//! The files of the jump box that a run is agreed with: which ones its steps mean, on which host, and their sums.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    cli::{Failure, World},
    inventory::Inventory,
    mask::Secrets,
    plan::Plan,
    playbook::{self, Playbook, Source, StepSpec, TemplateScope},
    step::{Controller, JumpBox, sources},
    yaml::Problems,
};

/// A file that steps name, and the first step that does.
pub(in crate::cli) struct Wanted {
    path: PathBuf,
    step: String,
    /// Whether that step runs it, or sends it to be run.
    runs: bool,
}

/// All files that `plan`'s steps name and that are there, by their names. A name that only a later step can complete is
/// not among them, and no more is a file that the run itself makes.
///
/// # Errors
/// A name that must not be recorded.
pub(in crate::cli) fn wanted(
    plan: &Plan,
    playbook: &Playbook,
    inventory: &Inventory,
    jump_box: &JumpBox,
) -> Result<BTreeMap<String, Wanted>, Failure> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut want = |(step, source): Named<'_>, scope: &TemplateScope| {
        if let Some((name, path)) = meant(source, scope, jump_box) {
            let runs = step.runs_its_source();
            let one = wanted.entry(name).or_insert_with(|| Wanted { path, step: step.name.clone(), runs });
            if runs && !one.runs {
                (one.step, one.runs) = (step.name.clone(), true);
            }
        }
    };
    let secrets = Secrets::default();
    let of_playbook = TemplateScope::new(playbook.vars.clone()).recording_secrets(&secrets);
    let gates = plan.stages.iter().flat_map(|stage| &stage.gate);
    gates.filter_map(named).for_each(|one| want(one, &of_playbook));
    let walk: Vec<Named<'_>> = plan.steps.iter().chain(&plan.on_failure).filter_map(named).collect();
    let (literal, of_hosts): (Vec<Named<'_>>, Vec<Named<'_>>) =
        walk.into_iter().partition(|(_, source)| source.is_literal());
    literal.into_iter().for_each(|one| want(one, &of_playbook));
    if !of_hosts.is_empty() {
        for (host, ..) in plan.hosts().filter(|(host, ..)| inventory.has(&host.name)) {
            let mut vars = inventory.vars(&host.name);
            vars.extend(playbook.vars.clone());
            let scope = TemplateScope::new(vars).recording_secrets(&secrets);
            of_hosts.iter().for_each(|one| want(*one, &scope));
        }
    }
    if wanted.keys().any(|name| secrets.hide(name) != *name) {
        return Err(Failure::refused("the name of a file that a step sends or runs holds a secret variable")
            .help("names of files are recorded and shown: take one without the secret"));
    }
    Ok(wanted)
}

/// A step and what it names.
type Named<'p> = (&'p StepSpec, Source<'p>);

fn named(step: &StepSpec) -> Option<Named<'_>> {
    step.source().map(|source| (step, source))
}

/// Files that steps run although they say that they are only stubs, as the shipped hooks do.
pub(in crate::cli) fn stubs(wanted: &BTreeMap<String, Wanted>, world: &World) -> Problems {
    let mut problems = Problems::default();
    for Wanted { path, step, .. } in wanted.values().filter(|one| one.runs) {
        let shown = path.strip_prefix(&world.folder).unwrap_or(path);
        if let Some(span) = playbook::stub_at(path, shown) {
            problems
                .at(
                    &span,
                    format!("this file is only an example that does nothing (a stub); the step {step:?} runs it"),
                )
                .help("put your own command into it and delete this line, or remove the step from the playbook");
        }
    }
    problems
}

/// The sums of the files, by their names.
///
/// # Errors
/// A file that cannot be read whole.
pub(in crate::cli) fn sums(wanted: BTreeMap<String, Wanted>) -> Result<BTreeMap<String, String>, Failure> {
    let sum = |(name, Wanted { path, .. })| match sources::sum(&path) {
        Ok(sum) => Ok((name, sum)),
        Err(error) => Err(Failure::refused(format!("{}: {error}", path.display()))
            .help("a run is held to the text of its scripts, hooks and files, so each is read when it starts")),
    };
    wanted.into_iter().map(sum).collect()
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
