//! Whether a step is to run at all (`when`), and what `register` keeps of one, whether it ran or not. Knows no kind.
//! Start at [`condition`] and [`complete`].

use serde_json::{Value, json};

use crate::{
    event::{StepResult, Verdict},
    playbook::{StepSpec, TemplateError, TemplateScope},
    step::{kinds::sets_variable, result::TEMPLATE},
};

/// In front of what is wrong with a condition.
const WHEN: &str = "when: ";

/// `Some` when the step is not to run: `when` is false, or cannot be evaluated.
pub fn condition(spec: &StepSpec, scope: &TemplateScope) -> Option<StepResult> {
    let when = spec.when.as_ref()?;
    let mut result = match scope.truth(when) {
        Ok(true) => return None,
        Ok(false) => StepResult::skipped(format!("not needed: `{when}` is false")),
        Err(error) => StepResult::failed(TEMPLATE, format!("{WHEN}{error}")),
    };
    let skipped = result.verdict == Verdict::Skipped;
    keep(spec, &mut result, skipped);
    Some(result)
}

/// Adds what the variable of `register` has of every step, however it ended.
pub fn complete(spec: &StepSpec, result: &mut StepResult) {
    // A check found something to do and did not do it. A step that found nothing to do was carried out.
    let skipped = result.verdict == Verdict::Skipped && result.found_work;
    keep(spec, result, skipped);
}

/// In a check, a template may use what an `earlier` step would have set: that step was not carried out, or failed. Then
/// nothing is known about this one, and that is not a failure of its own.
pub fn foreseen(result: StepResult, earlier: &[StepSpec], scope: &TemplateScope) -> StepResult {
    if result.class != TEMPLATE {
        return result;
    }
    let message = result.summary.strip_prefix(WHEN).unwrap_or(&result.summary).to_owned();
    let error = TemplateError { message, at: None };
    let root = error.undefined().and_then(|name| name.split(['.', '[']).next()).unwrap_or_default();
    let sets = |spec: &&StepSpec| spec.register.as_deref() == Some(root) || sets_variable(&spec.kind) == Some(root);
    let Some(setter) = earlier.iter().rfind(sets) else { return result };
    let not_done = |kept: &Value| ["skipped", "failed"].iter().any(|key| kept[*key] == Value::Bool(true));
    if scope.get(root).is_some_and(|kept| !not_done(kept)) {
        return result;
    }
    let summary = format!("cannot be foreseen: {}, because {:?} was not carried out", result.summary, setter.name);
    StepResult::would(summary)
}

fn keep(spec: &StepSpec, result: &mut StepResult, skipped: bool) {
    let Some(name) = &spec.register else { return };
    let failed = !matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
    let kept = result.vars.entry(name.clone()).or_insert_with(|| json!({}));
    if let Some(kept) = kept.as_object_mut() {
        kept.entry("skipped").or_insert_with(|| skipped.into());
        kept.entry("changed").or_insert_with(|| result.changed.into());
        kept.entry("failed").or_insert_with(|| failed.into());
        kept.entry("summary").or_insert_with(|| result.summary.as_str().into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::playbook::{Pause, StepKind};

    fn spec(when: Option<&str>) -> StepSpec {
        let kind = StepKind::Pause(Pause { duration: std::time::Duration::from_secs(1) });
        StepSpec { when: when.map(str::to_owned), register: Some("r".into()), ..StepSpec::of(kind) }
    }

    fn kept(result: &StepResult) -> [&Value; 3] {
        ["skipped", "changed", "failed"].map(|key| &result.vars["r"][key])
    }

    #[test]
    fn a_step_that_does_not_run_is_registered_too() {
        let scope = TemplateScope::default();
        assert!(condition(&spec(Some("true")), &scope).is_none());
        let skipped = condition(&spec(Some("1 > 2")), &scope).unwrap();
        assert_eq!(kept(&skipped), [true, false, false]);
        assert_eq!(skipped.vars["r"]["summary"], "not needed: `1 > 2` is false");
        let wrong = condition(&spec(Some("nope")), &scope).unwrap();
        assert_eq!(kept(&wrong), [false, false, true]);
    }

    #[test]
    fn every_result_says_whether_its_step_was_carried_out() {
        for (result, expected) in [
            (StepResult::ok("fine").changed(true), [false, true, false]),
            (StepResult::failed("command", "exit code 1"), [false, false, true]),
            (StepResult::unknown("timeout", "timed out").changed(true), [false, true, true]),
            (StepResult::skipped("nothing to do"), [false, false, false]),
            (StepResult::would("would run"), [true, false, false]),
            (StepResult::ok("said").var("r", serde_json::json!({ "failed": true })), [false, false, true]),
        ] {
            let mut result = result;
            complete(&spec(None), &mut result);
            assert_eq!(kept(&result), expected, "{}", result.summary);
        }
        let mut result = StepResult::ok("fine");
        complete(&StepSpec { register: None, ..spec(None) }, &mut result);
        assert!(result.vars.is_empty());
    }
}
