//! The seam: what a package manager must be able to tell and to do.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::Serialize;

use super::{Boot, BootFiles, Exact, Health, HostFacts, Kernels, PackageState, Pending, RebootReason, Simulation};
use crate::command::{Command, Query};

/// One package manager. Every function makes a command, or a command with its reader; none of them runs anything.
/// Whoever runs it sets [`Command::privileged`].
pub trait PackageManager: Send + Sync + fmt::Debug {
    /// The word for people (`apt`).
    fn name(&self) -> &'static str;

    /// Whether this is the manager of such a host.
    fn serves(&self, facts: &HostFacts) -> bool;

    /// Fetches the package lists, strictly: an unreachable source is a failure.
    fn refresh(&self) -> Query<Refresh>;

    /// Everything that is installed, in what condition, with its marks.
    fn state(&self) -> Query<PackageState>;

    /// Whether the package database is in order; the part of [`PackageManager::state`] that a check needs.
    fn health(&self) -> Query<Health> {
        let query = self.state();
        let command = query.command.clone();
        Query::new(command, move |output| query.read(output).map(|state| state.health()))
    }

    /// Who holds a lock of the manager just now: a shell script without arguments.
    fn lock_holders(&self) -> Query<Vec<LockHolder>>;

    /// Whether a transaction needs this unit of systemd's while it runs.
    fn needs_unit(&self, unit: &str) -> bool;

    /// What an upgrade of everything would do, with security and kernel updates told apart.
    fn pending(&self, allow_removals: bool, include_phased: bool) -> Query<Pending>;

    /// What installing exactly `set` would do. `set` is not empty.
    fn simulate(&self, set: &[Exact]) -> Query<Simulation>;

    /// The transaction that installs exactly `set`, or only downloads it. `set` is not empty.
    fn upgrade(&self, set: &[Exact], allow_removals: bool, lock_timeout: Duration, download_only: bool) -> Command;

    /// Gives packages that came in as dependencies their mark back, where naming them takes it. `None`: nothing to do.
    fn restore_marks(&self, names: &BTreeSet<String>) -> Option<Command>;

    /// Finishes what an interrupted transaction left half done, in this order, removing nothing.
    fn repair(&self, lock_timeout: Duration) -> Vec<Command>;

    /// What went wrong, from the end of a transaction's output.
    fn explain(&self, output: &str) -> Option<Trouble>;

    /// The running kernel and the installed ones, and why the host should be rebooted.
    fn boot(&self) -> Query<Boot>;

    /// Why the host should be rebooted; empty: it need not be.
    fn reboot_reasons(&self) -> Query<Vec<RebootReason>> {
        let query = self.boot();
        let command = query.command.clone();
        Query::new(command, move |output| query.read(output).map(|boot| boot.reasons))
    }

    /// The running kernel and the installed ones.
    fn kernels(&self) -> Query<Kernels> {
        let query = self.boot();
        let command = query.command.clone();
        Query::new(command, move |output| query.read(output).map(|boot| boot.kernels))
    }

    /// What purging `names` would do. `names` is not empty.
    fn simulate_purge(&self, names: &[String]) -> Query<Simulation>;

    /// Purges `names`, which are packages of old kernels. `names` is not empty.
    fn purge(&self, names: &[String], lock_timeout: Duration) -> Command;

    /// Deletes downloaded archives.
    fn clean_cache(&self) -> Command;

    /// What a package of this name brings to `/boot`.
    fn boot_files(&self, name: &str) -> BootFiles;

    /// How two versions compare in this manager's own order.
    fn compare(&self, a: &str, b: &str) -> std::cmp::Ordering;

    /// What [`PackageManager::repair`] does, as an operator would type it.
    fn repair_hint(&self) -> &'static str;

    /// What an operator types on the host to mend a package database in this condition.
    fn mends(&self, health: &Health) -> String;

    /// Why it says that it computes nothing (`lines`, its own words) although the package database is in order: the class
    /// of the failure, and what to type.
    fn refusal(&self, lines: &[String]) -> (&'static str, String);

    /// Which of `names` it has heard of, be it that they are installed or that a source has them. `names` is not empty.
    fn known(&self, names: &[String]) -> Query<BTreeSet<String>>;
}

/// How fetching the package lists ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// All sources answered.
    Fresh,
    /// Another process holds the lists.
    Locked {
        /// Its process id, if it is known.
        pid: Option<u32>,
    },
    /// At least one source did not answer, or answered badly.
    Failed {
        /// The lines that say so.
        lines: Vec<String>,
    },
}

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockHolder {
    /// The locked file.
    pub file: String,
    /// The process; 0 when it lives outside the host's container.
    pub pid: u32,
    /// The program, without its interpreter and folder; empty when it is already gone.
    pub program: String,
    /// The control group that it runs in, `/system.slice/apt-daily-upgrade.service`; empty when it is not known.
    pub group: String,
}

impl LockHolder {
    /// True for the lock of the package lists, which a running upgrade does not need.
    pub fn is_lists(&self) -> bool {
        self.file.ends_with("/lists/lock")
    }

    /// Whether it runs in this unit, or below it: stopping the unit ends it.
    pub fn runs_in(&self, unit: &str) -> bool {
        self.group.split('/').any(|part| part == unit)
    }
}

impl fmt::Display for LockHolder {
    /// `unattended-upgrade (pid 812)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.program.is_empty(), self.pid) {
            (true, 0) => f.write_str("a process outside the container"),
            (true, pid) => write!(f, "pid {pid}"),
            (false, pid) => write!(f, "{} (pid {pid})", self.program),
        }
    }
}

/// What a transaction's output says about its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Stable short name: `lock`, `disk`, `dpkg`, `fetch`.
    pub class: &'static str,
    /// The package it is about, if one is named.
    pub package: Option<String>,
    /// One line for people.
    pub summary: String,
}
