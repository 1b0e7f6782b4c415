//! `trial: yes`: a new kernel is started once, and becomes the default only after the reboot is proved. Whatever
//! happens in between, the next boot starts the old one.

use super::before::Before;
use crate::{
    event::StepResult,
    pkg::{Kernels, Marks, Trial, marks, set_marks, trial},
    playbook::Reboot,
    step::{Ended, StepCx, packages},
};

/// How the new kernel can be tried; `None`: no trial is wanted, or the reboot starts the running kernel again.
///
/// # Errors
/// The step's result: class `no-trial`, or an unreachable host. It is not rebooted.
pub(super) async fn plan(
    cx: &mut StepCx<'_>,
    spec: &Reboot,
    kernels: &Kernels,
) -> Result<Option<Trial>, Box<StepResult>> {
    let Some(next) = kernels.next().filter(|next| spec.trial && *next != kernels.running) else { return Ok(None) };
    match packages::ask(cx, trial(&kernels.running, next)).await? {
        Ok(trial) => Ok(Some(trial)),
        Err(why) => {
            let summary = format!("kernel {next} cannot be tried: {why}; it was not rebooted");
            let help = "for GRUB: GRUB_DEFAULT=saved in /etc/default/grub, then update-grub; or leave out `trial`";
            Err(Box::new(StepResult::failed("no-trial", summary).help(help)))
        }
    }
}

/// Makes the running kernel the default and the new one that of the next boot.
///
/// # Errors
/// The step's result: class `no-trial`, or a lost host. It is not rebooted.
pub(super) async fn arm(cx: &mut StepCx<'_>, before: &Before) -> Result<(), Box<StepResult>> {
    let Some(trial) = &before.trial else { return Ok(()) };
    let Err(why) = set(cx, trial, &trial.armed()).await? else { return Ok(()) };
    disarm(cx, before).await;
    let summary = format!("kernel {} cannot be tried: {why}; it was not rebooted", trial.releases.1);
    Err(Box::new(StepResult::failed("no-trial", summary)))
}

/// As it was before, for a host that was not rebooted. What goes wrong is left to the next look.
pub(super) async fn disarm(cx: &mut StepCx<'_>, before: &Before) {
    if let Some(trial) = &before.trial
        && !matches!(set(cx, trial, &trial.undone()).await, Ok(Ok(())))
    {
        cx.journal.progress("the boot loader could not be set back");
    }
}

/// After the reboot: the new kernel becomes the default if the reboot was proved, and not otherwise.
pub(super) async fn conclude(cx: &mut StepCx<'_>, before: &Before, ended: Ended) -> Ended {
    let Some(trial) = &before.trial else { return ended };
    let (old, new) = &trial.releases;
    match ended {
        Ok(result) => {
            let why = match set(cx, trial, &trial.passed()).await {
                Ok(Ok(())) => {
                    return Ok(result.detail([format!("the trial of kernel {new} went well; it is the default")]));
                }
                Ok(Err(why)) => why,
                Err(early) => early.summary,
            };
            let summary = format!("kernel {new} runs, but the next boot starts {old}: {why}");
            let help = format!("on the host: make the entry of {new} the default ({})", trial.new);
            let failed = StepResult::failed("boot-loader", summary).help(help).changed(true);
            Ok(StepResult { rebooted: true, ..failed })
        }
        Err(mut result) => {
            if result.class == "wrong-kernel" {
                result.class = "trial-failed".to_owned();
                result.summary = format!("the trial of kernel {new} failed: {}", result.summary);
                result.help = Some(format!(
                    "{new} stays installed, and {old} stays the default; see why it did not start: journalctl --list-boots"
                ));
            } else {
                result.detail.push(format!("the next boot starts {old}: kernel {new} was not proved"));
            }
            Err(result)
        }
    }
}

/// Sets the boot loader and reads its files again. The inner error: they do not have it.
async fn set(cx: &mut StepCx<'_>, trial: &Trial, wanted: &Marks) -> Result<Result<(), String>, Box<StepResult>> {
    let output = packages::change(cx, "setting what the boot loader starts", set_marks(trial, wanted)).await?;
    if !output.success() {
        return Ok(Err(format!("{}: {} {}", trial.tool, output.exit, output.last_lines(1))));
    }
    let now = packages::ask(cx, marks()).await?;
    if now == *wanted {
        return Ok(Ok(()));
    }
    Ok(Err(format!(
        "the boot loader was set, but its files do not have it (default {:?}, once {:?})",
        now.default, now.once
    )))
}
