//! What is remembered of a guard: in the notes of its step, and in the variable of a walk.

use serde_json::{Value, json};

use super::known::Known;
use crate::{
    event::{StepPhase, StepRef, StepResult},
    playbook::{Guard, TemplateScope},
    step::{Interrupted, StepCx},
};

/// The note of a step's guard.
pub(super) const NOTE: &str = "guard";
/// The variable in which a guard over the whole walk goes from the step that armed it to the one that confirms.
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

/// Notes how far it has come.
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

/// Tells the step that ends a guard over the whole walk what this step did about it.
pub(in crate::step) fn hand_on(cx: &StepCx<'_>, result: StepResult) -> StepResult {
    match &cx.spec.guard {
        Some(guard) if guard.whole_walk && cx.guard != Known::Nothing => {
            let begun = cx.guard == Known::Armed || handed_on(cx, &id(cx, guard)) == Known::Armed;
            result.var(VAR, json!({ "id": id(cx, guard), "begun": begun }))
        }
        _ => result,
    }
}

/// Whether some step of a walk armed the guard over all of it, or tried to: then the walk does not end without it.
pub fn was_armed(scope: &TemplateScope) -> bool {
    scope.get(VAR).is_some_and(|var| var.get("id").is_some())
}

/// Whether this result says that the guard over the whole walk has rolled the host back, and that the rollback ended
/// well.
pub fn has_rolled_back(step: StepRef, result: &StepResult) -> bool {
    step.phase == StepPhase::Always && result.class == "rolled-back"
}

/// What the earlier steps of this walk know of this guard.
pub(super) fn handed_on(cx: &StepCx<'_>, id: &str) -> Known {
    match cx.scope.get(VAR).filter(|var| var.get("id").and_then(Value::as_str) == Some(id)) {
        Some(var) if var["begun"] == true => Known::Armed,
        Some(_) => Known::Asked,
        None => Known::Nothing,
    }
}
