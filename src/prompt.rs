//! Questions to the person at the terminal. Knows the kinds of question, not who asks or why.

use secrecy::SecretString;

/// Answers questions. Each call may wait for a person for any length of time.
pub trait Prompt: Send + Sync {
    /// Asks a question and reads one line; `None` when there is no answer.
    fn line(&self, question: &str) -> Option<String>;

    /// Asks for a secret without showing what is typed; `None` when there is no answer.
    fn secret(&self, question: &str) -> Option<SecretString>;

    /// Reads a line for a question that is already on the screen and may also be answered elsewhere. Every other
    /// question comes first; `None` when there are no more lines.
    fn listen(&self) -> Option<String>;

    /// Restores the terminal when the program ends in the middle of a question.
    fn restore(&self) {}
}
