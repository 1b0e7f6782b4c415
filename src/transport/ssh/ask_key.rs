//! Asking a person, about host keys and for codes: one question at a time; what they take counts against no deadline.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use secrecy::SecretString;

use crate::prompt::Prompt;

/// How often whoever waits looks whether the person has answered.
const LOOK: Duration = Duration::from_millis(200);
/// Answers that are neither yes nor no, nor the fingerprint.
const QUESTIONS: usize = 3;

/// Whom to ask; shared by all connections of a run.
pub(super) struct Asker {
    prompt: Option<Arc<dyn Prompt>>,
    turns: Semaphore,
}

/// What the person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Yes,
    No,
    /// Nobody is there.
    Nothing,
}

/// The right to ask now.
pub(super) struct Turn<'a> {
    asker: &'a Asker,
    _place: SemaphorePermit<'a>,
}

impl Asker {
    pub(super) fn new(prompt: Option<Arc<dyn Prompt>>) -> Self {
        Self { prompt, turns: Semaphore::new(1) }
    }

    /// Whether somebody answers dialogues.
    pub(super) fn has_dialogue(&self) -> bool {
        self.prompt.is_some()
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        let place = self.turns.acquire().await.expect("the semaphore is never closed");
        Turn { asker: self, _place: place }
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("prompt", &self.prompt.is_some()).finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// The question of OpenSSH's client; the fingerprint, typed in full, is a yes.
    pub(super) async fn ask(&self, name: &str, algorithm: &str, print: &str) -> Said {
        let Some(prompt) = self.asker.prompt.clone() else { return Said::Nothing };
        let text = format!(
            "The host {name} is not known. It shows the key {algorithm} {print}.\nGo on and record it? \
             (yes/no/the fingerprint) "
        );
        let print = print.to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            for _ in 0..QUESTIONS {
                match prompt.line(&text) {
                    None => return Said::Nothing,
                    Some(word) if word.eq_ignore_ascii_case("yes") || word == print => return Said::Yes,
                    Some(word) if word.eq_ignore_ascii_case("no") => return Said::No,
                    Some(_) => {}
                }
            }
            Said::No
        });
        asked.await.unwrap_or(Said::Nothing)
    }
}

impl Turn<'_> {
    /// The person's answers to what `host` asks; `None` when one of them is missing.
    pub(super) async fn answers(&self, host: &str, prompts: Vec<(String, bool)>) -> Option<Vec<SecretString>> {
        let person = self.asker.prompt.clone()?;
        let host = host.to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            // The name stands after the host's own words too: they may name another host.
            let question = |prompt: &str| {
                format!("{host} asks: {prompt}\n(this is {host} asking; your answer is sent to {host}) ")
            };
            let answer = |(prompt, echo): &(String, bool)| match echo {
                true => person.line(&question(prompt)).map(Into::into),
                false => person.secret(&question(prompt)),
            };
            prompts.iter().map(answer).collect()
        });
        asked.await.ok()?
    }
}

/// How long one connection has waited for a person.
#[derive(Debug, Default)]
pub(super) struct Thinking(Mutex<(Duration, Option<Instant>)>);

/// While it lives, a person is being waited for.
pub(super) struct Waiting<'a>(&'a Thinking);

impl Thinking {
    pub(super) fn begin(&self) -> Waiting<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(Instant::now());
        Waiting(self)
    }

    /// Ends when `limit` has passed, the waiting for people not counted.
    pub(super) async fn over(&self, limit: Duration) {
        let began = Instant::now();
        loop {
            let (waited, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let end = began + limit + waited;
            if since.is_none() && Instant::now() >= end {
                return;
            }
            // Until the question is answered nobody knows when the end is.
            tokio::time::sleep_until(if since.is_some() { Instant::now() + LOOK } else { end }).await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = inner.1.take() {
            inner.0 += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn thinking_counts_against_no_deadline() {
        let thinking = Thinking::default();
        let began = Instant::now();
        let person = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let waiting = thinking.begin();
            tokio::time::sleep(Duration::from_secs(600)).await;
            drop(waiting);
        };
        tokio::join!(thinking.over(Duration::from_secs(15)), person);
        assert_eq!(began.elapsed().as_secs(), 615);
    }

    /// Answers one question after the other.
    struct Answers(Mutex<std::vec::IntoIter<&'static str>>);

    impl Prompt for Answers {
        fn line(&self, _: &str) -> Option<String> {
            self.0.lock().unwrap().next().map(str::to_owned)
        }

        fn secret(&self, question: &str) -> Option<SecretString> {
            self.line(question).map(Into::into)
        }

        fn listen(&self) -> Option<String> {
            None
        }
    }

    #[tokio::test]
    async fn yes_and_the_fingerprint_are_a_yes() {
        for (answers, said) in [
            (vec!["yes"], Said::Yes),
            (vec!["", "y", "YES"], Said::Yes),
            (vec!["SHA256:abc"], Said::Yes),
            (vec!["no"], Said::No),
            (vec!["", "", "", "yes"], Said::No),
            (vec![], Said::Nothing),
        ] {
            let asker = Asker::new(Some(Arc::new(Answers(Mutex::new(answers.into_iter())))));
            assert_eq!(asker.turn().await.ask("web01", "ssh-ed25519", "SHA256:abc").await, said);
        }
        assert_eq!(Asker::new(None).turn().await.ask("web01", "ssh-ed25519", "SHA256:abc").await, Said::Nothing);
    }
}
