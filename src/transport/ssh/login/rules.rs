//! Which keys may be offered, and which signatures are made with them: `PubkeyAcceptedAlgorithms`, `RequiredRSASize`
//! and what the host announces.

use russh::keys::{Algorithm, HashAlg, ssh_key::public::KeyData};
use tokio::time::timeout_at;

use super::{super::super::ConnectError, order::Login};

/// What signs: the key alone, or a certificate of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Certificate,
}

impl Login<'_> {
    /// Whether a key is long enough and of a kind that may be used; else says why not.
    pub(super) fn fits(&mut self, name: &str, key: &KeyData, form: Form) -> bool {
        let why = match key {
            KeyData::Rsa(rsa) if rsa.key_size() < self.credentials.least_rsa => {
                format!("has {} bits, but RequiredRSASize is {}", rsa.key_size(), self.credentials.least_rsa)
            }
            _ => {
                let accepted = self.credentials.rules.accepted_keys.as_deref();
                if signatures(&key.algorithm(), form).any(|(name, _)| accepts(accepted, &name)) {
                    return true;
                }
                "is of a kind that PubkeyAcceptedAlgorithms does not allow".to_owned()
            }
        };
        self.note(format!("{name} {why}"));
        false
    }

    /// The signature hashes to try for a key.
    ///
    /// A host may announce hashes that its configuration refuses (OpenSSH 9.2 does), so a key that was chosen
    /// for it is tried with both; another key must not use up two tries.
    pub(super) async fn hashes(
        &mut self,
        algorithm: &Algorithm,
        form: Form,
        chosen: bool,
    ) -> Result<Vec<Option<HashAlg>>, ConnectError> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(vec![None]);
        }
        let announced = match timeout_at(self.deadline, self.connection.handle.best_supported_rsa_hash()).await {
            Err(_) => return Err(self.late()),
            Ok(Err(_)) => return Err(self.ended().await),
            Ok(Ok(announced)) => announced,
        };
        let hashes = rsa_hashes(announced, self.credentials.rules.accepted_keys.as_deref(), form, chosen);
        if hashes.is_empty() {
            self.note(match announced {
                Some(None) => "the host accepts RSA keys with SHA-1 only".to_owned(),
                _ => "PubkeyAcceptedAlgorithms allows no RSA signature that the host accepts".to_owned(),
            });
        }
        Ok(hashes)
    }
}

/// The signatures that a key can make, by their names in lists of algorithms.
fn signatures(algorithm: &Algorithm, form: Form) -> impl Iterator<Item = (String, Option<HashAlg>)> {
    let hashes = match algorithm {
        Algorithm::Rsa { .. } => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256), None],
        _ => vec![None],
    };
    let algorithm = algorithm.clone();
    hashes.into_iter().map(move |hash| {
        let algorithm = match &algorithm {
            Algorithm::Rsa { .. } => Algorithm::Rsa { hash },
            other => other.clone(),
        };
        let name = match form {
            Form::Plain => algorithm.to_string(),
            Form::Certificate => algorithm.to_certificate_type(),
        };
        (name, hash)
    })
}

/// By default everything is accepted except RSA with SHA-1, as in OpenSSH.
fn accepts(accepted: Option<&[String]>, name: &str) -> bool {
    match accepted {
        Some(names) => names.iter().any(|known| known == name),
        None => !name.starts_with("ssh-rsa"),
    }
}

/// The hashes for an RSA key, in the order in which they are accepted. `announced`: the best that the host knows.
fn rsa_hashes(
    announced: Option<Option<HashAlg>>,
    accepted: Option<&[String]>,
    form: Form,
    chosen: bool,
) -> Vec<Option<HashAlg>> {
    let all = signatures(&Algorithm::Rsa { hash: None }, form);
    let mut usable: Vec<(usize, Option<HashAlg>)> = all
        .filter(|(name, _)| accepts(accepted, name))
        .filter(|(_, hash)| match announced {
            None | Some(Some(HashAlg::Sha512)) => true,
            Some(best) => *hash == best || hash.is_none(),
        })
        .map(|(name, hash)| {
            let place = accepted.and_then(|names| names.iter().position(|known| *known == name));
            (place.unwrap_or_default(), hash)
        })
        .collect();
    usable.sort_by_key(|(place, _)| *place);
    let most = if chosen || announced.is_none() { 2 } else { 1 };
    usable.into_iter().map(|(_, hash)| hash).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEST: Option<Option<HashAlg>> = Some(Some(HashAlg::Sha512));
    const OLDER: Option<Option<HashAlg>> = Some(Some(HashAlg::Sha256));
    const S512: Option<HashAlg> = Some(HashAlg::Sha512);
    const S256: Option<HashAlg> = Some(HashAlg::Sha256);

    #[test]
    fn rsa_signatures_follow_the_host_and_the_list() {
        let check = |announced, accepted: Option<&[&str]>, chosen, want: &[Option<HashAlg>]| {
            let accepted: Option<Vec<String>> = accepted.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
            let got = rsa_hashes(announced, accepted.as_deref(), Form::Plain, chosen);
            assert_eq!(got, want, "{announced:?} {accepted:?} {chosen}");
        };
        check(BEST, None, false, &[S512]);
        check(BEST, None, true, &[S512, S256]);
        check(OLDER, None, true, &[S256]);
        check(None, None, false, &[S512, S256]);
        check(Some(None), None, true, &[]);
        check(BEST, Some(&["rsa-sha2-256"]), false, &[S256]);
        check(BEST, Some(&["rsa-sha2-256", "rsa-sha2-512"]), false, &[S256]);
        check(OLDER, Some(&["rsa-sha2-512"]), true, &[]);
        check(Some(None), Some(&["rsa-sha2-512", "ssh-rsa"]), false, &[None]);
        check(BEST, Some(&["ssh-ed25519"]), true, &[]);
    }

    #[test]
    fn a_list_may_want_certificates_only() {
        let names = ["rsa-sha2-512-cert-v01@openssh.com".to_owned()];
        assert_eq!(rsa_hashes(BEST, Some(&names), Form::Certificate, false), [S512]);
        assert!(rsa_hashes(BEST, Some(&names), Form::Plain, false).is_empty());
        let ed25519 = |form| signatures(&Algorithm::Ed25519, form).next().map(|(name, _)| name);
        assert_eq!(ed25519(Form::Certificate).as_deref(), Some("ssh-ed25519-cert-v01@openssh.com"));
        assert_eq!(ed25519(Form::Plain).as_deref(), Some("ssh-ed25519"));
    }
}
