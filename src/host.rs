//! Words for hosts: names, environments, risk levels. Knows nothing of files, networks or rollouts. Start at
//! [`HostName`].

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The inventory name of one host. Cheap to clone; ordered and hashed by its text.
///
/// A valid name is 1 to 253 bytes of letters, ASCII digits and `._:@%-`, does not start with `-`, `.`, `@` or `%`, and
/// contains no path separator, so that it is safe as an argument, as a word of a shell line and, through
/// [`HostName::as_file_name`], as a file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Arc<str>);

/// Why a text is not a [`HostName`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name:?} is not a host name: {why}")]
pub struct BadHostName {
    name: String,
    why: &'static str,
}

impl HostName {
    /// Checks and wraps `name`.
    ///
    /// # Errors
    /// [`BadHostName`] says which rule is broken.
    pub fn new(name: &str) -> Result<Self, BadHostName> {
        let bad = |why| Err(BadHostName { name: name.chars().take(80).collect(), why });
        if name.is_empty() {
            return bad("it is empty");
        }
        if name.len() > 253 {
            return bad("it is longer than 253 bytes");
        }
        if name.starts_with(['-', '.', '@', '%']) {
            return bad("it starts with '-', '.', '@' or '%'");
        }
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || "._:@%-".contains(c) || (!c.is_ascii() && c.is_alphabetic());
        if !name.chars().all(allowed) {
            return bad("only letters, digits and . _ : @ % - are allowed");
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a file name, different for different names: `%` and `:` as in a URL.
    pub fn as_file_name(&self) -> String {
        self.0.replace('%', "%25").replace(':', "%3A")
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = BadHostName;
    fn try_from(name: String) -> Result<Self, BadHostName> {
        Self::new(&name)
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl FromStr for HostName {
    type Err = BadHostName;
    fn from_str(name: &str) -> Result<Self, BadHostName> {
        Self::new(name)
    }
}

impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The environment of a host, named by the operator (`development`, `staging`, `production`, …).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(Arc<str>);

impl Environment {
    /// Wraps a name; the loader checks that it is not empty.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How bad it is when this host breaks. From `High` up, the operator confirms before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Users do not notice.
    Low,
    /// Some users notice.
    Medium,
    /// Customers notice.
    High,
    /// The public notices.
    Critical,
}

impl Risk {
    /// All levels, from low to critical.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The words of all levels.
    pub const WORDS: [&str; 4] =
        [Self::Low.as_str(), Self::Medium.as_str(), Self::High.as_str(), Self::Critical.as_str()];

    /// The word used in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_an_option_or_a_path_are_refused() {
        for bad in [
            "",
            "-oProxyCommand=x",
            "a/b",
            "../x",
            ".hidden",
            "a b",
            "a\nb",
            "a;b",
            "a²",
            "a\u{202e}b",
            "@f",
            "%p",
            &"x".repeat(254),
        ] {
            assert!(HostName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["web01.example.com", "10.0.0.1", "fe80::1", "fe80::1%eth0", "root@web", "db_1", "x", "příbor"] {
            assert_eq!(HostName::new(good).unwrap().as_str(), good);
        }
    }
}
