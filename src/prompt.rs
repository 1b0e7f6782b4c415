//! Somebody at the terminal who can be asked. Knows what kinds of question there are, not who asks and why.

use secrecy::SecretString;

/// Whoever answers questions. Each call may wait for a person as long as they take.
pub trait Prompt: Send + Sync {
    /// Asks a question, and reads one line; `None` when nobody answers.
    fn line(&self, question: &str) -> Option<String>;

    /// Asks for a secret, without showing what is typed; `None` when nobody answers.
    fn secret(&self, question: &str) -> Option<SecretString>;

    /// Reads a line for a question that is on the screen already and may be answered elsewhere, too. It gives way to
    /// every other question; `None` when no line comes any more.
    fn listen(&self) -> Option<String>;

    /// Leaves the terminal as it was found, when the program ends while somebody is asked.
    fn restore(&self) {}
}
