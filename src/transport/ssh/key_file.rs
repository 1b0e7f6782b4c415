//! Private key files: each is read once a run, and unlocked once a run if it is encrypted.

use std::{
    collections::HashMap,
    fmt,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use russh::keys::{
    Certificate, PrivateKey, PublicKey, decode_secret_key, load_openssh_certificate, load_public_key,
    ssh_key::certificate::CertType,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OnceCell, Semaphore};

use super::Passphrase;

/// No private key is larger.
const LARGEST: u64 = 64 << 10;
/// How often a person may mistype.
const QUESTIONS: usize = 3;

/// The key files of a run.
pub(super) struct KeyFiles {
    passphrase: Option<Arc<Passphrase>>,
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
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
}

/// What is in a key file.
pub(super) enum Content {
    /// There is no such file.
    Absent,
    /// It cannot be used, and why.
    Bad(String),
    /// A key in the clear.
    Ready(Arc<PrivateKey>),
    /// An encrypted key; its public half if it can be seen.
    Locked { text: SecretString, public: Option<PublicKey> },
}

impl KeyFiles {
    pub(super) fn new(passphrase: Option<Arc<Passphrase>>) -> Self {
        Self { passphrase, files: Mutex::default(), asking: Semaphore::new(1) }
    }

    /// The file at `path`, read at the first call.
    pub(super) fn get(&self, path: &Path) -> Arc<KeyFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Arc::clone(file);
        }
        let (content, certificate) = (read(path), certificate(path));
        let file = KeyFile { path: path.to_owned(), content, certificate, unlocked: OnceCell::new() };
        Arc::clone(files.entry(path.to_owned()).or_insert(Arc::new(file)))
    }

    /// The private key, asking for the passphrase if this is the first time; waits for whoever else is being asked.
    pub(super) async fn unlock(&self, file: &Arc<KeyFile>) -> Result<Arc<PrivateKey>, String> {
        let unlocked = file.unlocked.get_or_init(|| async {
            let text = match &file.content {
                Content::Ready(key) => return Ok(Arc::clone(key)),
                Content::Absent => return Err("does not exist".to_owned()),
                Content::Bad(why) => return Err(why.clone()),
                Content::Locked { text, .. } => text.clone(),
            };
            let Some(passphrase) = self.passphrase.clone() else {
                return Err("is encrypted, and nobody can be asked for its passphrase".to_owned());
            };
            let _alone = self.asking.acquire().await.expect("the semaphore is never closed");
            let path = file.path.clone();
            // The question blocks on a person, and unlocking is slow on purpose.
            let asked = tokio::task::spawn_blocking(move || ask(&path, &text, &*passphrase)).await;
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
            Content::Locked { public, .. } => public.as_ref(),
            Content::Absent | Content::Bad(_) => None,
        }
    }

    /// The private key, if it is in the clear by now.
    pub(super) fn ready(&self) -> Option<Arc<PrivateKey>> {
        match (&self.content, self.unlocked.get()) {
            (Content::Ready(key), _) | (_, Some(Ok(key))) => Some(Arc::clone(key)),
            _ => None,
        }
    }
}

/// The user certificate of a key. One that cannot be read is none, as OpenSSH has it: the key may do without.
fn certificate(path: &Path) -> Option<Certificate> {
    let mut name = path.as_os_str().to_owned();
    name.push("-cert.pub");
    let path = PathBuf::from(name);
    let small = std::fs::metadata(&path).ok().filter(|file| file.is_file() && file.len() <= LARGEST)?;
    let certificate = load_openssh_certificate(&path).ok().filter(|_| small.len() > 0)?;
    (certificate.cert_type() == CertType::User).then_some(certificate)
}

fn ask(path: &Path, text: &SecretString, passphrase: &Passphrase) -> Result<Arc<PrivateKey>, String> {
    for _ in 0..QUESTIONS {
        let Some(answer) = passphrase(path) else { return Err("is encrypted, and no passphrase was given".to_owned()) };
        if let Ok(key) = decode_secret_key(text.expose_secret(), Some(answer.expose_secret())) {
            return Ok(Arc::new(key));
        }
    }
    Err("is encrypted, and no passphrase fitted".to_owned())
}

fn read(path: &Path) -> Content {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Content::Absent,
        Err(error) => return Content::Bad(error.to_string()),
    };
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Content::Bad("is not a key file".to_owned());
    }
    // The rule of OpenSSH: a private key of ours that others may read is not used.
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

fn decode(path: &Path, text: SecretString) -> Content {
    let beside = || {
        let mut name = path.as_os_str().to_owned();
        name.push(".pub");
        load_public_key(PathBuf::from(name)).ok()
    };
    if let Ok(key) = PrivateKey::from_openssh(text.expose_secret())
        && key.is_encrypted()
    {
        let public = Some(key.public_key().clone());
        return Content::Locked { text, public };
    }
    match decode_secret_key(text.expose_secret(), None) {
        Ok(key) if !key.is_encrypted() => Content::Ready(Arc::new(key)),
        _ if text.expose_secret().contains("ENCRYPTED") => Content::Locked { text, public: beside() },
        Ok(_) => Content::Locked { text, public: beside() },
        Err(error) => Content::Bad(format!("is no private key that can be read: {error}")),
    }
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFiles").finish_non_exhaustive()
    }
}
