//! What is wrong with a file, where, and how it is shown.

use std::fmt;

use super::{Node, Span, excerpt};

/// The most problems that are shown; the others are only counted.
const MOST_SHOWN: usize = 50;

/// One thing that is wrong, with its place and, where one is known, a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Option<Span>,
    /// What, in lower case, without a full stop.
    pub message: String,
    /// What to type instead.
    pub help: Option<String>,
}

/// Everything that is wrong with a set of files. An error when it is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// Adds "expected a list of host names, found a number". Never shows the value, which may be secret.
    pub fn expected(&mut self, what: &str, found: &Node) -> &mut Problem {
        self.at(&found.span, format!("expected {what}, found {}", found.kind()))
    }

    /// Takes over the problems of another set.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value`, unless something is wrong.
    ///
    /// # Errors
    /// The problems themselves.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Problem {
    /// Adds the fix.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    /// `path:line:column: message`, an excerpt with a caret, the help. No newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{}: ", span.place())?;
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = self.span.as_ref().and_then(excerpt::render) {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    /// Every problem, those without a place first, then by file and line, and a count at the end when there are
    /// several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |p: &Problem| p.span.as_ref().map(|s| (s.source.path.clone(), s.line, s.column));
        let mut sorted: Vec<&Problem> = self.0.iter().collect();
        sorted.sort_by_cached_key(|p| place(p));
        for (i, problem) in sorted.iter().take(MOST_SHOWN).enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len() {
            0 | 1 => Ok(()),
            n if n > MOST_SHOWN => write!(f, "\n\n{n} problems, the first {MOST_SHOWN} shown"),
            n => write!(f, "\n\n{n} problems"),
        }
    }
}
