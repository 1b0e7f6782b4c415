//! The packages of a simulated Debian host, and what its apt and dpkg print about them. Knows the formats that
//! `pkg/apt` reads (`pkg/apt/golden` has real ones) and nothing about time or faults.

use std::{collections::BTreeMap, fmt::Write as _};

/// The running kernel.
pub(in crate::sim) const KERNEL: &str = "6.1.0-98-amd64";
/// What an update of openssl installs.
const NEW: &str = "3.0.15-1";
const OLD: &str = "3.0.11-1";
const HALF: &str = "half-configured";

/// All packages of a host: openssl and its library have a pending security fix, the kernels 96 and 97 are old.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Packages(BTreeMap<String, Package>);

#[derive(Clone, Debug)]
struct Package {
    version: String,
    status: &'static str,
    auto: bool,
}

impl Default for Packages {
    fn default() -> Self {
        let kernels = ["96", "97", "98"].map(|n| (format!("linux-image-6.1.0-{n}-amd64"), format!("6.1.{n}-1")));
        let others = [("bash", "5.2-1"), ("libssl3", OLD), ("openssl", OLD)];
        let others = others.map(|(name, version)| (name.to_owned(), version.to_owned()));
        let package = |(name, version): (String, String)| {
            let auto = name == "libssl3";
            (name, Package { version, status: "installed", auto })
        };
        Self(kernels.into_iter().chain(others).map(package).collect())
    }
}

impl Packages {
    pub(in crate::sim) fn healthy(&self) -> bool {
        self.0.values().all(|package| package.status == "installed")
    }

    pub(in crate::sim) fn version(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|package| package.version.as_str())
    }

    /// Installs a package for which an update is pending.
    pub(in crate::sim) fn add_pending(&mut self, name: &str) {
        let package = Package { version: OLD.to_owned(), status: "installed", auto: false };
        self.0.insert(name.to_owned(), package);
    }

    /// Installs `name=version` words; half: the first is left half-configured and the rest as it was.
    pub(super) fn install(&mut self, words: &[String], half: bool) {
        for (name, version) in words.iter().filter_map(|word| word.split_once('=')) {
            if let Some(package) = self.0.get_mut(name) {
                package.version = version.to_owned();
                package.status = if half { HALF } else { "installed" };
                // As the real apt does: a named package counts as wanted.
                package.auto = false;
            }
            if half {
                return;
            }
        }
    }

    /// `dpkg --configure -a`.
    pub(super) fn configure(&mut self) {
        self.0.values_mut().for_each(|package| package.status = "installed");
    }

    /// Purges; half: the first is left half-configured.
    pub(super) fn purge(&mut self, names: &[String], half: bool) {
        for name in names {
            if half {
                if let Some(package) = self.0.get_mut(name) {
                    package.status = HALF;
                }
                return;
            }
            self.0.remove(name);
        }
    }

    pub(super) fn mark_auto(&mut self, names: &[String]) {
        for name in names {
            if let Some(package) = self.0.get_mut(name) {
                package.auto = true;
            }
        }
    }

    /// `apt-state`.
    pub(super) fn state(&self) -> String {
        let mut text = "native amd64\n".to_owned();
        for (name, Package { version, status, .. }) in &self.0 {
            let _ = writeln!(text, "pkg\t{name}\t{version}\tamd64\tinstall\t{status}\tok");
        }
        for (name, _) in self.0.iter().filter(|(_, package)| package.auto) {
            let _ = writeln!(text, "auto {name}");
        }
        text + "lists 0\nnow 0\nend\n"
    }

    fn pending(&self) -> impl Iterator<Item = (&String, &str)> {
        self.0.iter().filter(|(_, package)| package.version == OLD).map(|(name, package)| (name, &*package.version))
    }

    /// `apt-pending`; `None`: apt refuses, because the database is broken.
    pub(super) fn outlook(&self) -> Option<String> {
        let mut text = "== simulation\n".to_owned();
        for (name, version) in self.pending() {
            text += &inst(name, version);
        }
        text += "== sources\nmain Packages|Debian|Debian|stable|bookworm\n\
                 sec Packages|Debian|Debian-Security|stable-security|bookworm-security\n== versions\n";
        for (name, version) in self.pending() {
            let _ = write!(
                text,
                "{name}:\n  Installed: {version}\n  Candidate: {NEW}\n  Version table:\n     {NEW} 500\n        500 sec \
                 Packages\n *** {version} 100\n        100 /var/lib/dpkg/status\n"
            );
        }
        self.healthy().then(|| text + "== end\n")
    }

    /// `apt-simulate` of `name=version` lines.
    pub(super) fn simulate(&self, words: &str) -> String {
        let named = |name: &str| words.lines().any(|word| word.split('=').next() == Some(name));
        self.pending().filter(|(name, _)| named(name)).map(|(name, version)| inst(name, version)).collect()
    }

    /// `apt-simulate-restore` of `name=version` lines.
    pub(super) fn simulate_restore(&self, words: &str) -> String {
        let named = words.lines().filter_map(|word| word.split_once('='));
        let known = named.filter_map(|(name, version)| Some((name, self.version(name)?, version)));
        known.map(|(name, from, to)| format!("Inst {name} [{from}] ({to} Debian:stable [amd64])\n")).collect()
    }

    /// `apt-simulate-purge` of names, one per line.
    pub(super) fn simulate_purge(&self, names: &str) -> String {
        let known = names.lines().filter_map(|name| Some((name, self.version(name)?)));
        known.map(|(name, version)| format!("Purg {name} [{version}]\n")).collect()
    }

    /// `apt-staged`: the old version of whatever has or had an update.
    pub(super) fn staged(&self) -> String {
        let updated = self.0.iter().filter(|(_, package)| [OLD, NEW].contains(&package.version.as_str()));
        let lines: String = updated.map(|(name, _)| format!("deb {name} {OLD} amd64\n")).collect();
        format!("native amd64\n{lines}end\n")
    }

    /// `apt-boot`.
    pub(super) fn boot(&self) -> String {
        let mut text = format!("running {KERNEL}\nmodules\n");
        for (name, package) in self.0.iter().filter(|(name, _)| name.starts_with("linux-image")) {
            let release = name.trim_start_matches("linux-image-");
            let _ = writeln!(text, "image /boot/vmlinuz-{release}\nowner {name}: /boot/vmlinuz-{release}");
            let _ = writeln!(text, "pkg\t{name}\t{}\t{}", package.version, package.status);
        }
        text + "end\n"
    }
}

fn inst(name: &str, from: &str) -> String {
    format!("Inst {name} [{from}] ({NEW} Debian-Security:stable-security [amd64])\n")
}
