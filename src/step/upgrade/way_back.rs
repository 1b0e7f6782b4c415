//! The way back, made ready before anything is changed: which old versions the package sources still have, and, with
//! `rollback: prepare` or `required`, their archives in a folder on the host. Start at [`prepare`].

use std::collections::BTreeSet;

use super::plan::Planned;
use crate::{
    event::StepResult,
    pkg::{Class, Exact, PackageManager, PackageState, Pending, WayBack},
    playbook::WayBackWish,
    step::{
        StepCx, job,
        packages::{self, Done, End, STAGED},
    },
};

/// The name of the job that fetches old versions.
const JOB: &str = "stage";
/// The same after a controller died: what was planned then may be another set.
const AGAIN: &str = "stage-again";

/// Failures of that job that leave the host as it was.
const NOT_FETCHED: [Class; 4] = [Class::Fetch, Class::Disk, Class::Manager, Class::CannotDo];

/// The versions that a rollback needs: those that are replaced or removed.
fn old(planned: &Planned) -> BTreeSet<Exact> {
    let exact = |name: &str, version: &str| Exact { name: name.to_owned(), version: version.to_owned() };
    let replaced = planned.changes.iter().filter_map(|change| Some(exact(&change.name, change.from.as_deref()?)));
    let removed = planned.removals.iter().flat_map(|package| planned.versions_of(package));
    replaced.chain(removed.filter_map(|(name, version)| Some(exact(name, version?)))).collect()
}

/// What is known without asking the host.
pub(super) fn known(planned: &Planned, pending: &Pending, state: &PackageState) -> WayBack {
    let old = old(planned);
    let offers = |exact: &Exact| {
        let is_it = |update: &&crate::pkg::Update| {
            update.name == exact.name && update.from.as_deref() == Some(exact.version.as_str())
        };
        pending.updates.iter().find(is_it).and_then(|update| update.offers_from)
    };
    let are = |wanted: bool| old.iter().filter(|exact| offers(exact) == Some(wanted)).cloned().collect();
    let removed = planned.removals.iter().map(|package| &package.name);
    WayBack {
        offered: are(true),
        missing: are(false),
        auto: removed.filter(|name| state.is_auto(name)).cloned().collect(),
        ..WayBack::default()
    }
}

/// Fetches the old versions to the host, if the playbook says so.
///
/// # Errors
/// The step's result: class `no-way-back` if `required` and something is missing, class `disk` without room; nothing
/// was changed. A job that still runs, or an unreachable host.
pub(super) async fn prepare(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    wish: WayBackWish,
    planned: &Planned,
) -> Result<WayBack, Box<StepResult>> {
    let way = planned.way_back.clone();
    let old = old(planned);
    if wish.is_no() || old.is_empty() {
        return Ok(way);
    }
    let required = wish == WayBackWish::Required;
    cx.journal.progress(&format!("fetching {} old versions for the way back", old.len()));
    let folder = format!("{STAGED}/{}", cx.named(&cx.step_name()));
    let staged = match fetch(cx, manager, &old, &folder).await {
        Ok(staged) => staged,
        // `prepare` is a wish: without it the upgrade goes on. A host that is lost or a job that still runs ends it.
        Err(early) if !required && NOT_FETCHED.iter().any(|class| early.class == class.as_str()) => BTreeSet::new(),
        Err(early) => return Err(early),
    };
    let missing: BTreeSet<Exact> = old.difference(&staged).cloned().collect();
    if required && !missing.is_empty() {
        let all: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let summary = format!("no way back for {}: nothing was changed", few(&all));
        let help = "these versions are in no package source, in no cache, and cannot be packed again on the host; \
                    add a source that has them, or use `rollback: prepare`";
        return Err(Box::new(packages::failed(Class::NoWayBack, summary).detail(all).help(help)));
    }
    // Folders of earlier runs have served: the way back now leads from this upgrade.
    packages::clear_staged(cx).await?;
    let staged = staged.intersection(&old).cloned().collect();
    Ok(WayBack { folder: Some(folder), staged, missing, ..way })
}

/// Runs the job; what is in the folder afterwards.
async fn fetch(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    old: &BTreeSet<Exact>,
    folder: &str,
) -> Result<BTreeSet<Exact>, Box<StepResult>> {
    let recalled = job::is_recalled(cx, JOB);
    let mut done = packages::follow(cx, JOB, manager.stage(old, folder)?).await?;
    let mut staged = packages::ask(cx, manager.staged(folder)?).await?;
    if recalled && !old.is_subset(&staged) {
        done = packages::follow(cx, AGAIN, manager.stage(old, folder)?).await?;
        staged = packages::ask(cx, manager.staged(folder)?).await?;
    }
    if done.is_good() || old.is_subset(&staged) {
        return Ok(staged);
    }
    let Done { end, how, output, said } = done;
    let text = String::from_utf8_lossy(&output);
    let trouble = manager.explain(&text).filter(|_| matches!(end, End::Exit(_)));
    let (class, why) = trouble.map_or((Class::Fetch, how), |trouble| (trouble.class, trouble.summary));
    let summary = format!("old versions could not be fetched for the way back: {why}; nothing was changed");
    Err(Box::new(packages::failed(class, summary).detail(said)))
}

/// The first three of many.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
