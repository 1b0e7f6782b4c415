//! What is installed on a simulated host and what its archives offer: real Debian 12 names and versions.
//! Two tables, and their form for the shims. The versions of one package are in order, oldest first, so that the
//! shims need not compare versions.

use std::fmt::Write as _;

use super::spec::Role;

const INSTALLED: &str = include_str!("installed.tsv");
const AVAILABLE: &str = include_str!("available.tsv");

/// The kernel that runs before any update.
pub(super) const KERNEL: &str = "6.1.0-40-amd64";

pub(super) const OS_RELEASE: &str = r#"PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"#;

/// Its package programs, as `shims/` has the others, and what they read.
pub(super) const PROGRAMS: &[(&str, &str)] = &[
    ("apt-cache", include_str!("shims/apt-cache.sh")),
    ("apt-get", include_str!("shims/apt-get.sh")),
    ("apt-mark", include_str!("shims/apt-mark.sh")),
    ("dpkg", include_str!("shims/dpkg.sh")),
    ("dpkg-query", include_str!("shims/dpkg-query.sh")),
    ("dpkg-db.sh", include_str!("shims/dpkg-db.sh")),
];

/// Programs that must not be those of the machine itself. No package manager that this program looks for is among them:
/// a host that has one is taken for one of its kind.
pub(super) const ABSENT: &[&str] = &["apt"];

/// Folders that its package programs want.
pub(super) const FOLDERS: [&str; 2] = ["var/lib/dpkg/updates", "var/lib/apt/lists"];

/// The file whose lock a transaction takes.
pub(super) const LOCK: &str = "var/lib/dpkg/lock-frontend";

/// What holds it where the lock is held: a process's command line.
pub(super) const HOLDER: &str = "/usr/bin/python3\0/usr/bin/unattended-upgrade\0";

/// `sim/installed`: name, version, architecture, want, status, error flag, mark.
pub(super) fn installed(role: Role) -> String {
    rows(INSTALLED, |word| word == "all" || word == role.as_str()).fold(String::new(), |mut table, row| {
        if let [_, name, version, mark] = row[..] {
            let _ = writeln!(table, "{name}\t{version}\tamd64\tinstall\tinstalled\tok\t{mark}");
        }
        table
    })
}

/// `sim/available`: name, version, architecture, suite, what it brings along; the installed versions come first.
pub(super) fn available(role: Role, kernel: bool) -> String {
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
