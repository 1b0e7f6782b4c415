//! Ansible Vault: an encrypted text and passwords in, the text out. Knows the format, not where passwords come from or
//! what a text means. A text that was decrypted is wiped from memory when it is dropped. Start at [`Passwords::open`].
//!
//! Source: Ansible's `lib/ansible/parsing/vault/__init__.py`: PBKDF2 and HMAC with SHA-256, AES-256 in counter mode.

use std::fmt;

use aes::Aes256;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How an encrypted text begins.
const HEAD: &str = "$ANSIBLE_VAULT;";
const ROUNDS: u32 = 10_000;
/// In bytes: two keys, and the first counter.
const KEY: usize = 32;
const COUNTER: usize = 16;

/// A password, and the name that people gave it (`prod` in `--vault-id prod@FILE`).
pub struct Password {
    /// Its name; empty if it has none.
    pub label: String,
    /// The password.
    pub secret: SecretString,
}

/// All passwords that may open a text.
#[derive(Default)]
pub struct Passwords(Vec<Password>);

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passwords", self.0.len())
    }
}

/// Why a text stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// None of the passwords opens it.
    #[error("none of the vault passwords opens it")]
    Password,
    /// It is not what Ansible writes.
    #[error("it is not a whole text of Ansible Vault (version 1.1 or 1.2, AES256)")]
    Damaged,
    /// What was encrypted is not text.
    #[error("what was encrypted is not UTF-8 text")]
    NoText,
}

/// Whether a text is encrypted as a whole.
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with(HEAD)
}

impl Passwords {
    /// With these passwords.
    pub fn new(passwords: Vec<Password>) -> Self {
        Self(passwords)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Decrypts a text. The password with the text's label is tried first, then the others, as Ansible does.
    ///
    /// # Errors
    /// Why it stays closed.
    pub fn open(&self, text: &str) -> Result<Zeroizing<String>, Closed> {
        let envelope = Envelope::read(text).ok_or(Closed::Damaged)?;
        let (first, others): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|password| !envelope.label.is_empty() && password.label == envelope.label);
        let plain = first.into_iter().chain(others).find_map(|password| envelope.open(&password.secret));
        let plain = plain.ok_or(Closed::Password)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Closed::NoText)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// The parts of an encrypted text.
struct Envelope<'t> {
    label: &'t str,
    salt: Vec<u8>,
    mac: Vec<u8>,
    body: Vec<u8>,
}

impl<'t> Envelope<'t> {
    /// `$ANSIBLE_VAULT;1.2;AES256;LABEL`, then hexadecimal lines: of three hexadecimal lines.
    fn read(text: &'t str) -> Option<Self> {
        let mut lines = text.trim().lines().map(str::trim);
        let mut head = lines.next()?.strip_prefix(HEAD)?.split(';');
        let (version, cipher, label) = (head.next()?, head.next()?, head.next().unwrap_or_default());
        if !matches!(version, "1.1" | "1.2") || cipher != "AES256" {
            return None;
        }
        let inner = hex(&lines.collect::<String>())?;
        let mut parts = std::str::from_utf8(&inner).ok()?.split('\n');
        let (salt, mac, body) = (hex(parts.next()?)?, hex(parts.next()?)?, hex(parts.next()?)?);
        Some(Self { label, salt, mac, body })
    }

    fn open(&self, secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
        let mut derived = Zeroizing::new([0u8; 2 * KEY + COUNTER]);
        pbkdf2::pbkdf2_hmac::<Sha256>(secret.expose_secret().as_bytes(), &self.salt, ROUNDS, &mut *derived);
        let (key, rest) = derived.split_at(KEY);
        let (mac_key, counter) = rest.split_at(KEY);
        let mut mac = Hmac::<Sha256>::new_from_slice(mac_key).ok()?;
        mac.update(&self.body);
        mac.verify_slice(&self.mac).ok()?;
        let mut plain = Zeroizing::new(self.body.clone());
        Ctr128BE::<Aes256>::new_from_slices(key, counter).ok()?.apply_keystream(&mut plain);
        // The padding of PKCS #7.
        let pad = usize::from(*plain.last()?);
        let fits = (1..=16).contains(&pad) && pad <= plain.len();
        let whole = fits && plain[plain.len() - pad..].iter().all(|byte| usize::from(*byte) == pad);
        let length = plain.len() - if whole { pad } else { return None };
        plain.truncate(length);
        Some(plain)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ansible-vault encrypt_string` of ansible-core 2.19: `v4ult-value` with `open sesame`, and `labelled`
    /// with `other` under the label `prod`.
    const PLAIN: &str = "$ANSIBLE_VAULT;1.1;AES256
          35356631613864313733313864663434633361373536626364613030353231303861623165656561
          3963346563636135643233303264666131396661303761630a636335366666393030343866356261
          38626339313066373166396639396561316633343962303565613864333466393335353465353131
          3961343531323432350a613439393231626337303138393761323866343461373162333635303036
          3239
";
    const LABELLED: &str = "$ANSIBLE_VAULT;1.2;AES256;prod
62646462306362373339333931346536353633643962333066653765633663613239663638393662
3766383763343066643134626335653632396261303166350a393137383463323862393864396231
66303633366366616235356136393861393730636532303939356332663466393139663665613065
3562643634306430650a393132333639396337363362353431663631393930356638643831616136
3766
";

    fn passwords(list: &[(&str, &str)]) -> Passwords {
        let password = |(label, secret): &(&str, &str)| Password {
            label: (*label).to_owned(),
            secret: SecretString::from((*secret).to_owned()),
        };
        Passwords::new(list.iter().map(password).collect())
    }

    fn open(text: &str, list: &[(&str, &str)]) -> Result<String, Closed> {
        passwords(list).open(text).map(|text| text.to_string())
    }

    #[test]
    fn what_ansible_encrypts_is_opened() {
        assert_eq!(open(PLAIN, &[("", "open sesame")]), Ok("v4ult-value".to_owned()));
        assert_eq!(open(LABELLED, &[("prod", "other")]), Ok("labelled".to_owned()));
        // The label is advice.
        let both = [("test", "open sesame"), ("x", "other")];
        assert_eq!(open(LABELLED, &both), Ok("labelled".to_owned()));
        assert_eq!(open(PLAIN, &both), Ok("v4ult-value".to_owned()));
        assert_eq!(open(PLAIN, &[("", "open")]), Err(Closed::Password));
        assert_eq!(open(PLAIN, &[]), Err(Closed::Password));
        assert!(!format!("{:?}", passwords(&both)).contains("sesame"));
    }

    #[test]
    fn a_damaged_text_stays_closed() {
        let right = [("", "open sesame")];
        for damaged in ["", "$ANSIBLE_VAULT;1.1;AES256", "$ANSIBLE_VAULT;1.0;AES\n00", "$ANSIBLE_VAULT;1.1;AES256\nzz"]
        {
            assert_eq!(open(damaged, &right), Err(Closed::Damaged), "{damaged}");
        }
        assert_eq!(open(&PLAIN.replace("3239", "3238"), &right), Err(Closed::Password));
        assert_eq!(open(&PLAIN.replace("3239", ""), &right), Err(Closed::Password));
    }
}
