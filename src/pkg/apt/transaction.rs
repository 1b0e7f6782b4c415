//! Transactions of apt: the command lines that change packages, and those that say what they would do.
//! Start at [`run`] and [`simulate`]; what apt cannot do in one command line is refused, never left out.

use std::time::Duration;

use crate::{
    command::Command,
    pkg::{CannotDo, Exact, Package, Repair, Transaction},
};

/// Options of every transaction: no questions are asked, and edited configuration files are kept.
const TRANSACTION: [&str; 7] = [
    "-y",
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
    // Only because it runs detached: dpkg's scripts then read /dev/null instead of waiting at a terminal of apt's own.
    "-o",
    "Dpkg::Use-Pty=0",
];

/// Environment of every transaction.
const QUIET: [(&str, &str); 5] = [
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("NEEDRESTART_SUSPEND", "1"),
    ("UCF_FORCE_CONFFOLD", "1"),
];

const TRANSACTION_LIMIT: Duration = Duration::from_secs(3600);

const SIMULATE: &str = r#"set -f
set -- "$@" $(cat)
exec apt-get -s -q -V -y -o APT::Get::Show-User-Simulation-Note=false "$@" </dev/null
"#;

const FROM_FOLDERS: &str = include_str!("from_folders.sh");

/// What apt is asked for, of the kinds of changes that one command line can hold.
enum Line<'a> {
    /// Versions of installed packages; `back`: also older ones.
    Change {
        back: bool,
        set: Vec<&'a Exact>,
    },
    Install(&'a [Exact]),
    Purge(&'a [Package]),
    /// Everything at once, as a rollback needs it.
    Restore {
        set: Vec<&'a Exact>,
        remove: &'a [Package],
    },
}

impl Line<'_> {
    fn of(transaction: &Transaction) -> Result<Line<'_>, CannotDo> {
        let cannot = |what| Err(CannotDo { manager: "apt", what });
        let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
        let changes = !upgrade.is_empty() || !downgrade.is_empty();
        let alone = install.is_empty() && remove.is_empty();
        if transaction.keep_configuration || !transaction.folders.is_empty() || !(downgrade.is_empty() || alone) {
            return Self::restore(transaction);
        }
        match (changes, install.is_empty(), remove.is_empty()) {
            // Without names, some of apt's verbs do nothing and others do everything.
            (false, true, true) => cannot("run an empty transaction"),
            (true, true, true) => {
                Ok(Line::Change { back: !downgrade.is_empty(), set: upgrade.iter().chain(downgrade).collect() })
            }
            (false, false, true) => Ok(Line::Install(install)),
            // dpkg's database has one version per name.
            (false, true, false) if remove.iter().any(|package| package.version.is_some()) => {
                cannot("remove one of several versions")
            }
            (false, true, false) if transaction.download_only => cannot("download a removal"),
            (false, true, false) if !transaction.allow_removals => {
                cannot("remove packages and keep what depends on them")
            }
            (false, true, false) => Ok(Line::Purge(remove)),
            // `--only-upgrade` leaves out what is not installed, and applies to all names or to none.
            (true, false, _) => cannot("install new packages and upgrade others in one transaction"),
            (_, _, false) => cannot("remove packages and install others in one transaction"),
        }
    }

    fn restore(transaction: &Transaction) -> Result<Line<'_>, CannotDo> {
        let cannot = |what| Err(CannotDo { manager: "apt", what });
        let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
        let set: Vec<&Exact> = upgrade.iter().chain(downgrade).chain(install).collect();
        match (set.is_empty(), remove.is_empty()) {
            (true, true) => cannot("run an empty transaction"),
            _ if remove.iter().any(|package| package.version.is_some()) => cannot("remove one of several versions"),
            (_, false) if !transaction.keep_configuration => {
                cannot("purge packages and install others in one transaction")
            }
            (_, false) if transaction.download_only => cannot("download a removal"),
            _ => Ok(Line::Restore { set, remove }),
        }
    }

    fn verb(&self) -> &'static [&'static str] {
        match self {
            // Without `--only-upgrade`: what was removed comes back.
            Self::Restore { .. } => &["install", "--allow-downgrades"],
            Self::Change { back: false, .. } => &["install", "--only-upgrade"],
            Self::Change { back: true, .. } => &["install", "--allow-downgrades", "--only-upgrade"],
            Self::Install(_) => &["install"],
            Self::Purge(_) => &["purge"],
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Change { set, .. } => set.iter().map(ToString::to_string).collect(),
            Self::Install(set) => set.iter().map(ToString::to_string).collect(),
            Self::Purge(packages) => packages.iter().map(|package| package.name.clone()).collect(),
            Self::Restore { set, remove } => {
                let gone = remove.iter().map(|package| format!("{}-", package.name));
                set.iter().map(ToString::to_string).chain(gone).collect()
            }
        }
    }

    /// Whether apt may remove something: it refuses the removals that it is asked for if it must not.
    fn removes(&self) -> bool {
        matches!(self, Self::Purge(_)) || matches!(self, Self::Restore { remove, .. } if !remove.is_empty())
    }
}

/// `apt-simulate`, `apt-simulate-purge`, `apt-simulate-restore`: what a transaction would do. Without
/// `--no-remove`, so that removals are listed. The names come on standard input: one shell line holds 128 KiB at most.
pub(super) fn simulate(transaction: &Transaction) -> Result<Command, CannotDo> {
    let line = Line::of(transaction)?;
    let label = match line {
        Line::Purge(_) => "apt-simulate-purge",
        Line::Restore { .. } => "apt-simulate-restore",
        _ => "apt-simulate",
    };
    let verb = line.verb().iter().copied();
    let command = match transaction.folders.is_empty() {
        true => Command::sh(label, SIMULATE, verb),
        false => {
            Command::sh(label, FROM_FOLDERS, from_folders(transaction, ["-s", "-q", "-V", "-y"].into_iter(), verb))
        }
    };
    Ok(command.stdin(line.names().join("\n")).timeout(Duration::from_secs(180)))
}

/// The arguments of `from_folders.sh`.
fn from_folders<'a>(
    transaction: &'a Transaction,
    options: impl Iterator<Item = &'a str>,
    rest: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let folders = transaction.folders.iter().map(String::as_str);
    // Its own user for downloads cannot read the folders of root.
    let own = ["-o", "APT::Sandbox::User=root"];
    folders.chain(["--"]).chain(options).chain(own).chain(rest).map(str::to_owned).collect()
}

/// `apt-upgrade`, `apt-download`, `apt-install`, `apt-purge`, `apt-restore`: the transaction.
pub(super) fn run(transaction: &Transaction) -> Result<Command, CannotDo> {
    let line = Line::of(transaction)?;
    let label = match line {
        Line::Purge(_) => "apt-purge",
        _ if transaction.download_only => "apt-download",
        Line::Install(_) => "apt-install",
        Line::Restore { .. } => "apt-restore",
        Line::Change { .. } => "apt-upgrade",
    };
    let mut words = with_options(transaction.lock_timeout);
    if !transaction.allow_removals && !line.removes() {
        words.push("--no-remove".to_owned());
    }
    if transaction.download_only {
        words.push("-d".to_owned());
    }
    words.extend(line.verb().iter().map(|word| (*word).to_owned()));
    words.extend(line.names());
    if transaction.folders.is_empty() {
        return Ok(quiet(Command::changes(label, words)));
    }
    let words = words.iter().map(String::as_str).skip(1);
    Ok(quiet(Command::sh(label, FROM_FOLDERS, from_folders(transaction, [].into_iter(), words)).changing()))
}

/// `dpkg-configure`, then `apt-fix`: finish an interrupted run, without removing anything.
pub(super) fn repair(lock_timeout: Duration) -> Vec<Repair> {
    let configure = ["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"];
    let mut fix = with_options(lock_timeout);
    fix.extend(["--no-remove", "-f", "install"].map(str::to_owned));
    vec![
        Repair { name: "configure", command: quiet(Command::changes("dpkg-configure", configure)) },
        Repair { name: "fix", command: quiet(Command::changes("apt-fix", fix)) },
    ]
}

fn with_options(lock_timeout: Duration) -> Vec<String> {
    let mut words = vec!["apt-get".to_owned()];
    words.extend(TRANSACTION.map(str::to_owned));
    words.extend(["-o".to_owned(), format!("DPkg::Lock::Timeout={}", lock_timeout.as_secs())]);
    words
}

fn quiet(mut command: Command) -> Command {
    command.env.extend(QUIET.map(|(name, value)| (name.to_owned(), value.to_owned())));
    command.timeout(TRANSACTION_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Vec<Exact> {
        let (name, version) = text.split_once('=').unwrap();
        vec![Exact { name: name.to_owned(), version: version.to_owned() }]
    }

    #[test]
    fn a_transaction_is_done_as_it_is_asked_for_or_refused() {
        let package = |text: &str| vec![Package::from(text.to_owned())];
        let none = Transaction::default;
        for (transaction, expected) in [
            (Transaction::upgrade(&exact("a=2")), Ok("--no-remove install --only-upgrade a=2")),
            (
                Transaction { allow_removals: true, ..Transaction::upgrade(&exact("a=2")) },
                Ok("install --only-upgrade a=2"),
            ),
            (
                Transaction { download_only: true, ..Transaction::upgrade(&exact("a=2")) },
                Ok("--no-remove -d install --only-upgrade a=2"),
            ),
            (
                Transaction { downgrade: exact("a=1"), ..none() },
                Ok("--no-remove install --allow-downgrades --only-upgrade a=1"),
            ),
            (
                Transaction { downgrade: exact("b=1"), ..Transaction::upgrade(&exact("a=2")) },
                Ok("--no-remove install --allow-downgrades --only-upgrade a=2 b=1"),
            ),
            (Transaction { install: exact("a=2"), ..none() }, Ok("--no-remove install a=2")),
            (
                Transaction {
                    install: exact("c=1"),
                    downgrade: exact("a=1"),
                    remove: package("b"),
                    keep_configuration: true,
                    ..none()
                },
                Ok("install --allow-downgrades a=1 c=1 b-"),
            ),
            (
                Transaction { downgrade: exact("a=1"), keep_configuration: true, ..none() },
                Ok("--no-remove install --allow-downgrades a=1"),
            ),
            (
                Transaction { install: exact("a=1"), folders: vec!["/f".to_owned()], ..none() },
                Ok("--no-remove install --allow-downgrades a=1"),
            ),
            (
                Transaction { remove: package("b"), keep_configuration: true, ..none() },
                Ok("install --allow-downgrades b-"),
            ),
            (
                Transaction { remove: package("b=1"), keep_configuration: true, ..none() },
                Err("apt cannot remove one of several versions"),
            ),
            (
                Transaction { downgrade: exact("a=1"), remove: package("b"), ..none() },
                Err("apt cannot purge packages and install others in one transaction"),
            ),
            (Transaction { keep_configuration: true, ..none() }, Err("apt cannot run an empty transaction")),
            (Transaction::removal(&package("a")), Ok("purge a")),
            (none(), Err("apt cannot run an empty transaction")),
            (Transaction::upgrade(&[]), Err("apt cannot run an empty transaction")),
            (Transaction::removal(&package("a=1")), Err("apt cannot remove one of several versions")),
            (
                Transaction { allow_removals: false, ..Transaction::removal(&package("a")) },
                Err("apt cannot remove packages and keep what depends on them"),
            ),
            (
                Transaction { download_only: true, ..Transaction::removal(&package("a")) },
                Err("apt cannot download a removal"),
            ),
            (
                Transaction { install: exact("b=1"), ..Transaction::upgrade(&exact("a=2")) },
                Err("apt cannot install new packages and upgrade others in one transaction"),
            ),
            (
                Transaction { upgrade: exact("b=1"), ..Transaction::removal(&package("a")) },
                Err("apt cannot remove packages and install others in one transaction"),
            ),
        ] {
            let line =
                |command: Command| command.argv.join(" ").split_once("Timeout=0 ").map(|(_, rest)| rest.to_owned());
            let done = run(&transaction).map(|command| line(command).unwrap()).map_err(|error| error.to_string());
            assert_eq!(done, expected.map(str::to_owned).map_err(str::to_owned), "{transaction:?}");
            assert_eq!(simulate(&transaction).is_ok(), expected.is_ok(), "{transaction:?}");
        }
    }
}
