//! The end of a run on one page: every selected host with exactly one outcome, what changed, what to type next.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::{Paint, remarks, text};
use crate::{
    event::{HostState, Outcome, RunState},
    view::{Changes, NextCommand, Record, RunView, Trouble},
};

/// If there are more hosts than this, the ok hosts of a stage share a line.
const LISTED: usize = 24;

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
        let windows = view.windows_ignored().map(|line| format!("{line}\n")).unwrap_or_default();
        let mut page = format!("{}\n{windows}\n{}\n\n", self.title(view), self.table(view, &troubles));
        let broken: Vec<&Trouble<'_>> = troubles.iter().filter(|trouble| trouble.outcome.uses_budget()).collect();
        let shown = if self.verbose { broken.len() } else { broken.len().min(DETAILED) };
        for trouble in &broken[..shown] {
            page.push_str(&self.detail(view, trouble));
        }
        if broken.len() > shown {
            page.push_str(&format!("and {} more{}\n\n", broken.len() - shown, self.show_all(state)));
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
        page.push_str(&self.left_behind(view));
        page.push_str(&remarks::drained(view, usize::from(self.width), self.program()));
        page.push_str(&remarks::unsent(view));
        page.push_str(&remarks::unknown_packages(state));
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
        let check = if started.check { " (check only)" } else { "" };
        let name = text::clean(&started.plan.playbook, 60);
        format!("{}{check}, run {}, {}", self.paint.strong(&name), started.run, text::duration(took))
    }

    fn table(&self, view: &RunView<'_>, troubles: &[Trouble<'_>]) -> String {
        let state = view.state;
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_width(self.width).set_content_arrangement(ContentArrangement::Dynamic);
        if self.paint.colours() {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let bold = |text: &str| Cell::new(text).add_attribute(Attribute::Bold);
        let mut header = vec!["outcome", "hosts", "step", "reason", "packages", "reboot", "took"];
        if self.narrow() {
            header.remove(2);
        }
        table.set_header(header.into_iter().map(bold));
        self.fine_rows(view, &mut table);
        if view.running {
            self.open_rows(view, &mut table);
        }
        for trouble in troubles {
            let step = trouble.step.map(|step| text::step_name(state.plan(), step)).unwrap_or_default();
            let row = (look(trouble.outcome), folded(&trouble.hosts), (step.as_ref(), trouble.reason.as_str()));
            self.row(view, &mut table, row, &trouble.hosts);
        }
        for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.waiting() > 0) {
            let left = text::count(stage.tally.waiting(), "host");
            let name = format!("{}: {left}", state.plan().stages[s].name);
            if self.verbose || stage.tally.waiting() <= 3 {
                let hosts = state.hosts.iter().filter(|host| host.stage == s && host.outcome() == Outcome::NotStarted);
                for host in hosts {
                    self.row(view, &mut table, (look(Outcome::NotStarted), host.name.to_string(), ("", "")), &[]);
                }
            } else {
                self.row(view, &mut table, (look(Outcome::NotStarted), name, ("", "")), &[]);
            }
        }
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        let room = text::name_room(state.hosts.iter().map(|host| &host.name));
        text::keep_whole(&mut table, 1, room, self.width);
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    fn fine_rows(&self, view: &RunView<'_>, table: &mut Table) {
        let state = view.state;
        let each = self.verbose || state.tally.total <= LISTED;
        for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.ok > 0) {
            let fine: Vec<&HostState> =
                state.hosts.iter().filter(|host| host.stage == s && host.outcome() == Outcome::Ok).collect();
            if each {
                for host in fine {
                    self.row(view, table, (look(Outcome::Ok), host.name.to_string(), ("", "")), &[host]);
                }
            } else {
                let name = format!("{}: {}", state.plan().stages[s].name, text::count(stage.tally.ok, "host"));
                self.row(view, table, (look(Outcome::Ok), name, ("", "")), &fine);
            }
        }
    }

    /// Hosts in flight; if there are many, only their number.
    fn open_rows(&self, view: &RunView<'_>, table: &mut Table) {
        let open = view.in_flight();
        if open.len() > LISTED && !self.verbose {
            let row = (IN_FLIGHT, text::count(open.len(), "host"), ("", "see `status`"));
            return self.row(view, table, row, &open);
        }
        for host in open {
            let step = view.step_of(host).unwrap_or_else(|| "between steps".to_owned());
            let since = view.in_step_for(host).map(|since| format!("for {}", text::duration(since)));
            let row = (IN_FLIGHT, host.name.to_string(), (step.as_str(), since.as_deref().unwrap_or_default()));
            self.row(view, table, row, &[host]);
        }
    }

    fn row(&self, view: &RunView<'_>, table: &mut Table, (look, who, (step, reason)): Row<'_>, hosts: &[&HostState]) {
        let Changes { packages, reboots, .. } = Changes::on(hosts.iter().copied());
        let took = hosts.iter().filter_map(|host| host.took(view.now)).max().map(text::duration).unwrap_or_default();
        let reboots = match (reboots, hosts.len()) {
            (_, 0) => String::new(),
            (0, _) => "no".to_owned(),
            (_, 1) => "yes".to_owned(),
            (n, of) => format!("{n} of {of}"),
        };
        let packages = if hosts.is_empty() { String::new() } else { packages.to_string() };
        let why = match (self.narrow(), step.is_empty()) {
            (false, _) => vec![Cell::new(step), Cell::new(reason)],
            (true, true) => vec![Cell::new(reason)],
            (true, false) => vec![Cell::new(format!("{step}: {reason}"))],
        };
        let mut cells = vec![Cell::new(look.0).fg(look.1), Cell::new(who)];
        cells.extend(why);
        cells.extend([
            Cell::new(packages).set_alignment(CellAlignment::Right),
            Cell::new(reboots),
            Cell::new(took).set_alignment(CellAlignment::Right),
        ]);
        table.add_row(cells);
    }

    /// Whether the table is too narrow for a separate step column.
    fn narrow(&self) -> bool {
        self.width < 110
    }

    /// What the first host of a trouble said, and what changed on all of them.
    fn detail(&self, view: &RunView<'_>, trouble: &Trouble<'_>) -> String {
        let names = text::hosts(
            trouble.hosts.iter().map(|host| &host.name),
            usize::from(self.width).saturating_sub(48).max(30),
        );
        let step = trouble.step.map(|step| format!(" at {:?}", text::step_name(view.state.plan(), step)));
        let head = format!("{}{} on {names}", text::outcome(trouble.outcome), step.unwrap_or_default());
        let mut lines = format!("{}\n", self.paint.bad(&head));
        let result = trouble.hosts[0].broke_at().map(|(_, result)| result);
        if trouble.hosts.len() > 1 && result.is_some_and(|result| !result.detail.is_empty()) {
            lines.push_str(&format!("  {} said:\n", trouble.hosts[0].name));
        }
        for line in result.iter().flat_map(|result| &result.detail).take(6) {
            lines.push_str(&text::wrap_behind("  | ", "  |   ", &text::clean(line, 300), usize::from(self.width)));
            lines.push('\n');
        }
        lines.push_str(&format!("  changed: {}\n", changed(view, &trouble.hosts)));
        let help = result.and_then(|result| result.help.as_deref());
        if let Some(help) = help.and_then(|help| remarks::help(help, self.program())) {
            let help = text::wrap_behind("  try: ", "       ", &text::clean(&help, 300), usize::from(self.width));
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
        let line = |command| match command {
            NextCommand::Log(host) => format!("{program} log {run} {host}"),
            NextCommand::Approve => format!("{program} approve {run}"),
            NextCommand::Watch => format!("{program} status {run} --watch"),
            NextCommand::Resume => format!("{program} resume {run}"),
            NextCommand::Rerun(limit) => format!("{again} --limit {limit}"),
            NextCommand::CarryOut(limit) => {
                let limit = limit.map(|limit| format!(" --limit {}", crate::command::quote(&limit).unwrap_or(limit)));
                format!("{}{}", again.trim_end_matches(" --check"), limit.unwrap_or_default())
            }
        };
        view.next(troubles, *newest).into_iter().map(|next| (line(next.command), next.why)).collect()
    }
}

/// A word and its colour.
type Look = (&'static str, Color);

/// The outcome, the hosts, the step and the reason.
type Row<'a> = (Look, String, (&'a str, &'a str));

const IN_FLIGHT: Look = ("in flight", Color::Cyan);

fn look(outcome: Outcome) -> Look {
    let colour = match outcome {
        Outcome::Ok => Color::Green,
        Outcome::RolledBack | Outcome::Paused | Outcome::NotStarted => Color::Yellow,
        Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => Color::Red,
    };
    (text::outcome(outcome), colour)
}

fn folded(hosts: &[&HostState]) -> String {
    let names = text::hosts(hosts.iter().map(|host| &host.name), 60);
    if hosts.len() == 1 { names } else { format!("{} hosts: {names}", hosts.len()) }
}

/// `27 packages on 9 hosts, 5 reboots`, or `nothing`.
fn changed(view: &RunView<'_>, hosts: &[&HostState]) -> String {
    let Changes { packages, upgraded, reboots, other, open } = Changes::on(hosts.iter().copied());
    let going = hosts.iter().filter(|host| view.goes_on(host)).count();
    let mut parts = Vec::new();
    if packages > 0 {
        parts.push(format!("{} on {}", text::count(packages, "package"), text::count(upgraded, "host")));
    }
    if reboots > 0 {
        parts.push(text::count(reboots, "reboot"));
    }
    if other > 0 {
        parts.push(format!("other changes on {}", text::count(other, "host")));
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
