//! The queries for a host with apk, and its small changes; nothing here reads an answer. Paths start with
//! `${PATCHWAVE_ROOT-}` and programs are found through `PATH`. Start at the list in [`super`].

use std::time::Duration;

use crate::{
    command::{Command, Query},
    pkg::{FailedSource, each_source, holders},
};

/// Repeating a refresh does no harm, so it counts as reading.
const REFRESH_LIMIT: Duration = Duration::from_secs(600);
const QUERY_LIMIT: Duration = Duration::from_secs(180);

/// apk's lock. Where `/lib` and `/usr/lib` are one, it is the same file.
const LOCKS: [&str; 1] = ["/lib/apk/db/lock"];

/// Shell text for the beginning of a script: `r` is the root, `db` apk's database, `journal` the folder of a
/// transaction of this program, `own` the folder of archives. `installed` prints the packages. Version 3 would fetch
/// lists that it finds too old; only the refresh does that. `ask` sets `said` to the answer of a simulation, whose exit
/// code counts packages that are broken already.
pub(super) const FIND: &str = r#"r=${PATCHWAVE_ROOT-}
db=$r/lib/apk/db
if [ ! -e "$db/installed" ] && [ -e "$r/usr/lib/apk/db/installed" ]; then db=$r/usr/lib/apk/db; fi
world=$r/etc/apk/world
journal=$r/var/lib/patchwave/apk
own=$r/var/cache/patchwave-apk
apk() { command apk --no-progress --cache-max-age 5256000 "$@" </dev/null; }
installed() {
  awk '
    function done() { if (name != "") print "pkg\t" name "\t" version "\t" broken; name = version = broken = "" }
    /^P:/ { name = substr($0, 3) }
    /^V:/ { version = substr($0, 3) }
    /^f:/ { broken = substr($0, 3) }
    /^$/ { done() }
    END { done() }' "$db/installed"
}
ask() {
  said=$(apk "$@" 2>&1)
  rc=$?
  case $said in *'ERROR: '*) ;; *' packages'*) rc=0 ;; esac
  [ "$rc" -eq 0 ] || { printf '%s\n' "$said" >&2; return "$rc"; }
}
"#;

/// Old lists are never taken for new ones.
pub(super) fn refresh() -> Command {
    let words = ["apk", "--no-progress", "--force-refresh", "update"];
    Command::reads("apk-refresh", words).timeout(REFRESH_LIMIT)
}

// Version 3 has a folder for sources as well. No list says what an update is about.
const EACH: &str = r#"file=$(mktemp) || exit
trap 'rm -f "$file"' EXIT
for f in "$r"/etc/apk/repositories "$r"/etc/apk/repositories.d/*.list "$r"/lib/apk/repositories.d/*.list; do
  [ ! -r "$f" ] || cat "$f"
done | sed -n 's/^[[:space:]]*\([^#[:space:]].*\)/\1/p' | while read -r line; do
  printf '%s\n' "$line" >"$file" || exit
  case $line in @*' '*) line=${line#* } ;; esac
  case $line in *[!A-Za-z0-9_.:/~%+-]*) echo "odd $line"; continue ;; esac
  said=$(apk --repositories-file "$file" --force-refresh update 2>&1)
  rc=$?
  case $said in *WARNING:*|*ERROR:*) rc=1 ;; esac
  if [ "$rc" -eq 0 ]; then echo "fresh $line"; else echo "failed $line none"; fi
done || exit
"#;

/// `apk-sources`: fetches the list of each source.
pub(super) fn failed_sources() -> Query<Vec<FailedSource>> {
    each_source::query("apk-sources", &format!("{FIND}{EACH}echo end\n"))
}

// The script of a transaction is in its own command line.
const STATE: &str = r#"installed || exit
[ ! -r "$world" ] || tr -s ' \t' '\n\n' <"$world" | sed -n 's/^./world &/p'
if [ -e "$journal/world" ]; then
  read -r pid <"$journal/pid" 2>/dev/null || pid=
  grep -q 'journal=' "$r/proc/${pid:-x}/cmdline" 2>/dev/null || echo cut-off
fi
(cd "$r/etc" 2>/dev/null || exit
 find . -xdev -name '*.apk-new' -print 2>/dev/null | head -n 500 | sed 's|^\.|review /etc|')
for f in "$r"/var/cache/apk/APKINDEX.*.tar.gz "$r"/etc/apk/cache/APKINDEX.*.tar.gz; do
  [ ! -e "$f" ] || stat -c 'lists %Y' "$f"
done
echo "now $(date +%s)"
"#;

const ORIGINS: &str = r#"awk '
  function done() { if (name != "" && source != "") print "origin\t" name "\t" source "\t" version; name = version = source = "" }
  /^P:/ { name = substr($0, 3) }
  /^V:/ { version = substr($0, 3) }
  /^o:/ { source = substr($0, 3) }
  /^$/ { done() }
  END { done() }' "$db/installed" || exit
"#;

/// `apk-origins`.
pub(super) fn origins() -> Command {
    Command::sh("apk-origins", &format!("{FIND}{ORIGINS}echo end\n"), [""; 0]).timeout(QUERY_LIMIT)
}

/// See [`crate::pkg::PackageManager::list_files`].
pub(super) const LIST_FILES: &str = r#"for p; do apk info -q -L "$p" 2>/dev/null | sed "s|^|$p /|"; done"#;

/// `apk-state`: all packages, marks, configuration files to look at, and a transaction that was cut off.
pub(super) fn state() -> Command {
    Command::sh("apk-state", &format!("{FIND}{STATE}echo end\n"), [""; 0]).timeout(QUERY_LIMIT)
}

// A source that is a folder may be gone without an error. The policy says which sources have which versions.
const PENDING: &str = r#"installed || exit
ask upgrade --simulate --no-self-upgrade || exit
case $said in *'WARNING: opening '*|*'WARNING: updating '*|*'WARNING: Ignoring '*) printf '%s\n' "$said" >&2; exit 1 ;; esac
printf '%s\n' "$said" | sed 's/^/said /'
newer=$(apk version -l '<') || exit
printf '%s\n' "$newer" | sed -n 's/^\([^ ]*\)  *<  *\([^ ]*\).*/newer \1 \2/p'
names=$({
  printf '%s\n' "$said" | awk '/^\([ 0-9]+\/[0-9]+\) (Upgrading|Installing) / { sub(/^\([^)]*\) [A-Za-z]* /, ""); sub(/@.*/, "", $1); print $1 }'
  printf '%s\n' "$newer" | sed -n 's/^\([^ ]*\)  *< .*/\1/p' | while read -r full; do
    installed | awk -F '\t' -v full="$full" '$2 "-" $3 == full { print $2 }'
  done
} | sort -u)
[ -z "$names" ] || apk policy $names | sed 's/^/policy /'
for f in "$r"/usr/share/kernel/*/kernel.release; do
  [ ! -e "$f" ] || { f=${f%/kernel.release}; echo "kernel linux-${f##*/}"; }
done
"#;

/// `apk-pending`.
pub(super) fn pending() -> Command {
    Command::sh("apk-pending", &format!("{FIND}{PENDING}echo end\n"), [""; 0]).timeout(QUERY_LIMIT)
}

const KNOWN: &str = r#"{
  installed | cut -f 2
  for w; do
    if apk search --exact --quiet "$w" 2>/dev/null | grep -q .; then echo "$w"; fi
  done
} | awk 'BEGIN { for (i = 1; i < ARGC; i++) want[ARGV[i]]; ARGC = 1 } $0 in want { print "known " $0 }' "$@" | sort -u
"#;

/// `apk-known`: which of `names` are installed or in a source. `names` is not empty.
pub(super) fn known(names: &[String]) -> Command {
    Command::sh("apk-known", &format!("{FIND}{KNOWN}echo end\n"), names.iter().cloned()).timeout(QUERY_LIMIT)
}

const CLEAN: &str = r#"for f in "$own"/*.apk; do
  [ -e "$f" ] || continue
  f=${f##*/}
  installed | awk -F '\t' -v full="${f%.apk}" '$2 "-" $3 == full { found = 1 } END { exit !found }' || rm -f "$own/$f"
done
[ ! -d "$r/etc/apk/cache" ] || apk cache clean
"#;

/// `apk-clean`. The archives of the installed versions stay: they are the only way back from the next upgrade.
pub(super) fn clean() -> Command {
    Command::sh("apk-clean", &format!("{FIND}{CLEAN}"), [""; 0]).changing()
}

/// Shell text that prints the holders of the lock. Sets `r`.
pub(super) fn locks_text() -> String {
    holders::script_for("FLOCK", &LOCKS)
}

/// Part of `package-locks`.
pub(super) fn locks() -> Command {
    Command::sh("apk-locks", &(locks_text() + "echo end\n"), [""; 0])
}

/// `apk-boot`.
pub(super) fn boot() -> Command {
    Command::sh("apk-boot", &super::boot::script(), [""; 0])
}
