//! The queries for a host with pacman, and its small changes; nothing here reads an answer. Paths start with
//! `${PATCHWAVE_ROOT-}` and programs are found through `PATH`. Start at the list in [`super`].

use std::{collections::BTreeSet, time::Duration};

use crate::{
    command::{Command, Query},
    pkg::{FailedSource, cron, each_source},
};

/// Repeating a refresh does no harm, so it counts as reading.
const REFRESH_LIMIT: Duration = Duration::from_secs(600);
const QUERY_LIMIT: Duration = Duration::from_secs(180);

/// Shell text for the beginning of a script: `r` is the root, `db` pacman's database, `own` the folder with the lists
/// that were fetched for this program. `holder` prints the process that holds pacman's lock: the lock is a file, and
/// the process that made it keeps it open. Who may not look into other processes goes by their names.
pub(super) const FIND: &str = r#"r=${PATCHWAVE_ROOT-}
db=$(pacman-conf DBPath 2>/dev/null) || db=
db=$r${db:-/var/lib/pacman/}
db=${db%/}
own=$r/var/cache/patchwave-pacman
holder() {
  [ -e "$1" ] || return 0
  for p in "$r"/proc/[0-9]*; do
    for fd in "$p"/fd/*; do
      if [ "$fd" -ef "$1" ]; then echo "${p##*/}"; return 0; fi
    done
  done 2>/dev/null
  [ "$(id -u)" -ne 0 ] || return 0
  for p in "$r"/proc/[0-9]*; do
    read -r name 2>/dev/null <"$p/comm" || continue
    case $name in pacman|pamac*|packagekitd|yay|paru) echo "${p##*/}"; return 0 ;; esac
  done
}
"#;

/// Sets `lists`, the folder whose lists are newer: an administrator may have fetched pacman's own since.
pub(super) const LISTS: &str = r#"lists=$own
[ -d "$own/sync" ] || lists=$db
for f in "$db"/sync/*.db; do
  if [ -e "$f" ] && [ "$f" -nt "$own/sync/${f##*/}" ]; then lists=$db; fi
done
"#;

// What was fetched before is not fetched again: the server is asked for what is newer.
const REFRESH: &str = r#"umask 022
mkdir -p "$own/sync" || exit
ln -sfn "$db/local" "$own/local" || exit
[ -n "$(holder "$own/db.lck")" ] || rm -f "$own/db.lck"
for f in "$db"/sync/*; do
  if [ -e "$f" ] && [ "$f" -nt "$own/sync/${f##*/}" ]; then cp -p "$f" "$own/sync/" || exit; fi
done
pacman -Sy --noconfirm --noprogressbar --color never --dbpath "$own" --logfile /dev/null </dev/null || exit
: >"$own/fetched"
"#;

// pacman fetches all sources of its configuration, so each one gets a configuration of its own. A source that never
// answered has no list; no list says what an update is about.
const EACH: &str = r#"conf=$(mktemp) || exit
trap 'rm -f "$conf"' EXIT
for name in $(pacman-conf --repo-list); do
  case $name in *[!A-Za-z0-9_.@+-]*) echo "odd $name"; continue ;; esac
  pacman-conf | awk -v name="[$name]" '/^\[/ { on = $0 == "[options]" || $0 == name } on' >"$conf" || exit
  if pacman --config "$conf" -Sy --noconfirm --noprogressbar --color never --dbpath "$own" --logfile /dev/null \
    </dev/null >/dev/null; then
    echo "fresh $name"
  else
    echo "failed $name none"
  fi
done
"#;

/// `pacman-sources`: fetches the list of each source, where `pacman-refresh` does.
pub(super) fn failed_sources() -> Query<Vec<FailedSource>> {
    each_source::query("pacman-sources", &format!("{FIND}{EACH}echo end\n"))
}

// A list keeps the time that its server gave it.
const UPKEEP: &str = r#"for name in $(pacman-conf --repo-list); do
  echo "repository $name"
  [ ! -r "$lists/sync/$name.db" ] || echo "dated $(stat -c %Y "$lists/sync/$name.db")"
done
"#;

/// `pacman-upkeep`: repositories by their lists, other programs that install updates.
pub(super) fn upkeep() -> Command {
    let upgrades = "(^|[^a-z-])(pacman|yay|paru)( .*)? (-S[a-z]*u|--sysupgrade)";
    let script = format!("{FIND}{LISTS}{UPKEEP}{}echo end\n", cron::lines(upgrades));
    Command::sh("pacman-upkeep", &script, [""; 0])
}

/// `pacman-refresh`.
pub(super) fn refresh() -> Command {
    Command::sh("pacman-refresh", &format!("{FIND}{REFRESH}"), [""; 0]).timeout(REFRESH_LIMIT)
}

/// What the log says about the last transaction: `open` if it did not end, and what it had changed so far. Hooks run
/// after its end, so a lock that is left may mean that they did not.
pub(super) const LOG: &str = r#"log=$(pacman-conf LogFile 2>/dev/null) || log=
log=$r${log:-/var/log/pacman.log}
transaction() {
  [ ! -r "$log" ] || tail -c 4194304 "$log" | awk '
    / \[PACMAN\] Running / && !open { n = 0 }
    / \[ALPM\] transaction started/ { open = 1; n = 0 }
    / \[ALPM\] transaction (completed|failed|interrupted)/ { open = 0 }
    / \[ALPM\] (installed|upgraded|reinstalled|downgraded) / {
      line = $0
      sub(/^.* \[ALPM\] [a-z]* /, "", line)
      name = line
      sub(/ .*/, "", name)
      sub(/^.*[( ]/, "", line)
      sub(/\)$/, "", line)
      changed[n++] = name " " line
    }
    END { if (open) print "open"; for (i = 0; i < n; i++) print "changed " changed[i] }'
}
# Entries of the database that were begun and not finished: pacman counts their packages as installed.
unfinished() {
  for d in "$db"/local/*/; do
    d=${d%/}
    if [ -d "$d" ] && { [ ! -s "$d/desc" ] || [ ! -s "$d/files" ]; }; then echo "${d##*/}"; fi
  done
}
"#;

const STATE: &str = r#"pacman -Q | sed 's/^/pkg /' || exit
pacman -Qdq | sed 's/^/auto /'
pacman-conf IgnorePkg | sed 's/^/held /'
for g in $(pacman-conf IgnoreGroup); do pacman -Qgq "$g" 2>/dev/null | sed 's/^/held /'; done
unfinished | sed 's/^/unfinished /'
if [ -z "$(holder "$db/db.lck")" ]; then
  [ ! -e "$db/db.lck" ] || echo left-lock
  transaction | grep -x open
fi
(cd "$r/etc" 2>/dev/null || exit
 find . -xdev \( -name '*.pacnew' -o -name '*.pacsave' -o -name '*.pacorig' \) -print 2>/dev/null |
 head -n 500 | sed 's|^\.|review /etc|')
for f in "$own/fetched" "$db/sync"; do [ ! -e "$f" ] || stat -c 'lists %Y' "$f"; done
echo "now $(date +%s)"
"#;

/// `pacman-state`: all packages, marks, configuration files to look at, and a transaction that was cut off.
pub(super) fn state() -> Command {
    Command::sh("pacman-state", &format!("{FIND}{LOG}{STATE}echo end\n"), [""; 0]).timeout(QUERY_LIMIT)
}

/// Shell text: `plan FOLDER` prints what an upgrade with the lists of this folder would bring, as `NAME VERSION
/// SOURCE`. It changes nothing and takes no lock. pacman only warns about a list that is missing, and then there is
/// nothing to upgrade.
pub(super) const PLAN: &str = r#"plan() {
  for s in $(pacman-conf --repo-list); do
    if [ ! -s "$1/sync/$s.db" ]; then echo "error: could not find database of $s: it was never fetched"; return 1; fi
  done
  pacman -Su --noconfirm --color never --dbpath "$1" --print --print-format '%n %v %r' </dev/null
}
"#;

/// Shell text: `would FOLDER` prints `bring NAME VERSION SOURCE`, and `replace NAME VERSION OLD...` with what these
/// packages replace.
pub(super) const WOULD: &str = r#"would() {
  said=$(plan "$1") || { rc=$?; printf '%s\n' "$said" >&2; return "$rc"; }
  printf '%s\n' "$said" | sed -n 's/^[^: ]* [^ ]* [^ ]*$/bring &/p'
  new=$(printf '%s\n' "$said" | sed -n 's/^\([^: ]*\) [^ ]* \([^ ]*\)$/\2\/\1/p')
  [ -z "$new" ] || pacman -Si --dbpath "$1" $new </dev/null | awk '
    /^Name +: / { name = $3 }
    /^Replaces +: / && $3 != "None" { sub(/^Replaces +: /, ""); print "replace " name " " $0 }'
}
"#;

const PENDING: &str = r#"pacman -Q | sed 's/^/pkg /' || exit
would "$lists" || exit
pacman -Qu --color never --dbpath "$lists" 2>/dev/null | sed 's/^/newer /'
for f in "$r"/usr/lib/modules/*/pkgbase; do [ ! -r "$f" ] || sed 's/^/kernel /' "$f"; done
"#;

/// `pacman-pending`.
pub(super) fn pending() -> Command {
    let script = format!("{FIND}{LISTS}{PLAN}{WOULD}{PENDING}echo end\n");
    Command::sh("pacman-pending", &script, [""; 0]).timeout(QUERY_LIMIT)
}

const KNOWN: &str = r#"{ pacman -Qq; pacman -Slq --dbpath "$lists" 2>/dev/null; } | sort -u |
  awk 'BEGIN { for (i = 1; i < ARGC; i++) want[ARGV[i]]; ARGC = 1 } $0 in want { print "known " $0 }' "$@"
"#;

/// `pacman-known`: which of `names` are installed or in a source. `names` is not empty.
pub(super) fn known(names: &[String]) -> Command {
    let script = format!("{FIND}{LISTS}{KNOWN}echo end\n");
    Command::sh("pacman-known", &script, names.iter().cloned()).timeout(QUERY_LIMIT)
}

/// `pacman-asdeps`.
pub(super) fn as_dependencies(names: &BTreeSet<String>) -> Command {
    let words = ["pacman", "-D", "--asdeps", "--noconfirm", "--"].map(str::to_owned);
    Command::changes("pacman-asdeps", words.into_iter().chain(names.iter().cloned()))
}

/// `pacman-clean`. The archives of the installed versions stay: they are the only way back from the next upgrade.
pub(super) fn clean() -> Command {
    Command::changes("pacman-clean", ["pacman", "-Sc", "--noconfirm", "--color", "never"])
}

/// Shell text that prints the holder of the lock.
pub(super) const HOLDERS: &str = r#"holders() {
  pid=$(holder "$db/db.lck")
  [ -n "$pid" ] || return 0
  echo "lock ${db#"$r"}/db.lck $pid $(tr '\0\n' '  ' 2>/dev/null <"$r/proc/$pid/cmdline")"
  sed -n -e 's/^[0-9]*:name=systemd:/in /p' -e 's/^0::/in /p' "$r/proc/$pid/cgroup" 2>/dev/null
}
"#;

/// Part of `package-locks`.
pub(super) fn locks() -> Command {
    Command::sh("pacman-locks", &format!("{FIND}{HOLDERS}holders\necho end\n"), [""; 0])
}

const ORIGINS: &str = r#"for d in "$db"/local/*/; do
  [ ! -r "$d/desc" ] || awk '
    key == "%NAME%" { name = $0 }
    key == "%VERSION%" { version = $0 }
    key == "%BASE%" { base = $0 }
    { key = $0 }
    END { if (name != "" && base != "") print "origin\t" name "\t" base "\t" version }' "$d/desc"
done
"#;

/// `pacman-origins`.
pub(super) fn origins() -> Command {
    Command::sh("pacman-origins", &format!("{FIND}{ORIGINS}echo end\n"), [""; 0]).timeout(QUERY_LIMIT)
}

/// See [`crate::pkg::PackageManager::list_files`].
pub(super) const LIST_FILES: &str = r#"pacman -Ql "$@" 2>/dev/null"#;

/// What is used by every process or by process 1, or was loaded at boot.
pub(super) const CORE: [&str; 10] = [
    "glibc",
    "systemd",
    "systemd-libs",
    "dbus",
    "dbus-broker",
    "openssl",
    "gnutls",
    "linux-firmware",
    "amd-ucode",
    "intel-ucode",
];

/// `pacman-boot`.
pub(super) fn boot() -> Command {
    Command::sh("pacman-boot", &super::boot::script(), CORE)
}
