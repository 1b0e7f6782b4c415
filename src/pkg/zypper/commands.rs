//! The queries for a host with zypper, and its small changes; nothing here reads an answer. Paths start with
//! `${PATCHWAVE_ROOT-}` and programs are found through `PATH`. Start at the list in [`super`].

use std::{collections::BTreeSet, time::Duration};

use crate::{
    command::{Command, Query},
    pkg::{FailedSource, cron, each_source, holders, rpm},
};

/// Repeating a refresh does no harm, so it counts as reading.
const REFRESH_LIMIT: Duration = Duration::from_secs(600);
const QUERY_LIMIT: Duration = Duration::from_secs(300);

/// `zypper-refresh`.
pub(super) fn refresh() -> Command {
    Command::reads("zypper-refresh", ["zypper", "--non-interactive", "--xmlout", "refresh"]).timeout(REFRESH_LIMIT)
}

// The failed refresh has fetched the others already, so they are only asked whether they changed. 7: locked.
const EACH: &str = r#"r=${PATCHWAVE_ROOT-}
said=$(zypper --non-interactive --no-refresh --xmlout repos --show-enabled-only </dev/null) || exit
printf '%s\n' "$said" | sed -n 's/^<repo .*alias="\([^"]*\)".*/\1/p' | while read -r alias; do
  case $alias in ''|*[!A-Za-z0-9_.:/+-]*) echo "odd $alias"; continue ;; esac
  zypper --non-interactive refresh "$alias" >/dev/null </dev/null
  rc=$?
  [ "$rc" -ne 7 ] || exit 7
  if [ "$rc" -eq 0 ]; then echo "fresh $alias"; continue; fi
  marks=none
  for f in "$r/var/cache/zypp/raw/$(printf '%s' "$alias" | tr / _)"/repodata/*repomd.xml; do
    [ -r "$f" ] || continue
    if grep -q '<data type="updateinfo' "$f"; then marks=yes; else marks=no; fi
  done
  echo "failed $alias $marks"
done || exit
"#;

/// `zypper-sources`: fetches the lists of each source that is enabled.
pub(super) fn failed_sources() -> Query<Vec<FailedSource>> {
    each_source::query("zypper-sources", &format!("{EACH}echo end\n"))
}

/// Shell text for the beginning of a script: `zypp` asks zypper without fetching. `part NAME` begins a part of the
/// answer; descriptions of packages in it may have any text, so the mark is not one that anybody could know before.
/// Exit codes from 100 to 103 are answers; a source that was skipped is 106.
pub(super) const ASK: &str = r#"r=${PATCHWAVE_ROOT-}
mark="== $$-$(date +%s%N)"
echo "$mark"
part() { echo "$mark $1"; }
zypp() {
  zypper --non-interactive --no-refresh --xmlout "$@" </dev/null
  rc=$?
  case $rc in 10[0-3]) rc=0 ;; esac
  return "$rc"
}
refuse() { printf '%s\n' "$said"; part end; exit "$1"; }
"#;

// The name of a locked package, or a pattern; there is one for each entry.
const STATE: &str = r#"awk '
  function done() { if (name != "" && (type == "" || type == "package")) print "held " name; name = type = "" }
  /^ *$/ { done() }
  /^solvable_name: / { name = $2 }
  /^type: / { type = $2 }
  END { done() }' "$r/etc/zypp/locks" 2>/dev/null
for f in "$r"/var/cache/zypp/raw/*/repodata/*repomd.xml; do
  [ ! -e "$f" ] || stat -c 'lists %Y' "$f"
done
"#;

/// `zypper-state`: all packages, locks, and configuration files to look at. It works while zypper runs.
pub(super) fn state() -> Command {
    let script = format!("{}{STATE}echo end\n", rpm::state::SCRIPT);
    Command::sh("zypper-state", &script, [""; 0]).timeout(QUERY_LIMIT)
}

const PENDING: &str = r#"if grep -q '^ID="*opensuse-tumbleweed' "$r/etc/os-release" 2>/dev/null; then
  said='E: openSUSE Tumbleweed is upgraded as a whole: zypper dup'
  refuse 1
fi
# zypper fetches what it never fetched, even with --no-refresh.
said=$(zypp repos --show-enabled-only) || said=
for alias in $(printf '%s\n' "$said" | sed -n 's/^<repo .*alias="\([A-Za-z0-9_.:+-]*\)".*/\1/p'); do
  if [ ! -d "$r/var/cache/zypp/raw/$alias" ]; then
    said="E: source $alias: metadata not found, it was never fetched"
    refuse 1
  fi
done
echo "native $(rpm -E '%{_target_cpu}')"
rpm -qa --qf 'pkg\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' || exit
part update
said=$(zypp update --dry-run --no-recommends --auto-agree-with-licenses) || refuse $?
printf '%s\n' "$said"
part all
said=$(zypp list-updates --all) || refuse $?
printf '%s\n' "$said"
part patches
said=$(zypp list-patches) || refuse $?
printf '%s\n' "$said"
needed=$(printf '%s\n' "$said" | grep -o '<update kind="patch" name="[A-Za-z0-9._:+-]*"' | cut -d'"' -f4)
part info
[ -z "$needed" ] || zypp info -t patch $needed || exit
part sources
zypp repos --show-enabled-only || exit
part marks
for f in "$r"/var/cache/zypp/raw/*/repodata/*repomd.xml; do
  if grep -q '<data type="updateinfo' "$f" 2>/dev/null; then
    f=${f%/repodata/*}
    echo "marks ${f##*/}"
  fi
done
part end
"#;

/// `zypper-pending`.
pub(super) fn pending() -> Command {
    let mut command = Command::sh("zypper-pending", &format!("{ASK}{PENDING}"), [""; 0]).timeout(QUERY_LIMIT);
    // Descriptions of thousands of packages.
    command.keep = 32 << 20;
    command
}

// Exit code 104: nothing was found.
const KNOWN: &str = r#"rpm -q --qf 'known %{NAME}\nknown %{NAME}.%{ARCH}\n' "$@" 2>/dev/null | grep '^known '
said=$(zypper --non-interactive --no-refresh --xmlout search --match-exact --details -t package -- "$@" </dev/null)
rc=$?
[ "$rc" -eq 0 ] || [ "$rc" -eq 104 ] || { printf '%s\n' "$said" >&2; exit "$rc"; }
printf '%s\n' "$said" |
  sed -n 's/^<solvable .*name="\([^"]*\)".* arch="\([^"]*\)".*/known \1\nknown \1.\2/p' | sort -u
"#;

/// `zypper-known`: which of `names` are installed or in a source. `names` is not empty.
pub(super) fn known(names: &[String]) -> Command {
    Command::sh("zypper-known", &format!("{KNOWN}echo end\n"), names.iter().cloned()).timeout(QUERY_LIMIT)
}

const UPKEEP: &str = r#"said=$(zypper --non-interactive --no-refresh --xmlout repos --show-enabled-only </dev/null)
rc=$?
# 6: there is no source.
[ "$rc" -eq 0 ] || [ "$rc" -eq 6 ] || { printf '%s\n' "$said" >&2; exit "$rc"; }
printf '%s\n' "$said" | sed -n 's/^<repo .*alias="\([^"]*\)".*/\1/p' | while read -r alias; do
  echo "repository $alias"
  for f in "$r/var/cache/zypp/raw/$(printf '%s' "$alias" | tr / _)"/repodata/*repomd.xml; do
    [ ! -r "$f" ] || dated "$f"
  done
done
for unit in os-update transactional-update packagekit-background; do
  if timer "$unit.timer"; then echo "rival $unit"; fi
done
for f in "$r"/etc/cron.*/opensuse.org-online_update; do
  if [ -e "$f" ]; then echo 'rival the online update of YaST'; fi
done
"#;

/// `zypper-upkeep`: repositories by their lists, other programs that install updates.
pub(super) fn upkeep() -> Command {
    let upgrades = "(^|[^a-z-])zypper( .*)? (patch|up|update|dup|dist-upgrade)($|[^a-z-])";
    let (dated, cron) = (rpm::lists::DATED, cron::lines(upgrades));
    let script = format!("r=${{PATCHWAVE_ROOT-}}\n{dated}{}{UPKEEP}{cron}echo end\n", cron::TIMER);
    Command::sh("zypper-upkeep", &script, [""; 0]).timeout(QUERY_LIMIT)
}

/// `zypper-clean`: the downloaded archives; the lists stay.
pub(super) fn clean() -> Command {
    Command::changes("zypper-clean", ["zypper", "--non-interactive", "--no-refresh", "clean"])
}

/// How old versions are fetched.
pub(super) const FETCH: rpm::staged::Fetch = rpm::staged::Fetch {
    label: "zypper-stage",
    begin: "r=${PATCHWAVE_ROOT-}\n",
    spec: r#"$1 "." $3 "=" $2"#,
    fetch: r#"zypper --non-interactive --no-refresh --pkg-cache-dir "$PWD" download "$@""#,
    caches: r#""$r"/var/cache/zypp/packages/*/*.rpm "$r"/var/cache/zypp/packages/*/*/*.rpm"#,
};

/// `zypper-hold`. A lock is for a name, whatever its architecture.
pub(super) fn hold(names: &BTreeSet<String>, on: bool) -> Command {
    let verb = if on { "addlock" } else { "removelock" };
    let words = ["zypper", "--non-interactive", verb, "-t", "package", "--"].map(str::to_owned);
    let names: BTreeSet<String> = names.iter().map(|name| rpm::names::split_arch(name).0.to_owned()).collect();
    Command::changes("zypper-hold", words.into_iter().chain(names))
}

// zypper takes the file for a lock as long as the process lives that it names.
const PID: &str = r#"f=/run/zypp.pid pid=
[ ! -r "$r$f" ] || read -r pid <"$r$f" || :
case $pid in
''|*[!0-9]*) ;;
*)
  if [ -e "$r/proc/$pid/stat" ]; then
    echo "lock $f $pid $(tr '\0\n' '  ' 2>/dev/null <"$r/proc/$pid/cmdline")"
    sed -n -e 's/^[0-9]*:name=systemd:/in /p' -e 's/^0::/in /p' "$r/proc/$pid/cgroup" 2>/dev/null
  fi ;;
esac
"#;

/// Shell text that prints the holders of locks. Sets `r`.
pub(super) fn locks_text() -> String {
    holders::script(&rpm::locks::FILES) + PID
}

/// Part of `package-locks`.
pub(super) fn locks() -> Command {
    Command::sh("zypper-locks", &(locks_text() + "echo end\n"), [""; 0])
}

/// What is used by every process or by process 1, or was loaded at boot.
pub(super) const CORE: [&str; 13] = [
    "glibc",
    "systemd",
    "dbus-1",
    "dbus-1-daemon",
    "dbus-broker",
    "libopenssl3",
    "libopenssl1_1",
    "libgnutls30",
    "kernel-firmware",
    "kernel-firmware-all",
    "ucode-intel",
    "ucode-amd",
    "udev",
];

/// The file that [`super::transaction`] writes, below the root; a reboot deletes it.
pub(super) const REBOOT: &str = "/run/patchwave-reboot";

const FLAGS: &str = r#"if [ -e "$r/run/reboot-needed" ] || [ -s "$rREBOOT" ]; then echo flag; fi
[ ! -r "$rREBOOT" ] || sed 's/^/flag-package /' "$rREBOOT"
"#;

/// `zypper-boot`.
pub(super) fn boot() -> Command {
    let flags = FLAGS.replace("$rREBOOT", &format!("$r{REBOOT}"));
    Command::sh("zypper-boot", &format!("{}\n{flags}echo end\n", rpm::boot::script()), CORE)
}
