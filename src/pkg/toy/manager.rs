//! The toy as a [`PackageManager`].

use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

use super::read;
use crate::{
    command::{Command, Query},
    facts::HostFacts,
    pkg::{
        Accepts, Boot, BootFiles, BootPatterns, CannotDo, Class, Exact, Health, LockHolder, PackageManager,
        PackageState, Pending, Refresh, Repair, Simulation, Transaction, Trouble,
    },
};

/// The toy.
#[derive(Clone, Copy, Debug)]
pub(in crate::pkg) struct Toy;

fn words(transaction: &Transaction) -> Result<Vec<String>, CannotDo> {
    let Transaction { install, upgrade, downgrade, remove, download_only, .. } = transaction;
    let verbs = [("install", install), ("upgrade", upgrade), ("downgrade", downgrade)];
    let bring =
        |(verb, set): &(&str, &Vec<Exact>)| set.iter().map(|exact| format!("{verb}:{exact}")).collect::<Vec<_>>();
    let mut words: Vec<String> = verbs.iter().flat_map(bring).collect();
    words.extend(remove.iter().map(|package| format!("remove:{package}")));
    match (words.is_empty(), download_only) {
        (true, _) => Err(CannotDo { manager: "toy", what: "change nothing" }),
        (_, true) => Err(CannotDo { manager: "toy", what: "download without installing" }),
        _ => Ok(words),
    }
}

fn toy(label: &'static str, verb: &str, words: impl IntoIterator<Item = String>) -> Command {
    Command::reads(label, ["toy", verb].map(str::to_owned).into_iter().chain(words))
}

impl PackageManager for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn program(&self) -> &'static str {
        "toy"
    }

    fn serves(&self, facts: &HostFacts) -> bool {
        facts.os.is_like("toyland") && facts.tools.contains("toy")
    }

    fn refresh(&self) -> Query<Refresh> {
        Query::new(toy("toy-refresh", "refresh", []), |_| Ok(Refresh::Fresh))
    }

    fn state(&self) -> Query<PackageState> {
        Query::new(toy("toy-state", "state", []), read::state)
    }

    fn lock_holders(&self) -> Query<Vec<LockHolder>> {
        let look = "cat \"${PATCHWAVE_ROOT-}/run/toy-lock\" 2>/dev/null\necho end";
        Query::new(Command::sh("toy-locks", look, [""; 0]), read::locks)
    }

    fn list_locks(&self) -> &'static [&'static str] {
        &["/run/toy-lists"]
    }

    fn needs_unit(&self, unit: &str) -> bool {
        unit == "toy.service"
    }

    fn pending(&self, _: Accepts) -> Query<Pending> {
        Query::new(toy("toy-pending", "pending", []), read::pending)
    }

    fn simulate(&self, transaction: &Transaction) -> Result<Query<Simulation>, CannotDo> {
        Ok(Query::new(toy("toy-simulate", "simulate", words(transaction)?), read::simulation))
    }

    fn transact(&self, transaction: &Transaction) -> Result<Command, CannotDo> {
        Ok(toy("toy-run", "run", words(transaction)?).changing())
    }

    fn restore_marks(&self, _: &BTreeSet<String>) -> Option<Command> {
        None
    }

    fn repair(&self, _: Duration) -> Vec<Repair> {
        ["first", "second", "third"]
            .map(|name| Repair { name, command: toy("toy-repair", "repair", [name.to_owned()]).changing() })
            .into()
    }

    fn explain(&self, output: &str) -> Option<Trouble> {
        let line = output.lines().find(|line| line.starts_with("toy: "))?;
        Some(Trouble { class: Class::Manager, package: None, summary: line.to_owned() })
    }

    fn boot(&self) -> Query<Boot> {
        Query::new(toy("toy-boot", "boot", []), read::boot)
    }

    fn clean_cache(&self) -> Command {
        toy("toy-clean", "clean", []).changing()
    }

    fn boot_files(&self, name: &str) -> BootFiles {
        if name == "kern" { BootFiles::Kernel } else { BootFiles::None }
    }

    fn boot_patterns(&self) -> BootPatterns {
        BootPatterns { kernels: "kern-*", images: "image-*" }
    }

    fn is_name(&self, text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'.')
    }

    fn bare<'a>(&self, name: &'a str) -> &'a str {
        name.split_once('.').map_or(name, |(bare, _)| bare)
    }

    fn compare(&self, a: &str, b: &str) -> Ordering {
        let number = |version: &str| version.parse::<u32>().ok();
        number(a).cmp(&number(b)).then_with(|| a.cmp(b))
    }

    fn repair_hint(&self) -> &'static str {
        "toy repair"
    }

    fn how_to_repair(&self, _: &Health) -> String {
        self.repair_hint().to_owned()
    }

    fn refusal(&self, _: &[String]) -> (Class, String) {
        (Class::Refused, "toy why".to_owned())
    }

    fn known(&self, names: &[String]) -> Query<BTreeSet<String>> {
        Query::new(toy("toy-known", "known", names.to_vec()), |output| {
            Ok(output.text().lines().map(str::to_owned).collect())
        })
    }
}
