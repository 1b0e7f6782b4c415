//! Whether and why a host needs a reboot, and what must be known about it before. Only looks.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{before::Before, boot, health, trial};
use crate::{
    command::Command,
    event::StepResult,
    pkg::{Boot, Class, PackageManager, lock_holders},
    playbook::{Reboot, RebootWhen},
    step::{
        StepCx, baseline,
        packages::{self, Rights},
        stale, upgrade,
    },
};

/// Whether a reboot is needed.
pub(super) enum Need {
    Yes(Box<Before>),
    /// With the reason.
    No(String),
}

/// What [`need`] asks first, if it is known which manager the host has.
pub(in crate::step) fn first_asks(cx: &StepCx<'_>) -> Vec<Command> {
    let known = packages::known(cx, Rights::Raised).ok().flatten();
    known.map_or_else(Vec::new, |manager| asks(manager).map(|ask| ask.privileged(true)).into())
}

/// Everything that [`need`] asks, in one go.
fn asks(manager: &dyn PackageManager) -> [Command; 6] {
    [
        lock_holders().command,
        manager.boot().command,
        stale::look().command,
        manager.health().command,
        boot::boot_id().command,
        baseline::query(None, true).command,
    ]
}

/// Whether and why the host needs a reboot, and what must be known before.
pub(super) async fn need(cx: &mut StepCx<'_>, spec: &Reboot) -> Result<Need, Box<StepResult>> {
    let manager = match packages::find(cx, Rights::Raised).await? {
        Ok(manager) => Some(manager),
        // A reboot that the playbook always wants needs no package manager.
        Err(_) if spec.when == RebootWhen::Always => None,
        Err(refusal) => return Err(Box::new(packages::failed(Class::Unsupported, refusal.to_string()))),
    };
    let (mut why, mut kernel) = (String::new(), None);
    let (mut loader, mut danger, mut passed_over, mut known) = (None, None, None, None);
    if let Some(manager) = manager {
        if !cx.check {
            let asks = asks(manager);
            packages::ask_ahead(cx, asks).await?;
            // While another program installs, neither the packages nor the kernels are final.
            packages::free(cx, Instant::now() + spec.lock_timeout).await?;
        }
        let Boot { kernels, reasons } = packages::ask(cx, manager.boot()).await?;
        let stale = stale::reboot_reasons(&packages::ask(cx, stale::look()).await?);
        // In a check, what earlier steps would have installed has not been.
        let foreseen = upgrade::foreseen_reboot(cx);
        why = reasons.iter().map(ToString::to_string).chain(stale).chain(foreseen).collect::<Vec<_>>().join("; ");
        passed_over = kernels.passed_over();
        kernel = kernels.next().map(str::to_owned);
        loader = kernels.starts.as_ref().map(|starts| starts.by.clone());
        danger = kernels.danger();
        known = Some(kernels);
    }
    if why.is_empty() {
        if spec.when == RebootWhen::Required {
            let but = passed_over.map(|but| format!("; {but}")).unwrap_or_default();
            return Ok(Need::No(format!("no reboot needed{but}")));
        }
        why = "the playbook requires it".to_owned();
    }
    if let Some(danger) = danger {
        let summary = format!("{danger}; it was not rebooted");
        let help = "on the host: make the boot loader start the intended kernel (update-grub, or its default entry), \
                    or remove the others; then run again with --limit @failed";
        return Err(Box::new(StepResult::failed("boot-loader", summary).help(help)));
    }
    let trial = match &known {
        Some(kernels) => trial::plan(cx, spec, kernels).await?,
        None => None,
    };
    let broken = match manager {
        Some(manager) => health::before(cx, manager).await?,
        None => BTreeSet::new(),
    };
    let boot = packages::ask(cx, boot::boot_id()).await?;
    let failed_units = match packages::ask(cx, baseline::query(None, true)).await {
        Ok(now) => now.seen.failed_units,
        // Then every failed unit counts as new: too strict rather than too lax.
        Err(_) => BTreeSet::new(),
    };
    cx.journal.progress(&format!("needs a reboot: {why}"));
    Ok(Need::Yes(Box::new(Before { boot, kernel, loader, trial, failed_units, why, broken })))
}
