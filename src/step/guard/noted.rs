//! What is remembered about a guard: in the notes of its step, and in a variable of the walk.

use serde_json::{Value, json};

use super::known::Known;
use crate::{
    event::{StepPhase, StepRef, StepResult},
    playbook::{Guard, TemplateScope},
    step::{Interrupted, StepCx},
};

/// The note of a step's guard.
pub(super) const NOTE: &str = "guard";
/// The variable that passes a guard over the whole walk from the step that armed it to the step that confirms it.
pub(super) const VAR: &str = "guard";

/// What an earlier controller noted about this step's guard.
pub(in crate::step) fn recall(cx: &StepCx<'_>) -> Known {
    match cx.notes.get(NOTE).and_then(|note| note["stand"].as_str()) {
        Some("asked") => Known::Asked,
        Some("confirmed") => Known::Confirmed,
        Some(_) => Known::Armed,
        None => Known::Nothing,
    }
}

/// Notes the state of the guard.
pub(super) async fn note(cx: &mut StepCx<'_>, id: &str, stand: &str) -> Result<(), Interrupted> {
    cx.journal.note(NOTE, json!({ "id": id, "stand": stand })).await
}

/// The guard's id on the host.
pub(super) fn id(cx: &StepCx<'_>, guard: &Guard) -> String {
    match guard.whole_walk {
        true => cx.named("walk"),
        false => cx.named(&format!("{}.{}", cx.step_name(), cx.attempt)),
    }
}

/// Passes on what this step did about a guard over the whole walk, to the step that ends that guard.
pub(in crate::step) fn hand_on(cx: &StepCx<'_>, result: StepResult) -> StepResult {
    match &cx.spec.guard {
        Some(guard) if guard.whole_walk && cx.guard != Known::Nothing => {
            let begun = cx.guard == Known::Armed || handed_on(cx, &id(cx, guard)) == Known::Armed;
            result.var(VAR, json!({ "id": id(cx, guard), "begun": begun }))
        }
        _ => result,
    }
}

/// Whether a step of a walk armed the guard over all of it, or tried to: then the walk must end with that guard.
pub fn was_armed(scope: &TemplateScope) -> bool {
    scope.get(VAR).is_some_and(|var| var.get("id").is_some())
}

/// Whether this result says that the guard over the whole walk has rolled the host back, and that the rollback
/// succeeded.
pub fn has_rolled_back(step: StepRef, result: &StepResult) -> bool {
    step.phase == StepPhase::Always && result.class == "rolled-back"
}

/// What the earlier steps of this walk know about this guard.
pub(super) fn handed_on(cx: &StepCx<'_>, id: &str) -> Known {
    match cx.scope.get(VAR).filter(|var| var.get("id").and_then(Value::as_str) == Some(id)) {
        Some(var) if var["begun"] == true => Known::Armed,
        Some(_) => Known::Asked,
        None => Known::Nothing,
    }
}
