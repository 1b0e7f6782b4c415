//! Signatures for certificates from files: by the key beside the certificate, or by an agent that holds that key alone.
//! russh signs with a key and its hash, or with an agent's certificate, but not with these.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ed25519_dalek::{Signer as _, SigningKey};
use russh::keys::{
    Algorithm, HashAlg, PrivateKey, PublicKey,
    agent::{AgentIdentity, client::AgentClient},
    ssh_encoding::Encode as _,
    ssh_key::{Signature, private::KeypairData},
};
use tokio::net::UnixStream;

/// Why there is no signature.
pub(super) struct NotSigned(pub(super) String);

impl From<russh::SendError> for NotSigned {
    fn from(error: russh::SendError) -> Self {
        Self(error.to_string())
    }
}

/// Signs with a key in the clear.
pub(super) struct WithKey(pub(super) Arc<PrivateKey>);

impl russh::Signer for WithKey {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut request: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let signed = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&request),
            _ => self.0.try_sign(&request),
        };
        append(&mut request, &signed.map_err(|error| NotSigned(error.to_string()))?)?;
        Ok(request)
    }
}

/// Signs with an Ed25519 key whose public half is known: russh works it out for each signature.
pub(super) struct WithEd25519<'a>(pub(super) &'a SigningKey);

impl russh::Signer for WithEd25519<'_> {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        mut request: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let signed = Signature::new(Algorithm::Ed25519, self.0.sign(&request).to_vec());
        append(&mut request, &signed.map_err(|error| NotSigned(error.to_string()))?)?;
        Ok(request)
    }
}

/// The request, as the signer returns it: followed by the signature, as one string (RFC 4252, section 7).
fn append(request: &mut Vec<u8>, signature: &Signature) -> Result<(), NotSigned> {
    signature.encode_prefixed(request).map_err(|error| NotSigned(error.to_string()))
}

/// Has the agent sign with the plain key of a certificate that it does not hold.
pub(super) struct WithAgent(pub(super) AgentClient<UnixStream>);

impl russh::Signer for WithAgent {
    type Error = NotSigned;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, NotSigned> {
        let key = match identity {
            AgentIdentity::Certificate { certificate, .. } => PublicKey::from(certificate.public_key().clone()),
            AgentIdentity::PublicKey { key, .. } => key.clone(),
        };
        let hash = hash.filter(|_| matches!(key.algorithm(), Algorithm::Rsa { .. }));
        self.0.sign_request(&key.into(), hash, request).await.map_err(|error| NotSigned(error.to_string()))
    }
}

/// Tells whether its signer is busy: then a late login is waiting for the signer, not for the host.
pub(super) struct Watched<S> {
    signer: S,
    at_work: Arc<AtomicBool>,
}

impl<S> Watched<S> {
    pub(super) fn new(signer: S) -> (Self, Arc<AtomicBool>) {
        let at_work = Arc::new(AtomicBool::new(false));
        (Self { signer, at_work: Arc::clone(&at_work) }, at_work)
    }
}

impl<S: russh::Signer + Send> russh::Signer for Watched<S> {
    type Error = S::Error;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, S::Error> {
        self.at_work.store(true, Ordering::Relaxed);
        let signed = self.signer.auth_sign(identity, hash, request).await;
        self.at_work.store(false, Ordering::Relaxed);
        signed
    }
}
