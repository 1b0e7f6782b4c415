//! Tries with the password, asked for plainly or in a dialogue.

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse as Interactive};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout_at;

use super::{
    super::super::ConnectError,
    order::{Login, Try},
};

/// Rounds of questions that are borne.
const ROUNDS: usize = 8;

impl Login<'_> {
    pub(super) async fn password(&mut self, password: &SecretString) -> Result<Try, ConnectError> {
        let asking = self.connection.handle.authenticate_password(self.ways.user, password.expose_secret());
        match timeout_at(self.deadline, asking).await {
            Err(_) => Err(self.late()),
            Ok(Err(_)) => Err(self.ended().await),
            Ok(Ok(result)) => self.settle("password".to_owned(), result).await,
        }
    }

    /// Answers a single hidden question with the password, once; anything else cannot be answered without a person.
    pub(super) async fn interactive(&mut self, password: &SecretString) -> Result<Try, ConnectError> {
        let handle = &mut self.connection.handle;
        let mut answered = false;
        let start = handle.authenticate_keyboard_interactive_start(self.ways.user, None::<String>);
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
                Ok(Ok(Interactive::InfoRequest { prompts, .. })) => match prompts.as_slice() {
                    [] => Vec::new(),
                    [prompt] if !prompt.echo && !answered => {
                        answered = true;
                        vec![password.expose_secret().to_owned()]
                    }
                    others => {
                        let text = others.first().map(|p| crate::command::printable(&p.prompt)).unwrap_or_default();
                        self.tried.push("keyboard-interactive".to_owned());
                        self.passed
                            .push(format!("the host asks {:?}, which the password does not answer", text.trim()));
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
}
