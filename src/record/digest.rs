//! A document beside the records, and the hash that names it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a document's text. Written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of this text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        match base16ct::lower::decode(&text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err("a SHA-256 has 64 hexadecimal digits".to_owned()),
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that records name by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The hash.
    pub digest: Digest,
    /// The text, which is JSON.
    pub text: Arc<str>,
}

impl Document {
    /// Hashes a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self { digest: Digest::of(&text), text }
    }

    /// Of a value.
    ///
    /// # Errors
    /// A value that JSON cannot express.
    pub fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(value).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written_and_nothing_else_is() {
        let digest = Digest::of("{}");
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest.clone()));
        let text = digest.to_string();
        for bad in [String::new(), text[..62].to_owned(), text.to_uppercase(), format!("{text}00"), "é".repeat(32)] {
            assert!(Digest::try_from(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
