//! Tries with the password, sent directly or in a dialogue; a dialogue may also need a person.

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Interactive, Prompt};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::{
    super::super::ConnectError,
    order::{Login, Try},
};

/// The most rounds of questions.
const ROUNDS: usize = 8;
/// The most questions in one round.
const QUESTIONS: usize = 8;
/// The most columns of a question.
const MOST: usize = 200;

impl Login<'_> {
    pub(super) async fn password(&mut self, password: &SecretString) -> Result<Try, ConnectError> {
        self.shown = true;
        let asking = self.connection.handle.authenticate_password(self.credentials.user, password.expose_secret());
        match timeout_at(self.deadline, asking).await {
            Err(_) => Err(self.late()),
            Ok(Err(_)) => Err(self.ended().await),
            Ok(Ok(result)) => {
                self.password_taken = matches!(result, AuthResult::Failure { partial_success: true, .. });
                self.settle("password".to_owned(), result).await
            }
        }
    }

    /// Answers a dialogue: a hidden question for the password with it, once; other questions are put to a person.
    pub(super) async fn interactive(&mut self) -> Result<Try, ConnectError> {
        let mut password = self.credentials.password.filter(|_| !self.shown);
        let handle = &mut self.connection.handle;
        let devices = self.credentials.rules.devices.clone();
        let start = handle.authenticate_keyboard_interactive_start(self.credentials.user, devices);
        let mut reply = timeout_at(self.deadline, start).await;
        for _ in 0..ROUNDS {
            let responses = match reply {
                Err(_) => return Err(self.late()),
                Ok(Err(_)) => return Err(self.ended().await),
                Ok(Ok(Interactive::Success)) => return Ok(Try::In),
                Ok(Ok(Interactive::Failure { remaining_methods, partial_success })) => {
                    let result = AuthResult::Failure { remaining_methods, partial_success };
                    return self.settle("keyboard-interactive".to_owned(), result).await;
                }
                Ok(Ok(Interactive::InfoRequest { prompts, .. })) => match self.responses(&prompts, &mut password).await
                {
                    Ok(responses) => responses,
                    Err(why) => {
                        self.tried.push("keyboard-interactive".to_owned());
                        self.passed.push(why);
                        return Ok(Try::Next);
                    }
                },
            };
            let responding = self.connection.handle.authenticate_keyboard_interactive_respond(responses);
            reply = timeout_at(self.deadline, responding).await;
        }
        self.tried.push("keyboard-interactive".to_owned());
        Ok(Try::Next)
    }

    /// The answers to one round, or why there are none.
    async fn responses(
        &mut self,
        prompts: &[Prompt],
        password: &mut Option<&SecretString>,
    ) -> Result<Vec<String>, String> {
        if let ([prompt], Some(secret)) = (prompts, *password)
            && !prompt.echo
            && !asks_for_a_code(&prompt.prompt)
        {
            *password = None;
            self.shown = true;
            return Ok(vec![secret.expose_secret().to_owned()]);
        }
        let Some(first) = prompts.first() else { return Ok(Vec::new()) };
        if prompts.len() > QUESTIONS {
            return Err(format!("the host asks {} questions at once", prompts.len()));
        }
        let shown = |prompt: &Prompt| {
            let hide = |text: &str| {
                self.credentials.secrets.map_or_else(|| text.to_owned(), |known| known.hide(text).into_owned())
            };
            // Also before it is cut: a part of a secret is not recognised.
            hide(&one_line(&hide(&prompt.prompt)))
        };
        let first = shown(first);
        if self.credentials.has_person() {
            let prompts = prompts.iter().map(|prompt| (shown(prompt), prompt.echo));
            let asked = Instant::now();
            let answers =
                self.credentials.prompter.turn().await.answers(self.credentials.host, prompts.collect()).await;
            self.deadline += asked.elapsed();
            if let Some(answers) = answers {
                if let Some(secrets) = self.credentials.secrets {
                    answers.iter().for_each(|answer| secrets.add(answer.expose_secret()));
                }
                return Ok(answers.iter().map(|answer| answer.expose_secret().to_owned()).collect());
            }
            return Err(format!("the host asks {first:?}, and nobody answered"));
        }
        Err(format!("the host asks {first:?}, which is not a password prompt"))
    }
}

/// What sshd asks, in one line: PAM's notices come before the question. A long text is cut in the middle, so that it
/// cannot push the host's name off the screen.
fn one_line(prompt: &str) -> String {
    let shown = |word: &str| word.chars().filter(|c| crate::command::shows(*c)).collect::<String>();
    let words = prompt.split_whitespace().map(shown).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if cells(line.chars()) <= MOST {
        return line;
    }
    let part = |chars: &mut dyn Iterator<Item = char>| {
        let mut used = 0;
        let fits = |c: &char| {
            used += cells([*c]);
            used <= MOST / 2 - 2
        };
        chars.take_while(fits).collect::<String>()
    };
    let front = part(&mut line.chars());
    let back: String = part(&mut line.chars().rev()).chars().rev().collect();
    format!("{} \u{2026} {}", front.trim_end(), back.trim_start())
}

/// The most columns that these characters can take.
fn cells(chars: impl IntoIterator<Item = char>) -> usize {
    chars.into_iter().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// A hidden question that is certainly not for the password.
fn asks_for_a_code(prompt: &str) -> bool {
    let prompt = prompt.to_lowercase();
    ["code", "token", "otp", "one-time", "verification", "second factor", "passphrase for"]
        .iter()
        .any(|word| prompt.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_line() {
        let asked = "You must change it.\nChanging password for \x1b[1mann.\r\nCurrent password: ";
        assert_eq!(one_line(asked), "You must change it. Changing password for [1mann. Current password:");
        assert_eq!(one_line("\n \n"), "");
    }

    #[test]
    fn a_question_is_bounded_whatever_it_is_made_of() {
        let blank = format!("{}\n", "\u{2800}".repeat(400)).repeat(10);
        let fake = "[patchwave] db1.prod.example.com asks: sudo password for ops:";
        assert_eq!(one_line(&format!("{blank}{fake} ")), fake);
        for filler in ["x", "x ", "\u{3000}x", "\u{65e5}", "\u{300}", "line\n"] {
            let asked = one_line(&format!("Notice {}{fake}", filler.repeat(100_000)));
            assert!(cells(asked.chars()) <= MOST, "{asked}");
            assert!(asked.starts_with("Notice") && asked.ends_with("for ops:"), "{asked}");
        }
    }

    #[test]
    fn the_password_is_no_answer_to_a_question_for_a_code() {
        for (prompt, code) in [
            ("Password: ", false),
            ("(ops@web01) Password:", false),
            ("Passwort: ", false),
            ("Verification code: ", true),
            ("One-time password (OATH) for `ops': ", true),
            ("Enter PASSCODE:", true),
        ] {
            assert_eq!(asks_for_a_code(prompt), code, "{prompt}");
        }
    }
}
