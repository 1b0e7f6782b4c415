//! Private key files: each is read once per run, and unlocked once per run if it is encrypted.

use std::{
    collections::HashMap,
    fmt,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use ed25519_dalek::SigningKey;
use russh::keys::{
    Algorithm, Certificate, PrivateKey, PublicKey, decode_secret_key, load_openssh_certificate, load_public_key,
    ssh_key::certificate::CertType,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OnceCell, Semaphore};

use crate::prompt::Prompt;

/// No private key is larger.
const LARGEST: u64 = 64 << 10;

/// The key files of a run.
pub(super) struct KeyFiles {
    prompt: Option<Arc<dyn Prompt>>,
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
    certificates: Mutex<HashMap<PathBuf, NamedCertificate>>,
    /// One question at a time.
    asking: Semaphore,
}

/// One key file.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    /// The user certificate beside it, in `FILE-cert.pub`.
    pub(super) certificate: Option<Certificate>,
    unlocked: OnceCell<Result<Arc<PrivateKey>, String>>,
    ed25519: OnceLock<Option<SigningKey>>,
}

/// What is in a key file.
pub(super) enum Content {
    /// There is no such file.
    Absent,
    /// It cannot be used, and why.
    Bad(String),
    /// A key in the clear.
    Ready(Arc<PrivateKey>),
    /// An encrypted key; its public half if it can be read.
    Locked { text: SecretString, public: Option<PublicKey> },
    /// The public half; an agent may hold the private one, or a token behind it.
    Public(PublicKey),
}

/// A file that was named as a certificate.
#[derive(Clone)]
pub(super) struct NamedCertificate {
    pub(super) path: PathBuf,
    /// The user certificate, or why there is none.
    pub(super) content: Result<Certificate, String>,
}

impl KeyFiles {
    pub(super) fn new(prompt: Option<Arc<dyn Prompt>>) -> Self {
        Self { prompt, files: Mutex::default(), certificates: Mutex::default(), asking: Semaphore::new(1) }
    }

    /// The file at `path`, read at the first call.
    pub(super) fn get(&self, path: &Path) -> Arc<KeyFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Arc::clone(file);
        }
        let (content, certificate) = (read(path), certificate(&with_ending(path, "-cert.pub")).ok());
        let (unlocked, ed25519) = (OnceCell::new(), OnceLock::new());
        let file = KeyFile { path: path.to_owned(), content, certificate, unlocked, ed25519 };
        Arc::clone(files.entry(path.to_owned()).or_insert(Arc::new(file)))
    }

    /// The certificate at `path`, read at the first call.
    pub(super) fn certificate(&self, path: &Path) -> NamedCertificate {
        let mut certificates = self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || NamedCertificate { path: path.to_owned(), content: certificate(path) };
        certificates.entry(path.to_owned()).or_insert_with(read).clone()
    }

    /// The private key. The first call asks for the passphrase, at most `questions` times; waits while another question
    /// is open.
    pub(super) async fn unlock(&self, file: &Arc<KeyFile>, questions: usize) -> Result<Arc<PrivateKey>, String> {
        if questions == 0 && file.ready().is_none() {
            return Err("is encrypted, and BatchMode in ssh_config forbids asking for its passphrase".to_owned());
        }
        let unlocked = file.unlocked.get_or_init(|| async {
            let text = match &file.content {
                Content::Ready(key) => return Ok(Arc::clone(key)),
                Content::Absent => return Err("does not exist".to_owned()),
                Content::Bad(why) => return Err(why.clone()),
                Content::Public(_) => return Err("contains no private key".to_owned()),
                Content::Locked { text, .. } => text.clone(),
            };
            let Some(prompt) = self.prompt.clone() else {
                return Err("is encrypted, and there is no terminal to ask for its passphrase".to_owned());
            };
            let _alone = self.asking.acquire().await.expect("the semaphore is never closed");
            let path = file.path.clone();
            // The question blocks on a person, and unlocking is slow on purpose.
            let asked = tokio::task::spawn_blocking(move || ask(&path, &text, &*prompt, questions)).await;
            asked.unwrap_or_else(|_| Err("could not be unlocked".to_owned()))
        });
        unlocked.await.clone()
    }
}

impl KeyFile {
    /// The public half, where it is known without a passphrase.
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match &self.content {
            Content::Ready(key) => Some(key.public_key()),
            Content::Locked { public: None, .. } => match self.unlocked.get() {
                Some(Ok(key)) => Some(key.public_key()),
                _ => None,
            },
            Content::Locked { public, .. } => public.as_ref(),
            Content::Public(public) => Some(public),
            Content::Absent | Content::Bad(_) => None,
        }
    }

    /// Whether a passphrase makes a private key of it.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self.content, Content::Locked { .. })
    }

    /// The private key, if it is in the clear by now.
    pub(super) fn ready(&self) -> Option<Arc<PrivateKey>> {
        match (&self.content, self.unlocked.get()) {
            (Content::Ready(key), _) | (_, Some(Ok(key))) => Some(Arc::clone(key)),
            _ => None,
        }
    }

    /// The signer for this file's `key` if that is Ed25519: its public half is computed once, because that takes as
    /// long as a signature.
    pub(super) fn ed25519(&self, key: &PrivateKey) -> Option<&SigningKey> {
        let made = self.ed25519.get_or_init(|| key.key_data().ed25519().and_then(|pair| pair.try_into().ok()));
        made.as_ref()
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The user certificate in a file. As in OpenSSH, one that cannot be read is ignored: the key may be enough.
fn certificate(path: &Path) -> Result<Certificate, String> {
    let file = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !file.is_file() || file.len() > LARGEST {
        return Err("is not a certificate".to_owned());
    }
    let certificate = load_openssh_certificate(path).map_err(|_| "cannot be read as a certificate".to_owned())?;
    match certificate.cert_type() {
        CertType::User => Ok(certificate),
        CertType::Host => Err("is a host certificate".to_owned()),
    }
}

fn ask(path: &Path, text: &SecretString, prompt: &dyn Prompt, questions: usize) -> Result<Arc<PrivateKey>, String> {
    for question in 0..questions {
        let wrong = if question > 0 { "That was not it. " } else { "" };
        let Some(answer) = prompt.secret(&format!("{wrong}Passphrase of {}: ", path.display())) else {
            return Err("is encrypted, and no passphrase was given".to_owned());
        };
        if let Ok(key) = decode_secret_key(text.expose_secret(), Some(answer.expose_secret())) {
            return Ok(Arc::new(key));
        }
    }
    Err("is encrypted, and no passphrase was right".to_owned())
}

fn read(path: &Path) -> Content {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return public(&with_ending(path, ".pub")).map_or(Content::Absent, Content::Public);
        }
        Err(error) => return Content::Bad(error.to_string()),
    };
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Content::Bad("is not a key file".to_owned());
    }
    // As with OpenSSH, the public half chooses a key of the agent. Anybody may read it.
    if let Some(public) = public(path) {
        return Content::Public(public);
    }
    // As in OpenSSH: a private key of ours that others may read is not used.
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.uid() == rustix::process::geteuid().as_raw() && mode & 0o077 != 0 {
        return Content::Bad(format!("is readable by others (mode {mode:04o}); `chmod 600 {}`", path.display()));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => SecretString::from(text),
        Err(error) => return Content::Bad(error.to_string()),
    };
    decode(path, text)
}

/// The public key in a file.
fn public(path: &Path) -> Option<PublicKey> {
    let file = std::fs::metadata(path).ok().filter(|file| file.is_file() && file.len() <= LARGEST);
    file.and_then(|_| load_public_key(path).ok())
}

fn decode(path: &Path, text: SecretString) -> Content {
    let beside = || public(&with_ending(path, ".pub"));
    if let Ok(key) = PrivateKey::from_openssh(text.expose_secret()) {
        // The private half of these is in a security token, which is reached through the agent.
        if matches!(key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256) {
            return Content::Public(key.public_key().clone());
        }
        if key.is_encrypted() {
            let public = Some(key.public_key().clone());
            return Content::Locked { text, public };
        }
    }
    match decode_secret_key(text.expose_secret(), None) {
        Ok(key) if !key.is_encrypted() => Content::Ready(Arc::new(key)),
        _ if text.expose_secret().contains("ENCRYPTED") => Content::Locked { text, public: beside() },
        Ok(_) => Content::Locked { text, public: beside() },
        Err(error) => Content::Bad(format!("cannot be read as a private key: {error}")),
    }
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFiles").finish_non_exhaustive()
    }
}
