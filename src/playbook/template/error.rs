//! Why a template cannot be rendered, in words that hold no value of any variable.

use std::{fmt, ops::Range};

use minijinja::{Error, ErrorKind};

/// The message when the engine does not know which variable it was; [`Scope`](super::Scope) finds out.
pub(super) const UNNAMED: &str = "an undefined variable is used";

/// A template that cannot be rendered. Names the variable; never shows a value, which may be secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, for people.
    pub message: String,
    /// Where in the template's text, in bytes, when that is known.
    pub at: Option<Range<usize>>,
}

/// A reason of our own inside an engine error: the only free text that is passed on, because we know what is in it.
#[derive(Debug)]
pub(super) struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reason {}

/// An engine error that carries a [`Reason`].
pub(super) fn refuse(reason: impl Into<String>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(Reason(reason.into()))
}

impl TemplateError {
    /// The name that is not defined, where that is what is wrong; empty when the engine does not say which.
    pub fn undefined(&self) -> Option<&str> {
        if self.message == UNNAMED {
            return Some("");
        }
        let (name, rest) = self.message.strip_prefix('`')?.split_once('`')?;
        rest.starts_with(" is undefined").then_some(name)
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None }
    }

    pub(super) fn at(message: impl Into<String>, at: Range<usize>) -> Self {
        Self { message: message.into(), at: Some(at) }
    }

    /// Puts an engine error into words. Its own details are used only for kinds whose details come from the
    /// template's text: others quote values (`unable to calculate 1 + hunter2`).
    pub(super) fn of(error: &Error, source: &str) -> Self {
        let at = error.range().filter(|range| source.get(range.clone()).is_some_and(|text| !text.is_empty()));
        let place = at.clone().and_then(|range| source.get(range)).map(str::trim).unwrap_or_default();
        let detail = error.detail().unwrap_or_default();
        let message = match (reason(error), error.kind()) {
            (Some(reason), _) => reason,
            (None, ErrorKind::UndefinedError) => match undefined_name(detail) {
                Some(name) => format!("`{name}` is undefined"),
                None => UNNAMED.to_owned(),
            },
            (None, ErrorKind::SyntaxError | ErrorKind::BadEscape) => format!("template syntax: {detail}"),
            (None, ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction) => detail.to_owned(),
            (None, ErrorKind::TemplateNotFound | ErrorKind::BadInclude) => {
                "a template cannot include another one".to_owned()
            }
            (None, ErrorKind::OutOfFuel) => "the template does too much work and was stopped".to_owned(),
            (None, kind) if place.is_empty() => format!("the template cannot be computed: {kind}"),
            (None, kind) => format!("`{}` cannot be computed: {kind}", shortened(place)),
        };
        Self { message, at }
    }
}

/// The reason of ours that an error or one of its causes carries.
fn reason(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(reason) = current.downcast_ref::<Reason>() {
            return Some(reason.0.clone());
        }
        cause = current.source();
    }
    None
}

/// The name in "`a.b` is undefined".
fn undefined_name(detail: &str) -> Option<&str> {
    let end = detail.find("` is undefined")?;
    let start = detail[..end].rfind('`')? + 1;
    Some(&detail[start..end])
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}
