//! What is installed on a simulated host and what its archives offer: real Debian 12 names and versions.
//! Two tables, and their form for the shims. The versions of one package are in order, oldest first, so that the
//! shims need not compare versions.

use std::fmt::Write as _;

use crate::demo::spec::Role;

const INSTALLED: &str = include_str!("installed.tsv");
const AVAILABLE: &str = include_str!("available.tsv");

/// `sim/installed`: name, version, architecture, want, status, error flag, mark.
pub(in crate::demo) fn installed(role: Role) -> String {
    rows(INSTALLED, |word| word == "all" || word == role.as_str()).fold(String::new(), |mut table, row| {
        if let [_, name, version, mark] = row[..] {
            let _ = writeln!(table, "{name}\t{version}\tamd64\tinstall\tinstalled\tok\t{mark}");
        }
        table
    })
}

/// `sim/available`: name, version, architecture, suite, new packages that it needs; the installed versions come first.
pub(in crate::demo) fn available(role: Role, kernel: bool) -> String {
    let wanted = |word: &str| word == "all" || word == role.as_str() || (kernel && word == "kernel");
    let mut table = String::new();
    for row in rows(INSTALLED, wanted) {
        if let [_, name, version, _] = row[..] {
            let _ = writeln!(table, "{name}\t{version}\tamd64\tmain\t-");
        }
    }
    for row in rows(AVAILABLE, wanted) {
        if let [_, name, version, suite, brings] = row[..] {
            let _ = writeln!(table, "{name}\t{version}\tamd64\t{suite}\t{brings}");
        }
    }
    table
}

fn rows(table: &str, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(move |row| row.first().is_some_and(|word| wanted(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        for (table, columns) in [(INSTALLED, 4), (AVAILABLE, 5)] {
            for row in rows(table, |_| true) {
                assert_eq!(row.len(), columns, "{row:?}");
                assert!(["all", "edge", "web", "app", "db", "kernel"].contains(&row[0]), "{row:?}");
            }
        }
        for row in rows(AVAILABLE, |_| true) {
            assert!(["main", "updates", "security"].contains(&row[3]), "{row:?}");
            if let Some((name, version)) = row[4].split_once('=') {
                let found = rows(AVAILABLE, |_| true).any(|other| other[1] == name && other[2] == version);
                assert!(found, "{row:?} brings something that the archives do not offer");
            }
        }
    }

    #[test]
    fn only_some_hosts_have_a_kernel_update() {
        assert!(available(Role::Web, true).contains("linux-image-6.1.0-41-amd64"));
        assert!(!available(Role::Web, false).contains("linux-image-6.1.0-41-amd64"));
        assert!(installed(Role::Db).contains("postgresql-15") && !installed(Role::Web).contains("postgresql-15"));
    }
}
