//! Host keys, cheap and different for every host, and the one key that may log in.
//! All come from one random secret, so that no other user of the machine can guess the login.

use std::path::Path;

use russh::keys::{
    PrivateKey, PublicKey,
    ssh_key::{self, LineEnding, private::Ed25519Keypair},
};
use sha2::{Digest as _, Sha256};

/// The fleet's secret.
pub(super) struct KeyRing {
    secret: [u8; 32],
}

impl KeyRing {
    /// A random secret.
    pub(super) fn random() -> Self {
        let key = Ed25519Keypair::random(&mut russh::keys::key::safe_rng());
        Self { secret: key.private.to_bytes() }
    }

    /// The key of `host` after its key was changed `generation` times.
    pub(super) fn host(&self, host: &str, generation: u32) -> PrivateKey {
        self.derive(&["host", host, &generation.to_string()])
    }

    /// The key that may log in.
    pub(super) fn login(&self) -> PrivateKey {
        self.derive(&["login"])
    }

    fn derive(&self, purpose: &[&str]) -> PrivateKey {
        let mut hash = Sha256::new_with_prefix(self.secret);
        for part in purpose {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        PrivateKey::from(Ed25519Keypair::from_seed(&hash.finalize().into()))
    }
}

/// Writes a private key so that only its owner can read it, as `ssh` demands.
pub(super) fn write_login(key: &PrivateKey, path: &Path) -> Result<(), ssh_key::Error> {
    key.write_openssh_file(path, LineEnding::LF)
}

/// One line of `known_hosts`.
pub(super) fn known_hosts_line(port: u16, key: &PublicKey) -> Result<String, ssh_key::Error> {
    Ok(format!("[127.0.0.1]:{port} {}\n", key.to_openssh()?))
}
