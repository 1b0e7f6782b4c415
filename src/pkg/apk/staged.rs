//! Archives of old versions on a host: kept before an upgrade, listed and installed by a rollback. Knows nothing of why
//! they are kept. Start at [`stage`] and [`staged`].

use std::{collections::BTreeSet, time::Duration};

use super::{commands::FIND, lines::is_name, transaction::ARCHIVE, version::is_version};
use crate::{
    command::{Command, Output, Unreadable, printable},
    pkg::{Exact, answer::before_end},
};

// The sources have the newest version only; `apk fetch` gets it if it is the one that is asked for.
const STAGE: &str = r#"d=$r$1
shift
folders=$(for f in "${d%/*}"/*/; do [ ! -d "$f" ] || echo "${f%/}"; done)
umask 077
mkdir -p "$d/part" && chmod 700 "$d" || exit
open= need=65536
for w; do
  f=$(archive "$w")
  if [ -n "$f" ]; then need=$((need + $(stat -c %s "$f") / 1024 + 1)); else open="$open ${w%%=*}"; fi
done
free=$(df -P -k "$d" 2>/dev/null | awk 'END { print $(NF - 2) }')
case $free in *[!0-9]* | '') ;; *)
  if [ "$free" -lt "$need" ]; then
    echo "E: No space left on device $d: old versions need $need KiB, $free KiB are free" >&2
    exit 28
  fi ;;
esac
[ -z "$open" ] || apk fetch --output "$d/part" $open || :
for w; do
  n=${w%%=*}-${w#*=}.apk
  f=$(archive "$w")
  [ -f "$d/part/$n" ] || [ -z "$f" ] || cp "$f" "$d/part/$n" || exit
  [ ! -f "$d/part/$n" ] || mv -f "$d/part/$n" "$d/" || exit
done
rm -rf "$d/part"
sync
"#;

/// `apk-stage`: a job, because it downloads.
pub(super) fn stage(set: &BTreeSet<Exact>, folder: &str) -> Command {
    let args = [folder.to_owned()].into_iter().chain(set.iter().map(ToString::to_string));
    Command::sh("apk-stage", &format!("{FIND}{ARCHIVE}{STAGE}"), args).changing().timeout(Duration::from_secs(1800))
}

const STAGED: &str = r#"for f in "$r$1"/*.apk; do
  if [ -f "$f" ] && apk verify --quiet "$f" >/dev/null 2>&1; then echo "apk ${f##*/}"; fi
done
"#;

/// `apk-staged`: what is in the folder. A folder that is not there is empty.
pub(super) fn staged(folder: &str) -> Command {
    Command::sh("apk-staged", &format!("{FIND}{STAGED}echo end\n"), [folder])
}

/// Reads `apk-staged`. An archive that apk does not accept is not listed.
pub(super) fn read(output: &Output) -> Result<BTreeSet<Exact>, Unreadable> {
    let lines = before_end(output, "end")?;
    lines.iter().map(|line| exact(line).ok_or_else(|| unreadable(line))).collect()
}

fn unreadable(line: &str) -> Unreadable {
    Unreadable::new(format!("not the name of an archive: {}", printable(line)))
}

/// `NAME-VERSION-rRELEASE.apk`: a version of an archive has one hyphen.
fn exact(line: &str) -> Option<Exact> {
    let full = line.strip_prefix("apk ")?.strip_suffix(".apk")?;
    let (before, _) = full.rsplit_once('-')?;
    let (name, _) = before.rsplit_once('-')?;
    let version = &full[name.len() + 1..];
    (is_name(name) && is_version(version)).then(|| Exact { name: name.to_owned(), version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_archive_is_split_from_behind() {
        for (line, expected) in [
            ("apk busybox-1.36.1-r5.apk", Some("busybox=1.36.1-r5")),
            ("apk gtk+2.0-2.24.33-r9.apk", Some("gtk+2.0=2.24.33-r9")),
            ("apk x.apk", None),
            ("apk --x-1-r0.apk", None),
            ("busybox-1.36.1-r5.apk", None),
        ] {
            assert_eq!(exact(line).map(|exact| exact.to_string()).as_deref(), expected, "{line}");
        }
    }
}
