//! dnf as a [`PackageManager`]: which command and which reader belong together, and its words for people.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::{advance, commands, origins, pending, resolved, state, transaction, trouble};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedScript, FailedSource, Health,
        LockHolder, Origins, PackageManager, PackageState, Pending, Refresh, Repair, Simulation, Transaction, Trouble,
        Upkeep, answer, holders, rpm,
    },
};

/// dnf, version 4 and dnf5.
#[derive(Clone, Copy, Debug)]
pub struct Dnf;

/// Distributions whose manager it is. On others it may be installed as a tool and manage nothing.
const FAMILIES: [&str; 6] = ["fedora", "rhel", "centos", "openeuler", "mageia", "azurelinux"];

/// Units that install packages by themselves.
const NEEDED: [&str; 5] = [
    "dnf-automatic.service",
    "dnf-automatic-install.service",
    "dnf5-automatic.service",
    "dnf-makecache.service",
    "dnf5-makecache.service",
];

const REPAIR: &str = "dnf remove --duplicates";

impl PackageManager for Dnf {
    fn name(&self) -> &'static str {
        "dnf"
    }

    fn program(&self) -> &'static str {
        "dnf"
    }

    fn modules_of_ansible(&self) -> &'static [&'static str] {
        &["dnf", "dnf5", "yum"]
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        let family = FAMILIES.iter().any(|family| facts.os.is_like(family));
        let alone = facts.tools.iter().all(|tool| ["dnf", "yum"].contains(&tool.as_str()));
        facts.tools.contains("dnf") && (family || alone)
    }

    fn refresh(&self) -> Query<Refresh> {
        Query::new(commands::refresh(), |output| Ok(trouble::refresh(output)))
    }

    fn failed_sources(&self, _: &[String]) -> Option<Query<Vec<FailedSource>>> {
        Some(origins::failed())
    }

    fn knows_advisories(&self) -> bool {
        true
    }

    fn state(&self) -> Query<PackageState> {
        Query::new(commands::state(), state::read)
    }

    fn lock_holders(&self) -> Query<Vec<LockHolder>> {
        Query::new(commands::locks(), holders::read)
    }

    fn list_locks(&self) -> &'static [&'static str] {
        &commands::PID_FILES[..1]
    }

    fn needs_unit(&self, unit: &str) -> bool {
        rpm::locks::needs_unit(unit) || NEEDED.contains(&unit)
    }

    fn pending(&self, accepts: Accepts) -> Query<Pending> {
        Query::new(commands::pending(accepts), move |output| pending::read(accepts.removals, output))
    }

    fn nobest(&self) -> Result<(), CannotDo> {
        Ok(())
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Query<Simulation>, CannotDo> {
        Ok(Query::new(transaction::simulate(transaction)?, resolved::simulation))
    }

    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo> {
        transaction::run(transaction)
    }

    fn advance(&self, line: &str) -> Option<Advance> {
        advance::read(line)
    }

    fn fetched(&self, output: &str) -> Option<String> {
        trouble::fetched(output)
    }

    // Upgrading or downgrading a named package leaves the reason for which it was installed.
    fn restore_marks(&self, _: &BTreeSet<String>) -> Option<Command> {
        None
    }

    fn stage(&self, set: &BTreeSet<Exact>, folder: &str) -> Result<Command, CannotDo> {
        Ok(rpm::staged::stage(&commands::FETCH, set, folder))
    }

    fn staged(&self, folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Ok(rpm::staged::staged("dnf-staged", folder))
    }

    fn hold(&self, names: &BTreeSet<String>, on: bool) -> Result<Command, CannotDo> {
        Ok(commands::hold(names, on))
    }

    fn repair(&self, lock_timeout: Duration) -> Vec<Repair> {
        transaction::repair(lock_timeout)
    }

    fn explain(&self, output: &str) -> Option<Trouble> {
        trouble::read(output)
    }

    fn failed_scripts(&self, output: &str) -> Vec<FailedScript> {
        trouble::failed_scripts(output)
    }

    fn boot(&self) -> Query<Boot> {
        Query::new(commands::boot(), rpm::boot::read)
    }

    fn upkeep(&self) -> Option<Query<Upkeep>> {
        Some(Query::new(commands::upkeep(), Upkeep::read))
    }

    fn origins(&self) -> Option<Query<Origins>> {
        Some(rpm::origins::query())
    }

    fn is_kernel_source(&self, source: &str) -> bool {
        rpm::kernel::is_source(source)
    }

    fn clean_cache(&self) -> Command {
        commands::clean()
    }

    fn core(&self) -> &'static [&'static str] {
        &commands::CORE
    }

    fn restarts_services(&self) -> bool {
        true
    }

    fn list_files(&self) -> Option<&'static str> {
        Some(rpm::present::LIST_FILES)
    }

    fn boot_files(&self, name: &str) -> BootFiles {
        rpm::kernel::boot_files(name)
    }

    fn boot_patterns(&self) -> BootPatterns {
        BootPatterns { kernels: "vmlinu*", images: "initr*" }
    }

    fn is_name(&self, text: &str) -> bool {
        rpm::names::is_name(text)
    }

    fn bare<'a>(&self, name: &'a str) -> &'a str {
        rpm::names::split_arch(name).0
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        rpm::version::compare(a, b)
    }

    fn repair_hint(&self) -> &'static str {
        REPAIR
    }

    fn how_to_repair(&self, health: &Health) -> String {
        let again = "dnf reinstall the packages that `dnf history info last` lists";
        match (health.broken.is_empty(), health.interrupted) {
            (true, true) => again.to_owned(),
            (false, true) => format!("{REPAIR}, then {again}"),
            _ => REPAIR.to_owned(),
        }
    }

    fn refusal(&self, lines: &[String]) -> (Class, String) {
        if lines.iter().any(|line| line.contains("Cache-only")) {
            return (Class::Refresh, "the package lists were never fetched: on the host: dnf makecache".to_owned());
        }
        let help = "no package is broken: the problem is in sources or excludes; check on the host: \
                    dnf upgrade --assumeno, dnf repolist";
        (Class::Refused, help.to_owned())
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        answer::known(names, commands::known(names))
    }
}
