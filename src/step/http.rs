//! HTTP checks from the jump box, shared by verify and wait_for.

use super::StepCx;
use crate::{event::StepResult, playbook::HttpCheck};

/// Whether the check holds now; the inner error says why not, for people.
///
/// # Errors
/// A template that cannot be rendered, as the step's result.
pub(super) async fn holds(cx: &StepCx<'_>, check: &HttpCheck) -> Result<Result<(), String>, Box<StepResult>> {
    let url = cx.scope.render(&check.url)?;
    let text = check.contains.as_ref().map(|text| cx.scope.render(text)).transpose()?;
    let (status, body) = match cx.controller.http(&url, None, check.timeout.min(cx.remaining())).await {
        Ok(answer) => answer,
        Err(why) => return Ok(Err(format!("{}: {why}", shown(&url)))),
    };
    if status != check.status {
        return Ok(Err(format!("{} answers {status}, not {}", shown(&url), check.status)));
    }
    match text {
        Some(text) if !contains(&body, text.as_bytes()) => {
            Ok(Err(format!("{} answers {status} without the expected text", shown(&url))))
        }
        _ => Ok(Ok(())),
    }
}

/// Without login and query, which may hold secrets.
fn shown(url: &str) -> String {
    let site = super::notify::site(url);
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("{site}{}", path.split(['?', '#']).next().unwrap_or_default())
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(shown("https://u:p@h:1/a/b?token=x#y"), "https://h:1/a/b");
        assert_eq!(shown("https://h"), "https://h");
    }

    #[test]
    fn texts_are_found() {
        assert!(contains(b"status: ok", b"ok") && contains(b"", b"") && !contains(b"o", b"ok"));
    }
}
