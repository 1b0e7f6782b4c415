//! What can be wrong, and where.

use std::{fmt, sync::Arc};

/// A line of a file, or the command line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was named, or another source of the option.
    pub path: Arc<str>,
    /// Counted from 1; 0 where there are no lines.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.path),
            line => write!(f, "{}:{line}", self.path),
        }
    }
}

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What; names the keyword.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(place: &Place, message: impl Into<String>) -> Self {
        Self { place: place.clone(), message: message.into(), help: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, crate::command::printable(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A configuration that is invalid, or that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshConfigError {
    /// Lines that OpenSSH would refuse as well; all of them.
    #[error("{}", list(.0))]
    Bad(Vec<Problem>),
    /// A keyword that OpenSSH honours and we do not.
    #[error("{0}")]
    Unsupported(Problem),
    /// A file that cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// As it was named.
        path: String,
        /// The system's error, or ours about owner and mode.
        why: String,
    },
}

impl SshConfigError {
    pub(super) fn bad(place: &Place, message: impl Into<String>) -> Self {
        Self::Bad(vec![Problem::new(place, message)])
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
