//! The installed packages of an rpm database. Start at [`SCRIPT`], whose lines [`Seen`] takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{names, version};
use crate::{
    command::{Unreadable, printable},
    pkg::{Installed, PackageState},
};

/// Prints the packages, those of which several versions may be installed, and configuration files to look at. Sets `r`,
/// the root. A manager adds `lists SECONDS` (when its lists were fetched), and the line `end`.
pub(in crate::pkg) const SCRIPT: &str = r#"r=${PATCHWAVE_ROOT-}
echo "native $(rpm -E '%{_target_cpu}')"
rpm -qa --qf 'pkg\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' || exit
rpm -q --qf 'several\t%{NAME}\n' --whatprovides kernel 'installonlypkg(kernel)' 'installonlypkg(kernel-module)' \
  'installonlypkg(vm)' 'multiversion(kernel)' 2>/dev/null | grep '^several' | sort -u
(cd "$r/etc" 2>/dev/null || exit
 find . -xdev \( -name '*.rpmnew' -o -name '*.rpmsave' -o -name '*.rpmorig' \) -print 2>/dev/null |
 head -n 500 | sed 's|^\.|review /etc|')
echo "now $(date +%s)"
"#;

/// A package as rpm names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pkg) struct Rpm {
    pub name: String,
    /// Without an epoch of 0.
    pub version: String,
    pub arch: String,
}

/// What the script says.
#[derive(Debug, Default)]
pub(in crate::pkg) struct Seen {
    native: String,
    packages: Vec<Rpm>,
    several: BTreeSet<String>,
    review: BTreeSet<String>,
    lists: Option<u64>,
    now: Option<u64>,
}

impl Seen {
    /// Takes a line; false if it is not one of these.
    ///
    /// # Errors
    /// It is one of these, and cannot be read.
    pub(in crate::pkg) fn take(&mut self, tag: &str, rest: &str) -> Result<bool, Unreadable> {
        match tag {
            "native" => self.native = rest.to_owned(),
            "pkg" => self.packages.extend(package(rest)?),
            "several" => drop(self.several.insert(rest.to_owned())),
            "review" => drop(self.review.insert(printable(rest))),
            "lists" => self.lists = self.lists.max(rest.parse().ok()),
            "now" => self.now = rest.parse().ok(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The host's architecture, and the packages.
    ///
    /// # Errors
    /// There is no package, or the host does not say its architecture.
    pub(in crate::pkg) fn installed(self) -> Result<(String, Vec<Rpm>), Unreadable> {
        if self.native.is_empty() || self.packages.is_empty() {
            return Err(Unreadable::new("rpm names no architecture, or no package"));
        }
        Ok((self.native, self.packages))
    }

    /// Whether exactly this package is installed.
    pub(in crate::pkg) fn has(&self, rpm: &Rpm) -> bool {
        self.packages.contains(rpm)
    }

    /// The state. `held`: whether an administrator put a package on hold.
    ///
    /// # Errors
    /// There is no package, or the host does not say its architecture.
    pub(in crate::pkg) fn state(self, held: impl Fn(&Rpm) -> bool) -> Result<PackageState, Unreadable> {
        if self.native.is_empty() || self.packages.is_empty() {
            return Err(Unreadable::new("rpm names no architecture, or no package"));
        }
        let mut state = PackageState { review: self.review, ..PackageState::default() };
        state.lists_age = self.lists.zip(self.now).map(|(then, now)| Duration::from_secs(now.saturating_sub(then)));
        let mut by_key: BTreeMap<String, Vec<&Rpm>> = BTreeMap::new();
        for rpm in &self.packages {
            by_key.entry(names::key(&rpm.name, &rpm.arch, &self.native)).or_default().push(rpm);
        }
        for (key, mut versions) in by_key {
            versions.sort_by(|a, b| version::compare(&a.version, &b.version));
            let newest = versions.last().map(|rpm| rpm.version.clone()).unwrap_or_default();
            let last = versions.len() - 1;
            for (at, rpm) in versions.into_iter().enumerate() {
                // A transaction that was cut off has installed the new version and not yet removed the old one.
                let side_by_side = self.several.contains(&rpm.name);
                let broken = (at < last && !side_by_side).then(|| format!("left over beside {newest}"));
                let (version, held) = (rpm.version.clone(), held(rpm));
                let installed = Installed { version, broken, held, side_by_side, ..Installed::default() };
                state.add(key.clone(), installed);
            }
        }
        Ok(state)
    }
}

/// `name version architecture`, divided by tabs. Keys of repositories are in the database as packages.
fn package(line: &str) -> Result<Option<Rpm>, Unreadable> {
    let fields: Vec<&str> = line.split('\t').collect();
    match fields[..] {
        ["gpg-pubkey", ..] => Ok(None),
        [name, version, arch] if names::is_name(name) => Ok(Some(Rpm {
            name: name.to_owned(),
            version: printable(version::without_zero(version)),
            arch: printable(arch),
        })),
        _ => Err(Unreadable::new(format!("not a line of rpm: {}", printable(line)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lines: &[&str]) -> Result<PackageState, Unreadable> {
        let mut seen = Seen::default();
        for line in lines {
            let (tag, rest) = crate::pkg::answer::tagged(line);
            assert!(seen.take(tag, rest)?, "{line}");
        }
        seen.state(|rpm| rpm.name == "kept")
    }

    #[test]
    fn versions_side_by_side_are_fine_only_where_they_are_meant_to_be() {
        let state = state(&[
            "native x86_64",
            "pkg kernel-core\t5.14.0-10.el9\tx86_64",
            "pkg kernel-core\t5.14.0-9.el9\tx86_64",
            "pkg gpg-pubkey\t1-2\t(none)",
            "pkg gpg-pubkey\t1-3\t(none)",
            "pkg cut\t1:1.10-1\tnoarch",
            "pkg cut\t1:1.9-1\tx86_64",
            "pkg glibc\t0:2.34-1\tx86_64",
            "pkg glibc\t2.34-1\ti686",
            "pkg kept\t1-1\tnoarch",
            "several kernel-core",
        ])
        .unwrap();
        let versions = |name: &str| state.of(name).iter().map(|one| one.version.clone()).collect::<Vec<_>>();
        assert_eq!(versions("kernel-core"), ["5.14.0-9.el9", "5.14.0-10.el9"]);
        assert_eq!((versions("glibc"), versions("glibc.i686")), (vec!["2.34-1".to_owned()], vec!["2.34-1".to_owned()]));
        assert!(state.of("kernel-core")[0].side_by_side && !state.of("cut")[0].side_by_side);
        assert_eq!(state.health().broken, [("cut".to_owned(), "left over beside 1:1.10-1".to_owned())]);
        assert!(state.is_held("kept") && !state.is_held("cut"));
        assert!(!state.has("gpg-pubkey"));
    }

    #[test]
    fn an_answer_without_packages_is_none() {
        assert!(state(&["native x86_64"]).is_err());
        assert!(state(&["pkg a\t1-1\tnoarch"]).is_err());
        assert!(state(&["native x86_64", "pkg a\t1-1"]).is_err());
        assert!(state(&["native x86_64", "pkg --a\t1-1\tnoarch"]).is_err());
    }
}
