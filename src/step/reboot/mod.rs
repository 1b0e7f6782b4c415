//! `reboot`: asked for once, and proved: another boot id, a fresh login, a settled system, the expected kernel, and all
//! that still so after a while. Start at [`run`]; `request` asks, `boot` waits for the boot id, `up` proves.
//!
//! Command lines on the host, through `/bin/sh -c`: `cat /proc/sys/kernel/random/boot_id`, `wall` (message on standard
//! input), `systemctl is-system-running`, `uname -r`, those of `baseline`, and for the reboot itself
//! `systemd-run --quiet --unit=patchwave-reboot-ID /bin/sh -c 'sleep 1; exec systemctl reboot'` where
//! `/run/systemd/system` is, else `setsid -f /bin/sh -c 'sleep 1; shutdown -r now || reboot'`.

mod boot;
mod request;
#[cfg(test)]
mod tests;
mod up;

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Ended, StepCx, baseline,
    guard::{self, Outlives},
    packages, remote,
};
use crate::{
    event::StepResult,
    pkg::RebootReason,
    playbook::{Reboot, RebootWhen},
};

/// What is known before the reboot; noted before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    /// The boot that is to end.
    boot: String,
    /// The kernel that the next boot should bring.
    kernel: Option<String>,
    /// Units that had failed already.
    failed_units: BTreeSet<String>,
    /// Why.
    why: String,
}

const NOTE: &str = "reboot";

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Reboot) -> Ended {
    // Whatever attempt noted it: one reboot has been asked for in this step, and there is no other.
    let noted = cx.notes.get(NOTE).cloned().and_then(|value| serde_json::from_value::<Before>(value).ok());
    if let Some(before) = noted {
        let asked = Instant::now();
        let deadline = cx.deadline.min(asked + spec.timeout);
        match remote::ask(cx, &boot::boot_id()).await {
            Ok(now) if now != before.boot => {}
            // The request is bound to the old boot id, so that asking again cannot bring a second reboot.
            Ok(_) => {
                super::lease::acquire(cx).await?;
                return reboot(cx, spec, before).await;
            }
            // It may be on its way down or up.
            Err(error) if error.unreachable() => drop(boot::wait(cx, &before.boot, None, deadline, deadline).await?),
            Err(error) => return Err(error.into()),
        }
        return up::prove(cx, spec, &before, asked, deadline).await;
    }
    let Some(before) = need(cx, spec).await? else { return Ok(StepResult::skipped("no reboot needed")) };
    if cx.check {
        return Ok(StepResult::would(format!("would reboot: {}", before.why)));
    }
    if !spec.warn.is_zero() {
        request::warn(cx, spec).await?;
    }
    cx.journal.note(NOTE, serde_json::to_value(&before).unwrap_or_default()).await?;
    reboot(cx, spec, before).await
}

async fn reboot(cx: &mut StepCx<'_>, spec: &Reboot, before: Before) -> Ended {
    let guard = guard::arm_or_stop(cx, Outlives::Reboot).await?;
    let asked = Instant::now();
    let deadline = cx.deadline.min(asked + spec.timeout);
    let evidence = request::ask(cx, &before, guard.as_deref()).await?;
    // A host that said no may go down all the same, but not after a long time.
    let patience = if evidence.is_some() { deadline.min(asked + Duration::from_secs(60)) } else { deadline };
    boot::wait(cx, &before.boot, evidence, patience, deadline).await?;
    up::prove(cx, spec, &before, asked, deadline).await
}

/// Whether and why the host is to be rebooted, and what must be known before.
async fn need(cx: &mut StepCx<'_>, spec: &Reboot) -> Result<Option<Before>, Box<StepResult>> {
    let manager = match packages::manager(cx).await {
        Ok(manager) => Some(manager),
        // A reboot that is wanted in any case needs no package manager.
        Err(result) if result.class == "unsupported" && spec.when == RebootWhen::Always => None,
        Err(result) => return Err(result),
    };
    let (mut why, mut kernel) = (String::new(), None);
    if let Some(manager) = manager {
        let reasons: Vec<RebootReason> = remote::ask(cx, &manager.reboot_reasons()).await?;
        why = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        kernel = remote::ask(cx, &manager.kernels()).await?.newest;
    }
    if why.is_empty() {
        if spec.when == RebootWhen::Required {
            return Ok(None);
        }
        why = "the playbook asks for it".to_owned();
    }
    let boot = remote::ask(cx, &boot::boot_id()).await?;
    let failed_units = match remote::ask(cx, &baseline::query(None, true)).await {
        Ok(now) => now.seen.failed_units,
        // Then every failed unit counts as new: too strict rather than too lax.
        Err(_) => BTreeSet::new(),
    };
    cx.journal.progress(&format!("needs a reboot: {why}"));
    Ok(Some(Before { boot, kernel, failed_units, why }))
}
