//! The script and the reader of `apt-refresh-apart`: package lists in a folder of their own, for a check.

use std::time::Duration;

use super::refresh;
use crate::{
    command::{Command, Query, printable},
    pkg::RefreshApart,
};

/// In front of the reason why nothing was fetched.
const NOT: &str = "== not fetched: ";

// The main configuration file is read last, so what is added to it counts more than every other file. Hooks must not
// run: they change other programs' caches. The lists that are there are copied, so that only what is new is fetched.
const SCRIPT: &str = r#"r=${PATCHWAVE_ROOT-}
d=$r$1
not() { echo "== not fetched: $*"; exit 0; }
find "$r/var/tmp" -maxdepth 1 -name 'patchwave-lists-*' -mmin +1440 -exec rm -rf {} + 2>/dev/null
lists=$r/var/lib/apt/lists main=$r/etc/apt/apt.conf
eval "$(apt-config shell lists Dir::State::lists/d main Dir::Etc::main/f 2>/dev/null)"
used=$(du -sk "$lists" 2>/dev/null | cut -f 1)
free=$(df -P -k "$r/var/tmp" 2>/dev/null | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -gt $((${used:-0} * 2 + 204800)) ] || not "/var/tmp has ${free:-0} KiB free, too little for the lists"
umask 022
mkdir "$d" 2>/dev/null || not "a folder for the lists cannot be made in /var/tmp"
mkdir "$d/lists" "$d/lists/partial"
cp -p "$lists"/*_* "$d/lists/" 2>/dev/null
(umask 077
  { [ ! -r "$main" ] || cat "$main"
    printf '\nDir::State::lists "%s/lists";\nDir::Cache::pkgcache "%s/pkgcache.bin";\nDir::Cache::srcpkgcache "";\n' "$d" "$d"
    printf '#clear APT::Update::%s;\n' Pre-Invoke Post-Invoke Post-Invoke-Success
  } >"$d/main.conf"
  printf 'Dir::Etc::main "%s/main.conf";\n' "$d" >"$d/apt.conf") || not "the folder $d cannot be written to"
APT_CONFIG=$d/apt.conf apt-get -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
"#;

/// See [`crate::pkg::PackageManager::refresh_apart`].
pub(super) fn refresh(folder: &str) -> RefreshApart {
    let command = Command::sh("apt-refresh-apart", SCRIPT, [folder]).timeout(Duration::from_secs(600));
    let read = |output: &crate::command::Output| {
        let text = output.text();
        match text.lines().find_map(|line| line.strip_prefix(NOT)) {
            Some(why) => Ok(Err(printable(why))),
            None => refresh::read(output).map(Ok),
        }
    };
    let remove = r#"rm -rf -- "${PATCHWAVE_ROOT-}$1""#;
    RefreshApart {
        refresh: Query::new(command, read),
        variable: ("APT_CONFIG".to_owned(), format!("{folder}/apt.conf")),
        remove: Command::sh("apt-remove-apart", remove, [folder]),
    }
}
