//! Lists of algorithms: names, patterns, and the prefixes `+`, `-` and `^` that change a default.

use crate::sshconfig::read::pattern::{Listed, listed};

/// The kind of algorithms in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Kex,
    Cipher,
    Mac,
    /// Keys and their signatures.
    Key,
    /// Signatures of certificate authorities.
    Authority,
}

const KEX_DEFAULT: &[&str] = &[
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
];
/// All that OpenSSH 9.2 knows, and the one that came after it.
const KEX_ALL: &[&str] = &[
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group-exchange-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem768x25519-sha256",
];
const CIPHER_DEFAULT: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
];
const CIPHER_ALL: &[&str] = &[
    "3des-cbc",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
];
const MAC_DEFAULT: &[&str] = &[
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];
const MAC_ALL: &[&str] = &[
    "hmac-sha1",
    "hmac-sha1-96",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-md5",
    "hmac-md5-96",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
];
const KEY_DEFAULT: &[&str] = &[
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];
const KEY_ALL: &[&str] = &[
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-512-cert-v01@openssh.com",
];
/// What may sign a host's certificate: the default of `CASignatureAlgorithms`.
pub const USUAL_AUTHORITIES: &[&str] = &[
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];
/// Short names of key kinds that OpenSSH accepts, and that select nothing in a list.
const KINDS: &[&str] = &["ed25519", "ed25519-sk", "ecdsa", "ecdsa-sk", "dsa", "rsa"];

impl Family {
    pub(crate) fn default(self) -> &'static [&'static str] {
        match self {
            Self::Kex => KEX_DEFAULT,
            Self::Cipher => CIPHER_DEFAULT,
            Self::Mac => MAC_DEFAULT,
            Self::Key => KEY_DEFAULT,
            Self::Authority => USUAL_AUTHORITIES,
        }
    }

    fn all(self) -> Vec<&'static str> {
        match self {
            Self::Kex => KEX_ALL.to_vec(),
            Self::Cipher => CIPHER_ALL.to_vec(),
            Self::Mac => MAC_ALL.to_vec(),
            Self::Key => KEY_ALL.to_vec(),
            Self::Authority => KEY_ALL.iter().copied().filter(|name| !name.contains("-cert-v01@")).collect(),
        }
    }

    /// Whether OpenSSH accepts the argument.
    pub(crate) fn valid(self, spec: &str) -> bool {
        if spec.starts_with('-') {
            return true;
        }
        let names = spec.strip_prefix(['+', '^']).unwrap_or(spec);
        !names.is_empty() && names.split(',').take_while(|name| !name.is_empty()).all(|name| self.knows(name))
    }

    fn knows(self, name: &str) -> bool {
        match self {
            Self::Kex | Self::Cipher | Self::Mac => self.all().contains(&name),
            // Patterns are allowed; one that matches or excludes anything is fine.
            Self::Key | Self::Authority => {
                KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name))
                    || KEY_ALL.iter().any(|known| listed(known, name, false) != Listed::No)
            }
        }
    }

    /// The names that an argument selects; `None` when none is left or the argument is invalid.
    pub(crate) fn names(self, spec: &str) -> Option<Vec<String>> {
        assemble(spec, self.default(), &self.all())
    }
}

/// The argument of `KexAlgorithms` or a similar keyword, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlgorithmList(pub(crate) String);

impl AlgorithmList {
    /// Takes the argument as it was written; an invalid one chooses nothing.
    pub fn new(spec: &str) -> Self {
        Self(spec.to_owned())
    }

    /// The algorithms to offer, for a client that offers `ours` by default and supports `all`.
    /// Empty when nothing is left.
    pub fn choose(&self, ours: &[&str], all: &[&str]) -> Vec<String> {
        assemble(&self.0, ours, all).unwrap_or_default()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn assemble(spec: &str, default: &[&str], all: &[&str]) -> Option<Vec<String>> {
    if let Some(patterns) = spec.strip_prefix('-') {
        let kept = default.iter().filter(|name| listed(name, patterns, false) != Listed::Yes);
        return Some(kept.map(|name| (*name).to_owned()).collect());
    }
    let default = || default.iter().copied();
    let list: Vec<&str> = match (spec.strip_prefix('+'), spec.strip_prefix('^')) {
        (Some(more), _) => default().chain(more.split(',')).collect(),
        (_, Some(first)) => first.split(',').chain(default()).collect(),
        _ => spec.split(',').collect(),
    };
    let mut names: Vec<String> = Vec::new();
    for pattern in list {
        if pattern.starts_with('!') {
            return None;
        }
        for name in all.iter().filter(|name| listed(name, pattern, false) == Listed::Yes) {
            if !names.iter().any(|known| known == name) {
                names.push((*name).to_owned());
            }
        }
    }
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_change_the_default() {
        let names = |spec: &str| Family::Cipher.names(spec).map(|names| names.join(","));
        let default = Family::Cipher.default().join(",");
        assert_eq!(names("aes256-ctr").as_deref(), Some("aes256-ctr"));
        assert_eq!(names("+3des-cbc"), Some(format!("{default},3des-cbc")));
        assert_eq!(names("-*ctr,aes*").as_deref(), Some("chacha20-poly1305@openssh.com"));
        assert_eq!(names("^aes256-ctr").unwrap().split(',').next(), Some("aes256-ctr"));
        assert_eq!(names("!aes256-ctr"), None);
    }

    #[test]
    fn a_client_applies_it_to_what_it_can_do() {
        let ours = ["mlkem768x25519-sha256", "curve25519-sha256"];
        let choose = |spec: &str| AlgorithmList::new(spec).choose(&ours, &ours);
        assert_eq!(choose("-mlkem*"), ["curve25519-sha256"]);
        assert_eq!(choose("^curve25519-sha256"), ["curve25519-sha256", "mlkem768x25519-sha256"]);
        assert!(choose("diffie-hellman-group14-sha1").is_empty());
    }
}
