//! Logging in: which keys and passwords are offered, in which order, and what a refusal means.
//! The host counts every refused try (`MaxAuthTries`, 6 by default), so what was configured comes first.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use russh::{
    MethodKind, MethodSet,
    client::{AuthResult, KeyboardInteractiveAuthResponse as Interactive},
    keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyBase64, agent::AgentIdentity},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    super::{Class, ConnectError, Phase},
    agent::Agent,
    failure::{connect as failed, span},
    handshake::{Connection, HowEnded},
    key_file::{Content, KeyFile, KeyFiles},
};

/// sshd's default `MaxAuthTries`.
const TRIES: usize = 6;
/// Rounds of questions in keyboard-interactive.
const ROUNDS: usize = 8;

/// With what one host may be logged in to.
pub(super) struct Ways<'a> {
    pub(super) user: &'a str,
    /// The key file that the target names.
    pub(super) chosen: Option<Arc<KeyFile>>,
    /// Key files that are tried when the target names none.
    pub(super) usual: Vec<Arc<KeyFile>>,
    pub(super) agent: Option<&'a Agent>,
    pub(super) files: &'a KeyFiles,
    pub(super) password: Option<&'a SecretString>,
}

/// Whether to go on after a try.
#[derive(PartialEq, Eq)]
enum Try {
    In,
    Next,
}

struct Login<'a> {
    connection: &'a mut Connection,
    ways: Ways<'a>,
    limit: Duration,
    deadline: Instant,
    /// What was refused, for people.
    tried: Vec<String>,
    /// What could not be tried, for people.
    passed: Vec<String>,
    /// Keys that were tried.
    seen: Vec<Vec<u8>>,
    /// What the host still allows, once it has said so.
    allowed: Option<MethodSet>,
}

/// Logs in, or says what was tried.
pub(super) async fn login(connection: &mut Connection, ways: Ways<'_>, limit: Duration) -> Result<(), ConnectError> {
    let mut login = Login {
        connection,
        ways,
        limit,
        deadline: Instant::now() + limit,
        tried: Vec::new(),
        passed: Vec::new(),
        seen: Vec::new(),
        allowed: None,
    };
    match login.run().await? {
        Try::In => Ok(()),
        Try::Next => Err(login.refused()),
    }
}

impl Login<'_> {
    async fn run(&mut self) -> Result<Try, ConnectError> {
        if let Some(file) = self.ways.chosen.clone()
            && self.file(&file).await? == Try::In
        {
            return Ok(Try::In);
        }
        if self.agent().await? == Try::In {
            return Ok(Try::In);
        }
        for file in std::mem::take(&mut self.ways.usual) {
            if self.file(&file).await? == Try::In {
                return Ok(Try::In);
            }
        }
        let Some(password) = self.ways.password else { return Ok(Try::Next) };
        if self.allows(MethodKind::Password) && self.password(password).await? == Try::In {
            return Ok(Try::In);
        }
        if self.allows(MethodKind::KeyboardInteractive) {
            return self.interactive(password).await;
        }
        Ok(Try::Next)
    }

    /// False when the host has said that it does not take this, or when a further try would end the connection.
    fn allows(&self, kind: MethodKind) -> bool {
        // The last tries are kept for the password.
        let kept = if self.ways.password.is_some() && kind == MethodKind::PublicKey { 2 } else { 0 };
        self.tried.len() + kept < TRIES && self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&kind))
    }

    /// One file: with its key if it is in the clear, with the agent's if that holds it, else after a question.
    async fn file(&mut self, file: &Arc<KeyFile>) -> Result<Try, ConnectError> {
        match &file.content {
            Content::Absent if self.ways.chosen.as_ref().is_none_or(|chosen| chosen.path != file.path) => {
                return Ok(Try::Next);
            }
            Content::Absent => self.pass(file, "does not exist"),
            Content::Bad(why) => self.pass(file, why),
            Content::Ready(_) | Content::Locked { .. } => {}
        }
        if matches!(file.content, Content::Absent | Content::Bad(_))
            || !self.allows(MethodKind::PublicKey)
            || file.public().is_some_and(|public| self.seen.contains(&public.public_key_bytes()))
        {
            return Ok(Try::Next);
        }
        if let Some(key) = file.ready() {
            return self.key(&file.path.display().to_string(), key).await;
        }
        if let Some(public) = file.public() {
            if let Some(identity) = self.held(public).await {
                return self.identity(&identity).await;
            }
            // A person is asked only when the host would take the key.
            if !self.wanted(file, public.clone()).await? {
                return Ok(Try::Next);
            }
        }
        let asked = Instant::now();
        let unlocked = self.ways.files.unlock(file).await;
        self.deadline += asked.elapsed();
        match unlocked {
            Ok(key) => self.key(&file.path.display().to_string(), key).await,
            Err(why) => {
                self.pass(file, &why);
                Ok(Try::Next)
            }
        }
    }

    fn is_chosen(&self, public: &PublicKey) -> bool {
        let chosen = self.ways.chosen.as_ref().and_then(|file| file.public());
        chosen.is_some_and(|chosen| chosen.key_data() == public.key_data())
    }

    fn pass(&mut self, file: &KeyFile, why: &str) {
        self.passed.push(format!("{} {why}", file.path.display()));
    }

    /// The agent's identity for `public`.
    async fn held(&self, public: &PublicKey) -> Option<AgentIdentity> {
        let identities = self.ways.agent?.identities().await.ok()?;
        identities
            .iter()
            .find(|identity| matches!(identity, AgentIdentity::PublicKey { key, .. } if key.key_data() == public.key_data()))
            .cloned()
    }

    /// Asks the host whether it would take a key, without signing anything.
    async fn wanted(&mut self, file: &KeyFile, public: PublicKey) -> Result<bool, ConnectError> {
        let chosen = self.is_chosen(&public);
        for hash in self.hashes(&public.algorithm(), chosen).await? {
            let mut signer = OnlyAsking;
            let handle = &mut self.connection.handle;
            let asking = handle.authenticate_publickey_with(self.ways.user, public.clone(), hash, &mut signer);
            match timeout_at(self.deadline, asking).await {
                Err(_) => return Err(self.late()),
                Ok(Err(Asked::Wanted)) => return Ok(true),
                Ok(Err(Asked::Lost)) => return Err(self.ended().await),
                Ok(Ok(result)) => {
                    let name = format!("key {}", file.path.display());
                    if self.settle(name, result).await? == Try::In {
                        return Ok(true);
                    }
                }
            }
        }
        self.seen.push(public.public_key_bytes());
        Ok(false)
    }

    async fn key(&mut self, name: &str, key: Arc<PrivateKey>) -> Result<Try, ConnectError> {
        self.seen.push(key.public_key().public_key_bytes());
        let chosen = self.is_chosen(key.public_key());
        for hash in self.hashes(&key.algorithm(), chosen).await? {
            let signing = self
                .connection
                .handle
                .authenticate_publickey(self.ways.user, PrivateKeyWithHashAlg::new(Arc::clone(&key), hash));
            let result = match timeout_at(self.deadline, signing).await {
                Err(_) => return Err(self.late()),
                Ok(Err(_)) => return Err(self.ended().await),
                Ok(Ok(result)) => result,
            };
            let print = key.fingerprint(HashAlg::Sha256);
            if self.settle(format!("key {name} ({print})"), result).await? == Try::In {
                return Ok(Try::In);
            }
            if !self.allows(MethodKind::PublicKey) {
                break;
            }
        }
        Ok(Try::Next)
    }

    async fn agent(&mut self) -> Result<Try, ConnectError> {
        let Some(agent) = self.ways.agent else { return Ok(Try::Next) };
        let identities = match agent.identities().await {
            Ok(identities) => identities,
            Err(why) => {
                self.passed.push(why.to_owned());
                return Ok(Try::Next);
            }
        };
        for identity in identities {
            if !self.allows(MethodKind::PublicKey) {
                break;
            }
            let known =
                matches!(identity, AgentIdentity::PublicKey { key, .. } if self.seen.contains(&key.public_key_bytes()));
            if !known && self.identity(identity).await? == Try::In {
                return Ok(Try::In);
            }
        }
        Ok(Try::Next)
    }

    /// One of the agent's identities. A failing agent is noted; it does not end the login.
    async fn identity(&mut self, identity: &AgentIdentity) -> Result<Try, ConnectError> {
        let Some(agent) = self.ways.agent else { return Ok(Try::Next) };
        let (name, algorithm) = match identity {
            AgentIdentity::PublicKey { key, comment } => {
                self.seen.push(key.public_key_bytes());
                (format!("agent key {comment} ({})", key.fingerprint(HashAlg::Sha256)), key.algorithm())
            }
            AgentIdentity::Certificate { certificate, comment } => {
                (format!("agent certificate {comment}"), certificate.algorithm())
            }
        };
        for hash in self.hashes(&algorithm, false).await? {
            let handle = &mut self.connection.handle;
            let signing = async {
                let (mut signer, _place) = agent.signer().await?;
                match identity {
                    AgentIdentity::PublicKey { key, .. } => {
                        handle.authenticate_publickey_with(self.ways.user, key.clone(), hash, &mut signer).await
                    }
                    AgentIdentity::Certificate { certificate, .. } => {
                        handle
                            .authenticate_certificate_with(self.ways.user, certificate.clone(), hash, &mut signer)
                            .await
                    }
                }
                .map_err(|error| error.to_string())
            };
            let result = match timeout_at(self.deadline, signing).await {
                Err(_) => return Err(self.late()),
                Ok(Err(_)) if self.connection.handle.is_closed() => return Err(self.ended().await),
                Ok(Err(why)) => {
                    self.passed.push(format!("{name}: {}", crate::command::printable(&why)));
                    return Ok(Try::Next);
                }
                Ok(Ok(result)) => result,
            };
            if self.settle(name.clone(), result).await? == Try::In {
                return Ok(Try::In);
            }
        }
        Ok(Try::Next)
    }

    /// The signature hashes to try for a key. `ssh-rsa` with SHA-1 is not among them.
    ///
    /// A host may announce hashes that its configuration refuses (OpenSSH 9.2 does), so a key that was chosen
    /// for it is tried with both; another key must not use up two tries.
    async fn hashes(&mut self, algorithm: &Algorithm, chosen: bool) -> Result<Vec<Option<HashAlg>>, ConnectError> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(vec![None]);
        }
        match timeout_at(self.deadline, self.connection.handle.best_supported_rsa_hash()).await {
            Err(_) => Err(self.late()),
            Ok(Err(_)) => Err(self.ended().await),
            Ok(Ok(Some(Some(HashAlg::Sha512)))) if chosen => Ok(vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)]),
            Ok(Ok(Some(Some(hash)))) => Ok(vec![Some(hash)]),
            Ok(Ok(Some(None))) => {
                self.passed.push("the host takes RSA keys with SHA-1 only".to_owned());
                Ok(Vec::new())
            }
            Ok(Ok(None)) => Ok(vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)]),
        }
    }

    async fn password(&mut self, password: &SecretString) -> Result<Try, ConnectError> {
        let asking = self.connection.handle.authenticate_password(self.ways.user, password.expose_secret());
        match timeout_at(self.deadline, asking).await {
            Err(_) => Err(self.late()),
            Ok(Err(_)) => Err(self.ended().await),
            Ok(Ok(result)) => self.settle("password".to_owned(), result).await,
        }
    }

    /// Answers a single hidden question with the password, once; anything else cannot be answered without a person.
    async fn interactive(&mut self, password: &SecretString) -> Result<Try, ConnectError> {
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

    /// Takes the host's answer to one try.
    async fn settle(&mut self, name: String, result: AuthResult) -> Result<Try, ConnectError> {
        match result {
            AuthResult::Success => Ok(Try::In),
            AuthResult::Failure { remaining_methods, partial_success } => {
                if !partial_success {
                    self.tried.push(name);
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
    async fn ended(&mut self) -> ConnectError {
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
        failed(Phase::Auth, Class::Closed, format!("the login as {} was cut off: {}", self.ways.user, end.why))
    }

    fn late(&self) -> ConnectError {
        let (user, limit) = (self.ways.user, span(self.limit));
        failed(Phase::Auth, Class::TimedOut, format!("the login as {user} was not answered within {limit}"))
    }

    fn refused(&self) -> ConnectError {
        let user = self.ways.user;
        let mut message = match self.tried.is_empty() {
            true => format!("there is no key and no password to log in as {user} with"),
            false => format!("the login as {user} was refused; tried {}", self.tried.join(", ")),
        };
        if !self.passed.is_empty() {
            let _ = write!(message, "; not tried: {}", self.passed.join(", "));
        }
        if let Some(allowed) = &self.allowed {
            let names: Vec<&str> = allowed.iter().map(<&str>::from).collect();
            let _ = write!(message, "; the host allows {}", names.join(", "));
        }
        let banner = self.connection.news.banner();
        if !banner.is_empty() {
            let _ = write!(message, "; it says {banner:?}");
        }
        let class = if self.tried.is_empty() { Class::Local } else { Class::Auth };
        let mut error = failed(Phase::Auth, class, message);
        error.help = Some(
            "`ansible_user` and `ansible_ssh_private_key_file` say who logs in with what; `ssh-add -l` lists the agent's keys"
                .to_owned(),
        );
        error
    }
}

/// A signer that signs nothing: being asked to sign is the answer.
struct OnlyAsking;

enum Asked {
    Wanted,
    Lost,
}

impl From<russh::SendError> for Asked {
    fn from(_: russh::SendError) -> Self {
        Self::Lost
    }
}

impl russh::Signer for OnlyAsking {
    type Error = Asked;

    async fn auth_sign(&mut self, _: &AgentIdentity, _: Option<HashAlg>, _: Vec<u8>) -> Result<Vec<u8>, Asked> {
        Err(Asked::Wanted)
    }
}
