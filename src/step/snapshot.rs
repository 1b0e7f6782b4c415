//! `snapshot` and `snapshot_restore`: the operator's own way back, through hooks.

use serde_json::json;

use super::{Ended, StepCx, hook};
use crate::{
    command::printable,
    event::{LeftBehind, StepResult},
    playbook::Hook,
};

/// What a hook prints instead of an id when it took no snapshot.
const NONE: &str = "none";

/// Runs the hook; from now on `snapshot.id` is the last non-empty line of its standard output. With `none` the hook
/// says that there is no snapshot: the walk goes on, and the step is not ok but skipped.
pub(super) async fn take(cx: &mut StepCx<'_>, spec: &Hook) -> Ended {
    let output = hook::run(cx, spec, "hook").await?;
    let text = output.text();
    let id = text.lines().map(printable).map(|line| line.trim().to_owned()).rfind(|line| !line.is_empty());
    let Some(id) = id else {
        // Without an id there is no way back, and the host would be patched without a safety net.
        let summary = "the snapshot hook succeeded but printed no snapshot id";
        let help = "the last line that the hook prints must be the snapshot's id";
        return Ok(StepResult::failed("hook", summary).help(help).changed(true));
    };
    if id == NONE {
        let left = LeftBehind { no_snapshot: true, ..LeftBehind::default() };
        let result = StepResult::skipped(format!("no snapshot was taken: the hook printed `{NONE}`"));
        return Ok(result.var("snapshot", json!({ "id": id })).left_behind(left));
    }
    Ok(StepResult::ok(format!("snapshot {id}")).var("snapshot", json!({ "id": id })).changed(true))
}

/// Runs the hook that restores the snapshot.
pub(super) async fn restore(cx: &mut StepCx<'_>, spec: &Hook) -> Ended {
    hook::around(cx, spec, "snapshot restored").await
}
