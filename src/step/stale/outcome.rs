//! What an upgrade does about programs that still use replaced files, and what it says about them.

use super::{restart::Restarts, survey::survey};
use crate::{
    event::{StepResult, Verdict},
    playbook::RestartServices,
    step::{StepCx, packages, result::unseen},
};

/// What was done and what is left.
#[derive(Clone, Debug, Default)]
pub(in crate::step) struct Outcome {
    /// What was restarted, as people say it.
    pub restarted: Vec<String>,
    /// Services that still use replaced files.
    pub left: Vec<String>,
    /// Why a reboot is due.
    pub reasons: Vec<String>,
    /// More lines for people.
    pub detail: Vec<String>,
    /// What went wrong.
    pub failed: Option<Box<StepResult>>,
}

impl Outcome {
    /// The result of the upgrade together with this.
    pub(in crate::step) fn and(&self, mut result: StepResult) -> StepResult {
        result.detail.extend(self.detail.iter().cloned());
        *result.left_behind = std::mem::take(&mut *result.left_behind).and_services(self.left.iter().cloned());
        if !self.restarted.is_empty() {
            result.summary = format!("{}; restarted {}", result.summary, self.restarted.join(", "));
            result.restarted = self.restarted.clone();
            result.changed = true;
            if result.verdict == Verdict::Skipped {
                result.verdict = Verdict::Ok;
            }
        }
        if let Some(failed) = self.failed.clone() {
            let detail = [vec![result.summary], failed.detail, result.detail].concat();
            let changed = result.changed || failed.changed;
            (result.verdict, result.class, result.summary) = (failed.verdict, failed.class, failed.summary);
            (result.detail, result.help, result.changed) = (detail, failed.help, changed);
        }
        result
    }
}

/// Restarts what uses replaced files, or only says what does. Nothing that goes wrong here is lost: it is a part of the
/// outcome.
pub(in crate::step) async fn after_upgrade(cx: &mut StepCx<'_>, restart: RestartServices) -> Outcome {
    let mut outcome = Outcome::default();
    if restart == RestartServices::Needed && !cx.check {
        match restart_needed(cx).await {
            Ok(restarted) => outcome.restarted = restarted,
            Err(early) => {
                let early = unseen("services were to be restarted", early);
                outcome.failed = Some(Box::new(StepResult { changed: true, ..*early }));
            }
        }
    }
    match survey(cx).await {
        Ok(survey) => {
            let manager = survey.manager.then(|| "systemd (process 1)".to_owned());
            let units = survey.restart.iter().map(|unit| super::sort::short(unit).to_owned());
            outcome.left = manager.into_iter().chain(units).chain(survey.keep).collect();
            outcome.reasons = survey.reasons;
            outcome.detail = survey.detail;
        }
        Err(error) => outcome.detail.push(format!("cannot tell which services use replaced files: {}", error.summary)),
    }
    outcome
}

async fn restart_needed(cx: &mut StepCx<'_>) -> Result<Vec<String>, Box<StepResult>> {
    let restarts = match Restarts::begun(cx) {
        Some(restarts) => restarts,
        None => Restarts::of(&survey(cx).await?),
    };
    if restarts.is_empty() {
        return Ok(Vec::new());
    }
    // A program that installs packages needs some of these units.
    packages::free(cx, tokio::time::Instant::now() + packages::PATIENCE.min(cx.remaining())).await?;
    restarts.run(cx).await?;
    Ok(restarts.names())
}
