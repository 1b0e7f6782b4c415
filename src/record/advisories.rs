//! Advisories from files: which problem is fixed in which version of which package, from four public formats in one
//! form. Reading the formats is in `feeds`.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A file of advisories was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoriesImported {
    /// Who did it.
    pub by: String,
    /// The file's name, without its folder.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// How many problems are in it.
    pub count: u64,
    /// The problems: [`Feed`].
    pub problems: Digest,
}

/// The format of a file of advisories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Open Source Vulnerability: one object, or a list of them.
    Osv,
    /// The JSON export of a distribution's security tracker, by source package.
    Tracker,
    /// The JSON database of Ubuntu security notices.
    Usn,
    /// CISA's list of exploited vulnerabilities.
    Kev,
}

impl Format {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Osv => "OSV",
            Self::Tracker => "security tracker",
            Self::Usn => "security notices",
            Self::Kev => "known exploited vulnerabilities",
        }
    }
}

/// All problems of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Feed(pub Vec<Problem>);

/// One problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its id: a CVE where the file has one.
    pub id: String,
    /// Its other names: advisories, notices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// In the file's own word, lower case; empty: it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// Whether it is known to be used in attacks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    /// Which packages have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<Affected>,
}

/// A package that has a problem, on one release of one distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Affected {
    /// The distribution, as `ID` of os-release.
    pub system: String,
    /// The release, as `VERSION_ID` or `VERSION_CODENAME`; empty: all of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// The source package.
    pub package: String,
    /// The first version with the problem; `None`: all before `fixed` have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced: Option<String>,
    /// The first version without the problem: `None` is not fixed yet, `0` was never affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
}
