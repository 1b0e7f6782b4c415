//! `RevokedHostKeys`: keys that no host may show, in a file of public keys or in a KRL. Follows `sshkey_check_revoked`
//! of OpenSSH's authfile.c: a file that cannot be read to its end revokes every key, which the caller ensures.

use std::{collections::HashMap, path::Path};

use super::{
    OfferedKey, Place,
    krl::{self, Krl},
    line,
};
use crate::regular;

/// Larger files are refused rather than read.
const LARGEST: u64 = 64 << 20;

/// Keys that no host may show.
#[derive(Debug)]
pub struct RevokedKeys {
    path: std::path::PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Public keys with the numbers of their lines.
    Keys(HashMap<Box<[u8]>, u32>),
    Krl(Box<Krl>),
}

impl RevokedKeys {
    /// Reads a file, which must be there.
    ///
    /// # Errors
    /// Why it cannot be read, or which line of it.
    pub fn load(path: &Path) -> Result<Self, String> {
        let bytes = regular::read(path, LARGEST).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > LARGEST {
            return Err("it is larger than 64 MiB".to_owned());
        }
        Self::parse(path, &bytes)
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        let content = match bytes.strip_prefix(krl::MAGIC) {
            Some(rest) => Content::Krl(Box::new(Krl::parse(rest).map_err(|why| format!("it is a KRL that {why}"))?)),
            None => Content::Keys(keys(bytes)?),
        };
        Ok(Self { path: path.to_owned(), content })
    }

    /// Which line revokes this key, the certificate around it, or its authority.
    pub fn revokes(&self, key: &OfferedKey) -> Option<Place> {
        let line = match &self.content {
            Content::Krl(krl) => krl.revokes(key).then_some(0),
            Content::Keys(keys) => {
                let authority = key.certificate.as_ref().map(|certificate| certificate.authority.as_slice());
                [Some(key.blob.as_slice()), authority].into_iter().flatten().find_map(|blob| keys.get(blob).copied())
            }
        };
        line.map(|line| Place { path: self.path.clone(), line })
    }
}

fn keys(bytes: &[u8]) -> Result<HashMap<Box<[u8]>, u32>, String> {
    let mut found = HashMap::new();
    for (number, raw) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let text = String::from_utf8_lossy(raw);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let key = line::parse_key(text).ok_or_else(|| format!("line {number} is not a public key"))?;
        found.entry(key.blob).or_insert(number);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_list_of_keys_is_read_to_its_end() {
        let parse = |text: &str| RevokedKeys::parse(Path::new("/r"), text.as_bytes());
        let key = OfferedKey::from_openssh(A).unwrap();
        let by = parse(&format!("# old ones\n\n  {A} a comment\n")).unwrap().revokes(&key);
        assert_eq!(by.map(|place| place.line), Some(3));
        assert!(parse("").unwrap().revokes(&key).is_none());
        assert_eq!(parse(&format!("{A}\nnonsense\n")).unwrap_err(), "line 2 is not a public key");
        assert!(RevokedKeys::load(Path::new("/absent/revoked")).is_err());
    }

    #[test]
    fn a_broken_krl_is_refused() {
        let whole = [krl::MAGIC.as_slice(), &[0; 36]].concat();
        for cut in krl::MAGIC.len()..whole.len() {
            assert!(RevokedKeys::parse(Path::new("/r"), &whole[..cut]).is_err(), "{cut}");
        }
    }
}
