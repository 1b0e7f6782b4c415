//! What the host's answer to a try means, and how a failed login is reported.

use std::{fmt::Write as _, time::Duration};

use russh::{MethodKind, client::AuthResult};
use tokio::time::{timeout, timeout_at};

use super::{
    super::{
        super::{Class, ConnectError, Phase},
        failure::{connect as failed, span},
        handshake::HowEnded,
    },
    order::{Login, Try},
};

const WHO_LOGS_IN: &str =
    "check `ansible_user` and `ansible_ssh_private_key_file`; `ssh-add -l` lists the agent's keys";
const WRONG_PASSWORD: &str =
    "is the password right, and is the account unlocked? each wrong one counts against the account";
const NOBODY_TO_ASK: &str = "it may want a code: at a terminal, patchwave asks you for it";
const HUNG_UP: &str = "sshd hangs up like this when PAM refuses the account: it has expired, or `nologin` blocks all \
logins while the host boots or shuts down";
const AGENT_SILENT: &str = "is it locked, or is it waiting for a touch or a confirmation? check with `ssh-add -l`";

impl Login<'_> {
    /// Asks with no credentials at all, which is how SSH asks for the list of methods (RFC 4252, section 5.2).
    pub(super) async fn ask_what_is_allowed(&mut self) -> Result<Try, ConnectError> {
        let asking = self.connection.handle.authenticate_none(self.credentials.user);
        let result = match timeout_at(self.deadline, asking).await {
            Err(_) => return Err(self.late()),
            Ok(Err(_)) => return Err(self.ended().await),
            Ok(Ok(result)) => result,
        };
        let tried = self.tried.len();
        let answer = self.settle(String::new(), result).await;
        self.tried.truncate(tried);
        answer
    }

    /// Handles the host's answer to one try.
    pub(super) async fn settle(&mut self, name: String, result: AuthResult) -> Result<Try, ConnectError> {
        match result {
            AuthResult::Success => Ok(Try::In),
            AuthResult::Failure { remaining_methods, partial_success } => {
                if !name.is_empty() {
                    if partial_success { &mut self.taken } else { &mut self.tried }.push(name);
                }
                // russh reports this when the connection was lost, too.
                if remaining_methods.is_empty() || self.connection.handle.is_closed() {
                    return Err(self.ended().await);
                }
                self.allowed = Some(remaining_methods);
                Ok(Try::Next)
            }
        }
    }

    /// The connection is over: refused for good, or lost?
    pub(super) async fn ended(&mut self) -> ConnectError {
        // The connection's task notes why before it ends.
        let _ = timeout(Duration::from_secs(1), &mut self.connection.handle).await;
        let Some(end) = self.connection.status.end() else {
            return failed(Phase::Auth, Class::Closed, "the connection was lost during the login");
        };
        let too_many = end.how == HowEnded::Disconnected && end.why.contains("authentication failures");
        if end.how == HowEnded::NoMethodLeft || too_many {
            if too_many {
                self.passed.push(end.why);
            }
            return self.refused();
        }
        let mut message = format!("the login as {} was cut off: {}", self.credentials.user, end.why);
        self.add_banner(&mut message);
        let mut error = failed(Phase::Auth, Class::Closed, message);
        error.help = Some(HUNG_UP.to_owned());
        error
    }

    pub(super) fn late(&self) -> ConnectError {
        let (user, limit) = (self.credentials.user, span(self.limit));
        failed(Phase::Auth, Class::TimedOut, format!("the login as {user} timed out after {limit}"))
    }

    /// The agent has been asked for a signature, and is silent.
    pub(super) fn agent_late(&self) -> ConnectError {
        let limit = span(self.limit);
        let message = format!("the login as {}: the SSH agent gave no signature within {limit}", self.credentials.user);
        let mut error = failed(Phase::Auth, Class::TimedOut, message);
        error.help = Some(AGENT_SILENT.to_owned());
        error
    }

    pub(super) fn refused(&self) -> ConnectError {
        let user = self.credentials.user;
        let mut message = match (self.taken.as_slice(), self.tried.as_slice()) {
            ([], []) => format!("there is no key or password to log in as {user}"),
            ([], tried) => format!("the login as {user} was refused; tried {}", tried.join(", ")),
            (taken, []) => format!("the login as {user} needs more than {}", taken.join(", ")),
            (taken, tried) => {
                let (taken, tried) = (taken.join(", "), tried.join(", "));
                format!("the login as {user} needs more than {taken}; refused: {tried}")
            }
        };
        if !self.passed.is_empty() {
            let _ = write!(message, "; not tried: {}", self.passed.join(", "));
        }
        if let Some(allowed) = &self.allowed {
            let names: Vec<&str> = allowed.iter().map(<&str>::from).collect();
            let _ = write!(message, "; the host allows {}", names.join(", "));
        }
        self.add_banner(&mut message);
        let class = if self.tried.is_empty() && self.taken.is_empty() { Class::Local } else { Class::Auth };
        let mut error = failed(Phase::Auth, class, message);
        error.help = Some(self.help());
        error
    }

    /// For a refused account sshd sends PAM's message as a banner and hangs up.
    fn add_banner(&self, message: &mut String) {
        let banner = self.connection.status.banner();
        if !banner.is_empty() {
            let _ = write!(message, "; it says {banner:?}");
        }
    }

    fn help(&self) -> String {
        if self.passed.iter().any(|why| asks_for_a_change(why)) {
            let (user, host) = (self.credentials.user, self.credentials.host);
            return format!("the password of {user} must be changed: log in once with `ssh {user}@{host}`");
        }
        let shown = |name: &String| name == "password" || name == "keyboard-interactive";
        if self.credentials.password.is_some() && self.tried.iter().any(shown) {
            return WRONG_PASSWORD.to_owned();
        }
        let dialogue =
            self.allowed.as_ref().is_some_and(|credentials| credentials.contains(&MethodKind::KeyboardInteractive));
        if dialogue && !self.taken.is_empty() && !self.credentials.has_person() {
            return NOBODY_TO_ASK.to_owned();
        }
        WHO_LOGS_IN.to_owned()
    }
}

/// Whether a dialogue asked for a new password. Only a hint depends on it.
fn asks_for_a_change(words: &str) -> bool {
    let words = words.to_lowercase();
    ["change your password", "changing password", "new password", "password has expired"]
        .iter()
        .any(|sign| words.contains(sign))
}
