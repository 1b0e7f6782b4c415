//! The interface of a package manager: what it must be able to answer and to do.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::Serialize;

use super::{
    Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedScript, Health, Kernels, Origins,
    PackageState, Pending, RebootReason, Repair, Simulation, Transaction, Trouble, Upkeep,
};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
};

/// One package manager. Every function makes a command, or a command with its reader; none of them runs anything.
/// The caller sets the rights, in one place (`step/packages/ask.rs`).
pub trait PackageManager: Send + Sync + fmt::Debug {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// The program that shows that a host may have this manager.
    fn program(&self) -> &'static str;

    /// The names of Ansible's modules that install its packages.
    fn modules_of_ansible(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether this is the manager of such a host.
    fn serves(&self, facts: &HostFacts) -> bool;

    /// For a manager of a distribution that only supports the upgrade of everything that is pending: what it says to a
    /// part of that.
    fn only_everything(&self) -> Option<CannotDo> {
        None
    }

    /// Fetches the package lists, strictly: an unreachable source is a failure.
    fn refresh(&self) -> Query<Refresh>;

    /// Which package sources these lines of a failed refresh are about; the others were fetched, or are now. `None`: it
    /// cannot tell.
    fn failed_sources(&self, _lines: &[String]) -> Option<Query<Vec<FailedSource>>> {
        None
    }

    /// Whether its sources can say which advisories and CVEs a pending update belongs to. Where a host's sources do
    /// not, [`Pending::knows_security`] is false.
    fn knows_advisories(&self) -> bool {
        false
    }

    /// Everything that is installed, with its condition and marks.
    fn state(&self) -> Query<PackageState>;

    /// Whether the package database is in order; the part of [`PackageManager::state`] that a check needs.
    fn health(&self) -> Query<Health> {
        let query = self.state();
        let command = query.command.clone();
        Query::new(command, move |output| query.read(output).map(|state| state.health()))
    }

    /// Who holds a lock of the manager now: a shell script without arguments.
    fn lock_holders(&self) -> Query<Vec<LockHolder>>;

    /// Files whose lock guards the package lists alone: a transaction does not need them, and fetching them can be cut.
    fn list_locks(&self) -> &'static [&'static str];

    /// Whether a transaction needs this unit of systemd's while it runs.
    fn needs_unit(&self, unit: &str) -> bool;

    /// What an upgrade of everything would do, with security and kernel updates marked.
    fn pending(&self, accepts: Accepts) -> Query<Pending>;

    /// Whether it may bring an older version of a package whose newest one cannot be installed; both are pending then.
    ///
    /// # Errors
    /// It only ever takes the newest version.
    fn nobest(&self) -> Result<(), CannotDo> {
        let what = "take an older version of a package whose newest one cannot be installed (`nobest`)";
        Err(CannotDo { manager: self.name(), what })
    }

    /// What a transaction would do, removals included, whether they are allowed or not.
    ///
    /// # Errors
    /// What of it cannot be done. An empty transaction is always refused: each manager does something else with an
    /// empty list.
    fn simulate(&self, transaction: &Transaction) -> Result<Query<Simulation>, CannotDo>;

    /// Does a transaction.
    ///
    /// # Errors
    /// As [`PackageManager::simulate`].
    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo>;

    /// How far a transaction is, from one line of its output; `None` for a line that does not say it.
    fn advance(&self, _line: &str) -> Option<Advance> {
        None
    }

    /// How much of what a transaction needed had to be fetched, in the manager's own words, from its output.
    fn fetched(&self, _output: &str) -> Option<String> {
        None
    }

    /// Restores the mark of packages that came in as dependencies, if naming them removes it. `None`: nothing to do.
    fn restore_marks(&self, names: &BTreeSet<String>) -> Option<Command>;

    /// Fetches the archives of these versions into `folder` on the host, from wherever they can still be had. It makes
    /// the folder, for root alone, and checks the free space first. What it cannot get does not make it fail: what is
    /// there afterwards is the answer of [`PackageManager::staged`]. `set` is not empty.
    ///
    /// # Errors
    /// The manager has no way to do this.
    fn stage(&self, _set: &BTreeSet<Exact>, _folder: &str) -> Result<Command, CannotDo> {
        Err(CannotDo { manager: self.name(), what: "keep old versions on the host" })
    }

    /// Which versions have a complete archive in `folder`, which [`Transaction::folders`] can use.
    ///
    /// # Errors
    /// As [`PackageManager::stage`].
    fn staged(&self, _folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Err(CannotDo { manager: self.name(), what: "keep old versions on the host" })
    }

    /// Puts packages on hold, or takes them off.
    ///
    /// # Errors
    /// The manager has no way to do this.
    fn hold(&self, _names: &BTreeSet<String>, _on: bool) -> Result<Command, CannotDo> {
        Err(CannotDo { manager: self.name(), what: "hold packages" })
    }

    /// Finishes what an interrupted transaction left half done, in this order, removing nothing.
    fn repair(&self, lock_timeout: Duration) -> Vec<Repair>;

    /// What went wrong, from the end of a transaction's output.
    fn explain(&self, output: &str) -> Option<Trouble>;

    /// Scripts of packages that failed, from the end of a transaction's output, for a manager whose transactions go on
    /// and succeed all the same, with nothing in the package database that shows it.
    fn failed_scripts(&self, _output: &str) -> Vec<FailedScript> {
        Vec::new()
    }

    /// The running kernel and the installed ones, and why the host should be rebooted.
    fn boot(&self) -> Query<Boot>;

    /// Why the host should be rebooted; empty: no need.
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

    /// Where updates come from, and which other programs install them. `None`: this program cannot find that out for
    /// this manager.
    fn upkeep(&self) -> Option<Query<Upkeep>> {
        None
    }

    /// Which source package each installed package was built from. `None`: packages are their own sources, or
    /// [`PackageManager::upkeep`] says it.
    fn origins(&self) -> Option<Query<Origins>> {
        None
    }

    /// Sources that are configured and whose list the host does not have, for people, for a manager that passes over
    /// them in [`PackageManager::pending`].
    fn unfetched(&self) -> Option<Query<Vec<String>>> {
        None
    }

    /// Fetches package lists into `folder` on the host and leaves the host's own alone, so that a check sees what is
    /// pending now. `None`: the manager has no safe way to do this.
    fn refresh_apart(&self, _folder: &str) -> Option<RefreshApart> {
        None
    }

    /// Packages that every process or process 1 uses, without an architecture: replacing one asks for a reboot.
    fn core(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether packages usually restart their own services when they are replaced.
    fn restarts_services(&self) -> bool {
        false
    }

    /// Shell text that prints the files of the installed packages `$@`, each line `PACKAGE FILE`. `None`: the manager
    /// has no way to say it.
    fn list_files(&self) -> Option<&'static str> {
        None
    }

    /// Whether advisories call the source of kernels so. A kernel's problem is gone when the kernel runs, not when it
    /// is installed.
    fn is_kernel_source(&self, _source: &str) -> bool {
        false
    }

    /// Deletes downloaded archives.
    fn clean_cache(&self) -> Command;

    /// What a package of this name brings to `/boot`.
    fn boot_files(&self, name: &str) -> BootFiles;

    /// What its kernels and their images are called in `/boot`.
    fn boot_patterns(&self) -> BootPatterns;

    /// Whether `text` can be the name of a package; anything else never reaches a command line.
    fn is_name(&self, text: &str) -> bool;

    /// A name without the architecture, as people write it.
    fn bare<'a>(&self, name: &'a str) -> &'a str;

    /// How two versions compare in this manager's own order.
    fn compare(&self, a: &str, b: &str) -> std::cmp::Ordering;

    /// What [`PackageManager::repair`] does, as an operator would type it.
    fn repair_hint(&self) -> &'static str;

    /// What an operator types on the host to repair a package database in this condition.
    fn how_to_repair(&self, health: &Health) -> String;

    /// For a manager that refuses to compute an upgrade (`lines`, its own words) although the package database is in
    /// order: the class of the failure, and what to type.
    fn refusal(&self, lines: &[String]) -> (Class, String);

    /// Which of `names` it knows, installed or from a source. `names` is not empty.
    fn known(&self, names: &[String]) -> Query<BTreeSet<String>>;
}

/// How fetching the package lists ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// All sources answered.
    Fresh,
    /// Another process has locked the lists.
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

/// How package lists are fetched apart from the host's own.
#[derive(Debug)]
pub struct RefreshApart {
    /// Makes the folder and fetches them; the inner error says why this was not tried, for people.
    pub refresh: Query<Result<Refresh, String>>,
    /// The environment variable with which the manager's other questions use them.
    pub variable: (String, String),
    /// Deletes the folder.
    pub remove: Command,
}

/// A package source that did not answer, or answered badly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FailedSource {
    /// For people: `bookworm-security at http://deb.debian.org/debian-security`.
    pub name: String,
    /// Words by which a playbook may name it.
    pub words: Vec<String>,
    /// Whether it brings security fixes.
    pub security: bool,
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
    /// The control group that it runs in, `/system.slice/daily-upgrade.service`; empty when it is not known.
    pub group: String,
}

impl LockHolder {
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
