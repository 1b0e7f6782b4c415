//! One lease per host while a run changes it, on the host itself, so that a second jump box is refused by name. Taken
//! by the first change of a run on the host, kept fresh by every change, given back when the walk ends. While a job
//! works on the host no other run gets it, whatever its age. Start at [`acquire`].
//!
//! Command lines on the host, all through `/bin/sh -c`: `id -u`, `mkdir -p`, `chmod 700`, `flock -w 10 9` (where it
//! is), `date +%s`, `touch -c`, `stat -c %Y|%a|%u|%s`, `find`, `head`, `rm -f`, `mv -f`, `ln`, `cat`. Files:
//! `/var/lib/patchwave/lease`, `lease.seen`, `lease.lock`, `lost/RUN`, `jobs/*/pid`; as root also those of
//! `/var/tmp/patchwave-UID/jobs`; `/proc/PID/stat`, `/proc/uptime`, `/proc/sys/kernel/random/boot_id`.

mod answer;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use self::answer::{Answer, Other, answer};
use super::{StepCx, kinds, remote};
use crate::{
    command::{Command, Exit, Output, Query, printable, quote},
    event::{Ground, LostLease, Machine, RunId, StepResult, TakenLease, Verdict, account_of},
    hint::Hint,
    playbook::StepSpec,
    transport::{Link, NoSink},
};

const BASE: &str = include_str!("base.sh");
const HELD: &str = include_str!("lease/held.sh");
const LOST: &str = include_str!("lease/lost.sh");
const ACQUIRE: &str = concat!(
    include_str!("base.sh"),
    include_str!("lease/held.sh"),
    include_str!("job/alive.sh"),
    include_str!("job/works.sh"),
    include_str!("lease/at_work.sh"),
    include_str!("guard/armed.sh"),
    include_str!("lease.sh")
);
const RELEASE: &str = concat!(
    include_str!("base.sh"),
    include_str!("lease/held.sh"),
    include_str!("job/alive.sh"),
    include_str!("job/works.sh"),
    include_str!("release.sh")
);
/// A lease whose run has not reported for so long has expired, unless a job works on the host. It is counted in
/// the host's own time since its boot.
const EXPIRES: Duration = Duration::from_secs(2 * 3600);
/// How long a job of an earlier run of this ledger, or of this run, is waited for; at most half of what the step has.
const WAITS: Duration = Duration::from_secs(600);
/// Between two looks at such a job.
const LOOKS: Duration = Duration::from_secs(3);
/// How often one step takes the lease from another run. If that is not enough, others want the host, too.
const TAKES: u32 = 3;
/// How a short change ends that found the lease lost.
const NOT_OURS: Exit = Exit::Code(114);

/// Takes the lease for this step's run, or refreshes it. A job that is waited for ends first, within a deadline. True
/// if the run did not have it before.
///
/// # Errors
/// The step's result: `lease` with the other's name, `lease-lost`, or an unreachable host. Nothing was changed then.
pub async fn acquire(cx: &mut StepCx<'_>) -> Result<bool, Box<StepResult>> {
    let until = Instant::now() + WAITS.min(cx.remaining() / 2);
    let mut from: Option<(Other, Ground)> = None;
    let mut takes = 0;
    loop {
        let query = acquire_query(cx, from.take());
        let other = match remote::ask(cx, &query).await? {
            Answer::Ours { machine, taken } => {
                if let (Some(machine), Some(_)) = (machine, cx.link.id_query()) {
                    cx.link.learn_id(Machine::id_of(&machine));
                }
                cx.holds_lease = true;
                return Ok(taken);
            }
            Answer::Other(other) => other,
            Answer::Lost { by, .. } if !cx.link.target().steal_lease => return Err(lost_before(&by)),
            // By force this run goes on where another was at work.
            Answer::Lost { by: LostLease { run, owner }, jobs } => Other { run, owner, jobs, ..Other::default() },
            Answer::Refused(why) => {
                let result = StepResult::failed("lease", format!("cannot take the host's lease: {why}"));
                let help = "fix the cause on the host, then run again with --limit @failed";
                return Err(Box::new(result.help(help)));
            }
            Answer::Guarded(held) => return Err(Box::new(held.refusal())),
        };
        // What was asked together with it was asked while another run may have been at work.
        cx.heard.forget();
        match may_take(cx, &other) {
            Some(ground) if takes < TAKES => {
                takes += 1;
                // Recorded first, so that it can be seen later why two runs changed this host.
                let Other { run, owner, age, jobs } = other.clone();
                let (key, value) = TakenLease { run, owner, age, ground, jobs }.note();
                cx.journal.note(key, value).await?;
                // From this run alone, and beside these jobs alone: what came in between is recorded, too, or refused.
                from = Some((other, ground));
            }
            None if is_waited_for(cx, &other) && Instant::now() < until => {
                cx.journal.progress(&format!("waiting for a job still running on the host: {}", other.jobs.join(", ")));
                tokio::time::sleep(LOOKS.min(cx.remaining())).await;
            }
            _ => return Err(refused(cx, &other)),
        }
    }
}

/// What [`acquire`] asks first, for whoever asks more together with it.
pub(super) fn first_ask(cx: &StepCx<'_>) -> Command {
    acquire_query(cx, None).command
}

/// Why another run's lease may be taken, if it may.
fn may_take(cx: &StepCx<'_>, other: &Other) -> Option<Ground> {
    // Even by force a run does not begin beside its own job.
    if other.run == cx.run.0 {
        return None;
    }
    if cx.link.target().steal_lease {
        return Some(Ground::Stolen);
    }
    match other.jobs.is_empty() {
        true if account_of(&other.owner) == account_of(cx.owner) && is_settled(cx, &other.run) => {
            Some(Ground::LeftBehind)
        }
        true if other.age >= EXPIRES => Some(Ground::Expired),
        _ => None,
    }
}

/// Whether this ledger says that the run has finished with the host.
fn is_settled(cx: &StepCx<'_>, run: &str) -> bool {
    cx.link.target().finished_runs.as_ref().is_some_and(|finished| (finished.0)(run, cx.host))
}

/// A job that this run, or one that is over, left working. Done in the ledger is not done on the host.
fn is_waited_for(cx: &StepCx<'_>, other: &Other) -> bool {
    let of_ours = |job: &String| {
        let run = job.split('.').next().unwrap_or_default();
        run == cx.run.0 || is_settled(cx, run)
    };
    let holder = other.owner.is_empty() || other.run == cx.run.0 || is_settled(cx, &other.run);
    holder && !other.jobs.is_empty() && other.jobs.iter().all(of_ours)
}

fn refused(cx: &StepCx<'_>, other: &Other) -> Box<StepResult> {
    let Other { run, owner, age, jobs } = other;
    let minutes = age.as_secs() / 60;
    let summary = match (jobs.first(), owner.is_empty()) {
        (None, _) => format!("the host is being changed by {owner}, run {run} (last report {minutes} min ago)"),
        (Some(job), _) if *run == cx.run.0 => format!("a job of this run is still running on the host: {job}"),
        (Some(job), true) => format!("a job of run {run} is still running on the host: {job}"),
        (Some(job), false) => {
            format!("the host is being changed by {owner}, run {run}: its job {job} is running")
        }
    };
    let first = match owner.is_empty() {
        _ if *run == cx.run.0 || is_settled(cx, run) => "wait until the job ends, then run again".to_owned(),
        _ if account_of(owner) == account_of(cx.owner) => Hint::words("it is your own run: ")
            .and_command("status", &[run])
            .and(", ")
            .and_command("resume", &[run])
            .to_string(),
        true => "wait until the job ends, then run again".to_owned(),
        false => Hint::words(format!("ask {owner}, or finish that run there with "))
            .and_command("resume", &[run])
            .to_string(),
    };
    let then = match jobs.first().map(|job| job.split(' ').next().unwrap_or(job)) {
        None => {
            let left = EXPIRES.saturating_sub(*age).as_secs() / 60 + 1;
            format!(
                "if that run does not report, its lease ends in {left} min; --steal-lease takes it, when that run is known to \
                 be over"
            )
        }
        Some(job) if *run == cx.run.0 => format!("check it on the host: systemctl status 'patchwave-{job}'"),
        Some(job) => format!(
            "check it on the host: systemctl status 'patchwave-{job}'; --steal-lease starts beside it: two changes at \
             once"
        ),
    };
    Box::new(StepResult::failed("lease", summary).help(format!("{first}; {then}")))
}

/// The result of a change that did not begin, because another run took the host from this one.
pub(super) fn lost_before(lost: &LostLease) -> Box<StepResult> {
    let summary = format!("{lost}: this change was not started");
    Box::new(StepResult::failed("lease-lost", summary).help(help_after(lost)))
}

fn help_after(lost: &LostLease) -> String {
    let LostLease { run, owner } = lost;
    match (run.is_empty(), owner.is_empty()) {
        (true, _) => "check the host, then run again with --limit on it".to_owned(),
        (_, true) => format!("wait for run {run} on its jump box, check the host, then run again"),
        _ => format!("ask {owner} about run {run}, check the host, then run again"),
    }
}

/// A result of a step that lost its lease while it worked: what it found may be another run's work, so it is not `ok`.
pub(super) fn told(cx: &StepCx<'_>, mut result: StepResult) -> StepResult {
    let Some(lost) = &cx.lost_lease else { return result };
    if matches!(result.verdict, Verdict::Ok | Verdict::Skipped) {
        result.summary =
            format!("{lost} while this step worked, so two runs changed the host; it said: {}", result.summary);
        (result.verdict, result.class) = (Verdict::Unknown, "lease-lost".to_owned());
        return result.help(help_after(lost));
    }
    if result.class == "lease-lost" { result } else { result.detail([lost.to_string()]) }
}

/// The same command, which does nothing unless the lease is still this run's.
pub(super) fn checked(cx: &StepCx<'_>, command: Command) -> Command {
    // A run whose name cannot be written has no lease.
    let run = quote(&cx.run.0).unwrap_or_default();
    command.behind(&format!("{BASE}{HELD}run_of_lease={run}\n{LOST}"))
}

/// The result of a command that [`checked`] kept from doing anything.
pub(super) fn kept_from(output: &Output) -> Option<Box<StepResult>> {
    match answer(output) {
        Ok(Answer::Lost { by, .. }) if output.exit == NOT_OURS => Some(lost_before(&by)),
        _ => None,
    }
}

/// Gives the lease back, at the end of a host's walk. Quiet: a lease that is left behind expires. Says if it was
/// another run's by then.
pub async fn release(link: &mut Link, run: &RunId, steps: &[StepSpec]) -> Option<LostLease> {
    let mut rights: Vec<bool> = steps
        .iter()
        .filter(|step| kinds::takes_lease(step))
        .map(|step| kinds::wants_rights(step, link.target()))
        .collect();
    rights.sort_unstable();
    rights.dedup();
    let mut lost = None;
    for privileged in rights {
        if let Ok(output) = link.exec(&release_command(run, privileged), &mut NoSink).await
            && let Ok(Answer::Lost { by, .. }) = answer(&output)
        {
            lost = Some(by);
        }
    }
    lost
}

fn acquire_query(cx: &StepCx<'_>, from: Option<(Other, Ground)>) -> Query<Answer> {
    // One line each, whatever the owner's login is.
    let owner: String = printable(cx.owner).chars().take(100).collect();
    let own = cx.names_of_step();
    let (other, ground) = from.unzip();
    let least = if ground == Some(Ground::Expired) { EXPIRES.as_secs() } else { 0 }.to_string();
    let force = if ground == Some(Ground::Stolen) { "steal" } else { "" };
    let from = other.as_ref().map_or("-", |other| &other.run);
    let beside = other.as_ref().map_or_else(String::new, |other| other.jobs.join("\n"));
    // Taking it twice is taking it once, so it may be sent again after a lost connection.
    let command = Command::sh("lease-acquire", ACQUIRE, [&cx.run.0, &owner, &own, from, &least, force, &beside])
        .timeout(Duration::from_secs(30))
        .privileged(kinds::wants_rights(cx.spec, cx.link.target()));
    Query::new(command, answer)
}

fn release_command(run: &RunId, privileged: bool) -> Command {
    Command::sh("lease-release", RELEASE, [&run.0]).timeout(Duration::from_secs(20)).privileged(privileged)
}

/// Whether this is an answer about a lease.
#[cfg(feature = "testing")]
pub(super) fn understands(output: &Output) -> bool {
    answer(output).is_ok()
}
