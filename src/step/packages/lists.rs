//! Fetching the package lists.

use tokio::time::Instant;

use super::{
    ask::{ask, ask_ahead},
    locks,
    result::failed,
};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{self, Class, PackageManager, Refresh},
    step::StepCx,
};

/// Fetches the package lists. The manager has no timeout for their lock, so the wait happens here. `next` is asked in
/// the same round trip, right after them; without fresh lists its answers are not used.
///
/// # Errors
/// The step's result: class `refresh`, class `lock`, or an unreachable host.
pub(in crate::step) async fn refresh(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    until: Instant,
    next: &[Command],
) -> Result<(), Box<StepResult>> {
    cx.journal.progress("fetching package lists");
    loop {
        ask_ahead(cx, std::iter::once(manager.refresh().command).chain(next.iter().cloned())).await?;
        match ask(cx, manager.refresh()).await? {
            Refresh::Fresh => return Ok(()),
            Refresh::Locked { pid } => {
                let known = locks::holders(cx).await?.into_iter().find(pkg::is_lists);
                let name = match (known, pid) {
                    (Some(holder), _) => holder.to_string(),
                    (None, Some(pid)) => format!("pid {pid}"),
                    (None, None) => "another process".to_owned(),
                };
                locks::wait(cx, &name, until).await?;
            }
            Refresh::Failed { lines } => {
                let first = lines.first().map_or("no reason given", String::as_str);
                let summary = format!("the package lists could not be fetched: {first}");
                let help =
                    "check the host's package sources and its connection to them; nothing is installed from old lists";
                return Err(Box::new(failed(Class::Refresh, summary).detail(lines.clone()).help(help)));
            }
        }
    }
}
