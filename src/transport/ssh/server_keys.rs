//! The keys of a server, read from a file, and which of them it would show to us. Opens no connection; this is for
//! `patchwave known-hosts check`.

use jiff::Timestamp;
use russh::keys::{Certificate, PublicKey, PublicKeyBase64};

use super::{
    algorithms::HostKeyOrder,
    host_key::{KeyRules, certified},
    known_hosts::{KnownName, OfferedKey, TrustStore},
};
use crate::target::SshSettings;

/// The host keys of a server, and its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKeys(Vec<OfferedKey>);

/// Why a file of server keys cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ServerKeysError {
    /// This line, from 1.
    #[error("line {line} is neither `TYPE BASE64` nor `HOST TYPE BASE64`")]
    Line {
        /// From 1.
        line: usize,
    },
    /// There is no line with a key.
    #[error("it contains no key")]
    Empty,
}

impl ServerKeys {
    /// Reads lines as they are in `.pub` files (`TYPE BASE64 COMMENT`, certificates too) or as `ssh-keyscan` prints
    /// them (`HOST TYPE BASE64`).
    ///
    /// # Errors
    /// [`ServerKeysError`], with the first line that is neither.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, ServerKeysError> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let behind_the_host = line.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start());
            let key = one(line, now).or_else(|| one(behind_the_host, now));
            keys.push(key.ok_or(ServerKeysError::Line { line: number })?);
        }
        if keys.is_empty() { Err(ServerKeysError::Empty) } else { Ok(Self(keys)) }
    }
}

fn one(text: &str, now: Timestamp) -> Option<OfferedKey> {
    if let Some(key) = OfferedKey::from_openssh(text) {
        return Some(key);
    }
    let certificate = Certificate::from_openssh(text).ok()?;
    let key = PublicKey::from(certificate.public_key().clone());
    Some(OfferedKey {
        algorithm: key.algorithm().as_str().to_owned(),
        blob: key.public_key_bytes(),
        certificate: Some(certified(&certificate, now, &KeyRules::new(&SshSettings::default()))),
    })
}

/// The key that this server shows to us: certificates first, then the kinds of keys that are on file, then the others.
/// `None`: the two sides have no kind in common.
pub fn first_shown<'k>(store: &TrustStore, name: &KnownName, server: &'k ServerKeys) -> Option<&'k OfferedKey> {
    let (known, authority) = store.expected(name);
    let order = HostKeyOrder::new(&known, authority);
    let of_kind = |certified: bool, algorithm: &str| {
        // The signature's hash is not a property of an RSA key.
        let kind = if algorithm.starts_with("rsa-sha2-") { "ssh-rsa" } else { algorithm };
        server.0.iter().find(|key| key.certificate.is_some() == certified && key.algorithm == kind)
    };
    let certificate = order.certificates().iter().find_map(|algorithm| of_kind(true, algorithm.as_str()));
    certificate.or_else(|| order.algorithms().iter().find_map(|algorithm| of_kind(false, algorithm.as_str())))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::{super::known_hosts::TrustFile, *};

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const EC: &str = concat!(
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBQiLiIarzGfSgOwDm",
        "Omz2DLTinOnVOM5HHjNwCFw+jLkqf/nAHf4TJdGVW2ekLOgDcZwFnLSpudmbjpLmfEE7I="
    );

    #[test]
    fn lines_are_read_in_both_forms() {
        let parse = |text: &str| ServerKeys::parse(text, Timestamp::UNIX_EPOCH);
        assert_eq!(parse(&format!("# c\n\n{ED} me@there\nweb01 {ED}\n")).unwrap().0.len(), 2);
        assert_eq!(parse("# nothing\n"), Err(ServerKeysError::Empty));
        assert_eq!(parse(&format!("{ED}\nweb01\n")), Err(ServerKeysError::Line { line: 2 }));
        assert_eq!(parse("ssh-ed25519-cert-v01@openssh.com AAAA"), Err(ServerKeysError::Line { line: 1 }));
    }

    #[test]
    fn the_kind_on_file_is_shown() {
        let server = ServerKeys::parse(&format!("{ED}\n{EC}\n"), Timestamp::UNIX_EPOCH).unwrap();
        let shown = |lines: &str| {
            let store = TrustStore::new(vec![Arc::new(TrustFile::parse(Path::new("/kh"), lines.as_bytes()))]);
            first_shown(&store, &KnownName::new("web01", 22), &server).unwrap().algorithm.clone()
        };
        assert_eq!(shown(""), "ssh-ed25519");
        assert_eq!(shown(&format!("web01 {EC}")), "ecdsa-sha2-nistp256");
        assert_eq!(shown(&format!("web02 {EC}")), "ssh-ed25519");
    }
}
