//! A person at the terminal, for tests.

use std::sync::Arc;

use patchwave::prompt::Prompt;
use secrecy::SecretString;

/// Answers every question by a function of its text and of whether what is typed is shown.
pub struct Scripted<F>(F);

impl<F: Fn(&str, bool) -> Option<String> + Send + Sync> Scripted<F> {
    /// A person who answers like this.
    pub fn new(answer: F) -> Arc<Self> {
        Arc::new(Self(answer))
    }
}

impl<F: Fn(&str, bool) -> Option<String> + Send + Sync> Prompt for Scripted<F> {
    fn line(&self, question: &str) -> Option<String> {
        (self.0)(question, true)
    }

    fn secret(&self, question: &str) -> Option<SecretString> {
        (self.0)(question, false).map(Into::into)
    }

    fn listen(&self) -> Option<String> {
        (self.0)("", true)
    }
}
