//! apt as a [`PackageManager`]: which command and which reader belong together.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::{
    advance, apart, boot, commands, hints, kernel, lines, locks, origins, pending, policy, refresh, simulation, staged,
    state, transaction, trouble, upkeep, version,
};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedSource, Health, LockHolder,
        PackageManager, PackageState, Pending, Refresh, RefreshApart, Repair, Simulation, Transaction, Trouble, Upkeep,
        holders,
    },
};

/// apt and dpkg.
#[derive(Clone, Copy, Debug)]
pub struct Apt;

impl PackageManager for Apt {
    fn name(&self) -> &'static str {
        "apt"
    }

    fn program(&self) -> &'static str {
        "apt-get"
    }

    fn modules_of_ansible(&self) -> &'static [&'static str] {
        &["apt"]
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        let family = facts.os.is_like("debian") || facts.os.is_like("ubuntu");
        // On a system of another family apt may be installed as a tool and manage nothing.
        facts.tools.contains("apt-get") && (family || facts.tools.len() == 1)
    }

    fn refresh(&self) -> Query<Refresh> {
        Query::new(commands::refresh(), refresh::read)
    }

    fn failed_sources(&self, lines: &[String]) -> Option<Query<Vec<FailedSource>>> {
        origins::failed(lines)
    }

    fn fetched(&self, output: &str) -> Option<String> {
        let line = output.lines().find_map(|line| line.strip_prefix("Need to get "))?;
        Some(crate::command::printable(line.trim_end_matches('.')))
    }

    fn state(&self) -> Query<PackageState> {
        Query::new(commands::state(), state::read)
    }

    fn lock_holders(&self) -> Query<Vec<LockHolder>> {
        Query::new(commands::locks(), holders::read)
    }

    fn list_locks(&self) -> &'static [&'static str] {
        &["/var/lib/apt/lists/lock"]
    }

    fn needs_unit(&self, unit: &str) -> bool {
        locks::needs_unit(unit)
    }

    fn pending(&self, accepts: Accepts) -> Query<Pending> {
        Query::new(commands::pending(accepts), pending::read)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Query<Simulation>, CannotDo> {
        Ok(Query::new(transaction::simulate(transaction)?, simulation::read))
    }

    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo> {
        transaction::run(transaction)
    }

    fn advance(&self, line: &str) -> Option<Advance> {
        advance::read(line)
    }

    fn restore_marks(&self, names: &BTreeSet<String>) -> Option<Command> {
        (!names.is_empty()).then(|| commands::mark_auto(names))
    }

    fn stage(&self, set: &BTreeSet<Exact>, folder: &str) -> Result<Command, CannotDo> {
        Ok(staged::stage(set, folder))
    }

    fn staged(&self, folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Ok(Query::new(staged::staged(folder), staged::read))
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

    fn boot(&self) -> Query<Boot> {
        Query::new(commands::boot(), boot::read)
    }

    fn upkeep(&self) -> Option<Query<Upkeep>> {
        Some(Query::new(commands::upkeep(), upkeep::read))
    }

    fn unfetched(&self) -> Option<Query<Vec<String>>> {
        Some(Query::new(commands::unfetched(), upkeep::unfetched))
    }

    fn is_kernel_source(&self, source: &str) -> bool {
        kernel::is_kernel_source(source)
    }

    fn refresh_apart(&self, folder: &str) -> Option<RefreshApart> {
        Some(apart::refresh(folder))
    }

    fn core(&self) -> &'static [&'static str] {
        &commands::CORE
    }

    fn restarts_services(&self) -> bool {
        true
    }

    fn list_files(&self) -> Option<&'static str> {
        Some(commands::LIST_FILES)
    }

    fn clean_cache(&self) -> Command {
        commands::clean()
    }

    fn boot_files(&self, name: &str) -> BootFiles {
        kernel::boot_files(name)
    }

    fn boot_patterns(&self) -> BootPatterns {
        BootPatterns { kernels: "vmlinu*", images: "initr*" }
    }

    fn is_name(&self, text: &str) -> bool {
        lines::is_name(text)
    }

    fn bare<'a>(&self, name: &'a str) -> &'a str {
        name.split_once(':').map_or(name, |(bare, _)| bare)
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        version::compare(a, b)
    }

    fn repair_hint(&self) -> &'static str {
        hints::REPAIR
    }

    fn how_to_repair(&self, health: &Health) -> String {
        hints::how_to_repair(health)
    }

    fn refusal(&self, lines: &[String]) -> (Class, String) {
        hints::refusal(lines)
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        let wanted: BTreeSet<String> = names.iter().cloned().collect();
        Query::new(commands::known(names), move |output| policy::known(&wanted, output))
    }
}
