//! Transactions of zypper: the scripts that change packages, and those that say what they would do.
//! Start at [`run`] and [`simulate`]; what zypper cannot do is refused, never left out.

use std::time::Duration;

use super::commands::{ASK, REBOOT, locks_text};
use crate::{
    command::Command,
    pkg::{CannotDo, Exact, Package, Repair, Transaction},
};

const TRANSACTION_LIMIT: Duration = Duration::from_secs(3600);

/// Nothing but what is named and what that needs; older versions where they are named.
const INSTALL: [&str; 6] =
    ["install", "--no-recommends", "--oldpackage", "--auto-agree-with-licenses", "-t", "package"];
/// With what depends on the packages, without what they had needed.
const REMOVE: [&str; 4] = ["remove", "--no-clean-deps", "-t", "package"];

const SIMULATE: &str = r#"echo "native $(rpm -E '%{_target_cpu}')"
rpm -qa --qf 'pkg\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n' || exit
part transaction
set -f
said=$(zypp "$@" --dry-run -- $(cat)) || refuse $?
printf '%s\n' "$said"
part end
"#;

/// Waits until nobody holds a lock, `$1` seconds at most.
const WAIT: &str = r#"left=$1
shift
holders() { LOCKS
}
while held=$(holders | grep '^lock '); [ -n "$held" ]; do
  if [ "$left" -le 0 ]; then printf 'E: the packages are locked: %s\n' "$held" >&2; exit 7; fi
  sleep 2
  left=$((left - 2))
done
"#;

/// Patches that want a reboot and are not needed after the transaction any more were installed by it; those that are
/// needed again were taken back by it. zypper would say the first once, with exit code 102, and only if it installs
/// patches itself; 103 says that zypper itself was replaced.
///
/// zypper takes a package that is named for one that a person wants, and has no command to say otherwise: the marks of
/// packages that had come in as dependencies are put back into libzypp's list.
const TRANSACT: &str = r#"zypp() { zypper --non-interactive --no-refresh "$@" </dev/null; }
restarts() {
  zypp --xmlout list-patches 2>/dev/null | grep -o '<update kind="patch" [^>]*restart="true"' |
    sed -n 's/^<update kind="patch" name="\([A-Za-z0-9._:+-]*\)".*/\1/p' | sort -u
}
autos=$r/var/lib/zypp/AutoInstalled
auto=$(sed '/^#/d' "$autos" 2>/dev/null)
before=$(restarts)
while zypp "$@"; rc=$?; [ "$rc" -eq 7 ] && [ "$left" -gt 0 ]; do sleep 2; left=$((left - 2)); done
if [ -n "$before" ] || [ -s "$rREBOOT" ]; then
  after=$(restarts)
  for p in $before; do
    printf '%s\n' "$after" | grep -qxF "$p" || echo "$p" >>"$rREBOOT"
  done
  if [ -n "$after" ] && [ -s "$rREBOOT" ]; then
    left=$(printf '%s\n' "$after" | grep -vxFf - "$rREBOOT")
    if [ -n "$left" ]; then printf '%s\n' "$left" >"$rREBOOT"; else rm -f "$rREBOOT"; fi
  fi
fi
if [ -n "$auto" ]; then
  lost=$(printf '%s\n' "$auto" | grep -vxFf "$autos" | { there=$(rpm -qa --qf '%{NAME}\n'); grep -xF "$there"; })
  if [ -n "$lost" ]; then
    { cat "$autos" && printf '%s\n' "$lost"; } >"$autos.new" && mv -f "$autos.new" "$autos"
  fi
fi
case $rc in
102) echo zypper >>"$rREBOOT"; rc=0 ;;
103) rc=0 ;;
esac
exit "$rc"
"#;

/// Two versions of a package that is meant to have one: the new one is there, and the old one was not removed yet. The
/// new one may have another architecture, if one of them is `noarch`.
const FINISH: &str = r#"several=$(rpm -q --qf '%{NAME}\n' --whatprovides 'multiversion(kernel)' 'installonlypkg(kernel)' 2>/dev/null | sort -u)
new=$({
  printf 'several %s\n' $several
  rpm -qa --qf 'pkg %{NAME} %{ARCH} %{INSTALLTIME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'
} | awk -v native="$(rpm -E '%{_target_cpu}')" '
  $1 == "several" { several[$2]; next }
  $2 == "gpg-pubkey" || $2 in several { next }
  { key = $2 "." ($3 == "noarch" ? native : $3); n[key]++ }
  $4 >= time[key] { time[key] = $4; new[key] = $2 "." $3 "=" $5 }
  END { for (key in n) if (n[key] > 1) print new[key] }' | sort)
rc=0
for w in $new; do
  zypper --non-interactive --no-refresh install --force --oldpackage --no-recommends --auto-agree-with-licenses \
    -t package -- "$w" </dev/null || rc=$?
done
case $rc in 102|103) rc=0 ;; esac
exit "$rc"
"#;

/// What zypper is asked for: its verb with options, and each package. `!` before a package removes it.
fn words(transaction: &Transaction) -> Result<(&'static [&'static str], Vec<String>), CannotDo> {
    let Transaction { install, upgrade, downgrade, remove, .. } = transaction;
    let cannot = |what| Err(CannotDo { manager: "zypper", what });
    if transaction.download_only && !remove.is_empty() {
        return cannot("download a removal");
    }
    // A rollback removes what was new; what its simulation would remove besides that stops it.
    if !remove.is_empty() && !transaction.allow_removals && !transaction.keep_configuration {
        return cannot("remove packages and keep what depends on them");
    }
    let exact = |exact: &Exact| format!("{}={}", exact.name, exact.version);
    let brought: Vec<String> = install.iter().chain(upgrade).chain(downgrade).map(exact).collect();
    let alone = brought.is_empty();
    let gone = |package: &Package| if alone { package.to_string() } else { format!("!{package}") };
    let words: Vec<String> = brought.iter().cloned().chain(remove.iter().map(gone)).collect();
    // Without names, some verbs do nothing and others do everything.
    if words.is_empty() {
        return cannot("run an empty transaction");
    }
    Ok((if alone { &REMOVE } else { &INSTALL }, words))
}

/// Folders with archives, as sources for this transaction.
fn sources(transaction: &Transaction) -> impl Iterator<Item = String> {
    transaction.folders.iter().flat_map(|folder| ["--plus-repo".to_owned(), format!("dir:{folder}")])
}

/// `zypper-simulate`: what a transaction would do.
pub(super) fn simulate(transaction: &Transaction) -> Result<Command, CannotDo> {
    let (verb, words) = words(transaction)?;
    let args = sources(transaction).chain(verb.iter().map(|word| (*word).to_owned()));
    let mut command = Command::sh("zypper-simulate", &format!("{ASK}{SIMULATE}"), args);
    command.keep = 32 << 20;
    Ok(command.stdin(words.join("\n")).timeout(Duration::from_secs(300)))
}

/// `zypper-transact`, `zypper-download`: the transaction. Everything is fetched before anything is installed.
pub(super) fn run(transaction: &Transaction) -> Result<Command, CannotDo> {
    let (verb, words) = words(transaction)?;
    let label = if transaction.download_only { "zypper-download" } else { "zypper-transact" };
    let mut args = vec![transaction.lock_timeout.as_secs().to_string()];
    args.extend(sources(transaction));
    args.extend(verb.iter().map(|word| (*word).to_owned()));
    if transaction.download_only {
        args.push("--download-only".to_owned());
    } else if verb[0] == "install" {
        args.push("--download-in-advance".to_owned());
    }
    args.push("--".to_owned());
    args.extend(words);
    let script = format!("{}{}", wait(), TRANSACT.replace("$rREBOOT", &format!("$r{REBOOT}")));
    Ok(Command::sh(label, &script, args).changing().timeout(TRANSACTION_LIMIT))
}

/// `zypper-finish`.
pub(super) fn repair(lock_timeout: Duration) -> Vec<Repair> {
    let script = format!("{}{FINISH}", wait());
    let command = Command::sh("zypper-finish", &script, [lock_timeout.as_secs().to_string()]);
    vec![Repair { name: "finish", command: command.changing().timeout(TRANSACTION_LIMIT) }]
}

fn wait() -> String {
    format!("r=${{PATCHWAVE_ROOT-}}\n{}", WAIT.replace("LOCKS", &locks_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Vec<Exact> {
        let (name, version) = text.split_once('=').unwrap();
        vec![Exact { name: name.to_owned(), version: version.to_owned() }]
    }

    #[test]
    fn a_transaction_is_done_as_it_is_asked_for_or_refused() {
        let package = |text: &str| vec![Package::from(text.to_owned())];
        let none = Transaction::default;
        let install = "0 install --no-recommends --oldpackage --auto-agree-with-licenses -t package";
        for (transaction, expected) in [
            (Transaction::upgrade(&exact("a=1:2-1")), Ok(format!("{install} --download-in-advance -- a=1:2-1"))),
            (
                Transaction { download_only: true, ..Transaction::upgrade(&exact("a=2-1")) },
                Ok(format!("{install} --download-only -- a=2-1")),
            ),
            (
                Transaction { downgrade: exact("a.i586=1-1"), ..none() },
                Ok(format!("{install} --download-in-advance -- a.i586=1-1")),
            ),
            (
                Transaction::removal(&package("kernel-default=5-1")),
                Ok("0 remove --no-clean-deps -t package -- kernel-default=5-1".to_owned()),
            ),
            (
                Transaction { downgrade: exact("b=1-1"), ..Transaction::removal(&package("a=2-1")) },
                Ok(format!("{install} --download-in-advance -- b=1-1 !a=2-1")),
            ),
            (
                Transaction { downgrade: exact("b=1-1"), remove: package("a"), keep_configuration: true, ..none() },
                Ok(format!("{install} --download-in-advance -- b=1-1 !a")),
            ),
            (
                Transaction { downgrade: exact("b=1-1"), folders: vec!["/f".to_owned()], ..none() },
                Ok(format!("{install} --download-in-advance -- b=1-1").replacen("0 ", "0 --plus-repo dir:/f ", 1)),
            ),
            (none(), Err("zypper cannot run an empty transaction")),
            (Transaction::upgrade(&[]), Err("zypper cannot run an empty transaction")),
            (
                Transaction { allow_removals: false, ..Transaction::removal(&package("a")) },
                Err("zypper cannot remove packages and keep what depends on them"),
            ),
            (
                Transaction { download_only: true, ..Transaction::removal(&package("a")) },
                Err("zypper cannot download a removal"),
            ),
        ] {
            let line = |command: Command| command.argv[4..].join(" ");
            let done = run(&transaction).map(line).map_err(|error| error.to_string());
            assert_eq!(done, expected.clone().map_err(str::to_owned), "{transaction:?}");
            assert_eq!(simulate(&transaction).is_ok(), expected.is_ok(), "{transaction:?}");
        }
    }
}
