//! Tries with keys from files.

use std::sync::Arc;

use russh::{
    MethodKind,
    keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyBase64},
};
use tokio::time::{Instant, timeout_at};

use super::{
    super::{
        super::ConnectError,
        key_file::{Content, KeyFile},
    },
    certificate::{Asked, OnlyAsking},
    order::{Login, Try},
    rules::Form,
    sign::{WithEd25519, WithKey},
};

impl Login<'_> {
    /// Tries one file: with its key if that is in the clear, with the agent if that holds it, else after a question.
    pub(super) async fn file(&mut self, file: &Arc<KeyFile>) -> Result<Try, ConnectError> {
        let named = self.credentials.named.iter().any(|named| named.path == file.path);
        match &file.content {
            Content::Absent if named => self.pass(file, "does not exist"),
            Content::Bad(why) => self.pass(file, why),
            _ => {}
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
        if let Some(public) = file.public().cloned() {
            if let Some(identity) = self.held(&public).await {
                if let Some(certificate) = self.beside(file)
                    && self.by_agent(&beside_name(file), certificate).await? == Try::In
                {
                    return Ok(Try::In);
                }
                return self.identity(&identity).await;
            }
            if !file.is_locked() {
                if named {
                    self.pass(file, "has only its public half, and no agent holds the private one");
                }
                return Ok(Try::Next);
            }
            // A person is asked only when the host would accept the key.
            if !self.wanted(file, public).await? {
                return Ok(Try::Next);
            }
        }
        match self.unlock(file).await {
            Some(key) => self.unlocked(file, key).await,
            None => Ok(Try::Next),
        }
    }

    /// The private key of a locked file; `None`, with a note, when there is no passphrase.
    pub(super) async fn unlock(&mut self, file: &Arc<KeyFile>) -> Option<Arc<PrivateKey>> {
        let asked = Instant::now();
        let unlocked = self.credentials.files.unlock(file, self.credentials.questions()).await;
        self.deadline += asked.elapsed();
        match unlocked {
            Ok(key) => Some(key),
            Err(why) => {
                self.pass(file, &why);
                None
            }
        }
    }

    /// A key in the clear: with its certificate, then without.
    async fn unlocked(&mut self, file: &KeyFile, key: Arc<PrivateKey>) -> Result<Try, ConnectError> {
        if let Some(certificate) = self.beside(file) {
            self.seen.push(key.public_key().public_key_bytes());
            let signer = WithKey(Arc::clone(&key));
            if self.certificate(&beside_name(file), certificate, signer).await? == Try::In {
                return Ok(Try::In);
            }
            if !self.allows(MethodKind::PublicKey) {
                return Ok(Try::Next);
            }
        }
        self.key(file, key).await
    }

    pub(super) fn is_chosen(&self, public: &PublicKey) -> bool {
        // The first alone: each further one may cost one try only.
        let chosen = self.credentials.named.first().and_then(|file| file.public());
        chosen.is_some_and(|chosen| chosen.key_data() == public.key_data())
    }

    fn pass(&mut self, file: &KeyFile, why: &str) {
        self.note(format!("{} {why}", file.path.display()));
    }

    /// Asks the host whether it would accept a key, without signing anything.
    async fn wanted(&mut self, file: &KeyFile, public: PublicKey) -> Result<bool, ConnectError> {
        if let Some(certificate) = self.beside(file)
            && self.certificate_wanted(&beside_name(file), certificate).await?
        {
            return Ok(true);
        }
        let name = format!("key {}", file.path.display());
        self.seen.push(public.public_key_bytes());
        if !self.allows(MethodKind::PublicKey) || !self.fits(&name, public.key_data(), Form::Plain) {
            return Ok(false);
        }
        let chosen = self.is_chosen(&public);
        for hash in self.hashes(&public.algorithm(), Form::Plain, chosen).await? {
            let mut signer = OnlyAsking;
            let handle = &mut self.connection.handle;
            let asking = handle.authenticate_publickey_with(self.credentials.user, public.clone(), hash, &mut signer);
            match timeout_at(self.deadline, asking).await {
                Err(_) => return Err(self.late()),
                Ok(Err(Asked::Wanted)) => return Ok(true),
                Ok(Err(Asked::Lost)) => return Err(self.ended().await),
                Ok(Ok(result)) => {
                    if self.settle(name.clone(), result).await? == Try::In {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    async fn key(&mut self, file: &KeyFile, key: Arc<PrivateKey>) -> Result<Try, ConnectError> {
        self.seen.push(key.public_key().public_key_bytes());
        let print = key.fingerprint(HashAlg::Sha256);
        let name = format!("key {} ({print})", file.path.display());
        if !self.fits(&name, key.public_key().key_data(), Form::Plain) {
            return Ok(Try::Next);
        }
        let chosen = self.is_chosen(key.public_key());
        for hash in self.hashes(&key.algorithm(), Form::Plain, chosen).await? {
            let (handle, user) = (&mut self.connection.handle, self.credentials.user);
            let signing = async {
                if let Some(quick) = file.ed25519(&key) {
                    let public = key.public_key().clone();
                    return handle.authenticate_publickey_with(user, public, None, &mut WithEd25519(quick)).await.ok();
                }
                handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::clone(&key), hash)).await.ok()
            };
            let result = match timeout_at(self.deadline, signing).await {
                Err(_) => return Err(self.late()),
                Ok(None) => return Err(self.ended().await),
                Ok(Some(result)) => result,
            };
            if self.settle(name.clone(), result).await? == Try::In {
                return Ok(Try::In);
            }
            if !self.allows(MethodKind::PublicKey) {
                break;
            }
        }
        Ok(Try::Next)
    }
}

/// Where OpenSSH looks for the certificate of a key.
fn beside_name(file: &KeyFile) -> String {
    format!("{}-cert.pub", file.path.display())
}
