//! What must be true after every move, whatever came before. Reads hosts and controllers, changes nothing.
//! Start at [`broken`].

use super::{
    controller::Standing,
    host::{Files, OUTPUT, holder, text, working},
    search::State,
};
use crate::event::{StepResult, Verdict};

/// The law that a move from one state to the next has broken.
pub(super) fn broken(before: &State, after: &State) -> Option<String> {
    ran_once(&after.files)
        .or_else(|| began_rightly(before, after))
        .or_else(|| lease_stays(before, after))
        .or_else(|| (0..2).find_map(|n| believes_what_is(n, before, after)))
}

/// No transaction runs twice.
fn ran_once(files: &Files) -> Option<String> {
    let ran = text(files, "ran");
    let twice = ran.lines().find(|job| ran.lines().filter(|other| other == job).count() > 1)?;
    Some(format!("run twice: {twice}"))
}

/// A job begins under its run's lease, alone, and not after its run has said that it was not started.
fn began_rightly(before: &State, after: &State) -> Option<String> {
    let then = working(&before.files);
    let (job, _) = working(&after.files).into_iter().find(|job| !then.contains(job))?;
    let run = run_of(&job);
    if holder(&before.files) != run {
        return Some(format!("began without the lease: {job}"));
    }
    let person = after.people.iter().find(|person| person.run() == run)?;
    if let Some((other, _)) = then.iter().find(|(other, _)| !stole_from(&person.standing, other)) {
        return Some(format!("two jobs at once: {other} and {job}"));
    }
    let never = person.standing.result.as_ref().is_some_and(says_not_begun);
    never.then(|| format!("began after its run said that it was not started: {job}"))
}

/// The lease is not given away while a job of its run works, and to nobody else while any works.
fn lease_stays(before: &State, after: &State) -> Option<String> {
    let (from, to) = (holder(&before.files), holder(&after.files));
    if from == to {
        return None;
    }
    let taker = after.people.iter().find(|person| person.run() == to);
    let (job, _) = working(&before.files).into_iter().find(|(job, _)| {
        let of_it = run_of(job) == from || (!to.is_empty() && run_of(job) != to);
        of_it && !taker.is_some_and(|taker| stole_from(&taker.standing, job))
    })?;
    Some(format!("the lease went from {from:?} to {to:?} while {job} works"))
}

/// What a controller has just concluded is what happened.
fn believes_what_is(n: usize, before: &State, after: &State) -> Option<String> {
    let (person, earlier) = (&after.people[n], &before.people[n]);
    let (run, standing) = (person.run(), &person.standing);
    let files = &after.files;
    if !OUTPUT.starts_with(&standing.logged) {
        return Some(format!("{run} has a gap or a repeat in the job's output"));
    }
    let taken = after.taken[n];
    let ended_walk = standing.sends.is_none() && earlier.standing.sends.is_some();
    let result = standing.result.as_ref()?;
    // By the time it had its last answer.
    if ended_walk && result.verdict == Verdict::Ok && standing.lost.is_none() && taken {
        return Some(format!("{run} is ok, and another run took its lease"));
    }
    if earlier.standing.result.is_some() {
        return None;
    }
    let begun = text(files, "ran").lines().any(|job| run_of(job) == run);
    let ended = text(files, "ended");
    let code = ended.lines().find(|line| run_of(line) == run).and_then(|line| line.split(' ').nth(1));
    let class = result.class.as_str();
    let said = format!("{run} says {:?} {class}: {}", result.verdict, result.summary);
    match (result.verdict, class) {
        (Verdict::Ok, _) if code != Some("0") => Some(format!("{said}, and its job did not end with 0")),
        (Verdict::Ok, _) if taken => Some(format!("{said}, and another run took its lease")),
        (Verdict::Failed, "command") if code.is_none_or(|code| result.summary != format!("exit code {code}: over")) => {
            Some(format!("{said}, and its job ended with {code:?}"))
        }
        (Verdict::Ok | Verdict::Failed, "" | "command") if standing.logged != OUTPUT => {
            Some(format!("{said}, and the end of its output is missing"))
        }
        _ if says_not_begun(result) && begun => Some(format!("{said}, and its job began")),
        (Verdict::Unknown, "job-lost" | "job-rebooted") if code.is_some() => {
            Some(format!("{said}, and the code of its job is on the host: {code:?}"))
        }
        _ => None,
    }
}

/// Whether a result means that nothing was changed and never will be.
fn says_not_begun(result: &StepResult) -> bool {
    result.verdict == Verdict::Failed && result.class != "command"
}

/// Whether the lease was taken on purpose while this job worked, and that was recorded.
fn stole_from(thief: &Standing, job: &str) -> bool {
    let jobs = thief.notes.get("lease.stolen").and_then(|note| note["jobs"].as_array());
    jobs.is_some_and(|jobs| jobs.iter().any(|known| known == job))
}

/// The run of a job, or of a line about it.
fn run_of(job: &str) -> &str {
    job.split('.').next().unwrap_or_default()
}
