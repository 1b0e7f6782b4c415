//! Reads `apt-boot`: kernels, what the boot loader starts, and reasons for a reboot. A kernel is what is in /boot,
//! whatever its package is called. Plain Debian writes no `reboot-required`, so every other trace counts as well.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kernel::{abi_and_flavour, flavour, is_part_of, names, order},
    lines::{before_end, is_name, tagged},
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Boot, Kernel, Kernels, Package, RebootReason,
        loader::{self, Releases},
    },
};

/// Clock ticks of `/proc/PID/stat` per second: `USER_HZ`, fixed by the kernel's interface.
const TICKS: u64 = 100;
/// Packages unpacked shortly before process 1 started belong to this boot (an image that was just made).
const SLACK: u64 = 2;

const RELEASES: Releases = Releases { order, leftovers: &[".dpkg-new", ".dpkg-old", ".dpkg-tmp", ".dpkg-bak"] };

#[derive(Debug, Default)]
struct Seen {
    running: String,
    modules: bool,
    /// When a kernel's modules were last added or removed.
    modules_changed: Option<u64>,
    container: bool,
    flag: bool,
    flag_packages: Vec<String>,
    booted: Option<u64>,
    init_ticks: u64,
    unpacked: Vec<(String, u64)>,
    packages: BTreeSet<String>,
    /// Images of kernels.
    images: Vec<String>,
    /// Packages and the images that they brought.
    owners: Vec<(String, String)>,
    loader: loader::Seen,
}

pub(super) fn read(output: &Output) -> Result<Boot, Unreadable> {
    let seen = see(output)?;
    let kernels = seen.kernels();
    let reasons = seen.reasons(&kernels);
    Ok(Boot { kernels, reasons })
}

fn see(output: &Output) -> Result<Seen, Unreadable> {
    let mut seen = Seen::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "running" => seen.running = printable(rest),
            "modules" => seen.modules = true,
            "modules-changed" => seen.modules_changed = seen.modules_changed.max(rest.parse().ok()),
            "image" => seen.images.push(rest.to_owned()),
            "owner" => {
                // `linux-image-6.1.0-99-amd64: /boot/vmlinuz-6.1.0-99-amd64`, perhaps with several packages.
                let (names, image) = rest.rsplit_once(": ").unwrap_or_default();
                let named = names.split(", ").filter(|name| is_name(name));
                seen.owners.extend(named.map(|name| (name.to_owned(), image.to_owned())));
            }
            "container" => seen.container = true,
            "flag" => seen.flag = true,
            "flag-package" if is_name(rest) => seen.flag_packages.push(rest.to_owned()),
            "btime" => seen.booted = rest.parse().ok(),
            "init-stat" => seen.init_ticks = start_ticks(rest).unwrap_or(0),
            "unpacked" => {
                let (time, package) = tagged(rest);
                if let (Ok(time), true) = (time.parse(), is_name(package)) {
                    seen.unpacked.push((package.to_owned(), time));
                }
            }
            "pkg" => {
                let mut fields = rest.split('\t');
                if let (Some(name), Some(_), Some("installed")) = (fields.next(), fields.next(), fields.next())
                    && is_name(name)
                {
                    seen.packages.insert(name.to_owned());
                }
            }
            tag => drop(seen.loader.take(tag, rest)),
        }
    }
    if seen.running.is_empty() {
        return Err(Unreadable::new("uname prints no release"));
    }
    Ok(seen)
}

/// Field 22 of `/proc/PID/stat`, counted after the program's name, which may have spaces (proc_pid_stat(5)).
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl Seen {
    fn kernels(&self) -> Kernels {
        let mut releases: Vec<String> = self.images.iter().filter_map(|image| RELEASES.of(image)).collect();
        // By the release, as boot loaders do, not by the package's version.
        releases.sort_by(|a, b| order(a, b));
        releases.dedup();
        let kernel = |release: &String| Kernel {
            release: release.clone(),
            flavour: flavour(release),
            packages: self.packages_of(release),
        };
        let installed: Vec<Kernel> = releases.iter().map(kernel).collect();
        let newest = self.newest(&installed);
        Kernels {
            running: self.running.clone(),
            // If the disk does not decide which kernel runs, its boot loader does not either.
            starts: newest.as_ref().and_then(|_| self.loader.starts(RELEASES)),
            shared: self.shared(&releases),
            installed,
            newest,
        }
    }

    /// A package without a release in its name is upgraded in place, and does not belong to an old kernel.
    fn packages_of(&self, release: &str) -> Vec<Package> {
        let owners = self.owners.iter().filter(|(_, image)| RELEASES.of(image).as_deref() == Some(release));
        let owners = owners.map(|(name, _)| name).filter(|name| names(name, release));
        let named = self.packages.iter().filter(|name| is_part_of(name, release));
        let all: BTreeSet<&String> = owners.chain(named).collect();
        all.into_iter().map(|name| Package::named(name)).collect()
    }

    /// Headers of one ABI: `linux-headers-6.1.0-98-common`, `linux-headers-6.8.0-45`.
    fn shared(&self, releases: &[String]) -> BTreeMap<Package, BTreeSet<String>> {
        let mut shared: BTreeMap<Package, BTreeSet<String>> = BTreeMap::new();
        for release in releases {
            let (abi, flavour) = abi_and_flavour(release);
            for name in [format!("linux-headers-{abi}"), format!("linux-headers-{abi}-common")] {
                if !flavour.is_empty() && self.packages.contains(&name) {
                    shared.entry(Package::named(&name)).or_default().insert(release.clone());
                }
            }
        }
        shared
    }

    fn newest(&self, installed: &[Kernel]) -> Option<String> {
        let own = flavour(&self.running);
        let same = || installed.iter().rev().find(|kernel| kernel.flavour == own);
        let there = installed.iter().any(|kernel| kernel.release == self.running);
        let newest = if there {
            same()
        } else if !self.container && self.modules_changed > self.started().map(|started| started + SLACK) {
            // The running kernel was removed since the boot, and another one was installed.
            same().or(installed.last())
        } else {
            // A container runs its host's kernel, and some virtual machines run one from outside, whatever is in /boot.
            None
        };
        newest.map(|kernel| kernel.release.clone())
    }

    /// When process 1 started. In a container the boot time is the host's; process 1 of the container started later.
    fn started(&self) -> Option<u64> {
        self.booted.map(|booted| booted + self.init_ticks / TICKS)
    }

    fn reasons(&self, kernels: &Kernels) -> Vec<RebootReason> {
        let mut reasons = Vec::new();
        if self.flag {
            reasons.push(RebootReason::Flag { packages: self.flag_packages.clone() });
        }
        let running = self.running.clone();
        match kernels.due() {
            Some(newest) => reasons.push(RebootReason::Kernel { running, newest: newest.to_owned() }),
            None if kernels.newest.is_some() && !self.modules && !self.container => {
                reasons.push(RebootReason::ModulesGone { running });
            }
            None => {}
        }
        if let Some(started) = self.started() {
            for (package, time) in &self.unpacked {
                let reason = RebootReason::Replaced { package: package.clone() };
                if *time > started + SLACK && !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons
    }
}
