//! pacman as a [`PackageManager`]: which command and which reader belong together, and its words for people.

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::{advance, boot, commands, kernel, pending, staged, state, transaction, trouble, version};
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Advance, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, FailedScript, FailedSource, Health,
        LockHolder, Origins, PackageManager, PackageState, Pending, Refresh, Repair, Simulation, Transaction, Trouble,
        Upkeep, answer, holders, origins,
    },
};

/// pacman.
#[derive(Clone, Copy, Debug)]
pub struct Pacman;

/// Units that the scripts of packages need, and programs that install packages by themselves.
const NEEDED: [&str; 7] = [
    "dbus.service",
    "dbus-broker.service",
    "dbus.socket",
    "packagekit.service",
    "pamac-daemon.service",
    "polkit.service",
    "systemd-logind.service",
];

const REPAIR: &str = "rm /var/lib/pacman/db.lck, then pacman -U what /var/log/pacman.log lists last";

impl PackageManager for Pacman {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn program(&self) -> &'static str {
        "pacman"
    }

    fn modules_of_ansible(&self) -> &'static [&'static str] {
        &["pacman"]
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        let family = ["arch", "archarm", "manjaro"].iter().any(|family| facts.os.is_like(family));
        let alone = facts.tools.iter().all(|tool| tool == "pacman");
        facts.tools.contains("pacman") && (family || alone)
    }

    fn only_everything(&self) -> Option<CannotDo> {
        let what =
            "upgrade some packages and leave others: Arch supports full upgrades only (`scope: all`, no `exclude`)";
        Some(CannotDo { manager: "pacman", what })
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
        transaction::simulate(transaction)
    }

    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo> {
        transaction::run(transaction)
    }

    fn advance(&self, line: &str) -> Option<Advance> {
        advance::read(line)
    }

    fn fetched(&self, output: &str) -> Option<String> {
        let size = output.lines().find_map(|line| line.strip_prefix("Total Download Size:"))?;
        Some(crate::command::printable(size.trim()))
    }

    fn restore_marks(&self, names: &BTreeSet<String>) -> Option<Command> {
        transaction::restore_marks(names)
    }

    fn stage(&self, set: &BTreeSet<Exact>, folder: &str) -> Result<Command, CannotDo> {
        Ok(staged::stage(set, folder))
    }

    fn staged(&self, folder: &str) -> Result<Query<BTreeSet<Exact>>, CannotDo> {
        Ok(Query::new(staged::staged(folder), staged::read))
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
        Query::new(commands::boot(), boot::read)
    }

    fn upkeep(&self) -> Option<Query<Upkeep>> {
        Some(Query::new(commands::upkeep(), Upkeep::read))
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
        &commands::CORE
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
        state::is_name(text)
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
        let entry = "move its folder out of /var/lib/pacman/local, then pacman -U --overwrite '*' its archive in \
                     /var/cache/pacman/pkg";
        match (health.broken.is_empty(), health.interrupted) {
            (true, _) => REPAIR.to_owned(),
            (false, true) => format!("{entry}; {REPAIR}"),
            (false, false) => entry.to_owned(),
        }
    }

    fn refusal(&self, lines: &[String]) -> (Class, String) {
        if lines.iter().any(|line| line.contains("could not find database")) {
            return (Class::Refresh, "the package lists were never fetched: on the host: pacman -Syu".to_owned());
        }
        let help = "no package is broken: the problem is in sources or dependencies; check on the host: pacman -Syu";
        (Class::Refused, help.to_owned())
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        answer::known(names, commands::known(names))
    }
}
