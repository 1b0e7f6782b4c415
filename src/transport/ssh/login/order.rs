//! What is tried, and in which order.

use std::{sync::Arc, time::Duration};

use russh::{MethodKind, MethodSet};
use secrecy::SecretString;
use tokio::time::Instant;

use super::super::{
    super::ConnectError,
    agent::Agent,
    ask_key::Asker,
    handshake::Connection,
    key_file::{KeyFile, KeyFiles},
};
use crate::target::Without;

/// sshd's default `MaxAuthTries`.
const TRIES: usize = 6;

/// With what one host may be logged in to.
pub(in super::super) struct Ways<'a> {
    pub(in super::super) user: &'a str,
    /// Key files that were named for the host.
    pub(in super::super) named: Vec<Arc<KeyFile>>,
    /// Key files that are tried when the target names none.
    pub(in super::super) usual: Vec<Arc<KeyFile>>,
    pub(in super::super) agent: Option<&'a Agent>,
    /// Of the agent's keys, only those whose files are named.
    pub(in super::super) identities_only: bool,
    pub(in super::super) without: Without,
    pub(in super::super) files: &'a KeyFiles,
    pub(in super::super) password: Option<&'a SecretString>,
    /// What a person is told who is asked for a code.
    pub(in super::super) host: &'a str,
    pub(in super::super) asker: &'a Asker,
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
    pub(super) ways: Ways<'a>,
    pub(super) limit: Duration,
    pub(super) deadline: Instant,
    /// What was accepted without being enough, for people.
    pub(super) taken: Vec<String>,
    /// What was refused, for people.
    pub(super) tried: Vec<String>,
    /// What could not be tried, for people.
    pub(super) passed: Vec<String>,
    /// Keys that were tried.
    pub(super) seen: Vec<Vec<u8>>,
    /// What the host still allows, once it has said so.
    pub(super) allowed: Option<MethodSet>,
    /// The host took the password and wants more.
    pub(super) password_taken: bool,
}
/// Logs in, or says what was tried.
pub(in super::super) async fn login(
    connection: &mut Connection,
    ways: Ways<'_>,
    limit: Duration,
) -> Result<(), ConnectError> {
    let mut login = Login {
        connection,
        ways,
        limit,
        deadline: Instant::now() + limit,
        taken: Vec::new(),
        tried: Vec::new(),
        passed: Vec::new(),
        seen: Vec::new(),
        allowed: None,
        password_taken: false,
    };
    match login.run().await? {
        Try::In => Ok(()),
        Try::Next => Err(login.refused()),
    }
}
impl Login<'_> {
    async fn run(&mut self) -> Result<Try, ConnectError> {
        for file in self.ways.named.clone() {
            if self.file(&file).await? == Try::In {
                return Ok(Try::In);
            }
        }
        if !self.ways.identities_only && self.agent().await? == Try::In {
            return Ok(Try::In);
        }
        for file in std::mem::take(&mut self.ways.usual) {
            if self.file(&file).await? == Try::In {
                return Ok(Try::In);
            }
        }
        let person = self.ways.asker.has_dialogue();
        if self.ways.password.is_none() && !person {
            return Ok(Try::Next);
        }
        if self.allowed.is_none() && self.ask_what_is_allowed().await? == Try::In {
            return Ok(Try::In);
        }
        let refused = self.tried.len();
        if let Some(password) = self.ways.password
            && self.allows(MethodKind::Password)
            && self.password(password).await? == Try::In
        {
            return Ok(Try::In);
        }
        // A password that was refused is not shown a second time in another way: accounts get locked. One that was
        // taken may not be all: what the host wants now is a dialogue.
        if self.tried.len() == refused && self.allows(MethodKind::KeyboardInteractive) {
            return self.interactive().await;
        }
        Ok(Try::Next)
    }

    /// False when the host has said that it does not take this, or when a further try would end the connection.
    pub(super) fn allows(&self, kind: MethodKind) -> bool {
        let unwanted = match kind {
            MethodKind::PublicKey => self.ways.without.keys,
            MethodKind::Password => self.ways.without.password,
            MethodKind::KeyboardInteractive => self.ways.without.interactive,
            _ => false,
        };
        if unwanted {
            return false;
        }
        // The last try is kept for the password.
        let kept = usize::from(self.ways.password.is_some() && kind == MethodKind::PublicKey);
        self.tried.len() + kept < TRIES && self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&kind))
    }
}
