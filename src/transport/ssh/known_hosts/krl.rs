//! OpenSSH's key revocation lists (KRL): keys, plain or by hash, and certificates by serial number or key id.
//! Source of the format: PROTOCOL.krl of OpenSSH. Anything that cannot be parsed is an error, never ignored.

use std::collections::HashSet;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Certified, OfferedKey};

/// How such a file begins.
pub(super) const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
const VERSION: u32 = 1;

/// A list.
#[derive(Debug, Default)]
pub(super) struct Krl {
    keys: HashSet<Vec<u8>>,
    sha1: HashSet<Vec<u8>>,
    sha256: HashSet<Vec<u8>>,
    certificates: Vec<Certificates>,
}

/// Revoked certificates of one authority.
#[derive(Debug, Default)]
struct Certificates {
    /// Empty: of every authority.
    authority: Vec<u8>,
    /// From, to; both included.
    serials: Vec<(u64, u64)>,
    /// A number and a bitmap, whose last bit stands for that number.
    bitmaps: Vec<(u64, Vec<u8>)>,
    ids: HashSet<Vec<u8>>,
}

impl Krl {
    /// Reads what comes after [`MAGIC`].
    ///
    /// # Errors
    /// What is wrong with it, to follow "a KRL that".
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        if number32(&mut rest)? != VERSION {
            return Err("has an unsupported version".to_owned());
        }
        for _ in ["its version", "its date", "flags"] {
            number64(&mut rest)?;
        }
        for _ in ["reserved", "a comment"] {
            string(&mut rest)?;
        }
        let mut krl = Self::default();
        while !rest.is_empty() {
            let kind = byte(&mut rest)?;
            let mut section = match kind {
                4 => return Err("is signed, which OpenSSH refuses as well".to_owned()),
                _ => string(&mut rest)?,
            };
            match kind {
                1 => krl.certificates.push(Certificates::parse(section)?),
                2 => strings(section, &mut krl.keys)?,
                3 => strings(section, &mut krl.sha1)?,
                5 => strings(section, &mut krl.sha256)?,
                255 => extension(&mut section)?,
                other => return Err(format!("has a section of unknown kind {other}")),
            }
        }
        Ok(krl)
    }

    pub(super) fn revokes(&self, key: &OfferedKey) -> bool {
        let certificate = key.certificate.as_ref();
        self.has(&key.blob)
            || certificate.is_some_and(|certificate| {
                self.has(&certificate.authority) || self.certificates.iter().any(|revoked| revoked.has(certificate))
            })
    }

    fn has(&self, blob: &[u8]) -> bool {
        self.keys.contains(blob)
            || (!self.sha1.is_empty() && self.sha1.contains(Sha1::digest(blob).as_slice()))
            || (!self.sha256.is_empty() && self.sha256.contains(Sha256::digest(blob).as_slice()))
    }
}

impl Certificates {
    fn parse(mut rest: &[u8]) -> Result<Self, String> {
        let mut found = Self { authority: string(&mut rest)?.to_vec(), ..Self::default() };
        string(&mut rest)?;
        while !rest.is_empty() {
            let kind = byte(&mut rest)?;
            let mut section = string(&mut rest)?;
            match kind {
                0x20 => {
                    while !section.is_empty() {
                        let serial = number64(&mut section)?;
                        found.serials.push((serial, serial));
                    }
                }
                0x21 => found.serials.push((number64(&mut section)?, number64(&mut section)?)),
                0x22 => found.bitmaps.push((number64(&mut section)?, string(&mut section)?.to_vec())),
                0x23 => {
                    strings(section, &mut found.ids)?;
                    section = &[];
                }
                0x39 => extension(&mut section)?,
                other => return Err(format!("has a list of certificates of unknown kind {other}")),
            }
            if !section.is_empty() {
                return Err(TOO_LONG.to_owned());
            }
        }
        Ok(found)
    }

    fn has(&self, certificate: &Certified) -> bool {
        if !self.authority.is_empty() && self.authority != certificate.authority {
            return false;
        }
        if self.ids.contains(certificate.key_id.as_bytes()) {
            return true;
        }
        // Zero stands for a certificate without a number.
        let serial = certificate.serial;
        serial != 0
            && (self.serials.iter().any(|(from, to)| (*from..=*to).contains(&serial))
                || self.bitmaps.iter().any(|(from, bits)| serial.checked_sub(*from).is_some_and(|n| bit(bits, n))))
    }
}

/// Whether bit `n` of a big-endian number is set.
fn bit(number: &[u8], n: u64) -> bool {
    let byte = usize::try_from(n / 8).ok().and_then(|byte| number.len().checked_sub(byte + 1)).map(|at| number[at]);
    byte.is_some_and(|byte| byte & (1 << (n % 8)) != 0)
}

const TOO_SHORT: &str = "is truncated";
const TOO_LONG: &str = "has excess bytes";

fn byte(rest: &mut &[u8]) -> Result<u8, String> {
    let (first, after) = rest.split_first().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(*first)
}

fn number32(rest: &mut &[u8]) -> Result<u32, String> {
    let (number, after) = rest.split_first_chunk::<4>().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(u32::from_be_bytes(*number))
}

fn number64(rest: &mut &[u8]) -> Result<u64, String> {
    let (number, after) = rest.split_first_chunk::<8>().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(u64::from_be_bytes(*number))
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = number32(rest)?;
    let (string, after) = rest.split_at_checked(length as usize).ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(string)
}

fn strings(mut section: &[u8], into: &mut HashSet<Vec<u8>>) -> Result<(), String> {
    while !section.is_empty() {
        into.insert(string(&mut section)?.to_vec());
    }
    Ok(())
}

/// Skips an extension, unless it is critical.
fn extension(section: &mut &[u8]) -> Result<(), String> {
    let name = String::from_utf8_lossy(string(section)?).into_owned();
    let critical = byte(section)? != 0;
    string(section)?;
    match critical {
        true => Err(format!("requires the unknown extension {name:?}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn list(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = [VERSION.to_be_bytes().as_slice(), &[0; 24], &text(b""), &text(b"a comment")].concat();
        for (kind, section) in sections {
            bytes.push(*kind);
            bytes.extend(text(section));
        }
        bytes
    }

    fn certified(authority: &[u8], serial: u64, key_id: &str) -> OfferedKey {
        let certificate = Certified {
            authority: authority.to_vec(),
            principals: Vec::new(),
            serial,
            key_id: key_id.to_owned(),
            valid: Ok(()),
        };
        OfferedKey { algorithm: "ssh-ed25519".into(), blob: b"key".to_vec(), certificate: Some(certificate) }
    }

    #[test]
    fn certificates_by_number_and_name() {
        let part = |kind: u8, body: &[u8]| [&[kind], text(body).as_slice()].concat();
        let numbers = |list: &[u64]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        let section = [
            text(b"ca"),
            text(b""),
            part(0x20, &numbers(&[7, 9])),
            part(0x21, &numbers(&[100, 200])),
            part(0x22, &[numbers(&[1000]), text(&[1, 0b10])].concat()),
            part(0x23, &text(b"web01")),
        ]
        .concat();
        let krl = Krl::parse(&list(&[(1, section)])).unwrap();
        for (serial, id, want) in [
            (7, "x", true),
            (8, "x", false),
            (0, "x", false),
            (100, "x", true),
            (200, "x", true),
            (201, "x", false),
            (1000, "x", false),
            (1001, "x", true),
            (1008, "x", true),
            (1009, "x", false),
            (u64::MAX, "x", false),
            (0, "web01", true),
        ] {
            assert_eq!(krl.revokes(&certified(b"ca", serial, id)), want, "{serial} {id}");
            assert!(!krl.revokes(&certified(b"other", serial, id)), "{serial} {id}");
        }
    }

    #[test]
    fn what_is_not_whole_or_not_known_is_refused() {
        let whole = list(&[(2, text(b"key"))]);
        assert!(Krl::parse(&whole).unwrap().revokes(&certified(b"ca", 0, "")));
        let header = list(&[]).len();
        for cut in (0..whole.len()).filter(|cut| *cut != header) {
            assert!(Krl::parse(&whole[..cut]).is_err(), "{cut}");
        }
        let extension = |critical: u8| [text(b"x@y"), vec![critical], text(b"")].concat();
        assert!(Krl::parse(&list(&[(255, extension(0))])).is_ok());
        for (kind, body) in [(255, extension(1)), (4, Vec::new()), (77, Vec::new())] {
            assert!(Krl::parse(&list(&[(kind, body)])).is_err(), "{kind}");
        }
    }
}
