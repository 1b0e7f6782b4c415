//! Why a command ended without doing its work: an exit code, a sentence, a way out.

use std::fmt;

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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message.trim_end())?;
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}
