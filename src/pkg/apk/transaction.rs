//! Transactions of apk: the scripts that change packages, and those that say what they would do. Start at [`run`] and
//! [`simulate`]; what apk cannot do is refused, never left out.

use std::{collections::BTreeSet, time::Duration};

use super::{
    commands::{FIND, locks_text},
    state,
};
use crate::{
    command::Command,
    pkg::{CannotDo, Exact, Repair, Transaction},
};

const TRANSACTION_LIMIT: Duration = Duration::from_secs(3600);

/// Shell text: `archive NAME=VERSION` prints the file of a package: in one of `folders`, in the own one, in apk's
/// cache.
pub(super) const ARCHIVE: &str = r#"archive() {
  for d in $folders "$own"; do
    f=$d/${1%%=*}-${1#*=}.apk
    if [ -f "$f" ]; then echo "$f"; return; fi
  done
  for f in "$r/etc/apk/cache/${1%%=*}-${1#*=}".????????.apk; do
    if [ -f "$f" ]; then echo "$f"; return; fi
  done
}
"#;

/// What was asked for is in `words`: `NAME=VERSION` comes, with `+` it is wanted for itself, and `-NAME` goes; a path
/// is a folder with archives. `specs` turns it into arguments of apk, `brings` reads from the answer what would come.
const WORDS: &str = r#"sort_out() {
  words= folders=
  for w; do case $w in /*) folders="$folders $r$w" ;; *) words="$words $w" ;; esac; done
}
entries() { tr -s ' \t' '\n\n' <"$1" | grep .; }
specs() {
  for w in $words; do
    case $w in -*) echo "!${w#-}"; continue ;; esac
    w=${w#+}
    f=$(archive "$w")
    if [ -n "$f" ]; then echo "$f"; continue; fi
    tag=$(entries "$world" | awk -v name="${w%%=*}" \
      'index($0, name "@") == 1 { sub(/^[^@]*/, ""); sub(/[<>=~].*/, ""); print; exit }')
    echo "${w%%=*}$tag=${w#*=}"
  done
}
brings() {
  awk '/^\([ 0-9]+\/[0-9]+\) (Installing|Upgrading|Downgrading|Replacing) / {
    sub(/^\([^)]*\) [A-Za-z]* /, "")
    name = $1
    version = $NF
    sub(/@.*/, "", name)
    gsub(/[()]/, "", version)
    print name "=" version
  }'
}
"#;

const SIMULATE: &str = r#"sort_out $(cat)
installed || exit
ask add --simulate $(specs) || exit
printf '%s\n' "$said" | sed 's/^/said /'
"#;

/// Waits until nobody holds a lock, `$1` seconds at most.
const WAIT: &str = r#"left=$1
shift
holders() { LOCKS
}
while held=$(holders | grep '^lock '); [ -n "$held" ]; do
  if [ "$left" -le 0 ]; then printf 'E: the packages are locked: %s\n' "$held" >&2; exit 99; fi
  sleep 2
  left=$((left - 2))
done
"#;

/// `fetch` brings the archives of everything that would come. Those of installed versions stay, as the way back from
/// the next transaction; all others go.
const FETCH: &str = r#"fetch() {
  ask add --simulate $(specs) || return
  come=$(printf '%s\n' "$said" | brings)
  keep=" $(installed | awk -F '\t' '{ printf "%s-%s ", $2, $3 }')"
  for w in $come; do keep="$keep${w%%=*}-${w#*=} "; done
  umask 022
  mkdir -p "$own/part" || return
  rm -f "$own"/part/*
  for f in "$own"/*.apk; do
    [ -e "$f" ] || continue
    n=${f##*/}
    case $keep in *" ${n%.apk} "*) ;; *) rm -f "$f" ;; esac
  done
  need=
  for w in $come; do [ -n "$(archive "$w")" ] || need="$need ${w%%=*}"; done
  if [ -n "$need" ] && ! apk fetch --output "$own/part" $need; then
    echo 'E: not every archive could be fetched' >&2
    return 1
  fi
  for f in "$own"/part/*.apk; do [ ! -e "$f" ] || mv -f "$f" "$own/" || return; done
  rmdir "$own/part"
  for w in $come; do
    if [ -z "$(archive "$w")" ]; then echo "E: no archive of $w could be fetched" >&2; return 1; fi
  done
}
"#;

/// `go` does what is in `words`, and takes the pins out of the world again: the entries of before, without packages
/// that were to go and are gone, and with those that were wanted and came.
const GO: &str = r#"go() {
  apk --wait "$left" add $(specs)
  rc=$?
  # apk's own codes end at 99, but for 250. It was killed: the journal is what the repair goes on from.
  if [ "$rc" -gt 128 ] && [ "$rc" -lt 250 ]; then exit "$rc"; fi
  [ "$rc" -le 99 ] || rc=99
  { installed; echo '=='; entries "$journal/world"; echo '=='; for w in $words; do echo "$w"; done; } | awk -F '\t' '
    $0 == "==" { part++; next }
    part == 0 { there[$2]; next }
    part == 1 { entry[++n] = $0; next }
    /^-/ { gone[substr($0, 2)] }
    /^\+/ { name = substr($0, 2); sub(/=.*/, "", name); if (name in there) wanted[name] }
    END {
      for (i = 1; i <= n; i++) {
        name = entry[i]
        sub(/[@<>=~].*/, "", name)
        delete wanted[name]
        if (!(name in gone) || name in there) print entry[i]
      }
      for (name in wanted) print name
    }' >"$world.new" && mv -f "$world.new" "$world" && rm -rf "$journal" || exit
  return "$rc"
}
"#;

/// `$1` is filled if the archives are all that is wanted.
const TRANSACT: &str = r#"only=$1
shift
if [ -e "$journal/world" ]; then echo 'E: an earlier transaction was cut off' >&2; exit 1; fi
sort_out "$@"
fetch || exit
[ -z "$only" ] || exit 0
[ -d "${journal%/*}" ] || { mkdir -p "${journal%/*}" && chmod 700 "${journal%/*}"; } || exit
mkdir -p "$journal" && echo $$ >"$journal/pid" && printf '%s\n' "$@" >"$journal/words" &&
  cp "$world" "$journal/world.new" && mv "$journal/world.new" "$journal/world" || exit
go
"#;

const FINISH: &str = r#"done=0
if [ -e "$journal/world" ]; then
  echo $$ >"$journal/pid" && sort_out $(cat "$journal/words") || exit
  go || done=$?
fi
apk --wait "$left" fix || done=$?
[ "$done" -le 99 ] || done=99
exit "$done"
"#;

fn words(transaction: &Transaction) -> Result<Vec<String>, CannotDo> {
    let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
    let cannot = |what| Err(CannotDo { manager: "apk", what });
    if transaction.download_only && !remove.is_empty() {
        return cannot("download a removal");
    }
    if !remove.is_empty() && !transaction.allow_removals && !transaction.keep_configuration {
        return cannot("remove packages and keep what depends on them");
    }
    let new = install.iter().map(|exact| match transaction.auto.contains(&exact.name) {
        true => exact.to_string(),
        false => format!("+{exact}"),
    });
    let other = upgrade.iter().chain(downgrade).map(Exact::to_string);
    let gone = remove.iter().map(|package| format!("-{}", package.name));
    let words: Vec<String> = new.chain(other).chain(gone).collect();
    // Without names, apk installs what the world lacks.
    if words.is_empty() {
        return cannot("run an empty transaction");
    }
    Ok(transaction.folders.iter().cloned().chain(words).collect())
}

/// `apk-simulate`: what a transaction would do.
pub(super) fn simulate(transaction: &Transaction) -> Result<Command, CannotDo> {
    let script = format!("{FIND}{ARCHIVE}{WORDS}{SIMULATE}echo end\n");
    let command = Command::sh("apk-simulate", &script, [""; 0]).timeout(Duration::from_secs(180));
    Ok(command.stdin(words(transaction)?.join("\n")))
}

/// `apk-transact`, `apk-download`: the transaction.
pub(super) fn run(transaction: &Transaction) -> Result<Command, CannotDo> {
    let words = words(transaction)?;
    let (label, only) = if transaction.download_only { ("apk-download", "only") } else { ("apk-transact", "") };
    let args = [transaction.lock_timeout.as_secs().to_string(), only.to_owned()].into_iter().chain(words);
    let script = format!("{}{FETCH}{GO}{TRANSACT}", begin());
    Ok(Command::sh(label, &script, args).changing().timeout(TRANSACTION_LIMIT))
}

/// `apk-finish`.
pub(super) fn repair(lock_timeout: Duration) -> Vec<Repair> {
    let script = format!("{}{GO}{FINISH}", begin());
    let command = Command::sh("apk-finish", &script, [lock_timeout.as_secs().to_string()]);
    vec![Repair { name: "finish", command: command.changing().timeout(TRANSACTION_LIMIT) }]
}

fn begin() -> String {
    format!("{FIND}{ARCHIVE}{WORDS}{}", WAIT.replace("LOCKS", &locks_text()))
}

/// A package that needs exactly the installed version of another keeps it where it is, and the world as it was.
const HOLD: &str = r#"on=$1
shift
for w; do
  version=$(installed | awk -F '\t' -v name="$w" '$2 == name { print $3 }')
  there=$(installed | awk -F '\t' -v name="PREFIX$w" '$2 == name')
  if [ -n "$on" ]; then
    if [ -z "$version" ]; then echo "E: $w is not installed" >&2; exit 1; fi
    apk --wait 30 --no-network add --virtual "PREFIX$w" "$w=$version" || exit
  elif [ -n "$there" ]; then
    apk --wait 30 --no-network del "PREFIX$w" || exit
  fi
done
"#;

/// `apk-hold`.
pub(super) fn hold(names: &BTreeSet<String>, on: bool) -> Command {
    let on = if on { "on" } else { "" };
    let args = [on.to_owned()].into_iter().chain(names.iter().cloned());
    Command::sh("apk-hold", &format!("{FIND}{}", HOLD.replace("PREFIX", state::HOLD)), args).changing()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::Package;

    fn exact(text: &str) -> Vec<Exact> {
        let (name, version) = text.split_once('=').unwrap();
        vec![Exact { name: name.to_owned(), version: version.to_owned() }]
    }

    #[test]
    fn a_transaction_is_done_as_it_is_asked_for_or_refused() {
        let package = |text: &str| vec![Package::from(text.to_owned())];
        let none = Transaction::default;
        for (transaction, expected) in [
            (Transaction::upgrade(&exact("a=2-r0")), Ok("0  a=2-r0")),
            (Transaction { download_only: true, ..Transaction::upgrade(&exact("a=2-r0")) }, Ok("0 only a=2-r0")),
            (Transaction { downgrade: exact("a=1-r0"), ..none() }, Ok("0  a=1-r0")),
            (Transaction { install: exact("a=1-r0"), ..none() }, Ok("0  +a=1-r0")),
            (Transaction { install: exact("a=1-r0"), auto: ["a".to_owned()].into(), ..none() }, Ok("0  a=1-r0")),
            (Transaction { folders: vec!["/f".into()], downgrade: exact("a=1-r0"), ..none() }, Ok("0  /f a=1-r0")),
            (Transaction::removal(&package("a")), Ok("0  -a")),
            (none(), Err("apk cannot run an empty transaction")),
            (Transaction::upgrade(&[]), Err("apk cannot run an empty transaction")),
            (
                Transaction { allow_removals: false, ..Transaction::removal(&package("a")) },
                Err("apk cannot remove packages and keep what depends on them"),
            ),
            (
                Transaction { download_only: true, ..Transaction::removal(&package("a")) },
                Err("apk cannot download a removal"),
            ),
        ] {
            let line = |command: Command| command.argv[4..].join(" ");
            let done = run(&transaction).map(line).map_err(|error| error.to_string());
            assert_eq!(done, expected.map(str::to_owned).map_err(str::to_owned), "{transaction:?}");
            assert_eq!(simulate(&transaction).is_ok(), expected.is_ok(), "{transaction:?}");
        }
    }
}
