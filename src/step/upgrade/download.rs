//! `predownload`: fetches what a later upgrade will install, and changes nothing else. Run before a drain or a window,
//! it takes the network out of the time in which the host is away.

use super::plan::Planned;
use crate::{
    command::Exit,
    event::StepResult,
    pkg::{Class, PackageManager, Transaction},
    playbook::Upgrade,
    step::{
        Ended, StepCx,
        packages::{self, Done, End},
    },
};

const JOB: &str = "download";

/// Fetches the planned packages.
///
/// # Errors
/// As of a transaction.
pub(super) async fn run(
    cx: &mut StepCx<'_>,
    manager: &'static dyn PackageManager,
    spec: &Upgrade,
    planned: &Planned,
) -> Ended {
    cx.journal.progress(&format!("downloading {} packages", planned.changes.len()));
    let transaction = Transaction {
        allow_removals: spec.allow_removals,
        download_only: true,
        lock_timeout: spec.lock_timeout,
        ..Transaction::upgrade(&planned.named())
    };
    let Done { end, how, output, said } = packages::run(cx, manager, JOB, &transaction, planned.changes.len()).await?;
    let output = String::from_utf8_lossy(&output);
    let result = if end == End::Exit(Exit::Code(0)) {
        let counted = packages::count(planned.changes.len(), "downloaded");
        StepResult::ok(format!("{counted} ({}); nothing was installed", packages::named(&planned.changes)))
            .detail(manager.fetched(&output).map(|size| format!("fetched: {size}")))
    } else {
        let trouble = manager.explain(&output);
        let (class, why) = trouble.map_or((Class::Fetch, how), |trouble| (trouble.class, trouble.summary));
        let summary = format!("the packages could not be downloaded: {why}");
        packages::failed(class, summary).detail(said).help("nothing was installed; check the host's package sources")
    };
    Ok(result.detail(planned.left_out.iter().cloned()))
}
