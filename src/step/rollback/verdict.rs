//! Whether a rollback brought the packages back, judged name by name. The exit code is only evidence. Pure.

use super::plan::Planned;
use crate::{
    command::Exit,
    event::{PackageChange, StepResult},
    pkg::{Class, PackageManager, PackageState},
    step::packages::{self, End, count, failed, named, tail},
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

impl Evidence<'_> {
    /// The step's result, as far as the packages decide it.
    pub(super) fn verdict(&self) -> StepResult {
        let changes =
            packages::changes(self.manager, &self.planned.before, &self.after.versions(), &self.planned.changes);
        let missing: Vec<String> = self.planned.changes.iter().filter_map(|change| self.missing(change)).collect();
        let planned = |change: &&PackageChange| self.planned.changes.iter().any(|one| one.name == change.name);
        let others: Vec<PackageChange> = changes.iter().filter(|change| !planned(change)).cloned().collect();
        let health = self.after.health();
        let scripts = self.manager.failed_scripts(self.output);
        let mut result = if let Some(script) = scripts.first().filter(|_| missing.is_empty() && health.is_good()) {
            // The package database does not show it.
            failed(Class::Failed, format!("{}: {}", script.package, script.summary))
                .help(format!("the packages are back; on the host: {}", script.again))
        } else if missing.is_empty() && others.is_empty() && health.is_good() {
            let back = if changes.is_empty() { &self.planned.changes } else { &changes };
            StepResult::ok(format!("{} ({})", count(back.len(), "rolled back"), named(back)))
        } else {
            self.failure(&missing, &others)
        };
        if !matches!(self.end, End::Exit(Exit::Code(0))) {
            let name = self.manager.name();
            let repaired = if self.repaired { "; what it left was repaired once" } else { "" };
            result.detail.push(match self.end {
                End::Exit(exit) => format!("{name} ended with {exit}{repaired}"),
                End::Lost => format!("the transaction was killed on the host{repaired}"),
                End::Rebooted => format!("the host rebooted during the transaction{repaired}"),
            });
        }
        result.detail.extend(self.planned.stays());
        result.changed = !changes.is_empty();
        result.packages = changes;
        result
    }

    /// What is not as planned about this package.
    fn missing(&self, change: &PackageChange) -> Option<String> {
        let now = self.after.of(&change.name);
        let all: Vec<&str> = now.iter().map(|one| one.version.as_str()).collect();
        let is = if all.is_empty() { "is not installed".to_owned() } else { format!("is {}", all.join(" and ")) };
        let right = match (&change.to, &change.from) {
            (Some(to), _) => now.iter().any(|one| one.version == *to && one.broken.is_none()),
            (None, Some(from)) => now.iter().all(|one| one.version != *from),
            (None, None) => true,
        };
        let wanted = match (&change.to, &change.from) {
            (Some(to), _) => to.clone(),
            (None, Some(from)) if now.len() > 1 => format!("without {from}"),
            (None, _) => "removed".to_owned(),
        };
        (!right).then(|| format!("{} {is}, not {wanted}", change.name))
    }

    fn failure(&self, missing: &[String], others: &[PackageChange]) -> StepResult {
        let health = self.after.health();
        let trouble = self.manager.explain(self.output);
        let (class, what) = match (self.end, trouble) {
            (End::Lost, _) => (Class::Interrupted, "the rollback was killed on the host".to_owned()),
            (End::Rebooted, _) => (Class::Interrupted, "the host rebooted during the rollback".to_owned()),
            (End::Exit(_), Some(trouble)) => match trouble.package {
                Some(package) => (trouble.class, format!("{package}: {}", trouble.summary)),
                None => (trouble.class, trouble.summary),
            },
            _ if !missing.is_empty() => (Class::Missing, format!("not as before: {}", missing.join(", "))),
            _ if !health.is_good() => (Class::Broken, health.to_string()),
            _ => (Class::Drift, format!("changed besides what was to go back: {}", named(others))),
        };
        let mut result = failed(class, what);
        if !missing.is_empty() {
            result.detail.push(format!("not as before: {}", missing.join(", ")));
        }
        result
            .detail
            .extend(others.iter().map(|change| format!("also changed: {}", named(std::slice::from_ref(change)))));
        let repair = if health.is_good() {
            String::new()
        } else {
            result.detail.push(format!("the package database: {health}"));
            format!("on the host: {}; ", self.manager.how_to_repair(&health))
        };
        result.help = Some(format!("{repair}then roll back again, or restore a snapshot"));
        result.detail.extend(tail(self.output));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pkg::{Installed, apt::Apt};

    fn state(lines: &[&str]) -> PackageState {
        let mut state = PackageState::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let broken = words.get(2).map(|word| (*word).to_owned());
            state.add(words[0], Installed { version: words[1].to_owned(), broken, ..Installed::default() });
        }
        state
    }

    fn judge(after: &[&str], end: End, output: &str) -> (String, String) {
        let change = |name: &str, from: Option<&str>, to: Option<&str>| PackageChange {
            name: name.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let planned = Planned {
            changes: vec![
                change("a", Some("2"), Some("1")),
                change("gone", None, Some("1")),
                change("new", Some("1"), None),
            ],
            before: state(&["a 2", "b 1", "new 1"]).versions(),
            ..Planned::default()
        };
        let after = state(after);
        let evidence = Evidence { manager: &Apt, planned: &planned, after: &after, end: &end, repaired: false, output };
        let result = evidence.verdict();
        (result.class, result.summary)
    }

    #[test]
    fn only_the_exact_set_of_before_is_ok() {
        let done = || End::Exit(Exit::Code(0));
        for (after, end, output, class, summary) in [
            (
                &["a 1", "b 1", "gone 1"][..],
                done(),
                "",
                "",
                "3 packages rolled back (a 2 → 1, gone 1 new, new 1 removed)",
            ),
            // The exit code alone decides nothing.
            (&["a 1", "b 1", "gone 1"], End::Exit(Exit::Code(100)), "", "", "3 packages rolled back"),
            (&["a 1", "b 1", "gone 1"], End::Lost, "", "", "3 packages rolled back"),
            (&["a 1.5", "b 1", "gone 1"], done(), "", "missing", "not as before: a is 1.5, not 1"),
            (&["a 1", "b 1"], done(), "", "missing", "not as before: gone is not installed, not 1"),
            (&["a 1", "b 1", "gone 1", "new 1"], done(), "", "missing", "not as before: new is 1, not removed"),
            (&["a 1 unpacked", "b 1", "gone 1"], End::Lost, "", "interrupted", "the rollback was killed"),
            (&["a 1", "b 1 unpacked", "gone 1"], done(), "", "broken-packages", "b is unpacked"),
            (&["a 1", "b 2", "gone 1"], done(), "", "drift", "changed besides what was to go back: b 1 → 2"),
            (
                &["a 2", "b 1", "new 1"],
                End::Exit(Exit::Code(100)),
                "E: Unable to fetch some archives",
                "fetch",
                "E: Unable",
            ),
        ] {
            let (said, text) = judge(after, end, output);
            assert_eq!(said, class, "{after:?}: {text}");
            assert!(text.starts_with(summary), "{after:?}: {text}");
        }
    }
}
