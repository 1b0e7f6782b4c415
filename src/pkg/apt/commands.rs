//! The queries for a Debian or Ubuntu host, and its small changes; nothing here reads an answer. Paths start with
//! `${PATCHWAVE_ROOT-}` and programs are found through `PATH`, because the embedded fleet's hosts are folders. Start at
//! the list in [`super`].

use std::{collections::BTreeSet, time::Duration};

use super::locks::FILES;
use crate::{
    command::Command,
    pkg::{Accepts, cron, holders, loader},
};

/// Repeating a refresh does no harm, so it counts as reading: the second of two finds the lists locked.
const REFRESH_LIMIT: Duration = Duration::from_secs(600);

/// `apt-refresh`. Without `Error-Mode=any`, apt returns 0 although no server could be reached.
pub(super) fn refresh() -> Command {
    Command::reads(
        "apt-refresh",
        ["apt-get", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=3", "update"],
    )
    .timeout(REFRESH_LIMIT)
}

const STATE: &str = r#"r=${PATCHWAVE_ROOT-}
echo "native $(dpkg --print-architecture)"
for f in "$r"/var/lib/dpkg/updates/[0-9]*; do [ ! -e "$f" ] || echo "journal ${f##*/}"; done
dpkg-query -W -f 'pkg\t${Package}\t${Version}\t${Architecture}\t${db:Status-Want}\t${db:Status-Status}\t${db:Status-Eflag}\n' || exit
apt-mark showauto | sed 's/^/auto /'
(cd "$r/etc" 2>/dev/null || exit
 find . -xdev \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' \) -print 2>/dev/null |
 head -n 500 | sed 's|^\.|review /etc|')
for f in lists lists/partial periodic/update-success-stamp; do
  [ ! -e "$r/var/lib/apt/$f" ] || stat -c 'lists %Y' "$r/var/lib/apt/$f"
done
echo "now $(date +%s)"
echo end
"#;

/// `apt-state`: all packages with their status and marks, unfinished dpkg runs, configuration files to look at.
pub(super) fn state() -> Command {
    Command::sh("apt-state", STATE, [""; 0])
}

// A pin above 1000 would downgrade a package; apt then refuses everything. The script finds such packages and names
// them with their installed versions, so that the rest can be computed.
const PENDING: &str = r#"set -f
keep= back= n=0
until sim=$(apt-get -s -q -V -y "$@" $keep); do
  rc=$? n=$((n + 1))
  older=$(apt-get -s -q -V -y --allow-downgrades "$@" $keep 2>/dev/null |
    sed -n '/^The following packages will be DOWNGRADED:$/,/^[^ ]/s/^   \([^ ]*\) (\([^ ]*\) => \([^ ]*\))$/\1 \2 \3/p')
  if [ -z "$older" ] || [ "$n" -gt 3 ]; then exit "$rc"; fi
  back="$back$older
"
  keep="$keep $(printf '%s\n' "$older" | sed 's/ /=/; s/ .*//')"
done
printf '%s' "$back" | sed 's/^/back /'
printf '%s\n' '== simulation' "$sim" '== sources'
apt-get indextargets --format '$(DESCRIPTION)|$(ORIGIN)|$(LABEL)|$(SUITE)|$(CODENAME)' 'Created-By: Packages' || exit
echo '== versions'
{ printf '%s' "$back" | sed 's/ .*//'
  printf '%s\n' "$sim" | sed -n -e 's/^   *\([a-z0-9][a-z0-9+.:-]*\) (.*/\1/p' -e 's/^Inst \([^ ]*\) .*/\1/p'
} | sort -u | xargs -r apt-cache policy || exit
echo '== end'
"#;

/// `apt-known`: the version tables of those `names` that apt knows. `names` is not empty.
pub(super) fn known(names: &[String]) -> Command {
    Command::reads("apt-known", ["apt-cache", "policy"].map(str::to_owned).into_iter().chain(names.iter().cloned()))
        .timeout(Duration::from_secs(60))
}

/// `apt-pending`: what an upgrade would do, and the version tables of everything it names.
pub(super) fn pending(accepts: Accepts) -> Command {
    let mut args = vec!["-o", "APT::Get::Show-User-Simulation-Note=false"];
    if accepts.phased {
        args.extend(["-o", "APT::Get::Always-Include-Phased-Updates=true"]);
    }
    if accepts.removals {
        args.push("dist-upgrade");
    } else {
        // Without it kernels are never upgraded: each is a new package that a meta package depends on.
        args.extend(["--with-new-pkgs", "upgrade"]);
    }
    Command::sh("apt-pending", PENDING, args).timeout(Duration::from_secs(180))
}

/// `apt-mark-auto`: restores the mark that a package loses when it is named on apt's command line.
pub(super) fn mark_auto(names: &BTreeSet<String>) -> Command {
    let argv = ["apt-mark", "auto"].map(str::to_owned).into_iter().chain(names.iter().cloned());
    Command::changes("apt-mark-auto", argv)
}

/// `apt-mark-hold`, `apt-mark-unhold`.
pub(super) fn hold(names: &BTreeSet<String>, on: bool) -> Command {
    let (label, verb) = if on { ("apt-mark-hold", "hold") } else { ("apt-mark-unhold", "unhold") };
    Command::changes(label, ["apt-mark", verb].map(str::to_owned).into_iter().chain(names.iter().cloned()))
}

/// `apt-clean`: the downloaded archives.
pub(super) fn clean() -> Command {
    Command::changes("apt-clean", ["apt-get", "clean"])
}

/// Part of `package-locks`: who holds a lock of apt or dpkg. Needs no `fuser`.
pub(super) fn locks() -> Command {
    Command::sh("apt-locks", &(holders::script(&FILES) + "echo end\n"), [""; 0])
}

/// What is used by every process or by process 1.
pub(super) const CORE: [&str; 4] = ["libc6", "systemd", "dbus", "dbus-daemon"];

/// See [`crate::pkg::PackageManager::list_files`].
pub(super) const LIST_FILES: &str = r#"for p; do
  for f in "$r/var/lib/dpkg/info/$p.list" "$r/var/lib/dpkg/info/$p":*.list; do
    [ ! -e "$f" ] || sed "s|^|$p |" "$f"
  done
done"#;

const BOOT: &str = r#"r=${PATCHWAVE_ROOT-}
k=$(uname -r) || exit
echo "running $k"
for d in "$r/lib/modules" "$r/usr/lib/modules"; do
  [ ! -d "$d/$k" ] || echo modules
  [ ! -d "$d" ] || stat -c 'modules-changed %Y' "$d"
done
if [ -e "$r/run/systemd/container" ] || [ -e "$r/.dockerenv" ] || [ -e "$r/run/.containerenv" ]; then echo container; fi
[ ! -e "$r/run/reboot-required" ] || echo flag
[ ! -r "$r/run/reboot-required.pkgs" ] || sort -u "$r/run/reboot-required.pkgs" | sed 's/^/flag-package /'
[ ! -r "$r/proc/stat" ] || sed -n '/^btime /p' "$r/proc/stat"
[ ! -r "$r/proc/1/stat" ] || sed 's/^/init-stat /' "$r/proc/1/stat"
for p in CORE; do
  for f in "$r/var/lib/dpkg/info/$p.list" "$r/var/lib/dpkg/info/$p":*.list; do
    [ ! -e "$f" ] || stat -c "unpacked %Y $p" "$f"
  done
done
set --
for f in "$r"/boot/vmlinuz-* "$r"/boot/vmlinux-* "$r"/boot/kernel-* "$r"/usr/lib/modules/*/vmlinuz; do
  [ -e "$f" ] || continue
  echo "image ${f#"$r"}"
  set -- "$@" "${f#"$r"}"
done
[ $# -eq 0 ] || dpkg-query -S "$@" 2>/dev/null | sed 's/^/owner /'
n=$#
set -- "$@" 'linux-headers-*'
while [ "$n" -gt 0 ]; do
  case $1 in */vmlinuz) f=${1%/vmlinuz} && f=${f##*/} ;; *) f=${1##*/} && f=${f#*-} ;; esac
  set -- "$@" "*-$f" "*-$f-signed"
  shift
  n=$((n - 1))
done
dpkg-query -W -f 'pkg\t${Package}\t${Version}\t${db:Status-Status}\n' "$@" 2>/dev/null
"#;

/// `apt-boot`: running and installed kernels, what the boot loader starts, and every sign that a reboot is due. Kernels
/// are what is in /boot; the script asks which packages own the files found there.
pub(super) fn boot() -> Command {
    let script = BOOT.replace("CORE", &CORE.join(" "));
    Command::sh("apt-boot", &format!("{script}{}echo end\n", loader::SCRIPT), [""; 0])
}

const UPKEEP: &str = r#"r=${PATCHWAVE_ROOT-}
echo "native $(dpkg --print-architecture)"
for f in "$r"/var/lib/apt/lists/*Release; do
  if [ ! -r "$f" ]; then continue; fi
  echo "repository ${f##*/}"
  sed -n -E -e '/^(SHA256|SHA1|MD5Sum):/q' -e 's/^(Origin|Date|Valid-Until): */\1 /p' "$f" | head -n 10
done
dump=$(apt-config dump APT::Periodic::Unattended-Upgrade 2>/dev/null)
case $dump in
'' | *'"0"'* | *'""'*) ;;
*) [ ! -x "$r/usr/bin/unattended-upgrade" ] || echo 'rival unattended-upgrades' ;;
esac
if [ -e "$r/etc/cron.d/cron-apt" ]; then echo 'rival cron-apt'; fi
CRONdpkg-query -W -f '${Package}\t${Architecture}\t${source:Package}\t${source:Version}\t${Version}\t${db:Status-Status}\n' |
  awk -F '\t' '$6 != "not-installed" && $6 != "config-files" && ($1 != $3 || $5 != $4) {
    print "origin " $1 "\t" $2 "\t" $3 "\t" $4 }'
echo end
"#;

// The addresses are not printed: they may contain a password. A flat source need not have a file of its release.
const UNFETCHED: &str = r#"r=${PATCHWAVE_ROOT-}
said=$(apt-get update --print-uris) || exit
printf '%s\n' "$said" | sed -n "s/^'.*' \([^ ]*\)InRelease [0-9].*/\1/p" | sort -u | while read -r base; do
  for f in "$r/var/lib/apt/lists/$base"*; do
    [ ! -e "$f" ] || continue 2
  done
  echo "absent $base"
done
echo end
"#;

/// `apt-unfetched`: sources without a list.
pub(super) fn unfetched() -> Command {
    Command::sh("apt-unfetched", UNFETCHED, [""; 0])
}

/// `apt-upkeep`: repositories by their lists, other programs that install updates, source packages.
pub(super) fn upkeep() -> Command {
    let upgrades = "(^|[^a-z-])(unattended-upgrade|(apt|apt-get|aptitude)( .*)? \
                    (upgrade|dist-upgrade|full-upgrade|safe-upgrade))";
    Command::sh("apt-upkeep", &UPKEEP.replace("CRON", &cron::lines(upgrades)), [""; 0])
}
