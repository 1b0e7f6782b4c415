//! Why a command ended without doing its work: an exit code, a sentence, a way out.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use crate::{command::shows, engine::BeginError, ledger::LedgerError};

/// A command that was not carried out. Its exit code is one of product's: 1 our fault, 2 usage, 3 refused.
#[derive(Debug)]
pub struct Failure {
    /// The process's exit code.
    pub code: u8,
    /// What is wrong; may be several lines.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
}

impl Failure {
    /// The command line, or a file that it names, is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { code: 2, message: message.to_string(), help: None }
    }

    /// All is well formed, and yet it may not be done now.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self { code: 3, message: message.to_string(), help: None }
    }

    /// This machine or this program is at fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self { code: 1, message: message.to_string(), help: None }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }
}

/// A ledger that cannot be used is a refusal that says what to do; a lock is one as well. A run that is not there was
/// misspelt.
impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let help = error.help().map(Cow::into_owned);
        let mut failure = match error {
            LedgerError::Absent { .. } | LedgerError::UnknownRun { .. } | LedgerError::Ambiguous { .. } => {
                Self::usage(error)
            }
            _ => Self::refused(error),
        };
        failure.help = help;
        failure
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Ledger(error) => error.into(),
            BeginError::Illegal(error) => Self::internal(error),
        }
    }
}

/// Files, paths and hosts are quoted in messages, and may hold anything.
fn harmless(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || shows(*c)).try_for_each(|c| f.write_char(c))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error: ")?;
        harmless(self.message.trim_end(), f)?;
        if let Some(help) = &self.help {
            f.write_str("\nhelp: ")?;
            harmless(help, f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_steers_a_terminal() {
        let failure = Failure::usage("a \x1b[2Jkey\u{9b}1m\nb\u{202e}").help("c\x07");
        assert_eq!(failure.to_string(), "error: a [2Jkey1m\nb\nhelp: c");
    }
}
