//! The installed packages of an rpm host, beside what a resolver says it would do.

use super::{
    names::key,
    state::{Rpm, Seen},
    version::compare,
};
use crate::{
    command::Unreadable,
    pkg::{Package, answer::tagged},
};

/// See [`crate::pkg::PackageManager::list_files`].
pub(in crate::pkg) const LIST_FILES: &str = r#"rpm -q --qf '[%{=NAME} %{FILENAMES}\n]' -- "$@" 2>/dev/null"#;

/// The installed packages.
#[derive(Debug)]
pub(in crate::pkg) struct Present {
    pub native: String,
    pub packages: Vec<Rpm>,
}

impl Present {
    /// Reads the lines `native` and `pkg`.
    ///
    /// # Errors
    /// One of them cannot be read, or there is none.
    pub(in crate::pkg) fn read<'a>(lines: impl Iterator<Item = &'a String>) -> Result<Self, Unreadable> {
        let mut seen = Seen::default();
        for line in lines {
            let (tag, rest) = tagged(line);
            seen.take(tag, rest)?;
        }
        let (native, packages) = seen.installed()?;
        Ok(Self { native, packages })
    }

    pub(in crate::pkg) fn key(&self, rpm: &Rpm) -> String {
        key(&rpm.name, &rpm.arch, &self.native)
    }

    /// The versions under a key, oldest first.
    pub(in crate::pkg) fn of(&self, key: &str) -> Vec<&Rpm> {
        let mut found: Vec<&Rpm> = self.packages.iter().filter(|rpm| self.key(rpm) == key).collect();
        found.sort_by(|a, b| compare(&a.version, &b.version));
        found
    }

    /// The newest version under a key.
    pub(in crate::pkg) fn newest(&self, key: &str) -> Option<&str> {
        self.of(key).last().map(|rpm| rpm.version.as_str())
    }

    /// The package as the trait names it: with its version only if it is one of several.
    pub(in crate::pkg) fn package(&self, rpm: &Rpm) -> Package {
        let key = self.key(rpm);
        let version = (self.of(&key).len() > 1).then(|| rpm.version.clone());
        Package { name: key, version }
    }
}
