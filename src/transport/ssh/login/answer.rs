//! What the host's answer to a try means, and how a login that failed is told.

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
    "`ansible_user` and `ansible_ssh_private_key_file` say who logs in with what; `ssh-add -l` lists the agent's keys";
const WRONG_PASSWORD: &str = "is the password right, and the account open? Each wrong one counts against the account";
const NOBODY_TO_ASK: &str = "it may want a code: at a terminal, patchwave asks for it";
const HUNG_UP: &str = "sshd hangs up like this when PAM closes the account: it has expired, or `nologin` keeps everybody \
                       out while the host boots or goes down";
const AGENT_SILENT: &str =
    "is it locked, or waits it for somebody to touch a token or to confirm? `ssh-add -l` asks it";

impl Login<'_> {
    /// Asks with no credentials at all, which is how SSH asks for the list of methods (RFC 4252, section 5.2).
    pub(super) async fn ask_what_is_allowed(&mut self) -> Result<Try, ConnectError> {
        let asking = self.connection.handle.authenticate_none(self.ways.user);
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

    /// Takes the host's answer to one try.
    pub(super) async fn settle(&mut self, name: String, result: AuthResult) -> Result<Try, ConnectError> {
        match result {
            AuthResult::Success => Ok(Try::In),
            AuthResult::Failure { remaining_methods, partial_success } => {
                if !name.is_empty() {
                    if partial_success { &mut self.taken } else { &mut self.tried }.push(name);
                }
                // russh says so when the connection was lost, too.
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
        let Some(end) = self.connection.news.end() else {
            return failed(Phase::Auth, Class::Closed, "the connection was lost during the login");
        };
        let too_many = end.how == HowEnded::Disconnected && end.why.contains("authentication failures");
        if end.how == HowEnded::NoMethodLeft || too_many {
            if too_many {
                self.passed.push(end.why);
            }
            return self.refused();
        }
        let mut message = format!("the login as {} was cut off: {}", self.ways.user, end.why);
        self.add_banner(&mut message);
        let mut error = failed(Phase::Auth, Class::Closed, message);
        error.help = Some(HUNG_UP.to_owned());
        error
    }

    pub(super) fn late(&self) -> ConnectError {
        let (user, limit) = (self.ways.user, span(self.limit));
        failed(Phase::Auth, Class::TimedOut, format!("the login as {user} was not answered within {limit}"))
    }

    /// The agent has been asked for a signature, and is silent.
    pub(super) fn agent_late(&self) -> ConnectError {
        let limit = span(self.limit);
        let message = format!("the login as {}: the SSH agent gave no signature within {limit}", self.ways.user);
        let mut error = failed(Phase::Auth, Class::TimedOut, message);
        error.help = Some(AGENT_SILENT.to_owned());
        error
    }

    pub(super) fn refused(&self) -> ConnectError {
        let user = self.ways.user;
        let mut message = match (self.taken.as_slice(), self.tried.as_slice()) {
            ([], []) => format!("there is no key and no password to log in as {user} with"),
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

    /// sshd gives what PAM says to a refused account as a banner, and hangs up.
    fn add_banner(&self, message: &mut String) {
        let banner = self.connection.news.banner();
        if !banner.is_empty() {
            let _ = write!(message, "; it says {banner:?}");
        }
    }

    fn help(&self) -> String {
        if self.passed.iter().any(|why| asks_for_a_change(why)) {
            let (user, host) = (self.ways.user, self.ways.host);
            return format!("the password of {user} has to be changed: log in once, like `ssh {user}@{host}`");
        }
        let shown = |name: &String| name == "password" || name == "keyboard-interactive";
        if self.ways.password.is_some() && self.tried.iter().any(shown) {
            return WRONG_PASSWORD.to_owned();
        }
        let dialogue = self.allowed.as_ref().is_some_and(|ways| ways.contains(&MethodKind::KeyboardInteractive));
        if dialogue && !self.taken.is_empty() && !self.ways.has_person() {
            return NOBODY_TO_ASK.to_owned();
        }
        WHO_LOGS_IN.to_owned()
    }
}

/// Whether a dialogue went on to a change of the password. Only a hint hangs on it.
fn asks_for_a_change(words: &str) -> bool {
    let words = words.to_lowercase();
    ["change your password", "changing password", "new password", "password has expired"]
        .iter()
        .any(|sign| words.contains(sign))
}
