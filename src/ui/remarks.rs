//! What the last page of a run says besides outcomes: who approved what.

use super::text;
use crate::event::RunState;

/// Who let which stage begin or go on.
pub(super) fn approvals(state: &RunState) -> String {
    let mut lines = String::new();
    for (stage, planned) in state.stages.iter().zip(&state.plan().stages) {
        for (moment, by) in &stage.approvals {
            let name = text::clean(&planned.name, 60);
            lines.push_str(&format!("approved: {name} {moment}, by {}\n", text::clean(by, 60)));
        }
    }
    lines
}
