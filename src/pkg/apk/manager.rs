//! apk as a [`PackageManager`]: which command and which reader belong together, and its words for people.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::{advance, boot, commands, kernel, lines, pending, staged, state, transaction, trouble, version};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedSource, Health, LockHolder,
        Origins, PackageManager, PackageState, Pending, Refresh, Repair, Simulation, Transaction, Trouble, answer,
        holders, origins,
    },
};

/// apk.
#[derive(Clone, Copy, Debug)]
pub struct Apk;

/// Programs that install packages by themselves.
const NEEDED: [&str; 2] = ["packagekit.service", "apk-autoupdate.service"];

const REPAIR: &str = "apk fix";

impl PackageManager for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn program(&self) -> &'static str {
        "apk"
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        let family = ["alpine", "postmarketos", "wolfi"].iter().any(|family| facts.os.is_like(family));
        let alone = facts.tools.iter().all(|tool| tool == "apk");
        facts.tools.contains("apk") && (family || alone)
    }

    fn refresh(&self) -> Query<Refresh> {
        Query::new(commands::refresh(), |output| Ok(trouble::refresh(output)))
    }

    fn failed_sources(&self, _: &[String]) -> Option<Query<Vec<FailedSource>>> {
        Some(commands::failed_sources())
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
        holders::carries_a_session(unit) || NEEDED.contains(&unit)
    }

    fn pending(&self, _: Accepts) -> Query<Pending> {
        Query::new(commands::pending(), pending::read)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Query<Simulation>, CannotDo> {
        Ok(Query::new(transaction::simulate(transaction)?, pending::simulation))
    }

    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo> {
        transaction::run(transaction)
    }

    fn advance(&self, line: &str) -> Option<Advance> {
        advance::read(line)
    }

    // The world, which has the marks, is as before after each transaction.
    fn restore_marks(&self, _: &BTreeSet<String>) -> Option<Command> {
        None
    }

    fn stage(&self, set: &BTreeSet<Exact>, folder: &str) -> Result<Command, CannotDo> {
        Ok(staged::stage(set, folder))
    }

    fn staged(&self, folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Ok(Query::new(staged::staged(folder), staged::read))
    }

    fn hold(&self, names: &BTreeSet<String>, on: bool) -> Result<Command, CannotDo> {
        Ok(transaction::hold(names, on))
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

    fn origins(&self) -> Option<Query<Origins>> {
        Some(Query::new(commands::origins(), origins::read))
    }

    fn is_kernel_source(&self, source: &str) -> bool {
        kernel::is_kernel(source)
    }

    fn clean_cache(&self) -> Command {
        commands::clean()
    }

    fn core(&self) -> &'static [&'static str] {
        &boot::CORE
    }

    fn list_files(&self) -> Option<&'static str> {
        Some(commands::LIST_FILES)
    }

    fn boot_files(&self, name: &str) -> BootFiles {
        kernel::boot_files(name)
    }

    fn boot_patterns(&self) -> BootPatterns {
        BootPatterns { kernels: "vmlinuz-*", images: "initramfs-*" }
    }

    fn is_name(&self, text: &str) -> bool {
        lines::is_name(text)
    }

    fn bare<'a>(&self, name: &'a str) -> &'a str {
        name
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        version::compare(a, b)
    }

    fn repair_hint(&self) -> &'static str {
        REPAIR
    }

    fn how_to_repair(&self, health: &Health) -> String {
        match health.interrupted {
            // The pins of the transaction are in the world.
            true => {
                "cp /var/lib/patchwave/apk/world /etc/apk/world, rm -r /var/lib/patchwave/apk, then apk fix".to_owned()
            }
            false => REPAIR.to_owned(),
        }
    }

    fn refusal(&self, lines: &[String]) -> (Class, String) {
        if trouble::is_locked(lines) {
            return (Class::Lock, "wait until it finishes, then run again with --limit @failed".to_owned());
        }
        if lines.iter().any(|line| line.contains("WARNING: ") || line.contains("unavailable repositories")) {
            return (Class::Refresh, "not every package source can be read: on the host: apk update".to_owned());
        }
        let help = "no package is broken: the problem is in sources or in /etc/apk/world; check on the host: \
                    apk upgrade --simulate";
        (Class::Refused, help.to_owned())
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        answer::known(names, commands::known(names))
    }
}
