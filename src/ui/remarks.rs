//! What the last page of a run says besides outcomes: what is left for a person on hosts, hosts that did not get their
//! traffic back, packages that no host knows, who approved what, and the hash of the record.

use super::text;
use crate::{
    event::RunState,
    hint::Hint,
    view::{Record, RunView, Unsent, left_lines},
};

/// A recorded hint as it is shown; `None` if it names commands but there is no program to run them with.
pub(super) fn help(recorded: &str, program: Option<&str>) -> Option<String> {
    let hint = Hint::read(recorded);
    (program.is_some() || !hint.has_commands()).then(|| hint.render(program.unwrap_or_default()))
}

/// What is left for a person, each with its hosts: at most so many `groups`, with so many things in `each` line.
pub(super) fn left_behind(view: &RunView<'_>, width: usize, groups: usize, each: usize) -> String {
    let what = if view.state.started.check { "would be left behind" } else { "left behind" };
    let room = width.saturating_sub(48).max(30);
    let mut lines = String::new();
    for (left, hosts) in view.left_behind().into_iter().take(groups) {
        let many = text::count(hosts.len(), "host");
        lines.push_str(&format!("{what} on {many}: {}\n", text::hosts(hosts, room)));
        for line in left_lines(&left, each) {
            let line = text::wrap(&line, width.saturating_sub(4)).replace('\n', "\n    ");
            lines.push_str(&format!("  {line}\n"));
        }
    }
    lines
}

/// Hosts that stay drained, grouped by reason, with what to type for one of them.
pub(super) fn drained(view: &RunView<'_>, width: usize, program: Option<&str>) -> String {
    let mut lines = String::new();
    for group in view.drained() {
        let stay = if group.hosts.len() == 1 { "stays drained" } else { "stay drained" };
        let names = text::hosts(group.hosts.iter().map(|host| &host.name), 60);
        let line = format!("drained: {names} {stay}: {}", text::clean(group.why, 200));
        lines.push_str(&format!("{}\n", text::wrap(&line, width)));
        let Some(help) = help(group.help, program) else { continue };
        let example = format!("{}: {}", text::clean(group.hosts[0].name.as_str(), 60), text::clean(&help, 300));
        lines.push_str(&format!("  {}\n", text::wrap(&example, width.saturating_sub(2)).replace('\n', "\n  ")));
    }
    lines
}

/// Messages that were not sent, with the hosts that they were about.
pub(super) fn unsent(view: &RunView<'_>) -> String {
    let line = |one: &Unsent<'_>| {
        let names = text::hosts(one.hosts.iter().copied(), 60);
        format!("warning: {} {} ({names})\n", text::count(one.hosts.len(), "message"), text::clean(&one.why, 300))
    };
    view.unsent().iter().map(line).collect()
}

/// Named packages that no host knows: most likely misspelt.
pub(super) fn unknown_packages(state: &RunState) -> String {
    let line = |name: &String| {
        format!("packages: no host that was asked knows {}: check the spelling\n", text::clean(name, 60))
    };
    state.unknown_packages().iter().map(line).collect()
}

/// CVEs and advisories that no update belongs to.
pub(super) fn unmatched_ids(state: &RunState, width: usize) -> String {
    let line = |id: &String| {
        let id = text::clean(id, 60);
        let line =
            format!("{id}: no pending update on any host that was asked belongs to it; it is fixed there, or misspelt");
        text::wrap(&line, width) + "\n"
    };
    state.unmatched_ids().iter().map(line).collect()
}

/// Who approved which stage.
pub(super) fn approvals(state: &RunState) -> String {
    let mut lines = String::new();
    for (stage, planned) in state.stages.iter().zip(&state.plan().stages) {
        for (moment, by) in &stage.approvals {
            let name = text::clean(&planned.name, 60);
            lines.push_str(&format!("approved: {name} {moment}, by {}\n", text::clean(by, 60)));
        }
    }
    lines
}

/// The hash of the last event, short and in full. If it is noted elsewhere, it shows whether the record was rewritten.
pub(super) fn record(record: Option<&Record>) -> String {
    record.map_or_else(String::new, |record| {
        format!(
            "record: {}, head {}\n  in full: {}\n",
            text::count(usize::try_from(record.events).unwrap_or(usize::MAX), "event"),
            record.short(),
            record.head
        )
    })
}
