//! `reboot`: asked for once, while nobody works on the packages, and proved: another boot id, a fresh login, a settled
//! system, the expected kernel, packages as whole as before, and all that still so after a while.
//! Start at [`run`]; `request` asks, `boot` waits for the boot id, `up` proves, `health` looks at the packages.
//!
//! Command lines on the host, through `/bin/sh -c`: `cat /proc/sys/kernel/random/boot_id`, `wall` (message on standard
//! input), `systemctl is-system-running`, `uname -r`, those of `baseline`, and for the reboot itself
//! `systemd-run --quiet --unit=patchwave-reboot-ID /bin/sh -c 'sleep 1; systemctl reboot …'` where
//! `/run/systemd/system` is, else `setsid -f /bin/sh -c 'sleep 1; shutdown -r now || reboot …'`; where that is refused,
//! `systemctl is-failed|reset-failed`, `systemd-inhibit --list`, `journalctl -u`.

mod boot;
mod health;
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
    locks, packages, remote,
};
use crate::{
    event::StepResult,
    pkg::Boot,
    playbook::{Reboot, RebootWhen},
};

/// What is known before the reboot; noted before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    /// The boot that is to end.
    boot: String,
    /// The kernel that the next boot should bring.
    kernel: Option<String>,
    /// The boot loader's file that says so; `None`: none says what it starts.
    #[serde(default)]
    loader: Option<String>,
    /// Units that had failed already.
    failed_units: BTreeSet<String>,
    /// Why.
    why: String,
    /// What was wrong with the packages already, in words; an older version did not look.
    #[serde(default)]
    broken: BTreeSet<String>,
}

const NOTE: &str = "reboot";

enum Need {
    Yes(Box<Before>),
    /// With the reason.
    No(String),
}

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
            Err(error) if error.unreachable() => drop(boot::wait(cx, &before, None, deadline, deadline).await?),
            Err(error) => return Err(error.into()),
        }
        return up::prove(cx, spec, &before, asked, deadline).await;
    }
    let before = match need(cx, spec).await? {
        Need::Yes(before) => *before,
        Need::No(why) => return Ok(StepResult::skipped(why)),
    };
    if cx.check {
        return Ok(StepResult::would(format!("would reboot: {}", before.why)));
    }
    let mut before = before;
    if !spec.warn.is_zero() {
        request::warn(cx, spec).await?;
        // Somebody may have installed something in these minutes.
        before = match need(cx, spec).await? {
            Need::Yes(before) => *before,
            Need::No(why) => return Ok(StepResult::skipped(why)),
        };
    }
    cx.journal.note(NOTE, serde_json::to_value(&before).unwrap_or_default()).await?;
    reboot(cx, spec, before).await
}

async fn reboot(cx: &mut StepCx<'_>, spec: &Reboot, mut before: Before) -> Ended {
    let until = Instant::now() + spec.lock_timeout;
    // Nobody waits for a lock with a guard armed, whose time runs.
    if cx.spec.guard.is_some() {
        locks::free(cx, until).await?;
    }
    let guard = guard::arm_or_stop(cx, Outlives::Reboot).await?;
    let asked = loop {
        match request::ask(cx, &before, guard.as_deref(), until).await {
            Ok(Some(asked)) => break asked,
            // Somebody installed packages and is done: neither they nor the kernels are what they were.
            Ok(None) => match need(cx, spec).await {
                // One that somebody else rebooted meanwhile is not rebooted again.
                Ok(Need::Yes(now)) if now.boot == before.boot => {
                    before = *now;
                    cx.journal.note(NOTE, serde_json::to_value(&before).unwrap_or_default()).await?;
                }
                Ok(_) => {}
                Err(result) => {
                    guard::not_begun(cx);
                    return Err(result);
                }
            },
            Err(result) => {
                if matches!(result.class.as_str(), "lock" | "lease-lost") {
                    guard::not_begun(cx);
                }
                return Err(result);
            }
        }
    };
    let deadline = cx.deadline.min(asked.at + spec.timeout);
    // A host that said no may go down all the same, but not after a long time.
    let patience = if asked.against.is_some() { deadline.min(asked.at + Duration::from_secs(60)) } else { deadline };
    boot::wait(cx, &before, asked.against, patience, deadline).await?;
    up::prove(cx, spec, &before, asked.at, deadline).await
}

/// Whether and why the host is to be rebooted, and what must be known before.
async fn need(cx: &mut StepCx<'_>, spec: &Reboot) -> Result<Need, Box<StepResult>> {
    let manager = match packages::manager(cx).await {
        Ok(manager) => Some(manager),
        // A reboot that is wanted in any case needs no package manager.
        Err(result) if result.class == "unsupported" && spec.when == RebootWhen::Always => None,
        Err(result) => return Err(result),
    };
    let (mut why, mut kernel) = (String::new(), None);
    let (mut loader, mut danger, mut passed_over) = (None, None, None);
    if let Some(manager) = manager {
        if !cx.check {
            // While somebody installs, neither the packages nor the kernels say what they will be.
            locks::free(cx, Instant::now() + spec.lock_timeout).await?;
        }
        let mut query = manager.boot();
        query.command.privileged = true;
        let Boot { kernels, reasons } = remote::ask(cx, &query).await?;
        why = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        passed_over = kernels.passed_over();
        kernel = kernels.next().map(str::to_owned);
        loader = kernels.starts.as_ref().map(|starts| starts.by.clone());
        danger = kernels.danger();
    }
    if why.is_empty() {
        if spec.when == RebootWhen::Required {
            let but = passed_over.map(|but| format!("; {but}")).unwrap_or_default();
            return Ok(Need::No(format!("no reboot needed{but}")));
        }
        why = "the playbook asks for it".to_owned();
    }
    if let Some(danger) = danger {
        let summary = format!("{danger}; it was not rebooted");
        let help = "on the host: let the boot loader start the kernel that is meant (update-grub, or its default entry), \
                    or remove the kernels that are not; then run it again with --limit @failed";
        return Err(Box::new(StepResult::failed("boot-loader", summary).help(help)));
    }
    let broken = match manager {
        Some(manager) => health::before(cx, manager).await?,
        None => BTreeSet::new(),
    };
    let boot = remote::ask(cx, &boot::boot_id()).await?;
    let failed_units = match remote::ask(cx, &baseline::query(None, true)).await {
        Ok(now) => now.seen.failed_units,
        // Then every failed unit counts as new: too strict rather than too lax.
        Err(_) => BTreeSet::new(),
    };
    cx.journal.progress(&format!("needs a reboot: {why}"));
    Ok(Need::Yes(Box::new(Before { boot, kernel, loader, failed_units, why, broken })))
}
