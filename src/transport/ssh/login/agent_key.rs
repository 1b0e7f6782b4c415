//! Tries with what an agent holds: plain keys and certificates.

use std::sync::atomic::Ordering;

use russh::{
    MethodKind,
    keys::{HashAlg, PublicKey, PublicKeyBase64, agent::AgentIdentity},
};
use tokio::time::timeout_at;

use super::{
    super::super::ConnectError,
    order::{Login, Try},
    rules::Form,
    sign::Watched,
};

impl Login<'_> {
    /// Tries everything that the agent holds, except what was tried already.
    pub(super) async fn agent(&mut self) -> Result<Try, ConnectError> {
        let Some(agent) = self.credentials.agent else { return Ok(Try::Next) };
        let identities = match agent.identities().await {
            Ok(identities) => identities,
            Err(why) => {
                self.note(why.to_owned());
                return Ok(Try::Next);
            }
        };
        for identity in identities {
            if !self.allows(MethodKind::PublicKey) {
                break;
            }
            if self.identity(identity).await? == Try::In {
                return Ok(Try::In);
            }
        }
        Ok(Try::Next)
    }

    /// The agent's identity for `public`.
    pub(super) async fn held(&self, public: &PublicKey) -> Option<AgentIdentity> {
        let identities = self.credentials.agent?.identities().await.ok()?;
        identities
            .iter()
            .find(|identity| matches!(identity, AgentIdentity::PublicKey { key, .. } if key.key_data() == public.key_data()))
            .cloned()
    }

    /// One of the agent's identities. A failing agent is noted; it does not end the login.
    pub(super) async fn identity(&mut self, identity: &AgentIdentity) -> Result<Try, ConnectError> {
        let Some(agent) = self.credentials.agent else { return Ok(Try::Next) };
        let (name, data, bytes, form) = match identity {
            AgentIdentity::PublicKey { key, comment } => {
                let name = format!("agent key {comment} ({})", key.fingerprint(HashAlg::Sha256));
                (name, key.key_data(), key.public_key_bytes(), Form::Plain)
            }
            AgentIdentity::Certificate { certificate, comment } => {
                let bytes = certificate.to_bytes().unwrap_or_default();
                (format!("agent certificate {comment}"), certificate.public_key(), bytes, Form::Certificate)
            }
        };
        if self.seen.contains(&bytes) {
            return Ok(Try::Next);
        }
        self.seen.push(bytes);
        if !self.fits(&name, data, form) {
            return Ok(Try::Next);
        }
        for hash in self.hashes(&data.algorithm(), form, false).await? {
            let (client, _place) = match timeout_at(self.deadline, agent.signer()).await {
                Err(_) => return Err(self.agent_late()),
                Ok(Ok(signer)) => signer,
                Ok(Err(why)) => {
                    self.note(why);
                    return Ok(Try::Next);
                }
            };
            let (mut signer, at_work) = Watched::new(client);
            let handle = &mut self.connection.handle;
            let signing = async {
                match identity {
                    AgentIdentity::PublicKey { key, .. } => {
                        handle.authenticate_publickey_with(self.credentials.user, key.clone(), hash, &mut signer).await
                    }
                    AgentIdentity::Certificate { certificate, .. } => {
                        handle
                            .authenticate_certificate_with(
                                self.credentials.user,
                                certificate.clone(),
                                hash,
                                &mut signer,
                            )
                            .await
                    }
                }
            };
            let result = match timeout_at(self.deadline, signing).await {
                Err(_) if at_work.load(Ordering::Relaxed) => return Err(self.agent_late()),
                Err(_) => return Err(self.late()),
                Ok(Err(_)) if self.connection.handle.is_closed() => return Err(self.ended().await),
                Ok(Err(why)) => {
                    self.note(format!("{name}: {}", crate::command::printable(&why.to_string())));
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
}
