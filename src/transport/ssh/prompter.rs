//! Asks the person at the terminal about host keys and for codes, one question at a time. Waiting for them counts
//! against no deadline.

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

/// How often a waiting connection checks for an answer.
const LOOK: Duration = Duration::from_millis(200);
/// How often the question is asked until the answer is yes, no or the fingerprint.
const QUESTIONS: usize = 3;

/// Asks the person at the terminal; shared by all connections of a run.
pub(super) struct Prompter {
    prompt: Option<Arc<dyn Prompt>>,
    turns: Semaphore,
}

/// The person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Yes,
    No,
    /// No person can be asked.
    Nothing,
}

/// The right to ask now.
pub(super) struct Turn<'a> {
    prompter: &'a Prompter,
    _place: SemaphorePermit<'a>,
}

impl Prompter {
    pub(super) fn new(prompt: Option<Arc<dyn Prompt>>) -> Self {
        Self { prompt, turns: Semaphore::new(1) }
    }

    /// Whether a person can answer dialogues.
    pub(super) fn has_dialogue(&self) -> bool {
        self.prompt.is_some()
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        let place = self.turns.acquire().await.expect("the semaphore is never closed");
        Turn { prompter: self, _place: place }
    }
}

impl fmt::Debug for Prompter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompter").field("prompt", &self.prompt.is_some()).finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// Asks what OpenSSH's client asks; the full fingerprint counts as yes.
    pub(super) async fn ask(&self, name: &str, algorithm: &str, print: &str) -> Reply {
        let Some(prompt) = self.prompter.prompt.clone() else { return Reply::Nothing };
        let text = format!(
            "The host {name} is not known. Its key is {algorithm} {print}.\nContinue and record it? \
            (yes/no/fingerprint) "
        );
        let print = print.to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            for _ in 0..QUESTIONS {
                match prompt.line(&text) {
                    None => return Reply::Nothing,
                    Some(word) if word.eq_ignore_ascii_case("yes") || word == print => return Reply::Yes,
                    Some(word) if word.eq_ignore_ascii_case("no") => return Reply::No,
                    Some(_) => {}
                }
            }
            Reply::No
        });
        asked.await.unwrap_or(Reply::Nothing)
    }
}

impl Turn<'_> {
    /// The person's answers to the questions of `host`; `None` when one is missing.
    pub(super) async fn answers(&self, host: &str, prompts: Vec<(String, bool)>) -> Option<Vec<SecretString>> {
        let person = self.prompter.prompt.clone()?;
        let host = host.to_owned();
        let asked = tokio::task::spawn_blocking(move || {
            // The name also follows the host's own text, which may name another host.
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
pub(super) struct PromptTime(Mutex<(Duration, Option<Instant>)>);

/// While it exists, the connection is waiting for a person.
pub(super) struct Waiting<'a>(&'a PromptTime);

impl PromptTime {
    pub(super) fn begin(&self) -> Waiting<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(Instant::now());
        Waiting(self)
    }

    /// Returns after `limit`, not counting the time spent waiting for people.
    pub(super) async fn over(&self, limit: Duration) {
        let began = Instant::now();
        loop {
            let (waited, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let end = began + limit + waited;
            if since.is_none() && Instant::now() >= end {
                return;
            }
            // Until the question is answered the end is unknown.
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
    async fn waiting_for_a_person_counts_against_no_deadline() {
        let prompt_time = PromptTime::default();
        let began = Instant::now();
        let person = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let waiting = prompt_time.begin();
            tokio::time::sleep(Duration::from_secs(600)).await;
            drop(waiting);
        };
        tokio::join!(prompt_time.over(Duration::from_secs(15)), person);
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
            (vec!["yes"], Reply::Yes),
            (vec!["", "y", "YES"], Reply::Yes),
            (vec!["SHA256:abc"], Reply::Yes),
            (vec!["no"], Reply::No),
            (vec!["", "", "", "yes"], Reply::No),
            (vec![], Reply::Nothing),
        ] {
            let prompter = Prompter::new(Some(Arc::new(Answers(Mutex::new(answers.into_iter())))));
            assert_eq!(prompter.turn().await.ask("web01", "ssh-ed25519", "SHA256:abc").await, said);
        }
        assert_eq!(Prompter::new(None).turn().await.ask("web01", "ssh-ed25519", "SHA256:abc").await, Reply::Nothing);
    }
}
