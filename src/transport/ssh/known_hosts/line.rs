//! One line of a known_hosts file. Follows `hostkeys_foreach` of OpenSSH's hostfile.c: an incomplete line is skipped.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use russh::keys::{PublicKeyBase64, key::parse_public_key};

/// Key blobs may come without their padding.
const BLOB: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// No key of any algorithm is longer (RSA with 16384 bits has 2 KiB).
const LONGEST_BLOB: usize = 16 << 10;

/// What a line says about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// The hosts have this key.
    Plain,
    /// Certificates signed by this key are valid for the hosts.
    CertAuthority,
    /// This key must never be accepted for the hosts.
    Revoked,
}

/// A key on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FiledKey {
    /// `ssh-ed25519`, ….
    pub(super) algorithm: Box<str>,
    /// The wire form, canonical.
    pub(super) blob: Box<[u8]>,
}

/// A line, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) marker: Marker,
    /// Whether `ssh-keygen -F` prints it: the type of its key is one that OpenSSH knows, and something follows.
    pub(super) listed: bool,
    /// The first field: a pattern list, or a hash.
    pub(super) hosts: &'a str,
    /// `None`: the line names the hosts, but has no readable key.
    pub(super) key: Option<FiledKey>,
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Splits one line; `None` for comments, empty lines and lines that OpenSSH does not look at.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    let mut rest = line.trim_start_matches(BLANKS).trim_end_matches(['\r', '\n']);
    if rest.is_empty() || rest.starts_with('#') {
        return None;
    }
    let (mut marker, mut seen) = (Marker::Plain, true);
    if rest.starts_with('@') {
        let (word, after) = rest.split_once(BLANKS)?;
        marker = match word {
            "@cert-authority" => Marker::CertAuthority,
            "@revoked" => Marker::Revoked,
            _ => return None,
        };
        // OpenSSH looks for a space first and so ignores markers that end with a tab. A revocation counts all the
        // same; an authority that `ssh` does not trust is not trusted here.
        seen = rest.as_bytes().get(word.len()) == Some(&b' ') || !rest.contains(' ');
        if !seen && marker == Marker::CertAuthority {
            return None;
        }
        rest = after.trim_start_matches(BLANKS);
        if rest.starts_with('@') {
            return None;
        }
    }
    let (hosts, after) = rest.split_once(BLANKS)?;
    let after = after.trim_start_matches(BLANKS);
    if hosts.is_empty() || after.is_empty() || after.starts_with('#') {
        return None;
    }
    let listed = seen && is_listed(after, line.ends_with('\r'));
    Some(Line { marker, listed, hosts, key: parse_key(after) })
}

/// Key types by their full names. Source: `keyimpls` in sshkey.c of OpenSSH 9.2 in Debian 12.
const TYPES: [&str; 11] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
];
/// The short names of those that are not certificates, in any case.
const SHORT_TYPES: [&str; 7] = ["null", "ed25519", "rsa", "dsa", "ecdsa", "ed25519-sk", "ecdsa-sk"];

/// Whether a key type comes first and then something that is not a comment, be it only the end of a line of DOS.
fn is_listed(key: &str, dos: bool) -> bool {
    let Some((kind, after)) = key.split_once(BLANKS) else { return false };
    let certificate = |name: &str| {
        let plain = TYPES.iter().filter(|kind| !kind.starts_with("web"));
        plain.map(|kind| kind.strip_suffix("@openssh.com").unwrap_or(kind)).any(|kind| kind == name)
    };
    let known = TYPES.contains(&kind)
        || kind.strip_suffix("-cert-v01@openssh.com").is_some_and(certificate)
        || SHORT_TYPES.iter().any(|short| short.eq_ignore_ascii_case(kind));
    let after = after.trim_start_matches(BLANKS);
    known && !after.starts_with('#') && (dos || !after.is_empty())
}

/// Reads `algorithm base64 comment`; a key whose blob names a different algorithm is invalid.
pub(super) fn parse_key(text: &str) -> Option<FiledKey> {
    let mut words = text.split(BLANKS).filter(|word| !word.is_empty());
    let (algorithm, encoded) = (words.next()?, words.next()?);
    if encoded.len() > LONGEST_BLOB * 4 / 3 {
        return None;
    }
    let blob = BLOB.decode(encoded.trim_end()).ok()?;
    let key = parse_public_key(&blob).ok()?;
    // An unknown algorithm is not a key that could have changed: OpenSSH skips such lines too.
    if key.algorithm().as_str() != algorithm || matches!(key.algorithm(), russh::keys::Algorithm::Other(_)) {
        return None;
    }
    let blob = key.public_key_bytes();
    (!blob.is_empty()).then(|| FiledKey { algorithm: algorithm.into(), blob: blob.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn lines_split_as_openssh_splits_them() {
        let check = |line: &str, expected: Option<(Marker, &str, bool)>| {
            let got = parse(line).map(|l| (l.marker, l.hosts.to_owned(), l.key.is_some()));
            assert_eq!(got, expected.map(|(m, h, k)| (m, h.to_owned(), k)), "{line:?}");
        };
        check(&format!("web {ED}"), Some((Marker::Plain, "web", true)));
        check(
            &format!("\t web,db\t{} comment with words\r", ED.replace(' ', "\t")),
            Some((Marker::Plain, "web,db", true)),
        );
        check(&format!("@revoked * {ED}"), Some((Marker::Revoked, "*", true)));
        check(&format!("@cert-authority  *.x {ED}"), Some((Marker::CertAuthority, "*.x", true)));
        check(&format!("@cert-authority\t*.x {ED}"), None);
        check(&format!("@revoked\t*.x {ED}"), Some((Marker::Revoked, "*.x", true)));
        check(&format!("@unknown * {ED}"), None);
        check(&format!("@revoked @revoked * {ED}"), None);
        check("@revoked", None);
        check("", None);
        check("   # comment", None);
        check("web", None);
        check("web ", None);
        check("web # no key", None);
        check("web ssh-ed25519", Some((Marker::Plain, "web", false)));
        check("web ssh-ed25519 AAAA", Some((Marker::Plain, "web", false)));
        check("web ssh-ed25519 ****", Some((Marker::Plain, "web", false)));
        check(&format!("web {}", ED.replace("ssh-ed25519 ", "ssh-rsa ")), Some((Marker::Plain, "web", false)));
        check(&format!("web ssh-ed25519 {}", "A".repeat(100_000)), Some((Marker::Plain, "web", false)));
    }
}
