//! Transactions of pacman: the scripts that change packages, and those that say what they would do.
//! Start at [`run`] and [`simulate`]; what pacman cannot do is refused, never left out.

use std::{collections::BTreeSet, time::Duration};

use super::{
    commands::{FIND, HOLDERS, LISTS, LOG, PLAN, WOULD},
    pending,
    state::package,
    trouble::{DRIFT, complaints},
};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    pkg::{
        CannotDo, Exact, Package, Repair, Simulation, Transaction,
        answer::{before_end, tagged},
    },
};

const TRANSACTION_LIMIT: Duration = Duration::from_secs(3600);
const SIMULATION_LIMIT: Duration = Duration::from_secs(180);

/// Waits until nobody holds pacman's lock, `$1` seconds at most. A lock that nobody holds is left as it is: a
/// transaction was cut off, and only a repair goes on from there.
const WAIT: &str = r#"left=$1
shift
while pid=$(holder "$db/db.lck"); [ -n "$pid" ]; do
  if [ "$left" -le 0 ]; then printf 'E: the packages are locked: %s\n' "$(holders)" >&2; exit 1; fi
  sleep 2
  left=$((left - 2))
done
"#;

/// Compares what would be upgraded with what was planned, fetches all archives, and only then moves the lists to
/// pacman's own place. `$1` is filled if the archives are all that is wanted.
const UPGRADE: &str = r#"only=$1
shift
said=$(plan "$lists") || { rc=$?; printf '%s\n' "$said" >&2; exit "$rc"; }
{ printf '%s\n' "$said"; echo '=='; pacman -Q; echo '=='; printf '%s\n' "$@"; } | awk '
  $0 == "==" { part++; next }
  part == 0 && NF == 3 { comes[$1] = $2 }
  part == 1 { there[$1] }
  part == 2 { sub(/=/, " "); planned[$1] = $2 }
  END {
    for (name in planned) if (comes[name] != planned[name]) print name " " planned[name] " was planned"
    for (name in comes) if (name in there && !(name in planned)) print name " " comes[name] " was not planned"
  }' | sort | head -n 20 | { grep . >&2 && echo 'DRIFT' >&2; } && exit 1
if [ "$lists" != "$db" ]; then [ -n "$(holder "$own/db.lck")" ] || rm -f "$own/db.lck"; fi
if [ -n "$only" ] || [ "$lists" != "$db" ]; then
  pacman -Suw --noconfirm --noprogressbar --color never --dbpath "$lists" --logfile /dev/null </dev/null || exit
fi
[ -z "$only" ] || exit 0
if [ "$lists" != "$db" ]; then
  mkdir -p "$db/sync" || exit
  for f in "$own"/sync/*.db "$own"/sync/*.db.sig; do
    [ -f "$f" ] || continue
    cp -p "$f" "$db/sync/.patchwave" && mv -f "$db/sync/.patchwave" "$db/sync/${f##*/}" || exit
  done
fi
exec pacman -Su --noconfirm --noprogressbar --color never </dev/null
"#;

/// Sets `archives`, the files of `NAME=VERSION...` in `folders` and pacman's cache, and `missing`, those that are in
/// none. A file is named `NAME-VERSION-ARCHITECTURE.pkg.tar.*`, and only the architecture has no hyphen.
pub(super) const ARCHIVES: &str = r#"folders=
find_archives() {
  archives= missing=
  for w; do
    found=
    for c in $folders $(pacman-conf CacheDir | sed "s|^|$r|;s|/\$||"); do
      start=$c/${w%%=*}-${w#*=}-
      for f in "$start"*.pkg.tar*; do
        case ${f#"$start"} in *.sig|*.part|*-*) continue ;; esac
        [ ! -f "$f" ] || found=${found:-$f}
      done
    done
    if [ -n "$found" ]; then archives="$archives $found"; else missing="$missing $w"; fi
  done
}
sort_out() {
  back= go=
  for w; do
    case $w in /*) folders="$folders $r$w" ;; -*) go="$go ${w#-}" ;; *) back="$back $w" ;; esac
  done
}
"#;

/// What comes back may be in conflict with what goes, in the words of either of them; `conflicts` prints both sides and
/// `goes`. With anything else, it must not be. `archives` are the files, `go` the packages that are to be removed.
const CONFLICTS: &str = r#"conflicts() {
  [ -n "$archives" ] || return 0
  { pacman -Qip $archives </dev/null; echo '=='; [ -z "$go" ] || pacman -Qi $go </dev/null 2>/dev/null; } | awk -v go=" $go " '
    /^==$/ { second = 1 }
    /^Name +: / { name = $3; if (!second) back[name] }
    /^Conflicts With +: / && $4 != "None" {
      for (i = 4; i <= NF; i++) {
        bare = $i
        sub(/[<>=].*/, "", bare)
        if (!second) print name, $i, index(go, " " bare " ") ? "goes" : ""
        else if (bare in back) print name, $i, "goes"
      }
    }'
}
"#;

// `-R` cannot see that what comes back does not need what goes, so it is asked without dependencies then.
const SIMULATE: &str = r#"sort_out $(cat)
find_archives $back
for w in $missing; do echo "E: no archive of $w in the cache" >&2; done
[ -z "$missing" ] || exit 1
pacman -Q | sed 's/^/pkg /' || exit
conflicts | sed 's/^/conflict /'
if [ -n "$archives" ]; then
  pacman -U --noconfirm --color never --print --print-format 'bring %n %v' $archives </dev/null | grep '^bring ' || exit
fi
if [ -n "$go" ]; then
  if [ -n "$archives" ]; then how=-Rdd; else how=-Rc; fi
  pacman $how --noconfirm --color never --print --print-format 'remove %n %v' $go </dev/null | grep '^remove ' || exit
fi
"#;

// The default answer to a conflict is not to remove anything; 4 turns it round, where what goes is in conflict.
const CHANGE: &str = r#"ask=$1
shift
sort_out "$@"
find_archives $back
for w in $missing; do echo "E: no archive of $w in the cache" >&2; done
[ -z "$missing" ] || exit 1
turn=
! conflicts | grep -q ' goes$' || turn='--ask 4'
if [ -n "$archives" ]; then
  pacman -U --noconfirm --noprogressbar --color never $turn $archives </dev/null || exit
fi
left=
for w in $go; do ! pacman -Qq "$w" >/dev/null 2>&1 || left="$left $w"; done
[ -z "$left" ] || exec pacman "$ask" --noconfirm --noprogressbar --color never $left </dev/null
"#;

/// Entries that were begun count as installed packages, and pacman then refuses every transaction.
const FINISH: &str = r#"cut=$(transaction)
[ -e "$db/db.lck" ] || printf '%s\n' "$cut" | grep -qx open || cut=
whole= broken=
for w in $(printf '%s\n' "$cut" | sed -n 's/^changed \([^ ]*\) \([^ ]*\)$/\1=\2/p'); do
  if [ -s "$db/local/${w%%=*}-${w#*=}/desc" ]; then whole="$whole $w"; fi
done
for d in $(unfinished); do
  release=${d##*-} rest=${d%-*}
  broken="$broken ${rest%-*}=${rest##*-}-$release"
done
find_archives $broken
for w in $missing; do echo "E: no archive of $w in the cache" >&2; done
[ -z "$missing" ] || exit 1
rm -f "$db/db.lck" || exit
for w in $broken; do rm -rf "$db/local/${w%%=*}-${w#*=}" || exit; done
# Its files are on the disk already.
[ -z "$archives" ] || pacman -U --noconfirm --noprogressbar --color never --overwrite '*' $archives </dev/null || exit
find_archives $whole
for w in $missing; do echo "W: no archive of $w in the cache: its scripts are not run again" >&2; done
[ -z "$archives" ] || pacman -U --noconfirm --noprogressbar --color never $archives </dev/null || exit
if [ -z "$broken$archives" ] && [ -n "$cut" ]; then echo 'E: what was cut off cannot be installed again' >&2; exit 1; fi
"#;

/// What pacman is asked for.
enum Kind<'a> {
    /// Everything that is pending.
    Full(&'a [Exact]),
    /// Exact versions from the cache, and removals.
    Exact { back: Vec<&'a Exact>, remove: &'a [Package], folders: &'a [String] },
}

fn kind(transaction: &Transaction) -> Result<Kind<'_>, CannotDo> {
    let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
    let cannot = |what| Err(CannotDo { manager: "pacman", what });
    let back: Vec<&Exact> = install.iter().chain(downgrade).collect();
    match (upgrade.is_empty(), back.is_empty(), remove.is_empty()) {
        // Without names, some verbs do nothing and others do everything.
        (true, true, true) => cannot("run an empty transaction"),
        (false, true, true) => Ok(Kind::Full(upgrade)),
        (false, ..) => cannot("upgrade everything and go back in one transaction"),
        (true, ..) if transaction.download_only => cannot("download single versions"),
        // A rollback removes what was new; what its simulation would remove besides that stops it.
        (true, _, false) if !transaction.allow_removals && !transaction.keep_configuration => {
            cannot("remove packages and keep what depends on them")
        }
        (true, ..) => Ok(Kind::Exact { back, remove, folders: &transaction.folders }),
    }
}

fn words(back: &[&Exact], remove: &[Package], folders: &[String]) -> Vec<String> {
    let back = back.iter().map(ToString::to_string);
    let gone = remove.iter().map(|package| format!("-{}", package.name));
    folders.iter().cloned().chain(back).chain(gone).collect()
}

/// `pacman-simulate`: what a transaction would do.
pub(super) fn simulate(transaction: &Transaction) -> Result<Query<Simulation>, CannotDo> {
    let command =
        |script: String| Command::sh("pacman-simulate", &(script + "echo end\n"), [""; 0]).timeout(SIMULATION_LIMIT);
    match kind(transaction)? {
        Kind::Full(_) => {
            let script =
                format!("{FIND}{LISTS}{PLAN}{WOULD}pacman -Q | sed 's/^/pkg /' || exit\nwould \"$lists\" || exit\n");
            Ok(Query::new(command(script), pending::simulation))
        }
        Kind::Exact { back, remove, folders } => {
            let script = format!("{FIND}{ARCHIVES}{CONFLICTS}{SIMULATE}");
            Ok(Query::new(command(script).stdin(words(&back, remove, folders).join("\n")), exact))
        }
    }
}

/// Reads the simulation of exact versions and removals.
fn exact(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: complaints(output), ..Simulation::default() });
    }
    let mut installed = std::collections::BTreeMap::new();
    let (mut simulation, mut conflicts) = (Simulation::default(), Vec::new());
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "pkg" => {
                let (name, version) = package(rest)?;
                installed.insert(name.to_owned(), version.to_owned());
            }
            "bring" => {
                let (name, version) = package(rest)?;
                let exact = Exact { name: name.to_owned(), version: version.to_owned() };
                simulation.installs.push((exact, installed.get(name).cloned()));
            }
            "remove" => simulation.removals.push(Package::named(package(rest)?.0)),
            "conflict" => conflicts.push(rest.to_owned()),
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(&line)))),
        }
    }
    for line in conflicts {
        let words: Vec<&str> = line.split(' ').collect();
        if let [name, other, ""] | [name, other] = words[..]
            && pending::is_one_of(&installed, other)
            && other.split(['<', '>', '=']).next() != Some(name)
        {
            simulation.refused.push(printable(&format!("{name} is in conflict with {other}")));
        }
    }
    Ok(simulation)
}

/// `pacman-upgrade`, `pacman-download`, `pacman-change`: the transaction.
pub(super) fn run(transaction: &Transaction) -> Result<Command, CannotDo> {
    let wait = transaction.lock_timeout.as_secs().to_string();
    let (label, script, words) = match kind(transaction)? {
        Kind::Full(set) => {
            let (label, only) =
                if transaction.download_only { ("pacman-download", "only") } else { ("pacman-upgrade", "") };
            let script = format!("{FIND}{LISTS}{PLAN}{HOLDERS}{WAIT}{}", UPGRADE.replace("DRIFT", DRIFT));
            let set = set.iter().map(ToString::to_string);
            (label, script, [wait, only.to_owned()].into_iter().chain(set).collect::<Vec<_>>())
        }
        Kind::Exact { back, remove, folders } => {
            let script = format!("{FIND}{ARCHIVES}{CONFLICTS}{HOLDERS}{WAIT}{CHANGE}");
            // Without the configuration files that were not changed, and without backups of those that were.
            let how = if back.is_empty() { "-Rcn" } else { "-Rn" };
            ("pacman-change", script, [wait, how.to_owned()].into_iter().chain(words(&back, remove, folders)).collect())
        }
    };
    Ok(Command::sh(label, &script, words).changing().timeout(TRANSACTION_LIMIT))
}

/// `pacman-asdeps`, if there is anything to mark.
pub(super) fn restore_marks(names: &BTreeSet<String>) -> Option<Command> {
    (!names.is_empty()).then(|| super::commands::as_dependencies(names))
}

/// `pacman-finish`: what a transaction that was cut off has left: its lock, entries that were begun, and packages whose
/// scripts and hooks may not have run.
pub(super) fn repair(lock_timeout: Duration) -> Vec<Repair> {
    let script = format!("{FIND}{LOG}{ARCHIVES}{HOLDERS}{WAIT}{FINISH}");
    let command = Command::sh("pacman-finish", &script, [lock_timeout.as_secs().to_string()]);
    vec![Repair { name: "finish", command: command.changing().timeout(TRANSACTION_LIMIT) }]
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
            (Transaction::upgrade(&exact("a=1:2-1")), Ok("0  a=1:2-1")),
            (Transaction { download_only: true, ..Transaction::upgrade(&exact("a=2-1")) }, Ok("0 only a=2-1")),
            (Transaction { downgrade: exact("a=1-1"), ..none() }, Ok("0 -Rn a=1-1")),
            (Transaction { install: exact("a=1-1"), ..none() }, Ok("0 -Rn a=1-1")),
            (Transaction::removal(&package("a")), Ok("0 -Rcn -a")),
            (Transaction { downgrade: exact("a=1-1"), ..Transaction::removal(&package("b")) }, Ok("0 -Rn a=1-1 -b")),
            (
                Transaction { downgrade: exact("a=1-1"), remove: package("b"), keep_configuration: true, ..none() },
                Ok("0 -Rn a=1-1 -b"),
            ),
            (none(), Err("pacman cannot run an empty transaction")),
            (Transaction::upgrade(&[]), Err("pacman cannot run an empty transaction")),
            (
                Transaction { downgrade: exact("b=1-1"), ..Transaction::upgrade(&exact("a=2-1")) },
                Err("pacman cannot upgrade everything and go back in one transaction"),
            ),
            (
                Transaction { download_only: true, downgrade: exact("b=1-1"), ..none() },
                Err("pacman cannot download single versions"),
            ),
            (
                Transaction { allow_removals: false, ..Transaction::removal(&package("a")) },
                Err("pacman cannot remove packages and keep what depends on them"),
            ),
        ] {
            let line = |command: Command| command.argv[4..].join(" ");
            let done = run(&transaction).map(line).map_err(|error| error.to_string());
            assert_eq!(done, expected.map(str::to_owned).map_err(str::to_owned), "{transaction:?}");
            assert_eq!(simulate(&transaction).is_ok(), expected.is_ok(), "{transaction:?}");
        }
    }
}
