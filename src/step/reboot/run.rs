//! The reboot from start to proof, and how one that was requested earlier is continued.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    before::Before,
    boot,
    need::{Need, need},
    request, trial, up,
};
use crate::{
    event::{Forecast, StepResult},
    pkg::Class,
    playbook::Reboot,
    step::{
        Ended, StepCx,
        guard::{self, Outlives},
        lease, packages, remote,
    },
};

const NOTE: &str = "reboot";

pub(in crate::step) async fn run(cx: &mut StepCx<'_>, spec: &Reboot) -> Ended {
    // Whichever attempt noted it: this step has requested one reboot, and there is only that one.
    let noted = cx.notes.get(NOTE).cloned().and_then(|value| serde_json::from_value::<Before>(value).ok());
    if let Some(before) = noted {
        let asked = Instant::now();
        let deadline = cx.deadline.min(asked + spec.timeout);
        match remote::ask(cx, &boot::boot_id()).await {
            Ok(now) if now != before.boot => {}
            // The request is bound to the old boot id, so asking again cannot cause a second reboot.
            Ok(_) => {
                lease::acquire(cx).await?;
                return reboot(cx, spec, before).await;
            }
            // It may be going down or coming up.
            Err(error) if error.unreachable() => drop(boot::wait(cx, &before, None, deadline, deadline).await?),
            Err(error) => return Err(error.into()),
        }
        let ended = up::prove(cx, spec, &before, asked, deadline).await;
        return trial::conclude(cx, &before, ended).await;
    }
    let before = match need(cx, spec).await? {
        Need::Yes(before) => *before,
        Need::No(why) => return Ok(StepResult::skipped(why)),
    };
    if cx.check {
        let reboots = before.why.split("; ").map(str::to_owned).collect();
        let result = StepResult::would(format!("would reboot: {}", before.why));
        return Ok(result.forecast(Forecast { reboots, ..Forecast::default() }));
    }
    let mut before = before;
    if !spec.warn.is_zero() {
        request::warn(cx, spec).await?;
        // Packages may have been installed in these minutes.
        before = match need(cx, spec).await? {
            Need::Yes(before) => *before,
            Need::No(why) => return Ok(StepResult::skipped(why)),
        };
    }
    cx.journal.note(NOTE, serde_json::to_value(&before).unwrap_or_default()).await?;
    reboot(cx, spec, before).await
}

/// Looks again at a host whose packages may have changed since `before`, and which may be told to try a kernel.
async fn again(cx: &mut StepCx<'_>, spec: &Reboot, before: &Before) -> Result<Need, Box<StepResult>> {
    trial::disarm(cx, before).await;
    need(cx, spec).await
}

async fn reboot(cx: &mut StepCx<'_>, spec: &Reboot, mut before: Before) -> Ended {
    let until = Instant::now() + spec.lock_timeout;
    // The time of an armed guard is running, so the wait for a lock comes first.
    if cx.spec.guard.is_some() {
        packages::free(cx, until).await?;
    }
    let guard = guard::arm_or_stop(cx, Outlives::Reboot).await?;
    let asked = loop {
        if let Err(result) = trial::arm(cx, &before).await {
            guard::not_begun(cx);
            return Err(result);
        }
        match request::ask(cx, &before, guard.as_deref(), until).await {
            Ok(Some(asked)) => break asked,
            // Another program installed packages and is done: packages and kernels may have changed.
            Ok(None) => match again(cx, spec, &before).await {
                // If the host was rebooted by someone else meanwhile, it is not rebooted again.
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
                trial::disarm(cx, &before).await;
                if [Class::Lock.as_str(), "lease-lost"].contains(&result.class.as_str()) {
                    guard::not_begun(cx);
                }
                return Err(result);
            }
        }
    };
    let deadline = cx.deadline.min(asked.at + spec.timeout);
    // A host that refused may still go down, but only soon.
    let patience = if asked.against.is_some() { deadline.min(asked.at + Duration::from_secs(60)) } else { deadline };
    if let Err(result) = boot::wait(cx, &before, asked.against, patience, deadline).await {
        if !result.changed {
            trial::disarm(cx, &before).await;
        }
        return Err(result);
    }
    let ended = up::prove(cx, spec, &before, asked.at, deadline).await;
    trial::conclude(cx, &before, ended).await
}
