//! What the screen says while a transaction runs: `upgrading 5/8: libssl3`, from the manager's own lines. Decides
//! nothing; a line that does not say how far it is changes nothing.

use std::collections::BTreeMap;

use crate::{
    pkg::{Advance, Doing, PackageManager, Transaction},
    step::job::Tell,
};

/// Reads the lines of one transaction.
pub(super) struct Telling<'a> {
    manager: &'a dyn PackageManager,
    /// What the transaction is for.
    verb: &'static str,
    /// How many packages it is about.
    planned: usize,
    /// How many packages each was done with, for a manager that does not count.
    done: BTreeMap<Doing, usize>,
}

impl<'a> Telling<'a> {
    pub(super) fn of(manager: &'a dyn PackageManager, transaction: &Transaction, planned: usize) -> Self {
        let Transaction { install, upgrade, downgrade, .. } = transaction;
        let verb = match (upgrade.is_empty(), downgrade.is_empty(), install.is_empty()) {
            (false, true, _) => "upgrading",
            (_, false, _) => "changing back",
            (true, true, false) => "installing",
            (true, true, true) => "removing",
        };
        Self { manager, verb, planned, done: BTreeMap::new() }
    }

    fn words(&self, advance: &Advance) -> String {
        let doing = match advance.doing {
            Doing::Fetching => "downloading",
            Doing::Unpacking => "unpacking",
            Doing::Changing => self.verb,
            Doing::Removing if self.verb == "removing" => self.verb,
            Doing::Removing => "removing old versions",
            Doing::Script => "running scripts",
            Doing::Checking => "checking",
        };
        // More than was planned: its triggers, or packages that came in besides.
        let counted = self.done.get(&advance.doing).filter(|n| **n <= self.planned && advance.doing != Doing::Script);
        match advance.of.or_else(|| counted.map(|n| (*n, self.planned))) {
            Some((n, all)) => format!("{doing} {n}/{all}: {}", advance.name),
            None => format!("{doing}: {}", advance.name),
        }
    }
}

impl Tell for Telling<'_> {
    fn line(&mut self, line: &str, whole: bool) -> Option<String> {
        let advance = self.manager.advance(line)?;
        match (advance.of, whole) {
            (None, false) => return None,
            (None, true) => *self.done.entry(advance.doing).or_default() += 1,
            (Some(_), _) => {}
        }
        Some(self.words(&advance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Exact, named};

    fn told(manager: &str, packages: usize, lines: &[&str]) -> Vec<String> {
        let manager = named(manager).unwrap();
        let exact = |n| Exact { name: format!("p{n}"), version: "1-1".to_owned() };
        let mut telling = Telling::of(manager, &Transaction::upgrade(&[exact(1)]), packages);
        lines.iter().filter_map(|line| telling.line(line, true)).collect()
    }

    #[test]
    fn packages_are_counted_where_the_manager_does_not_count() {
        let lines = [
            "Reading package lists...",
            "Get:1 http://deb.debian.org/debian bookworm/main amd64 libssl3 amd64 3.0.11-1 [2019 kB]",
            "Unpacking libssl3:amd64 (3.0.11-1) over (3.0.9-1) ...",
            "Setting up libssl3:amd64 (3.0.11-1) ...",
            "Setting up the database of the shop",
            "Setting up openssl (3.0.11-1) ...",
            "Processing triggers for man-db (2.11.2-2) ...",
            "Setting up linux-image-6.1.0-13-amd64 (6.1.55-1) ...",
        ];
        assert_eq!(
            told("apt", 2, &lines),
            [
                "downloading 1/2: libssl3",
                "unpacking 1/2: libssl3",
                "upgrading 1/2: libssl3",
                "upgrading 2/2: openssl",
                "running scripts: man-db",
                "upgrading: linux-image-6.1.0-13-amd64",
            ]
        );
        let lines = ["  Upgrading        : openssl-libs-1:3.0.7-28.el9.x86_64        5/16 "];
        assert_eq!(told("dnf", 8, &lines), ["upgrading 5/16: openssl-libs"]);
    }

    /// What a host prints reaches the screen only through these words.
    #[test]
    fn a_hostile_line_is_not_read() {
        let long = format!("Setting up {} (1) ...", "x".repeat(4000));
        for line in [
            "Setting up \u{1b}[2J (1) ...",
            &long,
            "(9/1) Upgrading a (1-r0 -> 2-r0)",
            "(0/0) Upgrading a (1-r0 -> 2-r0)",
            "(99999999999999999999999/1) Upgrading a (1)",
            "(1/2) Upgrading \u{202e}a (1-r0 -> 2-r0)",
            "[1/2] Upgrading \u{9b}31m-0:1-1.x 100%",
            "((((((",
        ] {
            for manager in ["apt", "dnf", "zypper", "pacman", "apk"] {
                assert_eq!(told(manager, 3, &[line]), [""; 0], "{manager}: {line:?}");
            }
        }
    }
}
