//! Whether the key that a host shows is accepted, and the error when it is not.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use russh::keys::{
    Certificate, PublicKey, PublicKeyBase64, PublicKeyOrCertificate,
    ssh_key::{certificate::CertType, public::KeyData},
};

use super::{
    super::{Class, ConnectError, Phase},
    failure::connect as failed,
    known_hosts::{Certified, KnownName, OfferedKey, RevokedKeys, TrustStore, Verdict},
    prompter::{NewKey, PromptTime, Prompter, Reply},
};
use crate::{
    clock::Clock,
    sshconfig::USUAL_AUTHORITIES,
    target::{HostKeyPolicy, SshSettings},
};

/// What every key and certificate must meet.
#[derive(Clone, Debug)]
pub(super) struct KeyRules {
    /// `RequiredRSASize`.
    least_rsa: u32,
    /// `CASignatureAlgorithms`.
    authorities: Vec<String>,
}

impl KeyRules {
    pub(super) fn new(ssh: &SshSettings) -> Self {
        let usual = || USUAL_AUTHORITIES.iter().map(|name| (*name).to_owned()).collect();
        Self { least_rsa: ssh.least_rsa(), authorities: ssh.authorities.clone().unwrap_or_else(usual) }
    }

    fn long_enough(&self, key: &PublicKey, name: &str) -> Result<(), ConnectError> {
        let KeyData::Rsa(rsa) = key.key_data() else { return Ok(()) };
        if rsa.key_size() >= self.least_rsa {
            return Ok(());
        }
        let (bits, least) = (rsa.key_size(), self.least_rsa);
        let message = format!("the host key of {name} is an RSA key of {bits} bits, but RequiredRSASize is {least}");
        let mut error = failed(Phase::HostKey, Class::Protocol, message);
        error.help = Some("give the host a longer key, or request another kind with `HostKeyAlgorithms -rsa-*`".into());
        Err(error)
    }
}

/// The check of one host's key.
#[derive(Clone, Debug)]
pub(super) struct HostKeyCheck {
    pub(super) store: Arc<TrustStore>,
    pub(super) name: KnownName,
    pub(super) policy: HostKeyPolicy,
    /// Keys that no host may show.
    pub(super) revoked: Option<Arc<RevokedKeys>>,
    pub(super) rules: KeyRules,
    /// Whether names are recorded as hashes.
    pub(super) hash_names: bool,
    /// The address and port, for suggested commands.
    pub(super) address: String,
    pub(super) port: u16,
    /// Tells whether a certificate is valid now.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) prompter: Arc<Prompter>,
    /// Time that a person took; it counts against no deadline.
    pub(super) prompt_time: Arc<PromptTime>,
}

impl HostKeyCheck {
    /// Accepts the key, or says why not. Records a new key where the policy allows it.
    pub(super) async fn check(&self, shown: &PublicKeyOrCertificate) -> Result<(), ConnectError> {
        let key = offered(shown, self.clock.now(), &self.rules)?;
        let print = shown.public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
        if let Some(by) = self.revoked.as_ref().and_then(|revoked| revoked.revokes(&key)) {
            return Err(self.refusal(&Verdict::Revoked { by }, &key, &print));
        }
        self.rules.long_enough(&shown.public_key(), self.name.as_str())?;
        match (self.store.check(&self.name, &key), self.policy) {
            (Verdict::Accept, _) => Ok(()),
            (Verdict::Unknown { .. }, HostKeyPolicy::AcceptNew) => self.record(key, &print).await,
            (Verdict::Unknown { .. }, HostKeyPolicy::Ask) => self.ask(key, &print).await,
            (verdict, _) => Err(self.refusal(&verdict, &key, &print)),
        }
    }

    /// Asks; a key that was recorded while others were asked about needs no question.
    async fn ask(&self, key: OfferedKey, print: &str) -> Result<(), ConnectError> {
        let _thinking = self.prompt_time.begin();
        let (name, algorithm) = (self.name.as_str().to_owned(), key.algorithm.to_string());
        let reply = self.prompter.confirm(NewKey { name, algorithm, print: print.to_owned() }).await;
        match (self.store.check(&self.name, &key), reply) {
            (Verdict::Accept, _) => Ok(()),
            (Verdict::Unknown { .. }, Reply::Yes) => self.record(key, print).await,
            (Verdict::Unknown { .. }, Reply::No) => {
                let name = self.name.as_str();
                let message = format!("the host key of {name} was not confirmed: {} {print}", key.algorithm);
                Err(failed(Phase::HostKey, Class::HostKeyUnknown, message))
            }
            (verdict, _) => Err(self.refusal(&verdict, &key, print)),
        }
    }

    async fn record(&self, key: OfferedKey, print: &str) -> Result<(), ConnectError> {
        let this = self.clone();
        let (recorded, key) =
            tokio::task::spawn_blocking(move || (this.store.record(&this.name, &key, this.hash_names), key))
                .await
                .map_err(|error| failed(Phase::HostKey, Class::Local, format!("recording the host key: {error}")))?;
        match recorded {
            Ok(Verdict::Accept) => Ok(()),
            Ok(verdict) => Err(self.refusal(&verdict, &key, print)),
            Err(error) => {
                let message = match self.store.path().filter(|_| !self.store.is_read_only()) {
                    Some(path) => format!("the new host key cannot be recorded in {}: {error}", path.display()),
                    None => format!("the new host key cannot be recorded: {error}"),
                };
                Err(failed(Phase::HostKey, Class::Local, message))
            }
        }
    }

    fn refusal(&self, verdict: &Verdict, key: &OfferedKey, print: &str) -> ConnectError {
        let (name, algorithm) = (self.name.as_str(), &key.algorithm);
        let (class, message, help) = match verdict {
            Verdict::Changed { known } => (
                Class::HostKeyChanged,
                format!(
                    "the host key of {name} has changed: it shows {algorithm} {print}, but {known} has a different one"
                ),
                format!(
                    "this may be a man-in-the-middle attack. If the host was reinstalled: compare the fingerprint on its \
                     console, then `ssh-keygen -R '{name}' -f {}` and record the new key",
                    shell_word(&known.path)
                ),
            ),
            Verdict::Revoked { by } => (
                Class::HostKeyRevoked,
                format!("the host key of {name} is revoked by {by}: {algorithm} {print}"),
                "give the host a new key; a revoked one is never accepted".to_owned(),
            ),
            Verdict::Unknown { note } => (
                Class::HostKeyUnknown,
                match note {
                    Some(note) => format!("the host key of {name} is not on file ({note}): {algorithm} {print}"),
                    None => format!("the host key of {name} is not on file: {algorithm} {print}"),
                },
                format!(
                    "compare the fingerprint on the host's console, then `ssh-keyscan{} {} >> {}`; or use \
                    `--host-keys accept-new` to record the keys of new hosts automatically",
                    if self.port == 22 { String::new() } else { format!(" -p {}", self.port) },
                    shell_word(Path::new(&self.address)),
                    self.store.path().map_or_else(|| "~/.ssh/known_hosts".to_owned(), shell_word),
                ),
            ),
            Verdict::Accept => unreachable!("an accepted key is not refused"),
        };
        ConnectError { phase: Phase::HostKey, class, message, help: Some(help) }
    }
}

/// A path, or an address, as a word of a command line.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    crate::command::quote(&path).unwrap_or(path)
}

/// The key in the form of the trust store.
fn offered(shown: &PublicKeyOrCertificate, now: Timestamp, rules: &KeyRules) -> Result<OfferedKey, ConnectError> {
    let key: PublicKey = shown.public_key();
    let blob = key.public_key_bytes();
    if blob.is_empty() {
        return Err(failed(Phase::HostKey, Class::Protocol, "the host shows a key that cannot be read"));
    }
    Ok(OfferedKey {
        algorithm: key.algorithm().as_str().to_owned(),
        blob,
        certificate: shown.certificate().map(|certificate| certified(certificate, now, rules)),
    })
}

pub(super) fn certified(certificate: &Certificate, now: Timestamp, rules: &KeyRules) -> Certified {
    Certified {
        authority: PublicKey::from(certificate.signature_key().clone()).public_key_bytes(),
        principals: certificate.valid_principals().to_vec(),
        serial: certificate.serial(),
        key_id: certificate.key_id().to_owned(),
        valid: valid(certificate, now, rules),
    }
}

/// Checks kind, dates, options and signature; the trust store decides whether the signer is trusted.
fn valid(certificate: &Certificate, now: Timestamp, rules: &KeyRules) -> Result<(), String> {
    let now = u64::try_from(now.as_second()).map_err(|_| "the clock is before 1970".to_owned())?;
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user certificate".to_owned());
    }
    if now < certificate.valid_after() {
        return Err("it is not valid yet".to_owned());
    }
    if now >= certificate.valid_before() {
        return Err("it has expired".to_owned());
    }
    if certificate.critical_options().iter().next().is_some() {
        return Err("it has critical options, but none are defined for hosts".to_owned());
    }
    let signed = certificate.signature().algorithm();
    if !rules.authorities.iter().any(|name| name == signed.as_str()) {
        return Err(format!("it is signed with {signed}, which CASignatureAlgorithms does not allow"));
    }
    // Checks the signature against the authority's key inside; whether that key is trusted is compared by the store.
    let authority = certificate.signature_key().fingerprint(russh::keys::HashAlg::Sha256);
    certificate.validate_at(now, [&authority]).map_err(|_| "its signature is wrong".to_owned())
}
