//! Which algorithms are offered, and the few shared client configurations that differ in host key order and keepalive.

use std::{borrow::Cow, collections::HashMap, sync::Arc, sync::Mutex, time::Duration};

use russh::{
    Preferred, SshId, cipher,
    client::Config,
    compression, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg},
    mac,
};

/// Keepalives that may stay unanswered; the peer is given up one interval after the last.
const KEEPALIVES: u32 = 3;

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_CTR,
    cipher::AES_192_CTR,
    cipher::AES_256_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// Host key algorithms in order of preference. `ssh-rsa` (SHA-1) is not among them, as in OpenSSH.
const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// What a host is asked for: the algorithms of its keys on file first, so that a host with several keys shows one that
/// is known. Follows `order_hostkeyalgs` of OpenSSH's sshconnect2.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HostKeyOrder {
    known: u8,
    authority: bool,
}

impl HostKeyOrder {
    /// From the algorithms on file (`ssh-ed25519`, …).
    pub(super) fn new(known: &[String], authority: bool) -> Self {
        let on_file = |algorithm: &Algorithm| {
            let name = if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() };
            known.iter().any(|known| known == name)
        };
        let bits = HOST_KEYS.iter().enumerate().filter(|(_, algorithm)| on_file(algorithm));
        Self { known: bits.fold(0, |bits, (n, _)| bits | 1 << n), authority }
    }

    pub(super) fn algorithms(self) -> Vec<Algorithm> {
        let known = |n: usize| self.known & (1 << n) != 0;
        let pick =
            |want: bool| HOST_KEYS.iter().enumerate().filter(move |(n, _)| known(*n) == want).map(|(_, a)| a.clone());
        pick(true).chain(pick(false)).collect()
    }

    /// The kinds that may come in a certificate, which is asked for before any plain key. One of an authority that is
    /// not on file is worth its plain key, so other kinds than the ones on file must not be drawn to the front.
    pub(super) fn certificates(self) -> Vec<Algorithm> {
        let all = self.authority || self.known == 0 || self.known & 1 != 0;
        HOST_KEYS
            .iter()
            .enumerate()
            .filter(|(n, _)| all || self.known & (1 << n) != 0)
            .map(|(_, a)| a.clone())
            .collect()
    }
}

/// The configurations in use. Sessions share them.
#[derive(Debug, Default)]
pub(super) struct Configs {
    made: Mutex<HashMap<(HostKeyOrder, Duration), Arc<Config>>>,
}

impl Configs {
    /// The configuration for a host key order and the longest silence of a peer that is borne.
    pub(super) fn get(&self, order: HostKeyOrder, silence: Duration) -> Arc<Config> {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(made.entry((order, silence)).or_insert_with(|| Arc::new(config(order, silence))))
    }
}

fn config(order: HostKeyOrder, silence: Duration) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-patchwave_", env!("CARGO_PKG_VERSION")))),
        // Rekeying by time is rare on purpose: a walk over a host takes minutes, and idle sessions have died of it.
        limits: russh::Limits::new(1 << 30, 1 << 30, Duration::from_secs(24 * 3600)),
        window_size: 256 << 10,
        maximum_packet_size: 32 << 10,
        channel_buffer_size: 8,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Owned(order.algorithms()),
            host_key_certificates: Cow::Owned(order.certificates()),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        // A quiet upgrade may say nothing for minutes; only unanswered keepalives end a session.
        inactivity_timeout: None,
        keepalive_interval: Some((silence / (KEEPALIVES + 1)).max(Duration::from_millis(50))),
        keepalive_max: KEEPALIVES as usize,
        nodelay: true,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_on_file_are_asked_for_first() {
        let first = |known: &[&str]| {
            let known: Vec<String> = known.iter().map(|k| (*k).to_owned()).collect();
            let algorithms = HostKeyOrder::new(&known, false).algorithms();
            assert_eq!(algorithms.len(), HOST_KEYS.len());
            algorithms[0].to_string()
        };
        assert_eq!(first(&[]), "ssh-ed25519");
        assert_eq!(first(&["ssh-rsa"]), "rsa-sha2-512");
        assert_eq!(first(&["ssh-rsa", "ecdsa-sha2-nistp256"]), "ecdsa-sha2-nistp256");
        assert_eq!(first(&["ssh-dss"]), "ssh-ed25519");
    }
}
