//! zypper as a [`PackageManager`]: which command and which reader belong together, and its words for people.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::{advance, commands, pending, resolved, state, transaction, trouble};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedScript, FailedSource, Health,
        LockHolder, Origins, PackageManager, PackageState, Pending, Refresh, Repair, Simulation, Transaction, Trouble,
        Upkeep, answer, holders, rpm,
    },
};

/// zypper.
#[derive(Clone, Copy, Debug)]
pub struct Zypper;

/// Distributions whose manager it is. On others it may be installed as a tool and manage nothing.
const FAMILIES: [&str; 4] = ["suse", "opensuse", "sles", "sled"];

/// Units that install packages by themselves.
const NEEDED: [&str; 4] =
    ["packagekit-background.service", "os-update.service", "purge-kernels.service", "transactional-update.service"];

const REPAIR: &str = "zypper install --force each package that `rpm -qa` lists twice";

impl PackageManager for Zypper {
    fn name(&self) -> &'static str {
        "zypper"
    }

    fn program(&self) -> &'static str {
        "zypper"
    }

    fn modules_of_ansible(&self) -> &'static [&'static str] {
        &["zypper"]
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        let family = FAMILIES.iter().any(|family| facts.os.is_like(family));
        let alone = facts.tools.iter().all(|tool| tool == "zypper");
        facts.tools.contains("zypper") && (family || alone)
    }

    fn refresh(&self) -> Query<Refresh> {
        Query::new(commands::refresh(), |output| Ok(trouble::refresh(output)))
    }

    fn failed_sources(&self, _: &[String]) -> Option<Query<Vec<FailedSource>>> {
        Some(commands::failed_sources())
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

    // One lock guards the lists and the packages.
    fn list_locks(&self) -> &'static [&'static str] {
        &[]
    }

    fn needs_unit(&self, unit: &str) -> bool {
        rpm::locks::needs_unit(unit) || NEEDED.contains(&unit)
    }

    fn pending(&self, _: Accepts) -> Query<Pending> {
        Query::new(commands::pending(), pending::read)
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
        let rest = output.lines().find_map(|line| line.strip_prefix("Overall download size: "))?;
        Some(crate::command::printable(rest.split(". ").next().unwrap_or(rest)))
    }

    // rpm has no such mark.
    fn restore_marks(&self, _: &BTreeSet<String>) -> Option<Command> {
        None
    }

    fn stage(&self, set: &BTreeSet<Exact>, folder: &str) -> Result<Command, CannotDo> {
        Ok(rpm::staged::stage(&commands::FETCH, set, folder))
    }

    fn staged(&self, folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Ok(rpm::staged::staged("zypper-staged", folder))
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

    fn how_to_repair(&self, _: &Health) -> String {
        REPAIR.to_owned()
    }

    fn refusal(&self, lines: &[String]) -> (Class, String) {
        if trouble::is_locked(lines) {
            return (Class::Lock, "wait until it finishes, then run again with --limit @failed".to_owned());
        }
        if lines.iter().any(|line| line.contains("have not been refreshed") || line.contains("metadata not found")) {
            return (Class::Refresh, "not every package source can be read: on the host: zypper refresh".to_owned());
        }
        let help = "no package is broken: the problem is in sources or locks; check on the host: \
                    zypper update --dry-run, zypper repos, zypper locks";
        (Class::Refused, help.to_owned())
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        answer::known(names, commands::known(names))
    }
}
