//! What is wrong with a file, where, and how it is shown.

use std::{fmt, path::PathBuf, sync::Arc};

/// A file that was read: its path as the operator wrote it, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As given on the command line or found beside another file.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// A stretch of a source: where a node or a word stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub source: Arc<Source>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// Byte offset of its first character in the text.
    pub start: usize,
    /// Byte offset behind its last character.
    pub end: usize,
}

/// One thing that is wrong, with its place and, where one is known, a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Option<Span>,
    /// What, in lower case, without a full stop.
    pub message: String,
    /// What to type instead.
    pub help: Option<String>,
}

/// All that is wrong with a set of files. An error when it is not empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a problem at a place.
    pub fn at(&mut self, span: &Span, message: impl Into<String>) -> &mut Problem {
        self.0.push(Problem { span: Some(span.clone()), message: message.into(), help: None });
        self.0.last_mut().expect("just pushed")
    }

    /// Adds a problem without a place (a missing file, an empty selection).
    pub fn nowhere(&mut self, message: impl Into<String>) -> &mut Problem {
        self.0.push(Problem { span: None, message: message.into(), help: None });
        self.0.last_mut().expect("just pushed")
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Problem {
    /// Adds the way out.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    /// `path:line:column: message`, an excerpt with a caret, the help; a count at the end when there are several.
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}
