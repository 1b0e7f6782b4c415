//! One lease per host while a run changes it, on the host itself, so that a second jump box is refused by name.
//! Taken by the first change of a run on the host, kept fresh by every change, given back when the walk ends.
//!
//! Command lines on the host, all through `/bin/sh -c`: `id -u`, `mkdir -p`, `chmod 700`, `flock -w 10 9` (where it is),
//! `date +%s`, `touch -c`, `stat -c %Y`, `rm -f`, `ln`. Files: `/var/lib/patchwave/lease`, `lease.lock`.

use std::time::Duration;

use super::{StepCx, remote};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::{Ground, RunId, StepResult, TakenLease},
    playbook::StepSpec,
    transport::{Link, NoSink},
};

const ACQUIRE: &str = concat!(
    include_str!("base.sh"),
    include_str!("job/alive.sh"),
    include_str!("guard/armed.sh"),
    include_str!("lease.sh")
);
const RELEASE: &str = concat!(include_str!("base.sh"), include_str!("job/alive.sh"), include_str!("release.sh"));
/// A lease whose run gave no sign of life for so long counts no more.
const EXPIRES: Duration = Duration::from_secs(2 * 3600);

/// What the host says to who asks for its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// It is this run's.
    Ours,
    /// Another run has it.
    Other { run: String, owner: String, age: Duration },
    /// A guard of another run is armed: in so long, or a little later, it changes the host.
    Guarded { run: String, owner: String, within: Duration },
    /// It cannot be taken, for this reason.
    Refused(String),
}

/// Takes the lease for this step's run, or refreshes it.
///
/// # Errors
/// The step's result: `lease` with the other's name, or an unreachable host. Nothing was changed then.
pub async fn acquire(cx: &mut StepCx<'_>) -> Result<(), Box<StepResult>> {
    let rights = super::wants_rights(cx.spec, cx.link.target());
    let query = acquire_query(cx.run, cx.owner, rights, None);
    let mut answer = remote::ask(cx, &query).await?;
    if let Answer::Other { run, owner, age } = &answer
        && let Some(ground) = may_take(cx, run, owner)
    {
        // Recorded first: whoever asks later why two runs changed this host finds it.
        let (key, value) = TakenLease { run: run.clone(), owner: owner.clone(), age: *age, ground }.note();
        cx.journal.note(key, value).await?;
        // From this run alone: another that came in between is refused again.
        answer = remote::ask(cx, &acquire_query(cx.run, cx.owner, rights, Some(run))).await?;
    }
    match answer {
        Answer::Ours => Ok(()),
        Answer::Refused(why) => {
            Err(Box::new(StepResult::failed("lease", format!("the host's lease cannot be taken: {why}"))))
        }
        Answer::Guarded { run, owner, within } => {
            let summary = format!(
                "a guard of {owner}, run {run}, is armed: unless that run confirms, the host rolls back by itself within \
                 {} s",
                within.as_secs()
            );
            let help = format!(
                "ask {owner}, or finish that run there with `patchwave resume {run}`, or wait until it is over"
            );
            Err(Box::new(StepResult::failed("lease", summary).help(help)))
        }
        Answer::Other { run, owner, age } => {
            let minutes = age.as_secs() / 60;
            let left = EXPIRES.saturating_sub(age).as_secs() / 60 + 1;
            let summary = format!("the host is being changed by {owner}, run {run} (last sign {minutes} min ago)");
            let first = match owner == cx.owner {
                true => format!("it is a run of yours: `patchwave status {run}`, `patchwave resume {run}`"),
                false => format!("ask {owner}, or finish that run there with `patchwave resume {run}`"),
            };
            Err(Box::new(StepResult::failed("lease", summary).help(format!(
                "{first}; without a sign of life its lease ends in {left} min; --steal-lease takes it, when that run \
                 is known to be over"
            ))))
        }
    }
}

/// Why another run's lease may be taken, if it may.
fn may_take(cx: &StepCx<'_>, run: &str, owner: &str) -> Option<Ground> {
    let target = cx.link.target();
    let settled = || target.settled.as_ref().is_some_and(|settled| (settled.0)(run, cx.host));
    if target.steal_lease {
        Some(Ground::Stolen)
    } else if owner == cx.owner && settled() {
        Some(Ground::LeftBehind)
    } else {
        None
    }
}

/// Gives the lease back, at the end of a host's walk. Quiet: a lease that is left behind expires.
pub async fn release(link: &mut Link, run: &RunId, steps: &[StepSpec]) {
    let mut rights: Vec<bool> = steps
        .iter()
        .filter(|step| super::takes_lease(step))
        .map(|step| super::wants_rights(step, link.target()))
        .collect();
    rights.sort_unstable();
    rights.dedup();
    for privileged in rights {
        let _ = link.exec(&release_command(run, privileged), &mut NoSink).await;
    }
}

fn acquire_query(run: &RunId, owner: &str, privileged: bool, from: Option<&str>) -> Query<Answer> {
    // One line each, whatever the owner's login is.
    let owner: String = printable(owner).chars().take(100).collect();
    // Taking it twice is taking it once, so it may be sent again after a lost connection.
    let command =
        Command::sh("lease-acquire", ACQUIRE, [&run.0, &owner, &EXPIRES.as_secs().to_string(), from.unwrap_or("")])
            .timeout(Duration::from_secs(30))
            .privileged(privileged);
    Query::new(command, answer)
}

fn release_command(run: &RunId, privileged: bool) -> Command {
    Command::sh("lease-release", RELEASE, [&run.0]).timeout(Duration::from_secs(10)).privileged(privileged)
}

/// Whether this is an answer about a lease.
pub(super) fn understands(output: &Output) -> bool {
    answer(output).is_ok()
}

fn answer(output: &Output) -> Result<Answer, Unreadable> {
    let text = output.text();
    let bad = || Unreadable::new(format!("no answer about the lease ({}) {}", output.exit, output.last_lines(1)));
    let mut lines = text.lines().skip_while(|line| *line != "patchwave-lease").skip(1).map(printable);
    let word = lines.next().ok_or_else(bad)?;
    match word.as_str() {
        "taken" | "held" => Ok(Answer::Ours),
        "other" => {
            let (run, owner) = (lines.next().ok_or_else(bad)?, lines.next().ok_or_else(bad)?);
            let age: i64 = lines.nth(1).and_then(|age| age.parse().ok()).ok_or_else(bad)?;
            Ok(Answer::Other { run, owner, age: Duration::from_secs(age.max(0).unsigned_abs()) })
        }
        "guarded" => {
            let (run, owner) = (lines.next().ok_or_else(bad)?, lines.next().ok_or_else(bad)?);
            let within = lines.next().and_then(|within| within.parse().ok()).ok_or_else(bad)?;
            Ok(Answer::Guarded { run, owner, within: Duration::from_secs(within) })
        }
        word => word.strip_prefix("refused ").map(|why| Answer::Refused(why.to_owned())).ok_or_else(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::{
        playbook::{Pause, StepKind},
        step::testing::Bench,
        target::Target,
    };

    fn bench() -> Bench {
        Bench::new(StepKind::Pause(Pause { duration: Duration::ZERO }))
    }

    #[tokio::test]
    async fn a_second_run_is_refused_by_name_until_the_first_gives_back() {
        let mut bench = bench();
        acquire(&mut bench.cx()).await.unwrap();
        acquire(&mut bench.cx()).await.unwrap();
        let first = std::mem::replace(&mut bench.run, RunId("20261122-030000-abcd".into()));
        let refused = acquire(&mut bench.cx()).await.unwrap_err();
        assert_eq!(refused.class, "lease");
        assert_eq!(
            refused.summary,
            "the host is being changed by ann@jump1, run 20261122-020003-kxfa (last sign 0 min ago)"
        );
        let help = refused.help.unwrap_or_default();
        assert!(help.starts_with("it is a run of yours: `patchwave status 20261122-020003-kxfa`"), "{help}");
        let other = bench.run.clone();
        // Another's lease is not given back.
        bench.link.exec(&release_command(&other, false), &mut NoSink).await.unwrap();
        assert!(acquire(&mut bench.cx()).await.is_err());
        bench.link.exec(&release_command(&first, false), &mut NoSink).await.unwrap();
        acquire(&mut bench.cx()).await.unwrap();
    }

    #[tokio::test]
    async fn a_lease_is_taken_from_another_run_when_that_is_asked_for_and_it_is_recorded() {
        let mut bench = bench();
        bench.file("var/lib/patchwave/lease", "R1\nbob@jump2\n1\n");
        let help = acquire(&mut bench.cx()).await.unwrap_err().help.unwrap_or_default();
        assert!(help.starts_with("ask bob@jump2") && help.contains("min; --steal-lease"), "{help}");
        let mut target = Target::plain(bench.host.clone(), "127.0.0.1");
        target.steal_lease = true;
        bench.link = Link::new(Arc::new(bench.transport.clone()), Arc::new(target));
        bench.journal.closed = true;
        assert!(acquire(&mut bench.cx()).await.is_err(), "not without a record");
        bench.journal.closed = false;
        acquire(&mut bench.cx()).await.unwrap();
        assert_eq!(bench.journal.notes["lease.stolen"]["run"], "R1");
        assert_eq!(bench.journal.notes["lease.stolen"]["owner"], "bob@jump2");
        let text = std::fs::read_to_string(bench.path("var/lib/patchwave/lease")).unwrap();
        assert!(text.starts_with(&format!("{}\nann@jump1\n", bench.run)), "{text}");
        // The first run is the one that is refused now.
        bench.run = RunId("R1".into());
        bench.link =
            Link::new(Arc::new(bench.transport.clone()), Arc::new(Target::plain(bench.host.clone(), "127.0.0.1")));
        assert!(acquire(&mut bench.cx()).await.is_err());
    }

    #[tokio::test]
    async fn a_lease_that_a_run_of_this_ledger_left_behind_counts_no_more() {
        for (owner, known, free) in [("ann@jump1", "R1", true), ("ann@jump1", "R2", false), ("bob@jump2", "R1", false)]
        {
            let mut bench = bench();
            bench.file("var/lib/patchwave/lease", format!("R1\n{owner}\n1\n"));
            let mut target = Target::plain(bench.host.clone(), "127.0.0.1");
            let host = bench.host.clone();
            target.settled = Some(crate::target::SettledRuns(Arc::new(move |run, of| run == known && *of == host)));
            bench.link = Link::new(Arc::new(bench.transport.clone()), Arc::new(target));
            assert_eq!(acquire(&mut bench.cx()).await.is_ok(), free, "{owner}, {known} is settled");
            assert_eq!(bench.journal.notes.contains_key("lease.left_behind"), free);
        }
    }

    #[tokio::test]
    async fn a_lease_stays_as_long_as_a_job_of_its_run_works() {
        let mut bench = bench();
        acquire(&mut bench.cx()).await.unwrap();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        let job = format!("var/lib/patchwave/jobs/{}.s1.1.main", bench.run);
        let me = std::process::id();
        let lease = bench.path("var/lib/patchwave/lease");
        bench.file(&format!("{job}/pid"), format!("{me} 1 boot-1\n"));
        bench.file(&format!("{job}/child"), format!("{me} {start}\n"));
        bench.link.exec(&release_command(&bench.run, false), &mut NoSink).await.unwrap();
        assert!(lease.exists(), "its program lives");
        bench.file(&format!("{job}/rc"), "0  \n");
        bench.link.exec(&release_command(&bench.run, false), &mut NoSink).await.unwrap();
        assert!(!lease.exists(), "it is over");
        acquire(&mut bench.cx()).await.unwrap();
        std::fs::remove_file(bench.path(&format!("{job}/rc"))).unwrap();
        bench.file(&format!("{job}/child"), format!("{me} 1\n"));
        bench.link.exec(&release_command(&bench.run, false), &mut NoSink).await.unwrap();
        assert!(!lease.exists(), "another process has its id");
    }

    #[tokio::test]
    async fn a_lease_expires_and_a_broken_one_counts_not() {
        let mut bench = bench();
        let path = bench.path("var/lib/patchwave/lease");
        for (text, hours, free) in
            [("R\no\n1\n", 3, true), ("R\no\n1\n", 1, false), ("", 0, true), ("R\no\n1\n", -48, true), ("R", 0, false)]
        {
            bench.file("var/lib/patchwave/lease", text);
            let seconds = hours * 3600;
            let now = std::time::SystemTime::now();
            let at = if seconds >= 0 {
                now - Duration::from_secs(seconds as u64)
            } else {
                now + Duration::from_secs(-seconds as u64)
            };
            std::fs::File::open(&path).unwrap().set_modified(at).unwrap();
            assert_eq!(acquire(&mut bench.cx()).await.is_ok(), free, "{text:?} {hours}");
        }
    }

    #[test]
    fn answers_are_read() {
        let said = |text: &str| {
            answer(&Output {
                exit: crate::command::Exit::Code(0),
                stdout: text.as_bytes().to_vec(),
                stderr: vec![],
                dropped: 0,
            })
        };
        assert_eq!(said("motd\npatchwave-lease\ntaken\n"), Ok(Answer::Ours));
        assert_eq!(
            said("patchwave-lease\nother\nR\nbob@j\x1b\n5\n60\n"),
            Ok(Answer::Other { run: "R".into(), owner: "bob@j".into(), age: Duration::from_secs(60) })
        );
        for bad in ["", "taken", "patchwave-lease\n", "patchwave-lease\nother\nR\n", "patchwave-lease\nhm\n"] {
            assert!(said(bad).is_err(), "{bad:?}");
        }
    }
}
