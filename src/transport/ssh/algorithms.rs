//! Which algorithms are offered, and the few shared client configurations that differ in host key order and keepalive.

use std::{borrow::Cow, collections::HashMap, sync::Arc, sync::Mutex, time::Duration};

use russh::{
    Preferred, SshId, cipher,
    client::Config,
    compression, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg},
    mac,
};

use super::{
    super::{Class, ConnectError, Phase},
    failure::connect as failed,
};
use crate::{sshconfig::AlgorithmList, target::SshSettings};

/// Keepalives that may stay unanswered; one interval after the last the connection is closed.
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

/// The entries at the end of [`KEX`] that are not key exchange methods.
const MARKS: [kex::Name; 2] = [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

/// Only where ssh_config asks for it by name.
const OLD_KEX: &[kex::Name] = &[kex::DH_GEX_SHA256, kex::DH_G14_SHA1, kex::DH_G18_SHA512];
const OLD_CIPHERS: &[cipher::Name] = &[cipher::AES_128_CBC, cipher::AES_192_CBC, cipher::AES_256_CBC];
const OLD_MACS: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_CTR,
    cipher::AES_192_CTR,
    cipher::AES_256_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// RSA with SHA-1.
const OLD_HOST_KEYS: &[Algorithm] = &[Algorithm::Rsa { hash: None }];

/// Host key algorithms in order of preference. `ssh-rsa` (SHA-1) is not among them, as in OpenSSH.
const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// Which host keys are requested: the algorithms of the keys on file first, so that a host with several keys shows one
/// that is known. Follows `order_hostkeyalgs` of OpenSSH's sshconnect2.c.
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

    /// The kinds that are requested as certificates, before all plain keys. A certificate of an authority that is not
    /// on file counts as its plain key only, so kinds that are not on file must not move to the front.
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
    made: Mutex<HashMap<(HostKeyOrder, Duration, Wanted), Arc<Config>>>,
}

/// The algorithm settings of ssh_config, as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    kex: Option<String>,
    ciphers: Option<String>,
    macs: Option<String>,
    host_keys: Option<String>,
}

impl Configs {
    /// The configuration for a host key order and the longest allowed silence of a peer.
    ///
    /// # Errors
    /// ssh_config leaves no algorithm that patchwave supports.
    pub(super) fn get(
        &self,
        order: HostKeyOrder,
        silence: Duration,
        ssh: &SshSettings,
    ) -> Result<Arc<Config>, ConnectError> {
        let wanted = Wanted {
            kex: ssh.kex.clone(),
            ciphers: ssh.ciphers.clone(),
            macs: ssh.macs.clone(),
            host_keys: ssh.host_keys.clone(),
        };
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (order, silence, wanted);
        if let Some(known) = made.get(&key) {
            return Ok(Arc::clone(known));
        }
        let config = Arc::new(config(order, silence, &key.2)?);
        made.insert(key, Arc::clone(&config));
        Ok(config)
    }
}

/// Those of `all` that ssh_config names, in its order; based on `ours` where it names none or changes the default.
fn choose<T: Clone>(
    keyword: &str,
    spec: Option<&String>,
    ours: &[T],
    all: &[T],
    name: impl Fn(&T) -> String,
) -> Result<Vec<T>, ConnectError> {
    let Some(spec) = spec else { return Ok(ours.to_vec()) };
    let (own, every): (Vec<String>, Vec<String>) = (ours.iter().map(&name).collect(), all.iter().map(&name).collect());
    let (own, every): (Vec<&str>, Vec<&str>) =
        (own.iter().map(String::as_str).collect(), every.iter().map(String::as_str).collect());
    let names = AlgorithmList::new(spec).choose(&own, &every);
    let found: Vec<T> = names.iter().filter_map(|n| all.iter().find(|one| name(one) == *n).cloned()).collect();
    if found.is_empty() {
        let mut error = failed(
            Phase::KeyExchange,
            Class::Local,
            format!("{keyword} {spec} leaves no algorithm that patchwave supports"),
        );
        error.help = Some(format!("patchwave supports {}", every.join(", ")));
        return Err(error);
    }
    Ok(found)
}

fn config(order: HostKeyOrder, silence: Duration, wanted: &Wanted) -> Result<Config, ConnectError> {
    let named = |name: &dyn AsRef<str>| name.as_ref().to_owned();
    let plain = &KEX[..KEX.len() - MARKS.len()];
    let mut kex = choose("KexAlgorithms", wanted.kex.as_ref(), plain, &[plain, OLD_KEX].concat(), |n| named(n))?;
    kex.extend(MARKS);
    let ciphers = choose("Ciphers", wanted.ciphers.as_ref(), CIPHERS, &[CIPHERS, OLD_CIPHERS].concat(), |n| named(n))?;
    let macs = choose("MACs", wanted.macs.as_ref(), MACS, &[MACS, OLD_MACS].concat(), |n| named(n))?;
    let of = |list: Vec<Algorithm>, what: fn(&Algorithm) -> String| {
        choose("HostKeyAlgorithms", wanted.host_keys.as_ref(), &list, &[&list, OLD_HOST_KEYS].concat(), what)
    };
    let keys = of(order.algorithms(), plain_name);
    // A list may name only certificates, or none.
    let certificates = of(order.certificates(), certificate_name);
    let (keys, certificates) = match (keys, certificates) {
        (Err(error), Err(_)) => return Err(error),
        (keys, certificates) => (keys.unwrap_or_default(), certificates.unwrap_or_default()),
    };
    Ok(Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-patchwave_", env!("CARGO_PKG_VERSION")))),
        // Rekeying by time is rare on purpose: a host's steps take minutes, and rekeying has broken idle sessions.
        limits: russh::Limits::new(1 << 30, 1 << 30, Duration::from_secs(24 * 3600)),
        window_size: 256 << 10,
        maximum_packet_size: 32 << 10,
        channel_buffer_size: 8,
        preferred: Preferred {
            kex: Cow::Owned(kex),
            key: Cow::Owned(keys),
            host_key_certificates: Cow::Owned(certificates),
            cipher: Cow::Owned(ciphers),
            mac: Cow::Owned(macs),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        // An upgrade may print nothing for minutes; only unanswered keepalives end a session.
        inactivity_timeout: None,
        keepalive_interval: Some((silence / (KEEPALIVES + 1)).max(Duration::from_millis(50))),
        keepalive_max: KEEPALIVES as usize,
        nodelay: true,
        ..Config::default()
    })
}

fn plain_name(algorithm: &Algorithm) -> String {
    algorithm.to_string()
}

/// The algorithm's name in certificates.
fn certificate_name(algorithm: &Algorithm) -> String {
    format!("{algorithm}-cert-v01@openssh.com")
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
