//! What a host's files show about its next boot, whatever its packages are called: the running kernel, the kernels on
//! the disk, what the boot loader starts, and what was replaced since the boot. Knows no package manager. Start at
//! [`Traces::take`] and [`Traces::boot`].

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Boot, Kernel, Kernels, Package, RebootReason,
    loader::{self, Releases},
};
use crate::command::{Unreadable, printable};

/// Clock ticks of `/proc/PID/stat` per second: `USER_HZ`, fixed by the kernel's interface.
const TICKS: u64 = 100;
/// Packages unpacked shortly before process 1 started belong to this boot (an image that was just made).
const SLACK: u64 = 2;

/// Prints what a host's boot has left, whatever its packages are called. Reads `$r`, the root.
pub(super) const SCRIPT: &str = r#"k=$(uname -r) || exit
echo "running $k"
for d in "$r/lib/modules" "$r/usr/lib/modules"; do
  [ ! -d "$d/$k" ] || echo modules
  [ ! -d "$d" ] || stat -c 'modules-changed %Y' "$d"
done
if [ -e "$r/run/systemd/container" ] || [ -e "$r/.dockerenv" ] || [ -e "$r/run/.containerenv" ]; then echo container; fi
[ ! -r "$r/proc/stat" ] || sed -n '/^btime /p' "$r/proc/stat"
[ ! -r "$r/proc/1/stat" ] || sed 's/^/init-stat /' "$r/proc/1/stat"
"#;

/// What lines with tags say.
#[derive(Debug, Default)]
pub(super) struct Traces {
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
    /// Images of kernels.
    images: Vec<String>,
    loader: loader::Seen,
}

/// Packages that several kernels need, with the releases that need them.
type Shared = BTreeMap<Package, BTreeSet<String>>;

/// What a package manager knows about kernels.
pub(super) struct Rules<'a> {
    /// The order of releases, and leftovers.
    pub releases: Releases,
    /// What one kernel must have in common with another to replace it.
    pub flavour: fn(&str) -> String,
    /// The packages of a release alone.
    pub packages: &'a dyn Fn(&str) -> Vec<Package>,
    /// Packages that several of these releases need.
    pub shared: &'a dyn Fn(&[String]) -> Shared,
}

impl Traces {
    /// Takes a line of a script; false if it is not one of these. `is_name`: whether a text can be a package's name.
    pub(super) fn take(&mut self, tag: &str, rest: &str, is_name: fn(&str) -> bool) -> bool {
        match tag {
            "running" => self.running = printable(rest),
            "modules" => self.modules = true,
            "modules-changed" => self.modules_changed = self.modules_changed.max(rest.parse().ok()),
            "image" => self.images.push(rest.to_owned()),
            "container" => self.container = true,
            "flag" => self.flag = true,
            "flag-package" if is_name(rest) => self.flag_packages.push(rest.to_owned()),
            "btime" => self.booted = rest.parse().ok(),
            "init-stat" => self.init_ticks = start_ticks(rest).unwrap_or(0),
            "unpacked" => {
                let (time, package) = rest.split_once(' ').unwrap_or_default();
                if let (Ok(time), true) = (time.parse(), is_name(package)) {
                    self.unpacked.push((package.to_owned(), time));
                }
            }
            tag => return self.loader.take(tag, rest),
        }
        true
    }

    /// The kernels, and why the host should be rebooted.
    ///
    /// # Errors
    /// It does not say which kernel is running.
    pub(super) fn boot(&self, rules: &Rules<'_>) -> Result<Boot, Unreadable> {
        if self.running.is_empty() {
            return Err(Unreadable::new("uname prints no release"));
        }
        let kernels = self.kernels(rules);
        let reasons = self.reasons(&kernels);
        Ok(Boot { kernels, reasons })
    }

    fn kernels(&self, rules: &Rules<'_>) -> Kernels {
        let mut releases: Vec<String> = self.images.iter().filter_map(|image| rules.releases.of(image)).collect();
        // By the release, as boot loaders do, not by the package's version.
        releases.sort_by(|a, b| (rules.releases.order)(a, b));
        releases.dedup();
        let kernel = |release: &String| Kernel {
            release: release.clone(),
            flavour: (rules.flavour)(release),
            packages: (rules.packages)(release),
        };
        let installed: Vec<Kernel> = releases.iter().map(kernel).collect();
        let newest = self.newest(&installed, rules);
        Kernels {
            running: self.running.clone(),
            // If the disk does not decide which kernel runs, its boot loader does not either.
            starts: newest.as_ref().and_then(|_| self.loader.starts(rules.releases)),
            choices: newest.as_ref().map(|_| self.loader.choices(rules.releases, &releases)).unwrap_or_default(),
            shared: (rules.shared)(&releases),
            installed,
            newest,
        }
    }

    fn newest(&self, installed: &[Kernel], rules: &Rules<'_>) -> Option<String> {
        let own = (rules.flavour)(&self.running);
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

/// Field 22 of `/proc/PID/stat`, counted after the program's name, which may have spaces (proc_pid_stat(5)).
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
