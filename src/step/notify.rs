//! `notify`: a message to people, by a program of the jump box or by a webhook. If it cannot be delivered, this is
//! reported; the step fails only where the playbook says `required`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ask, Ended, StepCx, hook};
use crate::{
    command::Command,
    event::{StepResult, Verdict},
    playbook::{Address, Notify, Template},
};

/// How long to wait for a webhook's answer, even if the step has more time.
const WEBHOOK: Duration = Duration::from_secs(30);

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Notify) -> Ended {
    let (ended, required) = match spec {
        Notify::Command { run, message, required } => (tell(cx, run, message).await, *required),
        Notify::Webhook { url, body, message, required } => (post(cx, url, body.as_ref(), message).await, *required),
    };
    let result = ended.unwrap_or_else(|early| *early);
    // Before the last attempt, a failure leads to another attempt.
    let last = cx.attempt > cx.spec.retries;
    Ok(if last && !required && is_lost(&result) { result.unsent() } else { result })
}

/// Whether the other side is at fault, and not the playbook.
fn is_lost(result: &StepResult) -> bool {
    result.verdict == Verdict::Failed && ["notify", "hook", "timeout"].contains(&result.class.as_str())
}

async fn tell(cx: &mut StepCx<'_>, run: &Template, message: &Template) -> Ended {
    let message = cx.scope.render(message)?;
    let mut argv = cx.scope.render_words(run)?;
    hook::find_program(cx, &mut argv)?;
    if cx.check {
        return Ok(StepResult::would(format!("would run {}", argv[0])));
    }
    let program = argv[0].clone();
    let command = Command::changes("notify", argv).env("PATCHWAVE_MESSAGE", message.clone());
    let command = hook::with_names(cx, command).stdin(message);
    let output = hook::on_controller(cx, &command).await?;
    if output.success() {
        return Ok(StepResult::ok(format!("notified through {program}")));
    }
    Ok(StepResult::failed("notify", format!("{program} failed: {}", output.exit)).said(&output))
}

async fn post(cx: &mut StepCx<'_>, url: &Template, body: Option<&Value>, message: &Template) -> Ended {
    let (url, message) = (cx.scope.render(url)?, cx.scope.render(message)?);
    let body = body_of(cx, body, &message)?;
    let shown = match Address::read(&url) {
        Ok(address) => address.site(),
        Err(why) => return Ok(StepResult::failed("bad-address", format!("the webhook: {why}"))),
    };
    if cx.check {
        return Ok(StepResult::would(format!("would post to {shown}")));
    }
    match cx.controller.http(&url, Ask::Post(&body), WEBHOOK.min(cx.remaining())).await {
        Ok((status, _)) if (200..300).contains(&status) => Ok(StepResult::ok(format!("posted to {shown}"))),
        Ok((status, _)) => Ok(StepResult::failed("notify", format!("{shown} answered {status}"))),
        Err(why) => Ok(StepResult::failed("notify", format!("{shown}: {why}"))),
    }
}

fn body_of(cx: &StepCx<'_>, body: Option<&Value>, message: &str) -> Result<Value, Box<StepResult>> {
    let Some(body) = body else { return Ok(json!({ "text": message })) };
    let mut scope = cx.scope.clone();
    scope.set("message", message.into());
    Ok(scope.render_json(body)?)
}
