//! `pause`: wait for a while. An interrupted pause continues; it does not start again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Ended, StepCx};
use crate::{event::StepResult, playbook::Pause};

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Pause) -> Ended {
    if cx.check {
        return Ok(StepResult::would(format!("would pause for {:?}", spec.duration)));
    }
    let now = cx.clock.now();
    let noted = cx.notes.get("until").filter(|_| cx.resumed).and_then(|value| value.as_str()?.parse().ok());
    let until: Timestamp = match noted {
        Some(until) => until,
        None => {
            let long = SignedDuration::try_from(spec.duration).unwrap_or(SignedDuration::ZERO);
            let until = now.saturating_add(long).unwrap_or(Timestamp::MAX);
            cx.journal.note("until", until.to_string().into()).await?;
            until
        }
    };
    // If the clock was set back, the pause must not become longer.
    let left = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO).min(spec.duration);
    if left > cx.remaining() {
        tokio::time::sleep(cx.remaining()).await;
        return Ok(StepResult::failed("timeout", "the pause is longer than the step's time limit"));
    }
    tokio::time::sleep(left).await;
    Ok(StepResult::ok(format!("paused for {:?}", spec.duration)))
}
