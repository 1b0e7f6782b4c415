//! A change of packages as one detached job, how it ended, and what is different afterwards. Whether that is a success
//! is decided by the step, from the packages; an exit code is only evidence.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use tokio::time::Instant;

use super::{ask::raised, locks, telling::Telling};
use crate::{
    command::{Command, Exit},
    event::{PackageChange, StepResult},
    pkg::{PackageManager, Transaction, Versions},
    step::{
        StepCx,
        job::{self, JobEnd, JobSpec, JobTrouble},
    },
};

/// How a transaction ended, as far as the host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::step) enum End {
    /// It exited.
    Exit(Exit),
    /// It was killed, or is gone without an exit code.
    Lost,
    /// The host rebooted while it ran.
    Rebooted,
}

impl End {
    /// The meaning of an exit code: 128 and above stands for a signal; no package manager uses these codes itself.
    pub(in crate::step) fn of(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) if code <= 128 => Self::Exit(exit),
            _ => Self::Lost,
        }
    }
}

/// A transaction that is over.
pub(in crate::step) struct Done {
    pub end: End,
    /// How it ended, in words.
    pub how: String,
    /// The end of its output.
    pub output: Vec<u8>,
    /// Its last lines of output.
    pub said: Vec<String>,
}

impl Done {
    /// It ended by itself, with exit code 0.
    pub(in crate::step) fn is_good(&self) -> bool {
        self.end == End::Exit(Exit::Code(0))
    }
}

/// Starts the transaction as a job of this name, or finds that job again, and follows it to its end. `packages`: how
/// many it is about, with those that it need not name; for the screen.
///
/// # Errors
/// The step's result: something the manager cannot do, a job that did not begin or still runs, or an unreachable host.
pub(in crate::step) async fn run(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    name: &'static str,
    transaction: &Transaction,
    packages: usize,
) -> Result<Done, Box<StepResult>> {
    let command = raised(manager.transact(transaction)?);
    let mut telling = Telling::of(manager, transaction, packages);
    let done = ended(job::run_told(cx, &JobSpec::new(name, command), &mut telling).await)?;
    if done.end == End::Lost {
        // Its child processes may still be at work, with the packages half done. If the lock stays, the next read sees
        // it; this wait decides nothing.
        let _ = locks::free(cx, Instant::now() + transaction.lock_timeout).await;
    }
    Ok(done)
}

/// Runs a command as a job of this name with raised rights, or finds that job again, and follows it to its end.
///
/// # Errors
/// The step's result: a job that did not begin or still runs, or an unreachable host.
pub(in crate::step) async fn follow(
    cx: &mut StepCx<'_>,
    name: &'static str,
    command: Command,
) -> Result<Done, Box<StepResult>> {
    ended(job::run(cx, &JobSpec::new(name, raised(command))).await)
}

fn ended(end: Result<JobEnd, JobTrouble>) -> Result<Done, Box<StepResult>> {
    const SAID: usize = 5;
    Ok(match end {
        Ok(end) => {
            let (how, said) = (end.exit.to_string(), end.last_lines(SAID));
            Done { end: End::of(end.exit), how, output: end.tail, said }
        }
        // The packages show how far it got.
        Err(trouble) => {
            let (how, said) = (trouble.to_string(), trouble.last_lines(SAID));
            match trouble {
                JobTrouble::Lost { tail, .. } => Done { end: End::Lost, how, output: tail, said },
                JobTrouble::Rebooted { tail, .. } => Done { end: End::Rebooted, how, output: tail, said },
                trouble => return Err(trouble.into()),
            }
        }
    })
}

/// What is different now, by name. A version that replaces another is one change. Where several versions of a name are
/// installed side by side, one replaces another only if that was planned; every other one counts as installed or
/// removed by itself.
pub(in crate::step) fn changes(
    manager: &dyn PackageManager,
    before: &BTreeMap<String, Versions>,
    after: &BTreeMap<String, Versions>,
    planned: &[PackageChange],
) -> Vec<PackageChange> {
    let none = Versions::default();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (was, is) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        let older = |a: &&String, b: &&String| manager.compare(a, b).then_with(|| a.cmp(b));
        let mut gone: Vec<&String> = was.0.difference(&is.0).collect();
        let mut new: Vec<&String> = is.0.difference(&was.0).collect();
        gone.sort_by(older);
        new.sort_by(older);
        let mut change = |from: Option<&String>, to: Option<&String>| {
            changes.push(PackageChange { name: name.clone(), from: from.cloned(), to: to.cloned() });
        };
        if was.0.len() <= 1 && is.0.len() <= 1 {
            if !(gone.is_empty() && new.is_empty()) {
                change(gone.first().copied(), new.first().copied());
            }
            continue;
        }
        for planned in planned.iter().filter(|planned| planned.name == *name) {
            let of = |list: &[&String], version: &Option<String>| {
                list.iter().position(|one| Some(one.as_str()) == version.as_deref())
            };
            if let (Some(from), Some(to)) = (of(&gone, &planned.from), of(&new, &planned.to)) {
                change(Some(gone.remove(from)), Some(new.remove(to)));
            }
        }
        gone.into_iter().for_each(|version| change(Some(version), None));
        new.into_iter().for_each(|version| change(None, Some(version)));
    }
    changes
}

/// Whether `change` goes back to an older version.
pub(in crate::step) fn goes_back(manager: &dyn PackageManager, change: &PackageChange) -> bool {
    let both = change.from.as_deref().zip(change.to.as_deref());
    both.is_some_and(|(from, to)| manager.compare(from, to) == Ordering::Greater)
}
