//! Asks the person at the terminal about host keys and for codes, one question at a time. Waiting for them counts
//! against no deadline.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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

/// New hosts share a question if they come no further apart than this,
const QUIET: Duration = Duration::from_millis(500);
/// and the first of them waits at most this long for the others.
const GATHERED: Duration = Duration::from_secs(10);

/// Asks the person at the terminal; shared by all connections of a run.
pub(super) struct Prompter {
    prompt: Option<Arc<dyn Prompt>>,
    turns: Semaphore,
    /// Keys that wait for an answer.
    waiting: Mutex<Vec<NewKey>>,
    decided: Mutex<HashMap<NewKey, Reply>>,
    /// The person wants a question for each host.
    each: AtomicBool,
}

/// The key of a host that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NewKey {
    pub(super) name: String,
    pub(super) algorithm: String,
    /// Its fingerprint.
    pub(super) print: String,
}

/// A key that waits, for as long as this exists.
struct Registered<'a>(&'a Prompter, &'a NewKey);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.0.waiting);
        if let Some(at) = waiting.iter().position(|key| key == self.1) {
            waiting.swap_remove(at);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        Self {
            prompt,
            turns: Semaphore::new(1),
            waiting: Mutex::default(),
            decided: Mutex::default(),
            each: AtomicBool::new(false),
        }
    }

    /// Asks whether this key is the host's. Keys that come at about the same time share one question, and none is
    /// asked about twice.
    pub(super) async fn confirm(&self, key: NewKey) -> Reply {
        locked(&self.waiting).push(key.clone());
        let _registered = Registered(self, &key);
        let turn = self.turn().await;
        let decided = || locked(&self.decided).get(&key).copied();
        if let Some(reply) = decided() {
            return reply;
        }
        let keys = self.gather().await;
        if keys.len() > 1 && !self.each.load(Ordering::SeqCst) {
            match turn.ask_about_all(&keys).await {
                Some(reply) => {
                    locked(&self.decided).extend(keys.into_iter().map(|key| (key, reply)));
                    return decided().unwrap_or(reply);
                }
                None => self.each.store(true, Ordering::SeqCst),
            }
        }
        let reply = turn.ask(&key.name, &key.algorithm, &key.print).await;
        if reply != Reply::Nothing {
            locked(&self.decided).insert(key.clone(), reply);
        }
        reply
    }

    /// The keys that wait and are not decided, once no more of them come.
    async fn gather(&self) -> Vec<NewKey> {
        let until = Instant::now() + GATHERED;
        let mut known = 0;
        loop {
            let decided = locked(&self.decided).clone();
            let mut keys: Vec<NewKey> =
                locked(&self.waiting).iter().filter(|key| !decided.contains_key(key)).cloned().collect();
            keys.sort();
            keys.dedup();
            let quiet = keys.len() == known || Instant::now() >= until;
            if quiet || self.prompt.is_none() || self.each.load(Ordering::SeqCst) {
                return keys;
            }
            known = keys.len();
            tokio::time::sleep(QUIET).await;
        }
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
    /// One question about several hosts; `None`: the person wants one for each.
    async fn ask_about_all(&self, keys: &[NewKey]) -> Option<Reply> {
        let Some(prompt) = self.prompter.prompt.clone() else { return Some(Reply::Nothing) };
        let width = keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
        let mut text = format!("{} hosts are not known. Their keys:\n", keys.len());
        for NewKey { name, algorithm, print } in keys {
            text.push_str(&format!("  {name:<width$}  {algorithm} {print}\n"));
        }
        text.push_str("Continue and record them? (yes: all / no: none / each: one question for each) ");
        let asked = tokio::task::spawn_blocking(move || {
            for _ in 0..QUESTIONS {
                match prompt.line(&text)?.to_ascii_lowercase().as_str() {
                    "yes" => return Some(Some(Reply::Yes)),
                    "no" => return Some(Some(Reply::No)),
                    "each" => return Some(None),
                    _ => {}
                }
            }
            Some(Some(Reply::No))
        });
        asked.await.ok().flatten().unwrap_or(Some(Reply::Nothing))
    }

    /// Asks what OpenSSH's client asks; the full fingerprint counts as yes.
    async fn ask(&self, name: &str, algorithm: &str, print: &str) -> Reply {
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

    fn key(n: usize) -> NewKey {
        NewKey { name: format!("web{n:02}"), algorithm: "ssh-ed25519".to_owned(), print: format!("SHA256:{n}") }
    }

    /// Keeps the questions, and answers them.
    struct Kept(Mutex<Vec<String>>, Answers);

    impl Prompt for Kept {
        fn line(&self, question: &str) -> Option<String> {
            self.0.lock().unwrap().push(question.to_owned());
            self.1.line(question)
        }

        fn secret(&self, _: &str) -> Option<SecretString> {
            None
        }

        fn listen(&self) -> Option<String> {
            None
        }
    }

    #[tokio::test]
    async fn new_hosts_that_come_together_share_one_question() {
        for (answers, said, questions) in [
            (vec!["yes"], [Reply::Yes; 4], 1),
            (vec!["", "no"], [Reply::No; 4], 2),
            (vec![], [Reply::Nothing; 4], 1),
            (vec!["each", "yes", "no", "SHA256:2", "yes"], [Reply::Yes, Reply::No, Reply::Yes, Reply::Yes], 5),
        ] {
            let kept = Arc::new(Kept(Mutex::default(), Answers(Mutex::new(answers.into_iter()))));
            let prompter = Prompter::new(Some(kept.clone()));
            let late = async {
                tokio::time::sleep(QUIET / 2).await;
                prompter.confirm(key(3)).await
            };
            let (a, b, c, d) =
                tokio::join!(prompter.confirm(key(0)), prompter.confirm(key(1)), prompter.confirm(key(2)), late,);
            assert_eq!([a, b, c, d], said);
            let asked = kept.0.lock().unwrap().clone();
            assert_eq!(asked.len(), questions, "{asked:#?}");
            assert!(asked[0].starts_with("4 hosts are not known. Their keys:\n  web00  ssh-ed25519 SHA256:0\n"));
            if said[0] != Reply::Nothing {
                assert_eq!(prompter.confirm(key(1)).await, said[1], "nobody is asked about a key twice");
                assert_eq!(kept.0.lock().unwrap().len(), questions);
            }
        }
    }
}
