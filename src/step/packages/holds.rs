//! Holds that a rollback puts on packages, so that the next upgrade does not bring the bad version back at once: with
//! a reason, the run and an end, in a file on the host. The end is counted by the host's clock. Start at [`put`] and
//! [`known`].
//!
//! Command lines on the host, all through `/bin/sh -c`: `date +%s`, `mkdir -p`, `chmod 700`, `awk`, `head -n`, `sync`,
//! `mv -f`. The file is `/var/lib/patchwave/holds`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{ask, failed, repeat};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    pkg::{Class, PackageManager, PackageState},
    step::StepCx,
};

/// A hold of a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::step) struct Hold {
    /// The run that put it there.
    pub run: String,
    /// Seconds since 1970.
    pub until: i64,
    /// In the operator's words; may be empty.
    pub reason: String,
    /// Its time is over, by the host's clock.
    pub over: bool,
}

impl Hold {
    /// `until 2026-12-04T02:00:00Z by the rollback of run X: reason`.
    pub(in crate::step) fn words(&self) -> String {
        let until = Timestamp::from_second(self.until).map_or_else(|_| self.until.to_string(), |at| at.to_string());
        let reason = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("until {until} by the rollback in run {}{reason}", self.run)
    }
}

const FILE: &str = "d=${PATCHWAVE_ROOT-}/var/lib/patchwave\nf=$d/holds\n";

const READ: &str = r#"[ ! -r "$f" ] || head -n 2000 "$f" | sed 's/^/hold /'
echo "now $(date +%s)"
echo end
"#;

/// Rewrites the file without `names`, and with a line for each of them if `$1`, the seconds, is not empty.
const WRITE: &str = r#"[ -d "$d" ] || { mkdir -p "$d" && chmod 700 "$d"; } || exit 1
umask 077
seconds=$1 run=$2 reason=$3
shift 3
{
  [ ! -r "$f" ] || awk -F '\t' -v names=" $* " 'index(names, " " $3 " ") == 0' "$f"
  if [ -n "$seconds" ]; then
    until=$(($(date +%s) + seconds))
    for name; do printf '%s\t%s\t%s\t%s\n' "$until" "$run" "$name" "$reason"; done
  fi
} >"$f.new" && sync "$f.new" && mv -f "$f.new" "$f"
"#;

fn read() -> Query<BTreeMap<String, Hold>> {
    Query::new(Command::sh("holds", &format!("{FILE}{READ}"), [""; 0]), understand)
}

fn understand(output: &Output) -> Result<BTreeMap<String, Hold>, Unreadable> {
    let text = output.text();
    let lines: Vec<&str> = text.lines().collect();
    let now = lines.iter().rev().find_map(|line| line.strip_prefix("now ")?.parse::<i64>().ok());
    let (Some("end"), Some(now)) = (lines.last().copied(), now) else {
        return Err(Unreadable::new(format!("the holds cannot be read: {}", output.last_lines(1))));
    };
    let hold = |line: &&str| {
        let fields: Vec<&str> = line.strip_prefix("hold ")?.split('\t').collect();
        let [until, run, name, reason] = fields[..] else { return None };
        let until: i64 = until.parse().ok()?;
        let hold = Hold { run: printable(run), until, reason: printable(reason), over: until <= now };
        Some((name.to_owned(), hold))
    };
    Ok(lines.iter().filter_map(hold).collect())
}

fn write(seconds: Option<u64>, run: &str, reason: &str, names: &BTreeSet<String>) -> Command {
    // One line per hold.
    let reason = printable(reason).replace(['\t', '\n'], " ");
    let seconds = seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
    let args = [seconds, run.to_owned(), reason].into_iter().chain(names.iter().cloned());
    Command::sh("holds-write", &format!("{FILE}{WRITE}"), args).changing()
}

/// The holds of earlier rollbacks on packages that are held now. Asks nothing if no package is held.
///
/// # Errors
/// An unreachable host, as its result.
pub(in crate::step) async fn known(
    cx: &mut StepCx<'_>,
    state: &PackageState,
) -> Result<BTreeMap<String, Hold>, Box<StepResult>> {
    if !state.packages.keys().any(|name| state.is_held(name)) {
        return Ok(BTreeMap::new());
    }
    let mut holds = ask(cx, read()).await?;
    holds.retain(|name, _| state.is_held(name));
    Ok(holds)
}

/// Puts packages on hold.
///
/// # Errors
/// The step's result: class `hold`, or a change whose end is not known.
pub(in crate::step) async fn put(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    names: &BTreeSet<String>,
    (seconds, reason): (u64, &str),
) -> Result<(), Box<StepResult>> {
    // The reason first: a hold without one would stay for ever, and nobody would know why.
    let run = cx.run.0.clone();
    short(cx, "noting why packages are held", write(Some(seconds), &run, reason, names)).await?;
    short(cx, "holding packages", manager.hold(names, true)?).await
}

/// Puts packages on hold without an end: a person takes them off.
///
/// # Errors
/// As [`put`].
pub(in crate::step) async fn for_good(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    names: &BTreeSet<String>,
) -> Result<(), Box<StepResult>> {
    short(cx, "holding packages", manager.hold(names, true)?).await
}

/// Takes the end from holds: these packages stay on hold.
///
/// # Errors
/// As [`put`].
pub(in crate::step) async fn forget(cx: &mut StepCx<'_>, names: &BTreeSet<String>) -> Result<(), Box<StepResult>> {
    short(cx, "noting that packages stay on hold", write(None, "", "", names)).await
}

/// Takes packages off hold.
///
/// # Errors
/// As [`put`].
pub(in crate::step) async fn release(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    names: &BTreeSet<String>,
) -> Result<(), Box<StepResult>> {
    short(cx, "releasing held packages", manager.hold(names, false)?).await?;
    short(cx, "noting that packages are released", write(None, "", "", names)).await
}

async fn short(cx: &mut StepCx<'_>, what: &str, command: Command) -> Result<(), Box<StepResult>> {
    let output = repeat(cx, what, command).await?;
    if output.success() {
        return Ok(());
    }
    Err(Box::new(failed(Class::Hold, format!("{what} failed")).said(&output)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::Exit, pkg::Installed, playbook::StepKind, step::testing::Bench};

    fn bench() -> Bench {
        Bench::new(StepKind::Pause(crate::playbook::Pause { duration: std::time::Duration::ZERO }))
    }

    fn held(names: &[&str]) -> PackageState {
        let mut state = PackageState::default();
        for name in names {
            state.add(*name, Installed { held: true, ..Installed::default() });
        }
        state
    }

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_hold_is_read_as_it_was_put_and_goes_when_it_is_released() {
        let mut bench = bench();
        bench.shim("apt-mark", r#"echo "$*" >>"$PATCHWAVE_ROOT/calls""#);
        let manager = &crate::pkg::apt::Apt;
        let mut cx = bench.cx();
        crate::step::lease::acquire(&mut cx).await.unwrap();
        assert!(known(&mut cx, &held(&[])).await.unwrap().is_empty());
        put(&mut cx, manager, &names(&["a", "b+1"]), (3600, "breaks\tTLS")).await.unwrap();
        put(&mut cx, manager, &names(&["b+1"]), (0, "again")).await.unwrap();
        let holds = known(&mut cx, &held(&["a", "b+1", "c"])).await.unwrap();
        assert_eq!(holds.keys().collect::<Vec<_>>(), ["a", "b+1"]);
        assert_eq!((holds["a"].over, holds["b+1"].over), (false, true));
        assert!(holds["a"].words().starts_with("until 2"), "{}", holds["a"].words());
        let words = holds["a"].words();
        assert!(
            words.contains("Z by the rollback in run 20261122-020003-kxfa: breaks") && words.ends_with("TLS"),
            "{words}"
        );
        assert_eq!(known(&mut cx, &held(&["a"])).await.unwrap().len(), 1, "what is not held any more does not count");
        release(&mut cx, manager, &names(&["b+1"])).await.unwrap();
        assert_eq!(known(&mut cx, &held(&["a", "b+1"])).await.unwrap().len(), 1);
        drop(cx);
        let calls = std::fs::read_to_string(bench.path("calls")).unwrap();
        assert_eq!(calls, "hold a b+1\nhold b+1\nunhold b+1\n");
    }

    #[test]
    fn lines_that_mean_nothing_are_passed_over_and_a_cut_answer_is_refused() {
        let output = |text: &str| Output {
            exit: Exit::Code(0),
            stdout: text.as_bytes().to_vec(),
            stderr: Vec::new(),
            dropped: 0,
        };
        let holds = understand(&output("hold x\nhold 5\tr\ta\t\nhold y\tr\tb\tz\nnow 9\nend\n")).unwrap();
        assert_eq!(holds.keys().collect::<Vec<_>>(), ["a"]);
        assert!(holds["a"].over && holds["a"].words().ends_with("run r"));
        assert!(understand(&output("hold 5\tr\ta\t\nnow 9\n")).is_err());
        assert!(
            understand(&output("hold 9223372036854775807\tr\ta\t\nnow 9\nend\n")).unwrap()["a"].words().contains("92")
        );
    }
}
