//! Tries with keys: from files, and by the agent.

use std::sync::{Arc, atomic::Ordering};

use russh::{
    MethodKind,
    keys::{
        Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyBase64,
        agent::AgentIdentity,
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    super::{
        super::ConnectError,
        key_file::{Content, KeyFile},
    },
    order::{Login, Try},
    sign::{NotSigned, Watched, WithAgent, WithKey},
};

impl Login<'_> {
    /// One file: with its key if it is in the clear, with the agent's if that holds it, else after a question.
    pub(super) async fn file(&mut self, file: &Arc<KeyFile>) -> Result<Try, ConnectError> {
        match &file.content {
            Content::Absent if !self.ways.named.iter().any(|named| named.path == file.path) => {
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
            return self.unlocked(file, key).await;
        }
        if let Some(public) = file.public() {
            if let Some(identity) = self.held(public).await {
                if let Some(certificate) = file.certificate.clone()
                    && self.by_agent(&file.path.display().to_string(), certificate).await? == Try::In
                {
                    return Ok(Try::In);
                }
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
            Ok(key) => self.unlocked(file, key).await,
            Err(why) => {
                self.pass(file, &why);
                Ok(Try::Next)
            }
        }
    }

    /// A key in the clear: with its certificate, then without.
    async fn unlocked(&mut self, file: &KeyFile, key: Arc<PrivateKey>) -> Result<Try, ConnectError> {
        let name = file.path.display().to_string();
        if let Some(certificate) = file.certificate.clone() {
            self.seen.push(key.public_key().public_key_bytes());
            let signer = WithKey(Arc::clone(&key));
            if self.certificate(&name, certificate, signer).await? == Try::In {
                return Ok(Try::In);
            }
            if !self.allows(MethodKind::PublicKey) {
                return Ok(Try::Next);
            }
        }
        self.key(&name, key).await
    }

    /// A certificate from a file whose key the agent holds.
    async fn by_agent(&mut self, name: &str, certificate: Certificate) -> Result<Try, ConnectError> {
        let Some(agent) = self.ways.agent else { return Ok(Try::Next) };
        match timeout_at(self.deadline, agent.signer()).await {
            Err(_) => Err(self.agent_late()),
            Ok(Ok((client, _place))) => self.certificate(name, certificate, WithAgent(client)).await,
            Ok(Err(why)) => {
                self.passed.push(why);
                Ok(Try::Next)
            }
        }
    }

    async fn certificate<S>(&mut self, name: &str, certificate: Certificate, signer: S) -> Result<Try, ConnectError>
    where
        S: russh::Signer<Error = NotSigned> + Send,
    {
        let name = format!("certificate {name}-cert.pub");
        // A certificate has one algorithm; a second try with another hash would cost one of `MaxAuthTries`.
        let hash = self.hashes(&certificate.algorithm(), false).await?;
        let Some(hash) = hash.first().copied() else { return Ok(Try::Next) };
        let (mut signer, at_work) = Watched::new(signer);
        let handle = &mut self.connection.handle;
        let signing = handle.authenticate_certificate_with(self.ways.user, certificate, hash, &mut signer);
        match timeout_at(self.deadline, signing).await {
            Err(_) if at_work.load(Ordering::Relaxed) => Err(self.agent_late()),
            Err(_) => Err(self.late()),
            Ok(Err(_)) if self.connection.handle.is_closed() => Err(self.ended().await),
            Ok(Err(NotSigned(why))) => {
                self.passed.push(format!("{name}: {}", crate::command::printable(&why)));
                Ok(Try::Next)
            }
            Ok(Ok(result)) => self.settle(name, result).await,
        }
    }

    pub(super) fn is_chosen(&self, public: &PublicKey) -> bool {
        // The first alone: each further one may cost one try only.
        let chosen = self.ways.named.first().and_then(|file| file.public());
        chosen.is_some_and(|chosen| chosen.key_data() == public.key_data())
    }

    pub(super) fn pass(&mut self, file: &KeyFile, why: &str) {
        self.passed.push(format!("{} {why}", file.path.display()));
    }

    /// The agent's identity for `public`.
    pub(super) async fn held(&self, public: &PublicKey) -> Option<AgentIdentity> {
        let identities = self.ways.agent?.identities().await.ok()?;
        identities
            .iter()
            .find(|identity| matches!(identity, AgentIdentity::PublicKey { key, .. } if key.key_data() == public.key_data()))
            .cloned()
    }

    /// Asks the host whether it would take a key, without signing anything.
    pub(super) async fn wanted(&mut self, file: &KeyFile, public: PublicKey) -> Result<bool, ConnectError> {
        if let Some(certificate) = file.certificate.clone() {
            let hash = self.hashes(&certificate.algorithm(), false).await?.first().copied().flatten();
            let handle = &mut self.connection.handle;
            let mut signer = OnlyAsking;
            let asking = handle.authenticate_certificate_with(self.ways.user, certificate, hash, &mut signer);
            match timeout_at(self.deadline, asking).await {
                Err(_) => return Err(self.late()),
                Ok(Err(Asked::Wanted)) => return Ok(true),
                Ok(Err(Asked::Lost)) => return Err(self.ended().await),
                Ok(Ok(result)) => {
                    let name = format!("certificate {}-cert.pub", file.path.display());
                    if self.settle(name, result).await? == Try::In {
                        return Ok(true);
                    }
                }
            }
        }
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

    pub(super) async fn key(&mut self, name: &str, key: Arc<PrivateKey>) -> Result<Try, ConnectError> {
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

    pub(super) async fn agent(&mut self) -> Result<Try, ConnectError> {
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
    pub(super) async fn identity(&mut self, identity: &AgentIdentity) -> Result<Try, ConnectError> {
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
            let (client, _place) = match timeout_at(self.deadline, agent.signer()).await {
                Err(_) => return Err(self.agent_late()),
                Ok(Ok(signer)) => signer,
                Ok(Err(why)) => {
                    self.passed.push(why);
                    return Ok(Try::Next);
                }
            };
            let (mut signer, at_work) = Watched::new(client);
            let handle = &mut self.connection.handle;
            let signing = async {
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
            };
            let result = match timeout_at(self.deadline, signing).await {
                Err(_) if at_work.load(Ordering::Relaxed) => return Err(self.agent_late()),
                Err(_) => return Err(self.late()),
                Ok(Err(_)) if self.connection.handle.is_closed() => return Err(self.ended().await),
                Ok(Err(why)) => {
                    self.passed.push(format!("{name}: {}", crate::command::printable(&why.to_string())));
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
    pub(super) async fn hashes(
        &mut self,
        algorithm: &Algorithm,
        chosen: bool,
    ) -> Result<Vec<Option<HashAlg>>, ConnectError> {
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
