//! HTTP checks from the jump box, shared by verify and wait_for.

use super::{Ask, StepCx};
use crate::{
    event::StepResult,
    playbook::{Address, HttpCheck},
};

/// Whether the check passes now; the inner error says why not, for people.
///
/// # Errors
/// A template that cannot be rendered, as the step's result.
pub(super) async fn holds(cx: &StepCx<'_>, check: &HttpCheck) -> Result<Result<(), String>, Box<StepResult>> {
    let url = cx.scope.render(&check.url)?;
    let text = check.contains.as_ref().map(|text| cx.scope.render(text)).transpose()?;
    // Without login and query, which may hold secrets.
    let shown = match Address::read(&url) {
        Ok(address) => address.page(),
        Err(why) => return Ok(Err(format!("the http check: {why}"))),
    };
    // Even a page that never ends has its status.
    let ask = text.as_deref().map_or(Ask::Status(check.status), |text| Ask::Text(check.status, text));
    let (status, body) = match cx.controller.http(&url, ask, check.timeout.min(cx.remaining())).await {
        Ok(answer) => answer,
        Err(why) => return Ok(Err(format!("{shown}: {why}"))),
    };
    if status != check.status {
        return Ok(Err(format!("{shown} answers {status}, not {}", check.status)));
    }
    match text {
        Some(text) if !contains(&body, text.as_bytes()) => {
            Ok(Err(format!("{shown} answers {status} without the expected text")))
        }
        _ => Ok(Ok(())),
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found() {
        assert!(contains(b"status: ok", b"ok") && contains(b"", b"") && !contains(b"o", b"ok"));
    }
}
