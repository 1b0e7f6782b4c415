//! The end of a run on one page: every selected host with exactly one outcome, what was changed, what to type next.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use jiff::Timestamp;

use super::{Paint, Trouble, open, sentence, text, troubles, would};
use crate::event::{HostAt, HostState, Outcome, RunState};

/// Hosts above which the ok ones of a stage share a line.
const LISTED: usize = 24;

/// Failures that are told at length.
const DETAILED: usize = 10;

/// The command lines that the hints are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The line that starts such a run again, without `--limit` (`patchwave run PLAYBOOK -i INV`).
    pub run: String,
    /// The program with its state folder (`patchwave`, `patchwave --state-dir DIR`).
    pub program: String,
    /// No later run of this playbook is there, so that `@failed` means this one.
    pub newest: bool,
}

/// How a summary is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Characters in a line.
    pub width: u16,
    /// Colour.
    pub paint: Paint,
    /// List every host.
    pub verbose: bool,
    /// For hosts that are still in flight.
    pub now: Timestamp,
    /// Somebody drives the run now, so that its hosts in flight go on.
    pub driven: bool,
    /// What the hints are made of.
    pub next: Next,
}

impl Summary {
    /// The page, with a line end behind each line.
    pub fn render(&self, state: &RunState) -> String {
        let troubles = troubles(state, self.driven);
        let mut page = format!("{}\n\n{}\n\n", self.title(state), self.table(state, &troubles));
        let broken: Vec<&Trouble<'_>> = troubles.iter().filter(|trouble| trouble.outcome.uses_budget()).collect();
        let shown = if self.verbose { broken.len() } else { broken.len().min(DETAILED) };
        for trouble in &broken[..shown] {
            page.push_str(&self.detail(state, trouble));
        }
        if broken.len() > shown {
            let (more, run) = (broken.len() - shown, &state.started.run);
            page.push_str(&format!("and {more} more: {} show {run} --all\n\n", self.next.program));
        }
        if state.started.check {
            page.push_str(&would::page(state));
        }
        page.push_str(&format!("{}: {}\n", text::count(state.tally.total, "host"), sentence::counts(&state.tally)));
        page.push_str(&format!("changed: {}\n", changed(&state.hosts.iter().collect::<Vec<_>>())));
        page.push_str(&self.leases(state));
        let hints = self.hints(state, &troubles);
        if !hints.is_empty() {
            page.push_str(&self.next_lines(&hints));
        }
        page
    }

    /// Hosts that were another run's.
    fn leases(&self, state: &RunState) -> String {
        let taken = || state.hosts.iter().flat_map(|host| host.leases.iter().map(move |lease| (&host.name, lease)));
        let shown = if self.verbose { usize::MAX } else { DETAILED };
        let mut lines: String = taken()
            .take(shown)
            .map(|(host, lease)| format!("lease: {host}: {}\n", text::first_line(&lease.to_string(), 300)))
            .collect();
        if let Some(more) = taken().count().checked_sub(shown).filter(|more| *more > 0) {
            let run = &state.started.run;
            lines.push_str(&format!("and {more} more leases: {} show {run} --all\n", self.next.program));
        }
        lines
    }

    /// A command and its reason in a line, or the reasons above, where the lines would be too long.
    fn next_lines(&self, hints: &[(String, String)]) -> String {
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

    fn title(&self, state: &RunState) -> String {
        let started = &state.started;
        let last = if state.finished { state.last_at } else { self.now };
        let took = std::time::Duration::try_from(last.duration_since(state.started_at)).unwrap_or_default();
        let check = if started.check { " (check only)" } else { "" };
        let name = text::clean(&started.plan.playbook, 60);
        format!("{}{check}, run {}, {}", self.paint.strong(&name), started.run, text::duration(took))
    }

    fn table(&self, state: &RunState, troubles: &[Trouble<'_>]) -> String {
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
        self.fine_rows(state, &mut table);
        if self.driven {
            self.open_rows(state, &mut table);
        }
        for trouble in troubles {
            let step = trouble.step.map(|step| text::step_name(state.plan(), step)).unwrap_or_default();
            self.row(
                &mut table,
                look(trouble.outcome),
                &folded(&trouble.hosts),
                (&step, &trouble.reason),
                &trouble.hosts,
            );
        }
        for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.waiting() > 0) {
            let left = text::count(stage.tally.waiting(), "host");
            let name = format!("{}: {left}", state.plan().stages[s].name);
            if self.verbose || stage.tally.waiting() <= 3 {
                let hosts = state.hosts.iter().filter(|host| host.stage == s && host.outcome() == Outcome::NotStarted);
                for host in hosts {
                    self.row(&mut table, look(Outcome::NotStarted), host.name.as_str(), ("", ""), &[]);
                }
            } else {
                self.row(&mut table, look(Outcome::NotStarted), &name, ("", ""), &[]);
            }
        }
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        let room = text::name_room(state.hosts.iter().map(|host| &host.name));
        text::keep_whole(&mut table, 1, room, self.width);
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    fn fine_rows(&self, state: &RunState, table: &mut Table) {
        let each = self.verbose || state.tally.total <= LISTED;
        for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.ok > 0) {
            let fine: Vec<&HostState> =
                state.hosts.iter().filter(|host| host.stage == s && host.outcome() == Outcome::Ok).collect();
            if each {
                fine.iter().for_each(|host| self.row(table, look(Outcome::Ok), host.name.as_str(), ("", ""), &[host]));
            } else {
                let name = format!("{}: {}", state.plan().stages[s].name, text::count(stage.tally.ok, "host"));
                self.row(table, look(Outcome::Ok), &name, ("", ""), &fine);
            }
        }
    }

    /// Hosts that go on; of many, how many they are.
    fn open_rows(&self, state: &RunState, table: &mut Table) {
        let open = open::in_flight(state);
        if open.len() > LISTED && !self.verbose {
            return self.row(table, IN_FLIGHT, &text::count(open.len(), "host"), ("", "see `status`"), &open);
        }
        for host in open {
            let step = open::step(state, host).unwrap_or_else(|| "between steps".to_owned());
            let since = host.current.as_ref().map(|current| format!("for {}", open::ago(current.since, self.now)));
            self.row(table, IN_FLIGHT, host.name.as_str(), (&step, &since.unwrap_or_default()), &[host]);
        }
    }

    fn row(&self, table: &mut Table, look: Look, who: &str, (step, reason): (&str, &str), hosts: &[&HostState]) {
        let packages: usize = hosts.iter().map(|host| host.packages_changed()).sum();
        let reboots = hosts.iter().filter(|host| host.rebooted()).count();
        let took = hosts.iter().filter_map(|host| host.took(self.now)).max().map(text::duration).unwrap_or_default();
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

    /// Too narrow for a column of its own for the step.
    fn narrow(&self) -> bool {
        self.width < 110
    }

    /// What the first host of a trouble said, and what is not as it was on all of them.
    fn detail(&self, state: &RunState, trouble: &Trouble<'_>) -> String {
        let names = text::hosts(
            trouble.hosts.iter().map(|host| &host.name),
            usize::from(self.width).saturating_sub(48).max(30),
        );
        let step = trouble.step.map(|step| format!(" at {:?}", text::step_name(state.plan(), step)));
        let head = format!("{}{} on {names}", text::outcome(trouble.outcome), step.unwrap_or_default());
        let mut lines = format!("{}\n", self.paint.bad(&head));
        let result = trouble.hosts[0].broke_at().map(|(_, result)| result);
        if trouble.hosts.len() > 1 && result.is_some_and(|result| !result.detail.is_empty()) {
            lines.push_str(&format!("  {} said:\n", trouble.hosts[0].name));
        }
        for line in result.iter().flat_map(|result| &result.detail).take(6) {
            lines.push_str(&format!("  | {}\n", text::clean(line, 300)));
        }
        lines.push_str(&format!("  changed: {}\n", changed(&trouble.hosts)));
        if let Some(help) = result.and_then(|result| result.help.as_deref()) {
            // Steps do not know where the ledger is.
            let help = help.replace("`patchwave ", &format!("`{} ", self.next.program));
            lines.push_str(&format!("  try: {}\n", text::clean(&help, 300)));
        }
        lines.push('\n');
        lines
    }

    /// Commands with their reasons, in the order in which they are to be typed.
    fn hints(&self, state: &RunState, troubles: &[Trouble<'_>]) -> Vec<(String, String)> {
        let (tally, run) = (&state.tally, &state.started.run);
        let program = &self.next.program;
        let mut hints = Vec::new();
        if let Some(first) = troubles.iter().find(|trouble| trouble.outcome.uses_budget()) {
            let host = &first.hosts[0].name;
            hints.push((format!("{program} log {run} {host}"), "everything it printed".to_owned()));
        }
        if self.driven {
            hints.push((format!("{program} status {run} --watch"), "follows it".to_owned()));
            return hints;
        }
        if tally.in_flight > 0 {
            let open = text::count(tally.in_flight, "host");
            hints.push((format!("{program} resume {run}"), format!("settles the {open} left in flight, then goes on")));
            return hints;
        }
        // `@failed` is about the last run that was no mere check.
        let newest = self.next.newest && !state.started.check;
        let named = |word: &str| if newest { format!("@{word}") } else { format!("@{run}:{word}") };
        let broken = [(tally.failed, "failed"), (tally.unreachable, "unreachable"), (tally.unknown, "unknown")];
        let broken: Vec<String> = broken.iter().filter(|(n, _)| *n > 0).map(|(_, word)| named(word)).collect();
        if !broken.is_empty() {
            let why = format!("once mended, {} again", text::count(tally.broken(), "host"));
            hints.push((format!("{} --limit {}", self.next.run, broken.join(",")), why));
        }
        if tally.waiting() > 0 {
            let left = text::count(tally.waiting(), "host");
            if broken.is_empty() {
                hints.push((format!("{program} resume {run}"), format!("goes on with the {left} not started")));
            } else {
                // The run before this one will be another one by then, so it is named.
                let left = left.trim_start_matches("1 ");
                hints.push((format!("{} --limit @{run}:not_started", self.next.run), format!("then the other {left}")));
            }
        }
        hints
    }
}

/// A word and its colour.
type Look = (&'static str, Color);

const IN_FLIGHT: Look = ("in flight", Color::Cyan);

fn look(outcome: Outcome) -> Look {
    let colour = match outcome {
        Outcome::Ok => Color::Green,
        Outcome::Skipped | Outcome::NotStarted => Color::Yellow,
        Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => Color::Red,
    };
    (text::outcome(outcome), colour)
}

fn folded(hosts: &[&HostState]) -> String {
    let names = text::hosts(hosts.iter().map(|host| &host.name), 60);
    if hosts.len() == 1 { names } else { format!("{} hosts: {names}", hosts.len()) }
}

/// `27 packages on 9 hosts, 5 reboots`, or `nothing`.
fn changed(hosts: &[&HostState]) -> String {
    let packages: usize = hosts.iter().map(|host| host.packages_changed()).sum();
    let upgraded = hosts.iter().filter(|host| host.packages_changed() > 0).count();
    let reboots = hosts.iter().filter(|host| host.rebooted()).count();
    let other = hosts
        .iter()
        .filter(|host| host.packages_changed() == 0 && !host.rebooted() && host.steps.iter().any(|(_, r)| r.changed))
        .count();
    let mut parts = Vec::new();
    if packages > 0 {
        parts.push(format!("{} on {}", text::count(packages, "package"), text::count(upgraded, "host")));
    }
    if reboots > 0 {
        parts.push(text::count(reboots, "reboot"));
    }
    if other > 0 {
        parts.push(format!("other things on {}", text::count(other, "host")));
    }
    let open = hosts.iter().filter(|host| host.at == HostAt::InFlight).count();
    if open > 0 {
        let still = if parts.is_empty() { "nothing that is known yet; " } else { "" };
        parts.push(format!("{still}{} still open", text::count(open, "host")));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
