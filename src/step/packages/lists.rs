//! Fetching the package lists.

use tokio::time::Instant;

use super::{
    ask::{ask, ask_ahead, raised},
    locks,
    result::failed,
};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{self, Class, FailedSource, PackageManager, Refresh, RefreshApart},
    step::{StepCx, heard::ListsApart, remote},
    transport::LinkError,
};

/// The word for every source of security fixes.
pub(in crate::step) const SECURITY: &str = "security";

/// Fetches the package lists; returns the sources that did not answer and are not `required` (empty: all are). The
/// manager has no timeout for their lock, so the wait happens here. `next` is asked in the same round trip, right after
/// them; its answers are not used if this fails.
///
/// # Errors
/// The step's result: class `refresh`, class `lock`, or an unreachable host.
pub(in crate::step) async fn refresh(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    required: &[String],
    until: Instant,
    next: &[Command],
) -> Result<Vec<String>, Box<StepResult>> {
    cx.journal.progress("fetching package lists");
    loop {
        ask_ahead(cx, std::iter::once(manager.refresh().command).chain(next.iter().cloned())).await?;
        match ask(cx, manager.refresh()).await? {
            Refresh::Fresh => return Ok(Vec::new()),
            Refresh::Locked { pid } => {
                let known = locks::holders(cx).await?.into_iter().find(pkg::is_lists);
                let name = match (known, pid) {
                    (Some(holder), _) => holder.to_string(),
                    (None, Some(pid)) => format!("pid {pid}"),
                    (None, None) => "another process".to_owned(),
                };
                locks::wait(cx, &name, until).await?;
            }
            Refresh::Failed { lines } => return not_needed(cx, manager, required, &lines).await,
        }
    }
}

/// For a check: fetches the lists into a folder of their own, which later questions of the step use, until
/// [`remove_apart`]. Returns what [`refresh`] does, and why nothing was fetched, if it was not.
///
/// # Errors
/// As [`refresh`]: what would fail in a run is said now.
pub(in crate::step) async fn refresh_apart(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    required: &[String],
) -> Result<(Vec<String>, Option<String>), Box<StepResult>> {
    let folder = format!("/var/tmp/patchwave-lists-{}-{}", cx.run, cx.step.index);
    let Some(apart) = manager.refresh_apart(&folder) else {
        return Ok((Vec::new(), Some(format!("a check does not fetch the lists of {}", manager.name()))));
    };
    cx.journal.progress("fetching package lists, apart from the host's own");
    let RefreshApart { refresh, variable, remove } = apart;
    // From here on there may be a folder to delete.
    cx.heard.lists_apart = Some(ListsApart { variable, remove });
    match ask(cx, refresh).await? {
        Ok(Refresh::Fresh) => Ok((Vec::new(), None)),
        Ok(Refresh::Failed { lines }) => Ok((not_needed(cx, manager, required, &lines).await?, None)),
        Ok(Refresh::Locked { .. }) => {
            remove_apart(cx).await;
            Ok((Vec::new(), Some("the package lists are locked".to_owned())))
        }
        Err(why) => {
            remove_apart(cx).await;
            Ok((Vec::new(), Some(why)))
        }
    }
}

/// Deletes what [`refresh_apart`] made. If the host is lost, the next check there deletes it once it is a day old.
pub(in crate::step) async fn remove_apart(cx: &mut StepCx<'_>) {
    if let Some(apart) = cx.heard.lists_apart.take() {
        let _ = remote::read(cx, &raised(apart.remove)).await;
    }
}

/// The names of the sources that failed, if none of them is required.
async fn not_needed(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    required: &[String],
    lines: &[String],
) -> Result<Vec<String>, Box<StepResult>> {
    let silent = match required {
        [] => None,
        _ => failed_sources(cx, manager, lines).await?,
    };
    let is_required = |source: &&FailedSource| {
        required.iter().any(|word| source.words.contains(word) || (word == SECURITY && source.security))
    };
    let needed = silent.iter().flatten().find(is_required);
    if let (Some(silent), None) = (&silent, needed) {
        return Ok(silent.iter().map(|source| source.name.clone()).collect());
    }
    let first = lines.first().map_or("no reason given", String::as_str);
    let of = needed.map(|source| format!(" of {}", source.name)).unwrap_or_default();
    let summary = format!("the package lists{of} could not be fetched: {first}");
    let help = "check the host's package sources and its connection to them; nothing is installed from old lists";
    Err(Box::new(failed(Class::Refresh, summary).detail(lines.to_vec()).help(help)))
}

/// The sources that failed; `None`: the manager cannot tell, so that any of them may be among them.
async fn failed_sources(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    lines: &[String],
) -> Result<Option<Vec<FailedSource>>, Box<StepResult>> {
    let Some(query) = manager.failed_sources(lines) else { return Ok(None) };
    match ask(cx, query).await {
        Ok(failed) => Ok(Some(failed)),
        Err(LinkError::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
