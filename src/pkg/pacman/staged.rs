//! Archives of old versions on a host: copied from pacman's cache before an upgrade, listed and installed by a
//! rollback. Knows nothing of why they are kept. Start at [`stage`] and [`staged`].

use std::{collections::BTreeSet, time::Duration};

use super::{commands::FIND, state::package, transaction::ARCHIVES};
use crate::{
    command::{Command, Output, Unreadable, printable},
    pkg::{Exact, answer::before_end},
};

// No source has an old version, so there is nothing to fetch.
const STAGE: &str = r#"d=$r$1
shift
umask 077
mkdir -p "$d/part" && chmod 700 "$d" || exit
folders=$(for f in "${d%/*}"/*/; do echo "${f%/}"; done)
find_archives "$@"
need=65536
for f in $archives; do need=$((need + $(stat -c %s "$f") / 1024 + 1)); done
free=$(df -P -k "$d" 2>/dev/null | awk 'END { print $(NF - 2) }')
case $free in *[!0-9]* | '') ;; *)
  if [ "$free" -lt "$need" ]; then
    echo "E: not enough free disk space in $d: old versions need $need KiB, $free KiB are free" >&2
    exit 28
  fi ;;
esac
for f in $archives; do
  [ "${f%/*}" = "$d" ] || { cp "$f" "$d/part/" && mv -f "$d/part/${f##*/}" "$d/"; } || exit
done
rm -rf "$d/part"
sync
"#;

/// `pacman-stage`.
pub(super) fn stage(set: &BTreeSet<Exact>, folder: &str) -> Command {
    let args = [folder.to_owned()].into_iter().chain(set.iter().map(ToString::to_string));
    let script = format!("{FIND}{ARCHIVES}{STAGE}");
    Command::sh("pacman-stage", &script, args).changing().timeout(Duration::from_secs(1800))
}

const STAGED: &str = r#"for f in "$r$1"/*.pkg.tar*; do
  case $f in *.sig) continue ;; esac
  [ ! -f "$f" ] || pacman -Qp "$f" 2>/dev/null </dev/null | sed 's/^/archive /'
done
"#;

/// `pacman-staged`: what is in the folder. A folder that is not there is empty.
pub(super) fn staged(folder: &str) -> Command {
    Command::sh("pacman-staged", &format!("{FIND}{STAGED}echo end\n"), [folder])
}

/// Reads `pacman-staged`. An archive that pacman cannot read is not listed.
pub(super) fn read(output: &Output) -> Result<BTreeSet<Exact>, Unreadable> {
    let lines = before_end(output, "end")?;
    let exact = |line: &String| {
        let rest = line.strip_prefix("archive ");
        let rest = rest.ok_or_else(|| Unreadable::new(format!("not understood: {}", printable(line))))?;
        package(rest).map(|(name, version)| Exact { name: name.to_owned(), version: version.to_owned() })
    };
    lines.iter().map(exact).collect()
}
