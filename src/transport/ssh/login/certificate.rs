//! Tries with user certificates from files: named ones, and those beside their keys.

use std::sync::{Arc, atomic::Ordering};

use russh::{
    MethodKind,
    keys::{Certificate, PublicKey},
};
use tokio::time::timeout_at;

use super::{
    super::{
        super::ConnectError,
        key_file::{KeyFile, NamedCertificate},
    },
    order::{Login, Try},
    rules::Form,
    sign::{NotSigned, Watched, WithAgent, WithKey},
};

impl Login<'_> {
    /// The named certificates, each with its key, from a file or the agent. One without a key is skipped, as in
    /// OpenSSH.
    pub(super) async fn named_certificates(&mut self) -> Result<Try, ConnectError> {
        for named in self.credentials.certificates.clone().unwrap_or_default() {
            if self.allows(MethodKind::PublicKey) && self.named_certificate(&named).await? == Try::In {
                return Ok(Try::In);
            }
        }
        Ok(Try::Next)
    }

    async fn named_certificate(&mut self, named: &NamedCertificate) -> Result<Try, ConnectError> {
        let name = named.path.display().to_string();
        let certificate = match &named.content {
            Ok(certificate) => certificate.clone(),
            Err(why) => {
                self.note(format!("certificate {name} {why}"));
                return Ok(Try::Next);
            }
        };
        let public = PublicKey::from(certificate.public_key().clone());
        let file = self.file_of(&public);
        if let Some(key) = file.as_ref().and_then(|file| file.ready()) {
            return self.certificate(&name, certificate, WithKey(key)).await;
        }
        if (file.is_some() || !self.credentials.rules.identities_only) && self.held(&public).await.is_some() {
            return self.by_agent(&name, certificate).await;
        }
        let Some(file) = file.filter(|file| file.is_locked()) else {
            self.note(format!("certificate {name} has no private key here"));
            return Ok(Try::Next);
        };
        if !self.certificate_wanted(&name, certificate.clone()).await? {
            return Ok(Try::Next);
        }
        match self.unlock(&file).await {
            Some(key) => self.certificate(&name, certificate, WithKey(key)).await,
            None => Ok(Try::Next),
        }
    }

    /// The file with the private half of `public`.
    fn file_of(&self, public: &PublicKey) -> Option<Arc<KeyFile>> {
        let files = self.credentials.named.iter().chain(&self.credentials.usual);
        let of = |file: &&Arc<KeyFile>| file.public().is_some_and(|own| own.key_data() == public.key_data());
        files.into_iter().find(of).cloned()
    }

    /// The certificate beside a key, unless others were named.
    pub(super) fn beside(&self, file: &KeyFile) -> Option<Certificate> {
        file.certificate.clone().filter(|_| self.credentials.certificates.is_none())
    }

    /// Has the agent sign with the plain key of a certificate from a file.
    pub(super) async fn by_agent(&mut self, name: &str, certificate: Certificate) -> Result<Try, ConnectError> {
        let Some(agent) = self.credentials.agent else { return Ok(Try::Next) };
        match timeout_at(self.deadline, agent.signer()).await {
            Err(_) => Err(self.agent_late()),
            Ok(Ok((client, _place))) => self.certificate(name, certificate, WithAgent(client)).await,
            Ok(Err(why)) => {
                self.note(why);
                Ok(Try::Next)
            }
        }
    }

    pub(super) async fn certificate<S>(
        &mut self,
        name: &str,
        certificate: Certificate,
        signer: S,
    ) -> Result<Try, ConnectError>
    where
        S: russh::Signer<Error = NotSigned> + Send,
    {
        let name = format!("certificate {name}");
        let bytes = certificate.to_bytes().unwrap_or_default();
        if self.seen.contains(&bytes) || !self.fits(&name, certificate.public_key(), Form::Certificate) {
            return Ok(Try::Next);
        }
        self.seen.push(bytes);
        // A certificate has one algorithm; a second try with another hash would cost one of `MaxAuthTries`.
        let hash = self.hashes(&certificate.algorithm(), Form::Certificate, false).await?;
        let Some(hash) = hash.first().copied() else { return Ok(Try::Next) };
        let (mut signer, at_work) = Watched::new(signer);
        let handle = &mut self.connection.handle;
        let signing = handle.authenticate_certificate_with(self.credentials.user, certificate, hash, &mut signer);
        match timeout_at(self.deadline, signing).await {
            Err(_) if at_work.load(Ordering::Relaxed) => Err(self.agent_late()),
            Err(_) => Err(self.late()),
            Ok(Err(_)) if self.connection.handle.is_closed() => Err(self.ended().await),
            Ok(Err(NotSigned(why))) => {
                self.note(format!("{name}: {}", crate::command::printable(&why)));
                Ok(Try::Next)
            }
            Ok(Ok(result)) => self.settle(name, result).await,
        }
    }

    /// Asks the host whether it would accept a certificate, without signing anything.
    pub(super) async fn certificate_wanted(
        &mut self,
        name: &str,
        certificate: Certificate,
    ) -> Result<bool, ConnectError> {
        let name = format!("certificate {name}");
        if !self.fits(&name, certificate.public_key(), Form::Certificate) {
            return Ok(false);
        }
        let hash = self.hashes(&certificate.algorithm(), Form::Certificate, false).await?;
        let Some(hash) = hash.first().copied() else { return Ok(false) };
        let handle = &mut self.connection.handle;
        let mut signer = OnlyAsking;
        let asking = handle.authenticate_certificate_with(self.credentials.user, certificate, hash, &mut signer);
        match timeout_at(self.deadline, asking).await {
            Err(_) => Err(self.late()),
            Ok(Err(Asked::Wanted)) => Ok(true),
            Ok(Err(Asked::Lost)) => Err(self.ended().await),
            Ok(Ok(result)) => Ok(self.settle(name, result).await? == Try::In),
        }
    }
}

/// A signer that signs nothing: being asked to sign is the answer.
pub(super) struct OnlyAsking;

pub(super) enum Asked {
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

    async fn auth_sign(
        &mut self,
        _: &russh::keys::agent::AgentIdentity,
        _: Option<russh::keys::HashAlg>,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, Asked> {
        Err(Asked::Wanted)
    }
}
