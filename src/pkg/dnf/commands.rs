//! The queries for a host with dnf, and its small changes; nothing here reads an answer. Paths start with
//! `${PATCHWAVE_ROOT-}` and programs are found through `PATH`. Start at the list in [`super`].

use std::{collections::BTreeSet, time::Duration};

use crate::{
    command::Command,
    pkg::{Accepts, cron, holders, rpm},
};

/// Repeating a refresh does no harm, so it counts as reading.
pub(super) const REFRESH_LIMIT: Duration = Duration::from_secs(600);
/// Each call of version 4 takes seconds on a small host, and a query makes several.
const QUERY_LIMIT: Duration = Duration::from_secs(300);

/// Shell text for the beginning of a script: `r` is the root, `dnf` the program; `five` is filled if it is dnf5.
pub(super) const FIND: &str = r#"r=${PATCHWAVE_ROOT-}
dnf=$(command -v dnf || command -v dnf5) || exit 127
case $(readlink -f "$dnf") in *dnf5) five=1 ;; *) five= ;; esac
"#;

/// Shell text: every source must answer. Without `*.`, the option does not reach sources whose own file allows that
/// they are skipped.
pub(super) const STRICT: &str = "sources='--setopt=*.skip_if_unavailable=False'\n";

/// Shell text for what is done with exact versions, after the sources that must answer have: a source without lists is
/// passed over, and what only it has is not found.
pub(super) const LENIENT: &str = "sources='--setopt=*.skip_if_unavailable=True'\n";

/// `dnf-refresh`. Version 4 would otherwise wait without end for another program that fetches.
pub(super) fn refresh() -> Command {
    let words = ["dnf", "-q", "--setopt=*.skip_if_unavailable=False", "--setopt=exit_on_lock=True"];
    Command::reads("dnf-refresh", words.into_iter().chain(["makecache", "--refresh"])).timeout(REFRESH_LIMIT)
}

// `history` prints tables for people; the two lines that count have been the same for many releases.
const STATE: &str = r#"sed 's/^/lock4 /' "$r/etc/dnf/plugins/versionlock.list" 2>/dev/null
sed 's/^/lock5 /' "$r/etc/dnf/versionlock.toml" 2>/dev/null
sed -n 's/^[[:space:]]*exclude\(pkgs\)\{0,1\}[[:space:]]*=/exclude /p' "$r/etc/dnf/dnf.conf" 2>/dev/null
for f in "$r"/var/cache/dnf/*/repodata/repomd.xml "$r"/var/cache/libdnf5/*/repodata/repomd.xml; do
  [ ! -e "$f" ] || stat -c 'lists %Y' "$f"
done
TZ=UTC "$dnf" -q -C history info last </dev/null 2>/dev/null | sed 's/^/history /'
"#;

/// `dnf-state`: all packages, marks, configuration files to look at, and a transaction that was cut off.
pub(super) fn state() -> Command {
    let script = format!("{FIND}{}{STATE}echo end\n", rpm::state::SCRIPT);
    Command::sh("dnf-state", &script, [""; 0]).timeout(QUERY_LIMIT)
}

// A resolution that was computed ends with a refusal to go on, because nothing says yes. Everything else is an error.
const PENDING: &str = r#"if [ -n "$five" ]; then talk= all='--setopt=disable_excludes=*'
else talk='-d 3' all='--disableexcludes=all --disableplugin=versionlock'; fi
said=$("$dnf" -C $talk "$sources" --setopt=best=False --assumeno "$@" upgrade 2>&1 </dev/null)
rc=$?
case $said in
*'Nothing to do.'*|*'Operation aborted'*) ;;
*) printf '%s\n' "$said" | tail -n 40 >&2; [ "$rc" -ne 0 ] || rc=1; exit "$rc" ;;
esac
echo "native $(rpm -E '%{_target_cpu}')"
rpm -qa --qf 'pkg\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' || exit
echo "== resolved ${five:+5}"
printf '%s\n' "$said"
echo '== upgrades'
line='%{name} %{evr} %{arch} %{repoid}
'
"$dnf" -q -C "$sources" $all repoquery --upgrades --qf "$line" </dev/null || exit
new=$(printf '%s\n' "$said" |
  sed -n 's/^---> Package \([^ ]*\)\.\([^ .]*\) \([^ ]*\) will be installed$/\1-\3.\2/p')
[ -z "$new" ] || "$dnf" -q -C "$sources" repoquery --qf "$line" $new </dev/null || exit
echo '== sources'
"$dnf" -q -C "$sources" repolist </dev/null | sed -n '/^repo id /!s/^\([^ ]*\).*/enabled \1/p'
for f in "$r"/var/cache/dnf/*/repodata/repomd.xml "$r"/var/cache/libdnf5/*/repodata/repomd.xml; do
  [ -r "$f" ] || continue
  d=${f%/repodata/repomd.xml}
  if grep -q '<data type="updateinfo' "$f"; then marks=yes; else marks=no; fi
  echo "source ${d##*/} $(stat -c %Y "$f") $marks"
done
if [ -n "$five" ]; then word=advisory; else word=updateinfo; fi
echo '== advisories'
"$dnf" -q -C "$sources" $all "$word" list --updates </dev/null || exit
echo '== references'
"$dnf" -q -C "$sources" $all "$word" info --updates </dev/null | awk -v five="$five" '
  five && (/^Name  *: / || /^  Id  *: CVE-/) { print; next }
  !five && /^ *Update ID: / { print; on = 0; next }
  !five && /^       CVEs: / { print; on = 1; next }
  !five && on && /^           : CVE-/ { print; next }
  { on = 0 }'
"#;

/// `dnf-pending`: what an upgrade would do, what is newer than the installed packages, and what is known about it.
pub(super) fn pending(accepts: Accepts) -> Command {
    let options: &[&str] = if accepts.removals { &[] } else { &[super::transaction::KEEP_KERNELS] };
    let sources = if accepts.silent { LENIENT } else { STRICT };
    let script = format!("{FIND}{sources}{PENDING}echo '== end'\n");
    let mut command = Command::sh("dnf-pending", &script, options.iter().copied()).timeout(QUERY_LIMIT);
    // A large host has thousands of packages and hundreds of advisories.
    command.keep = 32 << 20;
    command
}

const KNOWN: &str = r#"rpm -q --qf 'known %{NAME}\nknown %{NAME}.%{ARCH}\n' "$@" 2>/dev/null | grep '^known '
line='known %{name}
known %{name}.%{arch}
'
found=$("$dnf" -q -C "$sources" repoquery --qf "$line" "$@" </dev/null) || exit
printf '%s\n' "$found" | grep '^known ' | sort -u
"#;

/// `dnf-known`: which of `names` are installed or in a source. `names` is not empty.
pub(super) fn known(names: &[String]) -> Command {
    Command::sh("dnf-known", &format!("{FIND}{LENIENT}{KNOWN}echo end\n"), names.iter().cloned()).timeout(QUERY_LIMIT)
}

const UPKEEP: &str = r#"list=$("$dnf" -q -C repolist </dev/null) || exit
for id in $(printf '%s\n' "$list" | sed -n '/^repo id /!s/^\([^ ]*\).*/\1/p'); do
  echo "repository $id"
  for f in "$r/var/cache/dnf/$id"-*/repodata/repomd.xml "$r/var/cache/libdnf5/$id"-*/repodata/repomd.xml; do
    d=${f%/repodata/repomd.xml}
    d=${d##*/}
    if [ -r "$f" ] && [ "${d%-*}" = "$id" ]; then dated "$f"; fi
  done
done
applies() { grep -qiE '^[[:space:]]*apply_updates[[:space:]]*=[[:space:]]*(yes|true|on|1)' "$@" 2>/dev/null; }
if timer dnf-automatic-install.timer; then echo 'rival dnf-automatic'; fi
if timer dnf-automatic.timer && applies "$r/etc/dnf/automatic.conf"; then echo 'rival dnf-automatic'; fi
if timer dnf5-automatic.timer && applies "$r/etc/dnf/automatic.conf" "$r/etc/dnf/dnf5-plugins/automatic.conf"; then
  echo 'rival dnf5-automatic'
fi
"#;

/// `dnf-upkeep`: repositories by their lists, other programs that install updates.
pub(super) fn upkeep() -> Command {
    let upgrades = "(^|[^a-z-])((dnf|dnf5|yum|microdnf)( .*)? (upgrade|update|upgrade-minimal|update-minimal|distro-sync)|\
                    dnf-automatic|dnf5 automatic)";
    let script = format!("{FIND}{}{}{UPKEEP}{}echo end\n", rpm::lists::DATED, cron::TIMER, cron::lines(upgrades));
    Command::sh("dnf-upkeep", &script, [""; 0]).timeout(QUERY_LIMIT)
}

/// `dnf-clean`: the downloaded archives; the lists stay.
pub(super) fn clean() -> Command {
    Command::changes("dnf-clean", ["dnf", "-q", "clean", "packages"])
}

/// How old versions are fetched. The lists are those that the upgrade was planned with.
pub(super) const FETCH: rpm::staged::Fetch = rpm::staged::Fetch {
    label: "dnf-stage",
    begin: FIND,
    spec: r#"$1 "-" $2 "." $3"#,
    fetch: r#""$dnf" -q '--setopt=*.skip_if_unavailable=True' '--setopt=*.metadata_expire=-1' download "$@""#,
    caches: r#""$r"/var/cache/dnf/*/packages/*.rpm "$r"/var/cache/libdnf5/*/packages/*.rpm"#,
};

/// `dnf-hold`: the plugin of version 4, dnf5's own list.
pub(super) fn hold(names: &BTreeSet<String>, on: bool) -> Command {
    let verb = if on { "add" } else { "delete" };
    let words = ["dnf", "-q", "-C", "versionlock", verb].map(str::to_owned);
    Command::changes("dnf-hold", words.into_iter().chain(names.iter().cloned()))
}

/// Files that version 4 writes its process id to, while it fetches or changes packages; the first guards the lists.
pub(super) const PID_FILES: [&str; 3] =
    ["/var/cache/dnf/metadata_lock.pid", "/var/cache/dnf/download_lock.pid", "/var/lib/dnf/rpmdb_lock.pid"];

// Version 4 takes a file for a lock as long as the process lives that it names, so a stale one holds nobody up.
const PIDS: &str = r#"for f in FILES; do
  pid=
  [ ! -r "$r$f" ] || read -r pid <"$r$f" || :
  case $pid in ''|*[!0-9]*) continue ;; esac
  if [ ! -e "$r/proc/$pid/stat" ]; then continue; fi
  echo "lock $f $pid $(tr '\0\n' '  ' 2>/dev/null <"$r/proc/$pid/cmdline")"
  sed -n -e 's/^[0-9]*:name=systemd:/in /p' -e 's/^0::/in /p' "$r/proc/$pid/cgroup"
done 2>/dev/null
"#;

/// Shell text that prints the holders of locks. Sets `r`.
pub(super) fn locks_text() -> String {
    let [rpm, elsewhere] = rpm::locks::FILES;
    holders::script(&[rpm, elsewhere, "/run/dnf/rpmtransaction.lock"]) + &PIDS.replace("FILES", &PID_FILES.join(" "))
}

/// Part of `package-locks`.
pub(super) fn locks() -> Command {
    Command::sh("dnf-locks", &(locks_text() + "echo end\n"), [""; 0])
}

/// What is used by every process or by process 1; `needs-restarting` has the same list.
pub(super) const CORE: [&str; 9] = [
    "glibc",
    "systemd",
    "dbus",
    "dbus-broker",
    "dbus-daemon",
    "openssl-libs",
    "linux-firmware",
    "microcode_ctl",
    "gnutls",
];

/// `dnf-boot`.
pub(super) fn boot() -> Command {
    Command::sh("dnf-boot", &(rpm::boot::script() + "echo end\n"), CORE)
}
