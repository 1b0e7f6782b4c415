//! The end of a run on one page: trouble first, then what is left for a person, then every other host, what changed,
//! and what to type next. Each selected host has exactly one outcome, and each reason appears once.

use super::{Paint, remarks, text};
use crate::{
    event::{HostState, Outcome, RunState},
    plan::Estimate,
    view::{Changes, NextCommand, Record, RunView, Trouble},
};

/// If more hosts are in flight than this, they are counted.
const LISTED: usize = 24;

/// The width of the first column of lines about hosts without trouble.
const WORD: usize = 13;

/// Packages, and files, that a line about what is left behind names.
const LEFT: usize = 8;

/// Failures that are shown in full.
const DETAILED: usize = 10;

/// The command lines that the hints are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLines {
    /// The command line that starts the same run again, without `--limit` (`patchwave run PLAYBOOK -i INV`).
    pub run: String,
    /// The program with its state folder (`patchwave`, `patchwave --state-dir DIR`).
    pub program: String,
    /// There is no later run of this playbook, so `@failed` means this one.
    pub newest: bool,
}

/// How to make a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Characters in a line.
    pub width: u16,
    /// Colour.
    pub paint: Paint,
    /// List every host.
    pub verbose: bool,
    /// Of a check: packages first, and all of them.
    pub impact: bool,
    /// Of a check: how long the run would take, if earlier runs say it.
    pub estimate: Option<Estimate>,
    /// What the hints are made from; `None`: no commands are shown, because the ledger will be removed.
    pub next: Option<CommandLines>,
    /// The length and hash of the record, if known.
    pub record: Option<Record>,
}

impl Summary {
    /// The page; every line ends with a newline.
    pub fn render(&self, view: &RunView<'_>) -> String {
        if view.state.started.check {
            return self.forecast(view);
        }
        let (state, troubles) = (view.state, view.troubles());
        let mut page = format!("{}\n", self.title(view));
        page.extend(view.windows_ignored().map(|line| format!("{line}\n")));
        page.push('\n');
        let shown = if self.verbose { troubles.len() } else { troubles.len().min(DETAILED) };
        for trouble in &troubles[..shown] {
            page.push_str(&self.trouble(view, trouble));
        }
        if troubles.len() > shown {
            page.push_str(&format!("and {} more{}\n\n", troubles.len() - shown, self.show_all(state)));
        }
        let left = [self.left_behind(view), remarks::drained(view, usize::from(self.width), self.program())].concat();
        if !left.is_empty() {
            page.push_str(&format!("{left}\n"));
        }
        let rows = self.rows(view);
        if !rows.is_empty() {
            page.push_str(&format!("{rows}\n"));
        }
        page.push_str(&format!("{}: {}\n", text::count(state.tally.total, "host"), view.counts().sentence()));
        for line in state.started.plan.skipped_lines() {
            page.push_str(&format!("{}\n", text::wrap(&text::clean(&line, 400), usize::from(self.width))));
        }
        if let Some(why) = view.stopped_because() {
            let line = format!("stopped: {}", text::clean(&why, 400));
            page.push_str(&format!("{}\n", text::wrap(&line, usize::from(self.width))));
        }
        page.push_str(&format!("changed: {}\n", changed(view, &state.hosts.iter().collect::<Vec<_>>())));
        page.push_str(&self.leases(view));
        page.push_str(&remarks::unsent(view));
        page.push_str(&remarks::unknown_packages(state));
        page.push_str(&remarks::unmatched_ids(state, usize::from(self.width)));
        page.push_str(&remarks::approvals(state));
        page.push_str(&remarks::record(self.record.as_ref()));
        let hints = self.hints(view, &troubles);
        if !hints.is_empty() {
            page.push_str(&self.next_lines(&hints));
        }
        page
    }

    /// What hosts have left for a person.
    pub(super) fn left_behind(&self, view: &RunView<'_>) -> String {
        let (groups, each) = if self.verbose { (usize::MAX, usize::MAX) } else { (DETAILED, LEFT) };
        let mut lines = remarks::left_behind(view, usize::from(self.width), groups, each);
        if let Some(more) = view.left_behind().len().checked_sub(groups).filter(|more| *more > 0) {
            lines.push_str(&format!("and {more} more groups of hosts{}\n", self.show_all(view.state)));
        }
        lines
    }

    /// Leases that went from one run to another.
    fn leases(&self, view: &RunView<'_>) -> String {
        let shown = if self.verbose { usize::MAX } else { DETAILED };
        let mut lines: String = view
            .leases()
            .take(shown)
            .map(|(host, line)| format!("lease: {host}: {}\n", text::first_line(&line, 400)))
            .collect();
        if let Some(more) = view.leases().count().checked_sub(shown).filter(|more| *more > 0) {
            lines.push_str(&format!("and {more} more leases{}\n", self.show_all(view.state)));
        }
        lines
    }

    /// `: patchwave show RUN --all`.
    pub(super) fn show_all(&self, state: &RunState) -> String {
        let run = &state.started.run;
        self.next.as_ref().map_or_else(String::new, |next| format!(": {} show {run} --all", next.program))
    }

    /// A command and its reason on one line, or on two if that line would be too long.
    pub(super) fn next_lines(&self, hints: &[(String, String)]) -> String {
        let widest = |of: fn(&(String, String)) -> &String| hints.iter().map(|hint| of(hint).chars().count()).max();
        let (width, reason) = (widest(|hint| &hint.0).unwrap_or(0), widest(|hint| &hint.1).unwrap_or(0));
        let beside = "    # ".len() + width + reason <= usize::from(self.width);
        let mut lines = "\nnext:\n".to_owned();
        for (command, why) in hints {
            let why = self.paint.faint(&format!("# {why}"));
            if beside {
                lines.push_str(&format!("  {}  {why}\n", self.paint.strong(&format!("{command:<width$}"))));
            } else {
                lines.push_str(&format!("  {why}\n  {}\n", self.paint.strong(command)));
            }
        }
        lines
    }

    pub(super) fn title(&self, view: &RunView<'_>) -> String {
        let (state, started) = (view.state, &view.state.started);
        let last = if state.finished { state.last_at } else { view.now };
        let took = RunView { now: last, ..*view }.since(state.started_at);
        let check = started.unreal().map(|word| format!(" ({word})")).unwrap_or_default();
        let name = text::clean(&started.plan.playbook, 60);
        format!("{}{check}, run {}, {}", self.paint.strong(&name), started.run, text::duration(took))
    }

    /// Hosts without trouble: in flight, ok, not started. A line for each stage, with `--all` for each host.
    fn rows(&self, view: &RunView<'_>) -> String {
        let state = view.state;
        let mut rows = String::new();
        if view.running {
            self.open_rows(view, &mut rows);
        }
        for outcome in [Outcome::Ok, Outcome::NotStarted] {
            for s in 0..state.stages.len() {
                let of_stage = |host: &&HostState| host.stage == s && host.outcome() == outcome && !view.goes_on(host);
                let hosts: Vec<&HostState> = state.hosts.iter().filter(of_stage).collect();
                let groups: Vec<&[&HostState]> = match self.verbose {
                    true => hosts.chunks(1).collect(),
                    false if hosts.is_empty() => Vec::new(),
                    false => vec![&hosts[..]],
                };
                groups.iter().for_each(|hosts| rows.push_str(&self.row(view, s, outcome, hosts)));
            }
        }
        rows
    }

    /// `ok           staging: s[1-2]: 4 packages, 2 reboots, 3.0s`.
    fn row(&self, view: &RunView<'_>, stage: usize, outcome: Outcome, hosts: &[&HostState]) -> String {
        let stages = &view.state.plan().stages;
        let stage =
            if stages.len() > 1 { format!("{}: ", text::clean(&stages[stage].name, 60)) } else { String::new() };
        let mut line = format!("{stage}{}", self.folded(hosts));
        let took = hosts.iter().filter_map(|host| host.took(view.now)).max();
        if let (Some(took), Outcome::Ok) = (took, outcome) {
            let at_most = if hosts.len() > 1 { "at most " } else { "" };
            line.push_str(&format!(": {}, {at_most}{}", changed(view, hosts), text::duration(took)));
        }
        let word = text::outcome(outcome);
        let painted = if outcome == Outcome::Ok { self.paint.good(word) } else { self.paint.warn(word) };
        self.worded(word, &painted, &line)
    }

    /// A line behind a word; the other lines begin below it.
    fn worded(&self, word: &str, painted: &str, line: &str) -> String {
        let lead = format!("{word:<WORD$}");
        let lines = text::wrap_behind(&lead, &" ".repeat(WORD), line, usize::from(self.width));
        format!("{painted}{}\n", &lines[word.len()..])
    }

    /// Hosts in flight; if there are many, only their number.
    fn open_rows(&self, view: &RunView<'_>, rows: &mut String) {
        let open = view.in_flight();
        let word = "in flight";
        if open.len() > LISTED && !self.verbose {
            let line = format!("{}; see `status`", text::count(open.len(), "host"));
            return rows.push_str(&self.worded(word, word, &line));
        }
        for host in open {
            let step = view.step_of(host).unwrap_or_else(|| "between steps".to_owned());
            let since = view.in_step_for(host).map(|since| format!(", for {}", text::duration(since)));
            let line = format!("{}: {step}{}", host.name, since.unwrap_or_default());
            rows.push_str(&self.worded(word, word, &line));
        }
    }

    /// `2 hosts: web[01-02]`, or the name of one.
    fn folded(&self, hosts: &[&HostState]) -> String {
        let room = usize::from(self.width).saturating_sub(40).max(30);
        let names = text::hosts(hosts.iter().map(|host| &host.name), room);
        if hosts.len() == 1 { names } else { format!("{}: {names}", text::count(hosts.len(), "host")) }
    }

    /// Hosts with the same trouble: where, why, what the first of them said, and what changed on all of them.
    fn trouble(&self, view: &RunView<'_>, trouble: &Trouble<'_>) -> String {
        let width = usize::from(self.width);
        let step = trouble.step.map(|step| format!(" at {:?}", text::step_name(view.state.plan(), step)));
        let head =
            format!("{}{}: {}", text::outcome(trouble.outcome), step.unwrap_or_default(), self.folded(&trouble.hosts));
        let head = text::wrap_behind("", "  ", &head, width);
        let head = if trouble.outcome.uses_budget() { self.paint.bad(&head) } else { self.paint.warn(&head) };
        let mut lines = format!("{head}\n");
        if !trouble.reason.is_empty() {
            lines.push_str(&text::wrap_behind("  ", "  ", &trouble.reason, width));
            lines.push('\n');
        }
        let result = trouble.hosts[0].broke_at().map(|(_, result)| result);
        if trouble.hosts.len() > 1 && result.is_some_and(|result| !result.detail.is_empty()) {
            lines.push_str(&format!("  {} said:\n", trouble.hosts[0].name));
        }
        for line in result.iter().flat_map(|result| &result.detail).take(6) {
            lines.push_str(&text::wrap_behind("  | ", "  |   ", &text::clean(line, 300), width));
            lines.push('\n');
        }
        lines.push_str(&format!("  changed: {}\n", changed(view, &trouble.hosts)));
        let help = result.and_then(|result| result.help.as_deref());
        if let Some(help) = help.and_then(|help| remarks::help(help, self.program())) {
            let help = text::wrap_behind("  try: ", "       ", &text::clean(&help, 300), width);
            lines.push_str(&help);
            lines.push('\n');
        }
        lines.push('\n');
        lines
    }

    /// The program's name in commands; `None` if no command could find the ledger.
    pub(super) fn program(&self) -> Option<&str> {
        self.next.as_ref().map(|next| next.program.as_str())
    }

    /// Command lines with their reasons.
    pub(super) fn hints(&self, view: &RunView<'_>, troubles: &[Trouble<'_>]) -> Vec<(String, String)> {
        let Some(CommandLines { program, run: again, newest }) = &self.next else { return Vec::new() };
        let run = &view.state.started.run;
        // What goes on from here goes on in the ledger of real runs.
        let acting = if view.state.started.rehearsal { "patchwave" } else { program };
        let line = |command| match command {
            NextCommand::Log(host) => format!("{program} log {run} {host}"),
            NextCommand::Approve => format!("{acting} approve {run}"),
            NextCommand::Watch => format!("{program} status {run} --watch"),
            NextCommand::Resume => format!("{acting} resume {run}"),
            NextCommand::Report => format!("{program} report {run}"),
            NextCommand::Rerun(limit) => format!("{again} --limit {limit}"),
            NextCommand::CarryOut(limit) => {
                let limit = limit.map(|limit| format!(" --limit {}", crate::command::quote(&limit).unwrap_or(limit)));
                format!("{}{}", again.trim_end_matches(" --check"), limit.unwrap_or_default())
            }
        };
        view.next(troubles, *newest).into_iter().map(|next| (line(next.command), next.why)).collect()
    }
}

/// `27 packages on 9 hosts, 5 reboots`, or `nothing`. Of some hosts of a run it is not said that it was on all of them.
fn changed(view: &RunView<'_>, hosts: &[&HostState]) -> String {
    let all = hosts.len() == view.state.tally.total;
    let Changes { packages, upgraded, reboots, other, open } = Changes::on(hosts.iter().copied());
    let going = hosts.iter().filter(|host| view.goes_on(host)).count();
    let on = |some: usize| match some == hosts.len() && !all {
        true => String::new(),
        false => format!(" on {}", text::count(some, "host")),
    };
    let mut parts = Vec::new();
    if packages > 0 {
        parts.push(format!("{}{}", text::count(packages, "package"), on(upgraded)));
    }
    if reboots > 0 {
        parts.push(text::count(reboots, "reboot"));
    }
    if other > 0 {
        parts.push(format!("other changes{}", on(other)));
    }
    let still = if parts.is_empty() { "nothing known; " } else { "" };
    if going > 0 {
        parts.push(format!("{still}{} in flight", text::count(going, "host")));
    } else if open > 0 {
        parts.push(format!("{still}{} unknown", text::count(open, "host")));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
