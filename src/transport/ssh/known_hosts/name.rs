//! The name under which a host's key is on file, and whether a pattern list or a hash names it.
//! Matching follows OpenSSH's `match_pattern_list` (match.c) and `host_hash` (hostfile.c).

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::{key::safe_rng, ssh_key::rand_core::Rng as _};
use sha1::Sha1;

/// A longer pattern makes OpenSSH ignore the whole list (the buffer of `match_pattern_list`).
const LONGEST_PATTERN: usize = 1023;

/// A host as known_hosts files write it: lower case, `[host]:port` unless the port is 22.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KnownName {
    /// What is looked up first.
    pub(super) full: String,
    /// The host alone, when `full` holds a port.
    pub(super) bare: Option<String>,
}

impl KnownName {
    /// The name for a host (or `HostKeyAlias`) and a port.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        if port == 22 {
            Self { full: host, bare: None }
        } else {
            Self { full: format!("[{host}]:{port}"), bare: Some(host) }
        }
    }

    /// A name that is looked up exactly as it is given (`ssh-keygen -F`).
    pub fn literal(name: &str) -> Self {
        Self { full: name.to_ascii_lowercase(), bare: None }
    }

    /// The text as it is in a known_hosts line.
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

/// Whether a comma list of patterns names `name` (already in lower case): some pattern does and no negated one does.
pub(super) fn list_names(list: &str, name: &str) -> bool {
    let mut named = false;
    for item in list.split(',') {
        let (negated, pattern) = match item.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, item),
        };
        if pattern.len() >= LONGEST_PATTERN {
            return false;
        }
        if glob_matches(pattern.as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            named = true;
        }
    }
    named
}

/// Whether one pattern (any case) matches a name in lower case: `*` stands for any run of bytes, `?` for one. At most
/// quadratic in time, whatever the pattern.
fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c.to_ascii_lowercase() == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether a list has no patterns, so that its items can be looked up.
pub(super) fn is_plain(list: &str) -> bool {
    !list.contains(['*', '?', '!']) && list.split(',').all(|item| item.len() < LONGEST_PATTERN)
}

/// `|1|salt|hash`: HMAC-SHA1 of the name under the salt. The keyed state is kept, because every host tests it once.
#[derive(Clone, Debug)]
pub(super) struct HashedName {
    keyed: Hmac<Sha1>,
    hash: [u8; 20],
}

impl HashedName {
    /// Reads the first field of a line; `None` when it is not of this form.
    pub(super) fn parse(field: &str) -> Option<Self> {
        let (salt, hash) = field.strip_prefix("|1|")?.split_once('|')?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| salt.len() == 20)?;
        let hash = STANDARD.decode(hash).ok()?.try_into().ok()?;
        Some(Self { keyed: Hmac::<Sha1>::new_from_slice(&salt).ok()?, hash })
    }

    /// Whether it is the hash of `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        let mut keyed = self.keyed.clone();
        keyed.update(name.as_bytes());
        keyed.finalize().into_bytes()[..] == self.hash
    }
}

/// A name hashed with its own salt, as with `HashKnownHosts`.
pub(super) fn hashed_name(name: &str) -> io::Result<String> {
    let mut salt = [0; 20];
    safe_rng().fill_bytes(&mut salt);
    let mut keyed = Hmac::<Sha1>::new_from_slice(&salt).map_err(io::Error::other)?;
    keyed.update(name.as_bytes());
    Ok(format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(keyed.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_name_is_found_again_and_tells_nothing() {
        let (one, two) = (hashed_name("web01").unwrap(), hashed_name("web01").unwrap());
        assert!(one != two && !one.contains("web01"), "{one}");
        for field in [one, two] {
            let hashed = HashedName::parse(&field).unwrap();
            assert!(hashed.names("web01") && !hashed.names("web02"), "{field}");
        }
    }

    #[test]
    fn lists_match_as_openssh_matches_them() {
        for (list, name, expected) in [
            ("web01", "web01", true),
            ("WEB01", "web01", true),
            ("web01", "web011", false),
            ("a,web01,b", "web01", true),
            ("*", "web01", true),
            ("*", "[web01]:2222", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "[a.example.com]:2222", false),
            ("web??", "web01", true),
            ("web??", "web1", false),
            ("*.example.com,!bad.example.com", "bad.example.com", false),
            ("!bad.example.com,*.example.com", "bad.example.com", false),
            ("!bad.example.com,*.example.com", "good.example.com", true),
            ("!bad", "other", false),
            ("", "web01", false),
            (",,", "web01", false),
            ("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(list_names(list, name), expected, "{list} {name}");
        }
        assert!(!list_names(&format!("web01,{}", "x".repeat(1023)), "web01"));
    }

    #[test]
    fn names_carry_the_port_unless_it_is_22() {
        assert_eq!(KnownName::new("Web01.Example.com", 22).as_str(), "web01.example.com");
        assert_eq!(KnownName::new("fe80::1", 2222).as_str(), "[fe80::1]:2222");
    }

    #[test]
    fn hashes_name_exactly_one_name() {
        // ssh-keygen -H of "web01.example.com".
        let hashed = HashedName::parse("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=").unwrap();
        assert!(hashed.names("192.168.1.61"));
        assert!(!hashed.names("192.168.1.62"));
        for bad in [
            "|1|",
            "|1|a|b",
            "|2|AAAA|AAAA",
            "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|",
            "web01",
            "|1||3988QV0VE8wmZL7suNrYQLITLCg=",
        ] {
            assert!(HashedName::parse(bad).is_none(), "{bad}");
        }
    }
}
