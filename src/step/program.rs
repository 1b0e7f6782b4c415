//! What `command` and `script` have in common: the environment, how an exit is judged, what later steps see of it.

use std::collections::BTreeMap;

use serde_json::json;

use super::StepCx;
use crate::{
    command::{Command, Exit, Output},
    event::StepResult,
    mask::Secrets,
    playbook::{StepSpec, Template, TemplateScope},
    sensitive,
};

/// Most bytes of each stream that `register` keeps.
const REGISTERED: usize = 16 << 10;

/// Adds the rendered `environment:`.
pub(super) fn with_environment(
    cx: &StepCx<'_>,
    mut command: Command,
    environment: &BTreeMap<String, Template>,
) -> Result<Command, Box<StepResult>> {
    for (name, value) in environment {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let summary = format!("{name:?} cannot be the name of an environment variable");
            return Err(Box::new(StepResult::failed("bad-command", summary)));
        }
        let value = cx.scope.render(value)?;
        if sensitive::name(name) {
            cx.link.secrets().add(&value);
        }
        command = command.env(name, value);
    }
    Ok(command)
}

/// Adds the secrets of this step's `environment:` that can be rendered with what is known now. If an earlier controller
/// was at work, this includes what it may have made from secret variables.
pub fn learn_secrets(spec: &StepSpec, scope: &TemplateScope, secrets: &Secrets, again: bool) {
    if again && let Ok(spec) = serde_json::to_value(&spec.kind) {
        scope.record_secrets(&spec);
    }
    let secret = spec.kind.environment().into_iter().flatten().filter(|(name, _)| sensitive::name(name));
    secret.filter_map(|(_, value)| scope.render(value).ok()).for_each(|value| secrets.add(&value));
}

/// The step's result for a program that ended.
pub(super) fn judge(cx: &StepCx<'_>, output: &Output, ok_codes: &[u32], changes: bool) -> StepResult {
    let good = matches!(output.exit, Exit::Code(code) if ok_codes.contains(&code));
    let last = output.last_lines(1);
    let result = if good {
        StepResult::ok(if last.is_empty() { output.exit.to_string() } else { last })
    } else {
        let class = if output.exit == Exit::Code(127) { "command-not-found" } else { "command" };
        let colon = if last.is_empty() { "" } else { ": " };
        StepResult::failed(class, format!("{}{colon}{last}", output.exit)).said(output)
    };
    let result = result.changed(changes);
    match &cx.spec.register {
        Some(name) => {
            let code = if let Exit::Code(code) = output.exit { Some(code) } else { None };
            let seen = json!({
                "code": code,
                "rc": code,
                "stdout": text(&output.stdout),
                "stderr": text(&output.stderr),
                "changed": changes,
                "failed": !good,
            });
            result.var(name, seen)
        }
        None => result,
    }
}

/// As a shell's `$(…)`: without the newlines at the end.
fn text(bytes: &[u8]) -> String {
    let end = &bytes[bytes.len().saturating_sub(REGISTERED)..];
    String::from_utf8_lossy(end).trim_end_matches('\n').to_owned()
}
