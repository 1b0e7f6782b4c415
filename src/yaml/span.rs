//! A text with its path, and parts of it: what nodes and problems point at.

use std::{path::PathBuf, sync::Arc};

/// A file that was read: its path as the operator wrote it, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As given on the command line or found beside another file.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
    /// Whether the text was decrypted: no excerpt of it is shown, and its values are secret.
    pub sealed: bool,
}

impl Source {
    /// A source from text in memory.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), sealed: false })
    }

    /// A source from text that was encrypted.
    pub fn sealed(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), sealed: true })
    }
}

/// A part of a source: the place of a node or a word.
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
    /// Byte offset after its last character.
    pub end: usize,
}

impl Span {
    /// A place that has no lines, like an environment variable. Its text is never shown.
    pub fn of_whole(name: &str) -> Self {
        Self { source: Source::sealed(name, ""), line: 0, column: 0, start: 0, end: 0 }
    }

    /// `path:line:column`, or only the name of a place without lines.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.source.path.display().to_string(),
            _ => format!("{}:{}:{}", self.source.path.display(), self.line, self.column),
        }
    }
}
