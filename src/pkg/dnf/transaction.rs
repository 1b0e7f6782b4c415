//! Transactions of dnf: the scripts that change packages, and those that say what they would do.
//! Start at [`run`] and [`simulate`]; what dnf cannot do is refused, never left out.

use std::time::Duration;

use super::commands::{FIND, LENIENT, locks_text};
use crate::{
    command::Command,
    pkg::{CannotDo, Exact, Repair, Transaction, rpm::names::split_arch},
};

const TRANSACTION_LIMIT: Duration = Duration::from_secs(3600);

/// Keeps old kernels, however many there are. Otherwise every upgrade of a kernel removes the oldest one.
pub(super) const KEEP_KERNELS: &str = "--setopt=installonly_limit=0";

/// The best candidate or an error: without it dnf leaves out what it cannot install, and reports success. Packages that
/// nobody needs any more stay.
const EXACT: [&str; 2] = ["--setopt=best=True", "--setopt=clean_requirements_on_remove=False"];

/// Completes packages that are named without an architecture (`NAME-VERSION.@`) from what the sources have and what is
/// installed: the host's own, or `noarch`. What nothing has stays without, and dnf says that it does not know it.
/// Reads `$@`, options until `--` and then the packages, with `:VERB` before those that it is for.
const COMPLETE: &str = r#"set -f
options=
while [ "$1" != -- ]; do options="$options $1"; shift; done
shift
native=$(rpm -E '%{_target_cpu}')
open=$(for w; do case $w in *.@) echo "${w%.@}" ;; esac; done)
if [ -n "$open" ]; then
  set -- $({
    "$dnf" -q -C "$sources" repoquery --qf '%{name}-%{evr} %{arch}
' $open </dev/null
    rpm -qa --qf '%{NAME}-%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\n%{NAME} %{ARCH}\n'
    echo '=='
    for w; do echo "$w"; done
  } | awk -v native="$native" '
    $1 == "==" { wanted = 1; next }
    !wanted && ($2 == native || $2 == "noarch" || index($2, native "_v") == 1) { arch[$1] = $2; next }
    !wanted && native ~ /^i.86$/ && $2 ~ /^i.86$/ { arch[$1] = $2; next }
    wanted && /\.@$/ { name = substr($0, 1, length($0) - 2); print (name in arch) ? name "." arch[name] : name; next }
    wanted')
fi
verbs=0
for w; do case $w in :*) verbs=$((verbs + 1)) ;; esac; done
"#;

/// Puts archives in place of packages that a folder has. Paths in `$@` are the folders.
const FOLDERS: &str = r#"folders= words=
for w; do case $w in /*) folders="$folders $r$w" ;; *) words="$words $w" ;; esac; done
set --
for w in $words; do
  file=$(printf '%s\n' "$w" | sed 's/-[0-9][0-9]*:\([^:]*\)$/-\1/')
  for d in $folders; do
    for f in "$d/$file.rpm" "$d/$file.$native.rpm" "$d/$file.noarch.rpm"; do
      case $w in /*) ;; *) [ ! -f "$f" ] || w=$f ;; esac
    done
  done
  set -- "$@" "$w"
done
"#;

/// Runs what `$@` says: one verb, or several in one transaction. Options are in `options`.
const GO: &str = r#"go() {
  if [ "$verbs" -eq 1 ]; then
    verb=${1#:}
    shift
    "$dnf" $options "$verb" $after "$@" </dev/null
  elif [ -n "$five" ]; then
    n=$#
    while [ "$n" -gt 0 ]; do
      case $1 in :*) set -- "$@" "--action=${1#:}" ;; *) set -- "$@" "$1" ;; esac
      shift
      n=$((n - 1))
    done
    "$dnf" $options do $after "$@" </dev/null
  else
    { for w; do case $w in :*) printf '\n%s' "${w#:}" ;; *) printf ' %s' "$w" ;; esac; done
      printf '\nrun\n'; } | "$dnf" $options shell
  fi
}
"#;

const SIMULATE: &str = r#"if [ -n "$five" ]; then talk= after=; else talk='-d 3' after=; fi
options="-C $talk $sources --assumeno $options"
said=$(go "$@" 2>&1)
rc=$?
case $said in
*'No match for argument'*|*'No package '*' available.'*|*'No packages '*|*'matches only '*excluded*) ;;
*'Nothing to do.'*|*'Operation aborted'*)
  echo "native $native"
  rpm -qa --qf 'pkg\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' || exit
  echo "== resolved ${five:+5}"
  printf '%s\n' "$said"
  echo '== end'
  exit 0 ;;
esac
printf '%s\n' "$said" | tail -n 40 >&2
[ "$rc" -ne 0 ] || rc=1
exit "$rc"
"#;

// dnf5 waits without end for another transaction, whatever its options say. Version 4 ends with 200.
const WAIT: &str = r#"left=$1
shift
holders() { LOCKS
}
while held=$(holders | grep '^lock ' | grep -v metadata_lock); [ -n "$held" ]; do
  if [ "$left" -le 0 ]; then printf 'E: the packages are locked: %s\n' "$held" >&2; exit 200; fi
  sleep 2
  left=$((left - 2))
done
"#;

const RUN: &str = r#"after=$1
shift
"#;

const TRANSACT: &str = r#"options="-y $sources --setopt=exit_on_lock=True $options"
while go "$@"; rc=$?; [ "$rc" -eq 200 ] && [ "$left" -gt 0 ]; do sleep 2; left=$((left - 2)); done
exit "$rc"
"#;

/// `cut` has the packages that the last transaction brought, if it was cut off: only one that ended, well or not, has a
/// time at which it did. The scripts of the others may not have run.
const FINISH: &str = r#"options="-y $sources --setopt=exit_on_lock=True KEEP"
last=$(TZ=UTC "$dnf" -q -C history info last </dev/null 2>/dev/null)
cut=
if printf '%s\n' "$last" | grep -q '^End time *: .*1970'; then
  cut=$({
    rpm -qa --qf '%{NAME}-%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}.%{ARCH}\n'
    echo '=='
    printf '%s\n' "$last"
  } | awk '
    $1 == "==" { altered = 1; next }
    !altered { there[$1] = 1; next }
    { sub(/^ *[*][*]* */, "") }
    $1 ~ /^(Install|Dep-Install|Upgrade|Downgrade|Reinstall|Obsoleting)$/ { sub(/-0:/, "-", $2); if ($2 in there) print $2 }')
fi
said=$("$dnf" $options remove --duplicates </dev/null 2>&1)
rc=$?
printf '%s\n' "$said"
case $said in *'No duplicated packages found'*) ;; *) [ "$rc" -eq 0 ] || exit "$rc" ;; esac
[ -z "$cut" ] || "$dnf" $options reinstall $cut </dev/null
"#;

/// What dnf is asked for: each package in a version, completed on the host, behind the verb that it is for.
fn words(transaction: &Transaction) -> Result<Vec<String>, CannotDo> {
    let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
    let cannot = |what| Err(CannotDo { manager: "dnf", what });
    if transaction.download_only && !remove.is_empty() {
        return cannot("download a removal");
    }
    // A rollback removes what was new; what its simulation would remove besides that stops it.
    if !remove.is_empty() && !transaction.allow_removals && !transaction.keep_configuration {
        return cannot("remove packages and keep what depends on them");
    }
    let mut words = Vec::new();
    let brought: [(&str, &[Exact]); 3] = [(":install", install), (":upgrade", upgrade), (":downgrade", downgrade)];
    for (verb, set) in brought.into_iter().filter(|(_, set)| !set.is_empty()) {
        words.push(verb.to_owned());
        words.extend(set.iter().map(|exact| spec(&exact.name, Some(&exact.version))));
    }
    if !remove.is_empty() {
        words.push(":remove".to_owned());
        words.extend(remove.iter().map(|package| spec(&package.name, package.version.as_deref())));
    }
    // Without names, some verbs do nothing and others do everything.
    if words.is_empty() {
        return cannot("run an empty transaction");
    }
    words.extend(transaction.folders.iter().cloned());
    Ok(words)
}

/// `NAME-VERSION.ARCH`; `@` stands for the host's own architecture, or none.
fn spec(name: &str, version: Option<&str>) -> String {
    let (bare, arch) = split_arch(name);
    let version = version.map(|version| format!("-{version}")).unwrap_or_default();
    format!("{bare}{version}.{}", arch.unwrap_or("@"))
}

/// Shell text that completes what is asked for.
fn completed(transaction: &Transaction) -> String {
    if transaction.folders.is_empty() { COMPLETE.to_owned() } else { format!("{COMPLETE}{FOLDERS}") }
}

fn options(transaction: &Transaction) -> Vec<&'static str> {
    let mut options = EXACT.to_vec();
    if !transaction.allow_removals {
        options.push(KEEP_KERNELS);
    }
    options
}

/// `dnf-simulate`: what a transaction would do.
pub(super) fn simulate(transaction: &Transaction) -> Result<Command, CannotDo> {
    let script = format!("{FIND}{LENIENT}set -- \"$@\" -- $(cat)\n{}{GO}{SIMULATE}", completed(transaction));
    let command = Command::sh("dnf-simulate", &script, options(transaction));
    Ok(command.stdin(words(transaction)?.join("\n")).timeout(Duration::from_secs(300)))
}

/// `dnf-transact`, `dnf-download`: the transaction.
pub(super) fn run(transaction: &Transaction) -> Result<Command, CannotDo> {
    let (label, after) = match transaction.download_only {
        true => ("dnf-download", "--downloadonly"),
        false => ("dnf-transact", ""),
    };
    let mixed = words(transaction)?.iter().filter(|word| word.starts_with(':')).count() > 1;
    if transaction.download_only && mixed {
        return Err(CannotDo { manager: "dnf", what: "download several kinds of changes at once" });
    }
    let mut args = vec![transaction.lock_timeout.as_secs().to_string(), after.to_owned()];
    args.extend(options(transaction).into_iter().map(str::to_owned));
    args.push("--".to_owned());
    args.extend(words(transaction)?);
    let wait = WAIT.replace("LOCKS", &locks_text());
    let script = format!("{FIND}{LENIENT}{wait}{RUN}{}{GO}{TRANSACT}", completed(transaction));
    Ok(Command::sh(label, &script, args).changing().timeout(TRANSACTION_LIMIT))
}

/// `dnf-finish`: what a transaction that was cut off has left: old versions that it had not removed yet, and packages
/// whose scripts may not have run.
pub(super) fn repair(lock_timeout: Duration) -> Vec<Repair> {
    let wait = WAIT.replace("LOCKS", &locks_text());
    let script = format!("{FIND}{LENIENT}{wait}{}", FINISH.replace("KEEP", KEEP_KERNELS));
    let command = Command::sh("dnf-finish", &script, [lock_timeout.as_secs().to_string()]);
    vec![Repair { name: "finish", command: command.changing().timeout(TRANSACTION_LIMIT) }]
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
        let keep = "0  --setopt=best=True --setopt=clean_requirements_on_remove=False --setopt=installonly_limit=0 --";
        let may = "0  --setopt=best=True --setopt=clean_requirements_on_remove=False --";
        for (transaction, expected) in [
            (Transaction::upgrade(&exact("a=1:2-1")), Ok(format!("{keep} :upgrade a-1:2-1.@"))),
            (Transaction::upgrade(&exact("a.i686=2-1")), Ok(format!("{keep} :upgrade a-2-1.i686"))),
            (
                Transaction { download_only: true, ..Transaction::upgrade(&exact("a=2-1")) },
                Ok(format!("{keep} :upgrade a-2-1.@").replacen("0 ", "0 --downloadonly", 1)),
            ),
            (Transaction { downgrade: exact("a=1-1"), ..none() }, Ok(format!("{keep} :downgrade a-1-1.@"))),
            (Transaction::removal(&package("kernel-core=5-1")), Ok(format!("{may} :remove kernel-core-5-1.@"))),
            (
                Transaction {
                    downgrade: exact("b=1-1"),
                    upgrade: exact("c=2-1"),
                    ..Transaction::removal(&package("a"))
                },
                Ok(format!("{may} :upgrade c-2-1.@ :downgrade b-1-1.@ :remove a.@")),
            ),
            (
                Transaction { downgrade: exact("b=1-1"), remove: package("a"), keep_configuration: true, ..none() },
                Ok(format!("{keep} :downgrade b-1-1.@ :remove a.@")),
            ),
            (
                Transaction { downgrade: exact("b=1-1"), folders: vec!["/f".to_owned()], ..none() },
                Ok(format!("{keep} :downgrade b-1-1.@ /f")),
            ),
            (none(), Err("dnf cannot run an empty transaction")),
            (Transaction::upgrade(&[]), Err("dnf cannot run an empty transaction")),
            (
                Transaction { allow_removals: false, ..Transaction::removal(&package("a")) },
                Err("dnf cannot remove packages and keep what depends on them"),
            ),
            (
                Transaction { download_only: true, ..Transaction::removal(&package("a")) },
                Err("dnf cannot download a removal"),
            ),
        ] {
            let line = |command: Command| command.argv[4..].join(" ");
            let done = run(&transaction).map(line).map_err(|error| error.to_string());
            assert_eq!(done, expected.clone().map_err(str::to_owned), "{transaction:?}");
            assert_eq!(simulate(&transaction).is_ok(), expected.is_ok(), "{transaction:?}");
        }
    }
}
