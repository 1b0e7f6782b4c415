//! Questions of a step that do not depend on each other's answers are asked together, before the first of them is
//! needed: one round trip in place of many. An answer is used once, by the question that it answers. A question without
//! one is asked when its turn comes, as if nothing had been asked before. Start at [`Heard`];
//! they are asked in `remote.rs`.

use std::time::Duration;

use tokio::time::Instant;

use crate::command::{Command, Output};

/// An answer is about now.
const FRESH: Duration = Duration::from_secs(10);

/// Answers that no question has used yet.
#[derive(Debug, Default)]
pub struct Heard {
    answers: Vec<(Instant, Command, Output)>,
    /// For a check: the package lists that the step's questions use in place of the host's own.
    pub(super) lists_apart: Option<ListsApart>,
}

/// Package lists that a check fetched into a folder of their own.
#[derive(Debug)]
pub struct ListsApart {
    /// The environment variable with which the package manager uses them.
    pub(super) variable: (String, String),
    /// Deletes the folder.
    pub(super) remove: Command,
}

impl Heard {
    /// The answer to this question, if it was given a moment ago.
    pub(super) fn take(&mut self, asked: &Command) -> Option<Output> {
        let at = self.answers.iter().position(|(_, command, _)| is_same(command, asked))?;
        let (when, _, output) = self.answers.swap_remove(at);
        (when.elapsed() < FRESH).then_some(output)
    }

    /// Takes answers that were given just now.
    pub(super) fn learn(&mut self, answers: impl IntoIterator<Item = (Command, Output)>) {
        let now = Instant::now();
        self.answers.extend(answers.into_iter().map(|(command, output)| (now, command, output)));
    }

    /// Whether this question was answered a moment ago.
    pub(super) fn knows(&self, asked: &Command) -> bool {
        self.answers.iter().any(|(when, command, _)| when.elapsed() < FRESH && is_same(command, asked))
    }

    /// The host may not be as it was: something was changed, or waited for.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }
}

fn is_same(one: &Command, other: &Command) -> bool {
    let input = one.stdin.is_empty() && other.stdin.is_empty();
    input && (&one.argv, &one.env, one.privileged) == (&other.argv, &other.env, other.privileged)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn say(word: &str) -> Command {
        Command::sh("say", "echo \"$1\"", [word])
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_about_now() {
        let output = || Output { exit: crate::command::Exit::Code(0), stdout: vec![], stderr: vec![], dropped: 0 };
        let heard = |command: Command| {
            let answers = vec![(Instant::now(), command, output())];
            Heard { answers, lists_apart: None }
        };
        assert!(heard(say("a")).take(&say("a")).is_some());
        for other in [say("b"), say("a").privileged(true), say("a").env("A", "b"), say("a").stdin(*b"x")] {
            assert!(heard(say("a")).take(&other).is_none(), "{other:?}");
        }
        let mut old = heard(say("a"));
        tokio::time::advance(FRESH).await;
        assert!(old.take(&say("a")).is_none());
        let mut forgotten = heard(say("a"));
        forgotten.forget();
        assert!(forgotten.take(&say("a")).is_none());
    }
}
