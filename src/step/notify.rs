//! `notify`: a message to people, by a program of the jump box or by a webhook.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ended, StepCx, hook};
use crate::{
    command::Command,
    event::StepResult,
    playbook::{Address, Notify},
};

/// A webhook's answer; a step's longer time does not make it wait longer.
const WEBHOOK: Duration = Duration::from_secs(30);

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Notify) -> Ended {
    match spec {
        Notify::Command { run, message } => {
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
        Notify::Webhook { url, body, message } => {
            let (url, message) = (cx.scope.render(url)?, cx.scope.render(message)?);
            let body = body_of(cx, body.as_ref(), &message)?;
            let shown = match Address::read(&url) {
                Ok(address) => address.site(),
                Err(why) => return Ok(StepResult::failed("notify", format!("the webhook: {why}"))),
            };
            if cx.check {
                return Ok(StepResult::would(format!("would post to {shown}")));
            }
            match cx.controller.http(&url, Some(&body), WEBHOOK.min(cx.remaining())).await {
                Ok((status, _)) if (200..300).contains(&status) => Ok(StepResult::ok(format!("posted to {shown}"))),
                Ok((status, _)) => Ok(StepResult::failed("notify", format!("{shown} answered {status}"))),
                Err(why) => Ok(StepResult::failed("notify", format!("{shown}: {why}"))),
            }
        }
    }
}

fn body_of(cx: &StepCx<'_>, body: Option<&Value>, message: &str) -> Result<Value, Box<StepResult>> {
    let Some(body) = body else { return Ok(json!({ "text": message })) };
    let mut scope = cx.scope.clone();
    scope.set("message", message.into());
    Ok(scope.render_json(body)?)
}
