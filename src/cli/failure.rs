//! Why a command did not do its work: an exit code, a message and a hint.

use std::fmt;

use crate::{command::shows, engine::BeginError, hint::Hint, ledger::LedgerError};

/// A command that was not carried out. Exit code 1: an internal error, 2: wrong usage, 3: refused.
#[derive(Debug)]
pub struct Failure {
    /// The process's exit code.
    pub code: u8,
    /// What is wrong; may have several lines.
    pub message: String,
    /// What to type next.
    pub help: Option<Hint>,
}

impl Failure {
    /// The command line, or a file that it names, is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { code: 2, message: message.to_string(), help: None }
    }

    /// The command is valid but must not be carried out now.
    pub fn refused(message: impl fmt::Display) -> Self {
        Self { code: 3, message: message.to_string(), help: None }
    }

    /// This machine or this program failed.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self { code: 1, message: message.to_string(), help: None }
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<Hint>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A ledger that cannot be used, or a run that is locked, is a refusal with a hint. An unknown run is wrong usage.
impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let help = error.help();
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

/// Messages quote files, paths and hosts, which may contain anything.
pub(super) fn harmless(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || shows(*c)).collect()
}

impl Failure {
    /// The whole text for a person; `program` is the program's name in commands.
    pub fn render(&self, program: &str) -> String {
        let message = harmless(self.message.trim_end());
        let help = self.help.as_ref().map(|help| format!("\nhelp: {}", harmless(&help.render(program))));
        format!("error: {message}{}", help.unwrap_or_default())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render("patchwave"))
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

    #[test]
    fn commands_of_a_help_find_the_ledger() {
        let failure = Failure::refused("no").help(Hint::words("see ").and_command("runs", &[]).and("; ask runs"));
        assert_eq!(
            failure.render("patchwave --state-dir s"),
            "error: no\nhelp: see `patchwave --state-dir s runs`; ask runs"
        );
    }
}
