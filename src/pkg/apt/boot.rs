//! Reads `apt-boot`: kernels, and reasons for a reboot. Plain Debian writes no `reboot-required`, so every other
//! trace counts as well.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kernel::{abi_and_flavour, release_of_image},
    lines::{before_end, is_name, tagged},
    version::compare,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{Kernel, Kernels, RebootReason},
};

/// Clock ticks of `/proc/PID/stat` per second: `USER_HZ`, fixed by the kernel's interface.
const TICKS: u64 = 100;
/// Unpacking shortly before process 1 started is the boot itself (an image that was just made).
const SLACK: u64 = 2;

#[derive(Debug, Default)]
struct Seen {
    running: String,
    modules: bool,
    container: bool,
    flag: bool,
    flag_packages: Vec<String>,
    booted: Option<u64>,
    init_ticks: u64,
    unpacked: Vec<(String, u64)>,
    packages: BTreeSet<String>,
}

pub(super) fn kernels(output: &Output) -> Result<Kernels, Unreadable> {
    let seen = see(output)?;
    Ok(seen.kernels())
}

pub(super) fn reasons(output: &Output) -> Result<Vec<RebootReason>, Unreadable> {
    let seen = see(output)?;
    Ok(seen.reasons())
}

fn see(output: &Output) -> Result<Seen, Unreadable> {
    let mut seen = Seen::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "running" => seen.running = printable(rest),
            "modules" => seen.modules = true,
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
            _ => {}
        }
    }
    if seen.running.is_empty() {
        return Err(Unreadable::new("uname prints no release"));
    }
    Ok(seen)
}

/// Field 22 of `/proc/PID/stat`, counted behind the program's name, which may hold spaces (proc_pid_stat(5)).
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl Seen {
    fn kernels(&self) -> Kernels {
        let mut releases: Vec<&str> = self.packages.iter().filter_map(|name| release_of_image(name)).collect();
        // As `linux-version sort` and the boot loader do: by the release, not by the package's version.
        releases.sort_by(|a, b| compare(a, b));
        releases.dedup();
        let mut kernels = Kernels { running: self.running.clone(), ..Kernels::default() };
        for release in &releases {
            let own = |name: &&String| {
                name.strip_suffix(release).is_some_and(|start| start.starts_with("linux-") && start.ends_with('-'))
            };
            let packages = self.packages.iter().filter(own).cloned().collect();
            kernels.installed.push(Kernel { release: (*release).to_owned(), packages });
        }
        kernels.shared = self.shared(&releases);
        kernels.newest = self.newest(&releases);
        kernels
    }

    /// Headers of one ABI: `linux-headers-6.1.0-98-common`, `linux-headers-6.8.0-45`.
    fn shared(&self, releases: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let mut shared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for release in releases {
            let (abi, flavour) = abi_and_flavour(release);
            for name in [format!("linux-headers-{abi}"), format!("linux-headers-{abi}-common")] {
                if !flavour.is_empty() && self.packages.contains(&name) {
                    shared.entry(name).or_default().insert((*release).to_owned());
                }
            }
        }
        shared
    }

    fn newest(&self, releases: &[&str]) -> Option<String> {
        // A container runs its host's kernel, whatever is installed in it.
        if self.container && !releases.contains(&self.running.as_str()) {
            return None;
        }
        let (_, flavour) = abi_and_flavour(&self.running);
        let same = releases.iter().rev().find(|release| abi_and_flavour(release).1 == flavour);
        same.or(releases.last()).map(|release| (*release).to_owned())
    }

    fn reasons(&self) -> Vec<RebootReason> {
        let mut reasons = Vec::new();
        if self.flag {
            reasons.push(RebootReason::Flag { packages: self.flag_packages.clone() });
        }
        let running = self.running.clone();
        match self.kernels().newest {
            Some(newest) if newest != running => reasons.push(RebootReason::Kernel { running, newest }),
            Some(_) if !self.modules && !self.container => reasons.push(RebootReason::ModulesGone { running }),
            _ => {}
        }
        if let Some(booted) = self.booted {
            // In a container the boot time is the host's; process 1 of the container started later.
            let started = booted + self.init_ticks / TICKS;
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
