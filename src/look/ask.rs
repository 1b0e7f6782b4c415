//! Several questions in one round trip. One that has no answer there is asked again by itself.

use crate::{
    command::{Command, Output, Query},
    transport::{Link, LinkError, NoSink},
};

/// The answers to questions that were asked together, in their order.
pub(super) struct Answers(Vec<Option<Output>>);

impl Answers {
    /// Asks all of these together.
    ///
    /// # Errors
    /// The host cannot be reached.
    pub(super) async fn of(link: &mut Link, commands: &[Command]) -> Result<Self, LinkError> {
        let mut outputs: Vec<Option<Output>> = match link.exec_all(commands).await {
            Ok(outputs) => outputs.into_iter().map(Some).collect(),
            Err(error @ LinkError::Connect(_)) => return Err(error),
            // It was lost on the way, or one of them took too long: each gets its own time.
            Err(_) => Vec::new(),
        };
        outputs.resize(commands.len(), None);
        Ok(Self(outputs))
    }

    /// The answer to question `n`.
    ///
    /// # Errors
    /// Why there is none that can be read.
    pub(super) async fn read<T>(&mut self, link: &mut Link, n: usize, query: &Query<T>) -> Result<T, LinkError> {
        let output = match self.0.get_mut(n).and_then(Option::take) {
            Some(output) => output,
            None => link.exec(&query.command, &mut NoSink).await?,
        };
        query.read(&output).map_err(|unreadable| LinkError::Unreadable { label: query.command.label, unreadable })
    }
}
