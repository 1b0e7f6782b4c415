//! The page of a check: what would fail, be installed, be rebooted and be restarted; hosts with the same answer share a
//! line. `impact` shows the same with every package, the packages first. Start at [`Summary::forecast`].

use super::{Summary, remarks, text};
use crate::{
    event::{Fate, ForeseenPackage, ListsSeen, Outcome, RunState},
    host::HostName,
    view::{PackagePlan, Problem, RunView, ServiceGroup},
};

/// Packages of a group that a check names.
const NAMED: usize = 10;

/// Groups of hosts in each part of the page.
const GROUPS: usize = 20;

impl Summary {
    /// The page; every line ends with a newline.
    pub(super) fn forecast(&self, view: &RunView<'_>) -> String {
        let state = view.state;
        let mut page = format!("{}\n", self.title(view));
        let problems = self.part("problems", self.problems(view));
        let packages = self.part("packages", self.packages(view));
        let (first, second) = if self.impact { (packages, problems) } else { (problems, packages) };
        page.push_str(&first);
        page.push_str(&second);
        page.push_str(&self.part("reboots", self.reboots(view)));
        page.push_str(&self.part("services", self.services(view)));
        page.push_str(&self.part("other steps", self.other_work(view)));
        page.push_str(&self.part("notes", self.forecast_notes(view)));
        page.push_str(&self.part("package lists", self.lists(view)));
        page.push('\n');
        page.push_str(&self.left_behind(view));
        page.push_str(&self.wrapped(&format!("{}; nothing was changed", view.forecast_counts())));
        for line in state.started.plan.skipped_lines() {
            page.push_str(&self.wrapped(&text::clean(&line, 400)));
        }
        if let Some(why) = view.stopped_because() {
            page.push_str(&self.wrapped(&format!("stopped: {}", text::clean(&why, 400))));
        }
        if let Some(estimate) = &self.estimate {
            page.push_str(&self.wrapped(&super::plan::estimate_line(estimate, state.tally.total)));
        }
        page.push_str(&remarks::unknown_packages(state));
        page.push_str(&remarks::unmatched_ids(state, usize::from(self.width)));
        page.push_str(&remarks::record(self.record.as_ref()));
        let hints = self.hints(view, &view.troubles());
        if !hints.is_empty() {
            page.push_str(&self.next_lines(&hints));
        }
        page
    }

    fn part(&self, name: &str, lines: String) -> String {
        if lines.is_empty() { lines } else { format!("\n{}\n{lines}", self.paint.strong(name)) }
    }

    /// How many of a list are shown.
    fn most(&self, short: usize) -> usize {
        if self.verbose { usize::MAX } else { short }
    }

    fn wrapped(&self, line: &str) -> String {
        format!("{}\n", text::wrap(line, usize::from(self.width)))
    }

    /// A line of a group, broken at spaces, with its other lines deeper.
    fn indented(&self, depth: usize, line: &str) -> String {
        let (lead, rest) = (" ".repeat(depth), " ".repeat(depth + 2));
        format!("{}\n", text::wrap_behind(&lead, &rest, line, usize::from(self.width)))
    }

    /// `2 hosts: web[01-02]`, or the name of one.
    fn who<'h>(&self, hosts: impl IntoIterator<Item = &'h HostName>) -> String {
        let hosts: Vec<&HostName> = hosts.into_iter().collect();
        let names = text::hosts(hosts.iter().copied(), usize::from(self.width).saturating_sub(30).max(30));
        if hosts.len() == 1 { names } else { format!("{}: {names}", text::count(hosts.len(), "host")) }
    }

    fn more(&self, run: &RunState, shown: usize, all: usize, what: &str) -> String {
        match all.checked_sub(shown).filter(|more| *more > 0) {
            Some(more) => format!("  and {}{}\n", text::count(more, &format!("more {what}")), self.show_all(run)),
            None => String::new(),
        }
    }

    fn problems(&self, view: &RunView<'_>) -> String {
        let problems = view.problems();
        let most = self.most(GROUPS);
        let mut lines: String = problems.iter().take(most).map(|problem| self.problem(view, problem)).collect();
        lines.push_str(&self.more(view.state, most, problems.len(), "problem"));
        lines
    }

    fn problem(&self, view: &RunView<'_>, problem: &Problem<'_>) -> String {
        let word = if problem.outcome == Outcome::Failed { "would fail" } else { text::outcome(problem.outcome) };
        let head = format!("{word} on {}", self.who(problem.hosts.iter().map(|host| &host.name)));
        let mut lines = format!("  {}\n", self.paint.bad(&text::wrap(&head, usize::from(self.width) - 2)));
        let step = problem.step.map(|step| format!("{}: ", text::step_name(view.state.plan(), step)));
        lines.push_str(&self.indented(4, &format!("{}{}", step.unwrap_or_default(), problem.reason)));
        let Some(first) = problem.first else { return lines };
        for line in first.detail.iter().take(3) {
            lines.push_str(&self.indented(4, &format!("| {}", text::clean(line, 200))));
        }
        if let Some(help) = first.help.as_deref().and_then(|help| remarks::help(help, self.program())) {
            // `@failed` is about the last run that was not a check.
            let help = help.trim_end_matches(", then run again with --limit @failed");
            lines.push_str(&self.indented(4, &format!("try: {}", text::clean(help, 300))));
        }
        lines
    }

    fn packages(&self, view: &RunView<'_>) -> String {
        let plans = view.package_plans();
        let most = self.most(GROUPS);
        let mut lines: String = plans.iter().take(most).map(|plan| self.package_plan(view, plan)).collect();
        lines.push_str(&self.more(view.state, most, plans.len(), "group"));
        let idle: Vec<&HostName> = view.nothing_to_install();
        if !idle.is_empty() {
            lines.push_str(&self.indented(2, &format!("nothing to install on {}", self.who(idle))));
        }
        lines
    }

    fn package_plan(&self, view: &RunView<'_>, plan: &PackagePlan<'_>) -> String {
        let counts = plan.counts();
        let mut parts = vec![text::count(counts.installed, "package")];
        let all_fixes = counts.fixes > 1 && counts.fixes == counts.installed;
        parts.extend(all_fixes.then(|| "all security".to_owned()));
        let fixes = if all_fixes { 0 } else { counts.fixes };
        let some = [(fixes, "security"), (counts.new, "new"), (counts.removed, "removed")];
        parts.extend(some.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
        let mut lines = self.indented(2, &format!("{}: {}", self.who(plan.hosts.iter().copied()), parts.join(", ")));
        let mut packages: Vec<&ForeseenPackage> = plan.packages.iter().collect();
        // What is felt at once comes first.
        packages.sort_by_key(|one| (!one.is_removal(), one.part.is_none(), one.security != Some(true)));
        let most = if self.impact { usize::MAX } else { self.most(NAMED) };
        // A line that says "1 more" would save nothing.
        let shown = if packages.len() == most.saturating_add(1) {
            &packages[..]
        } else {
            &packages[..packages.len().min(most)]
        };
        let widest = shown.iter().map(|one| one.name.chars().count()).max().unwrap_or(0).min(32);
        lines.extend(shown.iter().map(|one| self.indented(4, &package_line(one, widest, !all_fixes))));
        if packages.len() > shown.len() {
            let rest = format!("and {} more", packages.len() - shown.len());
            let run = &view.state.started.run;
            let how = match (self.program(), plan.hosts.first()) {
                (Some(program), Some(host)) => format!("{rest}: `{program} log {run} {host}`"),
                _ => rest,
            };
            lines.push_str(&self.indented(4, &how));
        }
        lines
    }

    fn reboots(&self, view: &RunView<'_>) -> String {
        let mut lines = String::new();
        for (plan, hosts) in view.reboot_plans() {
            let what = if plan.happens { "would reboot" } else { "a reboot would be due, and no step does it" };
            let why = text::clean(&plan.reasons.join("; "), 400);
            lines.push_str(&self.indented(2, &format!("{}: {what}: {why}", self.who(hosts))));
        }
        lines
    }

    fn services(&self, view: &RunView<'_>) -> String {
        let mut lines = String::new();
        for ServiceGroup { fate, names, mut because, hosts } in view.service_groups() {
            let what = match fate {
                Fate::Restarted => "would restart",
                Fate::KeepsOldFiles => "would go on with old files until they are restarted",
                Fate::NeedsReboot => "would go on with old files until a reboot",
            };
            let most = self.most(8);
            if because.len() > most {
                let more = because.len() - most;
                because.truncate(most);
                because.push(format!("and {more} more"));
            }
            let line = format!("{}: {what}: {} (they use {})", self.who(hosts), names.join(", "), because.join(", "));
            lines.push_str(&self.indented(2, &text::clean(&line, 2000)));
        }
        lines
    }

    fn other_work(&self, view: &RunView<'_>) -> String {
        let mut lines = String::new();
        for (list, hosts) in view.other_work() {
            lines.push_str(&self.indented(2, &self.who(hosts)));
            list.iter().for_each(|line| lines.push_str(&self.indented(4, line)));
        }
        lines
    }

    fn forecast_notes(&self, view: &RunView<'_>) -> String {
        let notes = view.forecast_notes();
        let most = self.most(GROUPS);
        let line = |(note, hosts): &(String, Vec<&HostName>)| {
            self.indented(2, &format!("{}: {}", self.who(hosts.iter().copied()), text::clean(note, 400)))
        };
        let mut lines: String = notes.iter().take(most).map(line).collect();
        lines.push_str(&self.more(view.state, most, notes.len(), "note"));
        lines
    }

    /// How current the package lists are.
    fn lists(&self, view: &RunView<'_>) -> String {
        let mut lines = String::new();
        for (lists, hosts) in view.lists_seen() {
            let own = if hosts.len() == 1 { "the host's own" } else { "their own" };
            let what = match lists {
                ListsSeen::Fetched => format!("fetched for this check, apart from {own}"),
                ListsSeen::Hours(0) => format!("{own}, less than an hour old"),
                ListsSeen::Hours(hours) => format!("{own}, {hours} h old"),
                ListsSeen::AgeUnknown => format!("{own}, of unknown age"),
            };
            lines.push_str(&self.indented(2, &format!("{}: {what}", self.who(hosts))));
        }
        lines
    }
}

/// `openssl  3.0.11 → 3.0.15  security, libc, DSA-5764-1`.
fn package_line(one: &ForeseenPackage, widest: usize, say_security: bool) -> String {
    let version = |version: &Option<String>| version.as_deref().map_or_else(String::new, |v| text::clean(v, 60));
    let change = match (&one.from, &one.to) {
        (_, None) => format!("{} would be removed", version(&one.from)),
        (None, _) => format!("{} (new)", version(&one.to)),
        _ => format!("{} → {}", version(&one.from), version(&one.to)),
    };
    let mut marks: Vec<String> = Vec::new();
    marks.extend((say_security && one.security == Some(true)).then(|| "security".to_owned()));
    marks.extend(one.part.as_deref().map(|part| text::clean(part, 30)));
    marks.extend(one.advisories.iter().take(3).map(|id| text::clean(id, 40)));
    if one.advisories.len() > 3 {
        marks.push(format!("{} more advisories", one.advisories.len() - 3));
    }
    let marks = if marks.is_empty() { String::new() } else { format!("  {}", marks.join(", ")) };
    format!("{:<widest$}  {change}{marks}", text::clean(&one.name, 60))
}
