//! Types for packages: an exact version, a name with or without a version, the installed versions of a name.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

/// A package in an exact version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Exact {
    /// Its name, as in [`super::PackageState`].
    pub name: String,
    /// The version.
    pub version: String,
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.version)
    }
}

/// An installed package, and which of its versions if several are installed side by side. Written as `name` or
/// `name=version`, in notes and for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Package {
    /// Its name, as in [`super::PackageState`].
    pub name: String,
    /// `None`: there is one version, or all are meant.
    pub version: Option<String>,
}

impl Package {
    /// All versions of it.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}={version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl From<Package> for String {
    fn from(package: Package) -> Self {
        package.to_string()
    }
}

impl From<String> for Package {
    fn from(text: String) -> Self {
        match text.split_once('=') {
            Some((name, version)) => Self { name: name.to_owned(), version: Some(version.to_owned()) },
            None => Self { name: text, version: None },
        }
    }
}

/// One package that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// The name, with `:arch` for a foreign architecture.
    pub name: String,
    /// The version before; `None`: it was not installed.
    pub from: Option<String>,
    /// The version after; `None`: it was removed.
    pub to: Option<String>,
}

/// The installed versions of one name. Written as a text if there is one, as a list if there are several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
pub struct Versions(pub BTreeSet<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Several(BTreeSet<String>),
}

impl FromIterator<String> for Versions {
    fn from_iter<I: IntoIterator<Item = String>>(versions: I) -> Self {
        Self(versions.into_iter().collect())
    }
}

impl From<Versions> for Written {
    fn from(Versions(mut versions): Versions) -> Self {
        match versions.pop_first() {
            Some(one) if versions.is_empty() => Self::One(one),
            Some(first) => {
                versions.insert(first);
                Self::Several(versions)
            }
            None => Self::Several(versions),
        }
    }
}

impl From<Written> for Versions {
    fn from(written: Written) -> Self {
        match written {
            Written::One(version) => Self([version].into()),
            Written::Several(versions) => Self(versions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_is_written_as_a_text_and_several_as_a_list() {
        for (versions, text) in [(vec!["1"], r#""1""#), (vec!["1", "2"], r#"["1","2"]"#), (vec![], "[]")] {
            let versions: Versions = versions.into_iter().map(str::to_owned).collect();
            assert_eq!(serde_json::to_string(&versions).unwrap(), text);
            assert_eq!(serde_json::from_str::<Versions>(text).unwrap(), versions);
        }
    }

    #[test]
    fn a_package_is_written_with_the_version_that_is_meant() {
        for (text, name, version) in [("a", "a", None), ("a=1:2-3", "a", Some("1:2-3"))] {
            let package = Package { name: name.to_owned(), version: version.map(str::to_owned) };
            assert_eq!((package.to_string(), Package::from(text.to_owned())), (text.to_owned(), package));
        }
    }
}
