//! Step results, made in one way: the constructors for each verdict, and what a lost connection means. Start at
//! [`StepResult::ok`] and [`StepResult::failed`]; steps return [`Ended`] and use `?` on what goes wrong.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    command::{Output, Unquotable},
    event::{Forecast, LeftBehind, StepResult, Verdict},
    playbook::TemplateError,
    step::Interrupted,
    transport::{Class, LinkError},
};

/// The class of a template that cannot be rendered.
pub(super) const TEMPLATE: &str = "template";

/// A step's end; the error is an early end, with any verdict.
pub type Ended = Result<StepResult, Box<StepResult>>;

impl StepResult {
    fn new(verdict: Verdict, class: &str, summary: impl Into<String>) -> Self {
        Self {
            verdict,
            class: class.to_owned(),
            summary: summary.into(),
            detail: Vec::new(),
            help: None,
            changed: false,
            found_work: false,
            forecast: None,
            packages: Vec::new(),
            restarted: Vec::new(),
            left_behind: Box::default(),
            way_back: None,
            rebooted: false,
            vars: Map::new(),
            took: Duration::ZERO,
        }
    }

    /// The step succeeded, and this was checked.
    pub fn ok(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, "", summary)
    }

    /// There was nothing to do.
    pub fn skipped(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Skipped, "", summary)
    }

    /// `--check`: nothing was done, and this is what the step would do.
    pub fn would(summary: impl Into<String>) -> Self {
        Self::skipped(summary).found_work()
    }

    /// It failed on the host; `class` is a stable, short word for grouping.
    pub fn failed(class: &str, summary: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, class, summary)
    }

    /// The host cannot be reached.
    pub fn unreachable(class: &str, summary: impl Into<String>) -> Self {
        Self::new(Verdict::Unreachable, class, summary)
    }

    /// It may or may not have happened.
    pub fn unknown(class: &str, summary: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, class, summary)
    }

    /// Adds lines for people.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// Adds the last lines of a command's output.
    #[must_use]
    pub fn said(self, output: &Output) -> Self {
        let text = output.last_lines(5);
        self.detail(text.lines().map(str::to_owned))
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to type next, if nothing better is known.
    #[must_use]
    fn or_help(mut self, help: &str) -> Self {
        self.help.get_or_insert_with(|| help.to_owned());
        self
    }

    /// Records whether the host is changed.
    #[must_use]
    pub fn changed(mut self, changed: bool) -> Self {
        self.changed = changed;
        self
    }

    /// Records that a check found work to do here; the summary says what.
    #[must_use]
    pub fn found_work(mut self) -> Self {
        self.found_work = true;
        self
    }

    /// Adds what a check found that the step would do.
    #[must_use]
    pub fn forecast(mut self, forecast: Forecast) -> Self {
        self.forecast = Some(Box::new(forecast.bounded()));
        self
    }

    /// Says what is left for a person.
    #[must_use]
    pub fn left_behind(mut self, left: LeftBehind) -> Self {
        *self.left_behind = left;
        self
    }

    /// Adds a variable for later steps.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.vars.insert(name.to_owned(), value.into());
        self
    }
}

impl StepResult {
    /// This attempt's result, plus what `earlier` attempts at the step changed.
    #[must_use]
    pub fn after(mut self, earlier: Self) -> Self {
        let complete = matches!(self.verdict, Verdict::Ok | Verdict::Skipped);
        *self.left_behind = std::mem::take(&mut *self.left_behind).after(*earlier.left_behind, complete);
        self.changed |= earlier.changed;
        self.rebooted |= earlier.rebooted;
        self.restarted.extend(earlier.restarted);
        self.restarted.sort();
        self.restarted.dedup();
        self.way_back = self.way_back.or(earlier.way_back);
        for was in earlier.packages {
            // Several versions of a name can be installed side by side: only a change that continues the earlier one is
            // the same change.
            match self.packages.iter_mut().find(|now| now.name == was.name && now.from == was.to) {
                Some(now) => now.from = was.from,
                None => self.packages.push(was),
            }
        }
        self.packages.retain(|package| package.from != package.to);
        self.packages.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

/// The meaning of a failed look at the host. For a change whose answer was lost, see [`lost_change`].
impl From<LinkError> for Box<StepResult> {
    fn from(error: LinkError) -> Self {
        let make = match error.unreachable() {
            // The machine that the walk began on may be in any state.
            true if error.class() == Class::OtherMachine.as_str() => StepResult::unknown,
            true => StepResult::unreachable,
            false => StepResult::failed,
        };
        let mut result = make(error.class(), error.to_string());
        result.help = error.help().map(str::to_owned);
        Box::new(result)
    }
}

/// The result when a host cannot be asked any more after something was started on it: unknown, not unreachable, because
/// unreachable means that nothing was done.
pub(super) fn unseen(what: &str, cause: Box<StepResult>) -> Box<StepResult> {
    if cause.verdict != Verdict::Unreachable {
        let changed = cause.changed || cause.verdict == Verdict::Unknown;
        return Box::new(StepResult { changed, ..*cause });
    }
    let summary = format!("{what}, but the host cannot be asked for the result: {}", cause.summary);
    let help = "check the host, then run again with --limit @unknown";
    Box::new(StepResult { help: cause.help, ..StepResult::unknown(&cause.class, summary).changed(true) }.or_help(help))
}

/// The result when a program on the jump box was started before, but its command line cannot be built now, so that its
/// end cannot be looked up.
pub(super) fn unasked(cause: Box<StepResult>) -> Box<StepResult> {
    if !["template", "missing-file", "bad-command"].contains(&cause.class.as_str()) {
        return cause;
    }
    let summary = format!("this step was started before and cannot be continued: {}", cause.summary);
    let help = "check what it should have done, then run again with --limit @unknown";
    Box::new(StepResult { help: cause.help, ..StepResult::unknown(&cause.class, summary).changed(true) }.or_help(help))
}

/// The result when there is no answer to a changing command: unknown, unless the command was never sent.
pub(super) fn lost_change(what: &str, error: &LinkError) -> Box<StepResult> {
    if !error.outcome_unknown() {
        return error.clone().into();
    }
    let ran_out = matches!(error, LinkError::Exec(exec) if exec.class == Class::CommandTimeout);
    let how = if ran_out { "did not end in time" } else { "was sent and the connection was lost" };
    Box::new(StepResult::unknown(error.class(), format!("{what} {how}: {error}")))
}

impl From<TemplateError> for Box<StepResult> {
    fn from(error: TemplateError) -> Self {
        Box::new(StepResult::failed(TEMPLATE, error.to_string()))
    }
}

impl From<Unquotable> for Box<StepResult> {
    fn from(error: Unquotable) -> Self {
        Box::new(StepResult::failed("bad-command", error.to_string()))
    }
}

/// The engine does not record this result, because the run is leaving.
impl From<Interrupted> for Box<StepResult> {
    fn from(interrupted: Interrupted) -> Self {
        Box::new(StepResult::unknown("interrupted", interrupted.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PackageChange;

    #[test]
    fn what_earlier_attempts_changed_is_not_forgotten() {
        let change = |name: &str, from: &str, to: &str| PackageChange {
            name: name.to_owned(),
            from: (from != "-").then(|| from.to_owned()),
            to: (to != "-").then(|| to.to_owned()),
        };
        let mut earlier = StepResult::failed("x", "x").changed(true);
        earlier.rebooted = true;
        *earlier.left_behind = LeftBehind::default().and_files(["/etc/x".to_owned()]);
        earlier.packages = vec![change("a", "1", "2"), change("b", "1", "2"), change("c", "1", "2")];
        let mut last = StepResult::ok("y");
        last.packages = vec![change("b", "2", "3"), change("c", "2", "1"), change("d", "-", "1")];
        let both = last.after(earlier);
        assert_eq!((both.verdict, both.changed, both.rebooted), (Verdict::Ok, true, true));
        assert_eq!(both.left_behind.files, ["/etc/x"]);
        assert_eq!(both.packages, [change("a", "1", "2"), change("b", "1", "3"), change("d", "-", "1")]);
    }

    #[test]
    fn versions_that_stand_side_by_side_are_changes_of_their_own() {
        let change = |from: Option<&str>, to: Option<&str>| PackageChange {
            name: "kern".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let mut earlier = StepResult::failed("x", "x");
        earlier.packages = vec![change(None, Some("3"))];
        let mut last = StepResult::ok("y");
        last.packages = vec![change(Some("1"), None)];
        assert_eq!(last.after(earlier).packages, [change(Some("1"), None), change(None, Some("3"))]);
    }
}
