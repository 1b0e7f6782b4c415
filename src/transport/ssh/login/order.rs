//! What is tried, and in which order.

use std::{sync::Arc, time::Duration};

use russh::{MethodKind, MethodSet};
use secrecy::SecretString;
use tokio::time::Instant;

use super::super::{
    super::ConnectError,
    agent::Agent,
    handshake::Connection,
    key_file::{KeyFile, KeyFiles, NamedCertificate},
    prompter::Prompter,
};
use crate::{
    mask::Secrets,
    target::{LoginMethod, LoginSettings},
};

/// sshd's default `MaxAuthTries`.
const TRIES: usize = 6;
/// The default of `NumberOfPasswordPrompts`.
const QUESTIONS: usize = 3;
/// The default order. A configured password is sent directly before a dialogue is tried.
const USUAL: [LoginMethod; 3] = [LoginMethod::Keys, LoginMethod::Password, LoginMethod::Interactive];

/// What may be used to log in to one host.
pub(in super::super) struct Credentials<'a> {
    pub(in super::super) user: &'a str,
    /// Key files that are named for the host.
    pub(in super::super) named: Vec<Arc<KeyFile>>,
    /// Key files that are tried when the target names none.
    pub(in super::super) usual: Vec<Arc<KeyFile>>,
    /// Named certificates; if there are any, those beside keys are ignored.
    pub(in super::super) certificates: Option<Vec<NamedCertificate>>,
    pub(in super::super) agent: Option<&'a Agent>,
    pub(in super::super) rules: &'a LoginSettings,
    /// RSA keys of fewer bits are not offered.
    pub(in super::super) least_rsa: u32,
    pub(in super::super) files: &'a KeyFiles,
    pub(in super::super) password: Option<&'a SecretString>,
    /// Collects what a person types; also masks the host's questions.
    pub(in super::super) secrets: Option<&'a Secrets>,
    /// The host's name, for the person who is asked for a code.
    pub(in super::super) host: &'a str,
    pub(in super::super) prompter: &'a Prompter,
}

impl Credentials<'_> {
    /// How often a person is asked for a passphrase.
    pub(super) fn questions(&self) -> usize {
        if self.rules.batch { 0 } else { self.rules.questions.map_or(QUESTIONS, |n| n as usize) }
    }

    /// Whether a person can answer the host's questions.
    pub(super) fn has_person(&self) -> bool {
        self.prompter.has_dialogue() && !self.rules.batch
    }
}

/// Whether to go on after a try.
#[derive(PartialEq, Eq)]
pub(super) enum Try {
    In,
    Next,
}
/// One login under way.
pub(super) struct Login<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) credentials: Credentials<'a>,
    pub(super) limit: Duration,
    pub(super) deadline: Instant,
    /// What was accepted but is not enough, for people.
    pub(super) taken: Vec<String>,
    /// What was refused, for people.
    pub(super) tried: Vec<String>,
    /// What could not be tried, for people.
    pub(super) passed: Vec<String>,
    /// Keys that were tried.
    pub(super) seen: Vec<Vec<u8>>,
    /// What the host still allows, once it has said so.
    pub(super) allowed: Option<MethodSet>,
    /// The password was sent to the host.
    pub(super) shown: bool,
    /// The host accepted the password and wants more.
    pub(super) password_taken: bool,
    /// A dialogue failed.
    talked: bool,
}
/// Logs in, or says what was tried.
pub(in super::super) async fn login(
    connection: &mut Connection,
    credentials: Credentials<'_>,
    limit: Duration,
) -> Result<(), ConnectError> {
    let mut login = Login {
        connection,
        credentials,
        limit,
        deadline: Instant::now() + limit,
        taken: Vec::new(),
        tried: Vec::new(),
        passed: Vec::new(),
        seen: Vec::new(),
        allowed: None,
        shown: false,
        password_taken: false,
        talked: false,
    };
    match login.run().await? {
        Try::In => Ok(()),
        Try::Next => Err(login.refused()),
    }
}
impl Login<'_> {
    /// Goes through the methods, and starts over whenever one was accepted but is not enough.
    async fn run(&mut self) -> Result<Try, ConnectError> {
        let methods = self.credentials.rules.methods.clone().unwrap_or_else(|| USUAL.to_vec());
        loop {
            let taken = self.taken.len();
            for method in &methods {
                let tried = match method {
                    LoginMethod::Keys => self.keys().await?,
                    LoginMethod::Password => self.by_password().await?,
                    LoginMethod::Interactive => self.by_dialogue().await?,
                };
                if tried == Try::In {
                    return Ok(Try::In);
                }
            }
            if self.taken.len() == taken || taken >= TRIES {
                return Ok(Try::Next);
            }
        }
    }

    /// Keys named for the host come first, because the host counts the tries; then the agent's keys, then the usual
    /// ones.
    async fn keys(&mut self) -> Result<Try, ConnectError> {
        if self.named_certificates().await? == Try::In {
            return Ok(Try::In);
        }
        for file in self.credentials.named.clone() {
            if self.file(&file).await? == Try::In {
                return Ok(Try::In);
            }
        }
        if !self.credentials.rules.identities_only && self.agent().await? == Try::In {
            return Ok(Try::In);
        }
        for file in self.credentials.usual.clone() {
            if self.file(&file).await? == Try::In {
                return Ok(Try::In);
            }
        }
        Ok(Try::Next)
    }

    async fn by_password(&mut self) -> Result<Try, ConnectError> {
        let Some(password) = self.credentials.password.filter(|_| !self.shown) else { return Ok(Try::Next) };
        if self.allowed.is_none() && self.ask_what_is_allowed().await? == Try::In {
            return Ok(Try::In);
        }
        if self.allows(MethodKind::Password) { self.password(password).await } else { Ok(Try::Next) }
    }

    /// A refused password is not sent again by another method: accounts get locked. After an accepted one the host may
    /// want a dialogue as well.
    async fn by_dialogue(&mut self) -> Result<Try, ConnectError> {
        let refused = self.shown && !self.password_taken;
        if refused || self.talked || (self.credentials.password.is_none() && !self.credentials.has_person()) {
            return Ok(Try::Next);
        }
        if self.allowed.is_none() && self.ask_what_is_allowed().await? == Try::In {
            return Ok(Try::In);
        }
        if !self.allows(MethodKind::KeyboardInteractive) {
            return Ok(Try::Next);
        }
        let taken = self.taken.len();
        let tried = self.interactive().await?;
        self.talked = self.taken.len() == taken;
        self.password_taken |= self.shown && !self.talked;
        Ok(tried)
    }

    /// Records what could not be tried, once.
    pub(super) fn note(&mut self, what: String) {
        if !self.passed.contains(&what) {
            self.passed.push(what);
        }
    }

    /// False when the host does not allow this method, or when a further try would end the connection.
    pub(super) fn allows(&self, kind: MethodKind) -> bool {
        // The last try is kept for the password.
        let kept = usize::from(self.credentials.password.is_some() && !self.shown && kind == MethodKind::PublicKey);
        self.tried.len() + kept < TRIES && self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&kind))
    }
}
