//! Whether an upgrade succeeded, judged by the packages before, planned and after. The exit code is only evidence.
//! Pure.

use std::cmp::Ordering;

use super::{hold, plan::Planned};
use crate::{
    command::Exit,
    event::{LeftBehind, PackageChange, StepResult, Verdict},
    pkg::{Class, FailedScript, PackageManager, PackageState},
    step::packages::{self, End, count, named, tail},
};

/// Everything that a verdict is based on.
pub(super) struct Evidence<'a> {
    pub manager: &'a dyn PackageManager,
    pub planned: &'a Planned,
    pub after: &'a PackageState,
    pub end: &'a End,
    /// Whether what it left half done was repaired afterwards.
    pub repaired: bool,
    /// The end of the transaction's output.
    pub output: &'a str,
}

/// What happened to the packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Everything that is different now.
    changes: Vec<PackageChange>,
    /// Planned, but not fully installed in the planned version or a newer one.
    missing: Vec<String>,
    /// Gone, although it should not be.
    lost: Vec<String>,
    /// Changed, but not planned: another program was at work, or the manager did more than it had announced.
    unplanned: Vec<String>,
}

impl Evidence<'_> {
    /// The step's result, without variables.
    pub(super) fn verdict(&self) -> StepResult {
        let difference = self.difference();
        let health = self.after.health();
        let fine = difference.missing.is_empty() && difference.lost.is_empty() && health.is_good();
        let scripts = self.manager.failed_scripts(self.output);
        let mut result = match (fine, scripts.as_slice()) {
            (true, []) => self.success(&difference),
            (true, scripts) => self.half_done(&difference, scripts),
            (false, _) => self.failure(&difference),
        };
        if !difference.unplanned.is_empty() {
            result.detail.push(format!("changed, but not planned: {}", difference.unplanned.join(", ")));
        }
        result.detail.extend(self.planned.left_out.iter().cloned());
        let new_files: Vec<String> = self.after.review.difference(&self.planned.review).cloned().collect();
        if !new_files.is_empty() {
            result.detail.push(format!("configuration files to merge: {}", new_files.join(", ")));
        }
        result.detail.extend(self.manager.fetched(self.output).map(|size| format!("fetched: {size}")));
        *result.left_behind = LeftBehind::of(self.planned.left.clone()).and_files(new_files);
        result.left_behind.sources = self.planned.silent.clone();
        result.changed = !difference.changes.is_empty() || !self.planned.to_hold.is_empty();
        if result.verdict != Verdict::Ok {
            result.detail.extend(hold::words(&self.planned.to_hold));
        }
        result.way_back = self.planned.way_back.clone().boxed();
        result.packages = difference.changes;
        result
    }

    fn success(&self, difference: &Difference) -> StepResult {
        let upgraded = named(&difference.changes);
        let mut summary = if difference.changes.is_empty() {
            "all planned versions were already installed".to_owned()
        } else {
            format!("{} ({})", count(difference.changes.len(), "upgraded"), upgraded)
        };
        summary.extend(hold::words(&self.planned.to_hold).map(|words| format!("; {words}")));
        let blocked: String = self.planned.blocked.iter().map(|line| format!("; {line}")).collect();
        let result = StepResult::ok(summary + &blocked);
        match self.end {
            End::Exit(Exit::Code(0)) => result,
            End::Exit(exit) => result.detail([format!(
                "{} ended with {exit}, but every planned version is installed and the package database is in order",
                self.manager.name()
            )]),
            End::Lost => result.detail([self.completed("the transaction was killed", "but was complete")]),
            End::Rebooted => {
                result.detail([self.completed("the host rebooted during the transaction", "which was complete")])
            }
        }
    }

    /// Every package is installed, but scripts of some have failed, and the package database does not show it.
    fn half_done(&self, difference: &Difference, scripts: &[FailedScript]) -> StepResult {
        let summary = scripts.iter().map(|script| format!("{}: {}", script.package, script.summary));
        let again: Vec<&str> = scripts.iter().map(|script| script.again.as_str()).collect();
        let help = format!(
            "the packages are installed, so another run does not repeat the scripts; on the host: {}",
            again.join(" && ")
        );
        packages::failed(Class::Failed, summary.collect::<Vec<_>>().join("; "))
            .help(help)
            .detail([format!("every planned version is installed ({})", named(&difference.changes))])
            .detail(tail(self.output))
    }

    /// How a transaction that was cut off was completed.
    fn completed(&self, cut: &str, by_itself: &str) -> String {
        match self.repaired {
            true => format!("{cut}; the repair completed it ({})", self.manager.repair_hint()),
            false => format!("{cut}, {by_itself}"),
        }
    }

    fn failure(&self, difference: &Difference) -> StepResult {
        let health = self.after.health();
        let planned = self.planned.changes.len();
        let done = format!("{} of {planned} planned versions are installed", planned - difference.missing.len());
        let (class, what) = match (self.end, self.manager.explain(self.output)) {
            (End::Lost, _) => (Class::Interrupted, "the transaction was killed on the host".to_owned()),
            (End::Rebooted, _) => (Class::Interrupted, "the host rebooted during the transaction".to_owned()),
            _ if !difference.lost.is_empty() => {
                (Class::Removals, format!("{} was removed, but that was not planned", difference.lost.join(", ")))
            }
            (End::Exit(_), Some(trouble)) => match trouble.package {
                Some(package) => (trouble.class, format!("{package}: {}", trouble.summary)),
                None => (trouble.class, trouble.summary),
            },
            (End::Exit(exit), None) if !health.is_good() => (Class::Broken, format!("{health} ({exit})")),
            (End::Exit(exit), None) => (
                Class::Missing,
                format!("{} did not install {} ({exit})", self.manager.name(), difference.missing.join(", ")),
            ),
        };
        let mut result = packages::failed(class, what).detail([done]);
        if !difference.missing.is_empty() {
            result.detail.push(format!("not installed: {}", difference.missing.join(", ")));
        }
        if self.repaired {
            result.detail.push(format!("a repair was attempted once: {}", self.manager.repair_hint()));
        }
        if !health.is_good() {
            result.detail.push(format!("the package database: {health}"));
            result.help = Some(format!(
                "on the host: {}; once the database is in order, run again with --limit @failed",
                self.manager.how_to_repair(&health)
            ));
        } else {
            result.help = Some("nothing is half installed; run again with --limit @failed".to_owned());
        }
        result.detail.extend(tail(self.output));
        result
    }

    fn difference(&self) -> Difference {
        let planned = &self.planned.changes;
        let changes = packages::changes(self.manager, &self.planned.before, &self.after.versions(), planned);
        let mut difference = Difference { changes, ..Difference::default() };
        for change in planned {
            let Some(wanted) = change.to.as_deref() else { continue };
            let back = packages::goes_back(self.manager, change);
            let is_in = self.after.of(&change.name).iter().any(|package| {
                let order = self.manager.compare(&package.version, wanted);
                package.broken.is_none() && if back { order == Ordering::Equal } else { order != Ordering::Less }
            });
            if !is_in {
                difference.missing.push(format!("{} {wanted}", change.name));
            }
        }
        for change in &difference.changes {
            let gone = change.to.is_none();
            if gone && self.planned.removes(&change.name, change.from.as_deref()) {
                continue;
            }
            if gone && !self.after.has(&change.name) {
                difference.lost.push(change.name.clone());
            } else if !planned.iter().any(|planned| planned.name == change.name) {
                difference.unplanned.push(change.name.clone());
            }
        }
        difference
    }
}

#[cfg(test)]
mod tests;
