//! What the last page of a run says besides outcomes: hosts that got no traffic back, and who approved what.

use indexmap::IndexMap;

use super::text;
use crate::{event::RunState, host::HostName};

/// Hosts that stay drained, those of one reason together, with what to type for one of them.
pub(super) fn drained(state: &RunState, width: usize) -> String {
    let mut groups: IndexMap<&str, (Vec<&HostName>, &str)> = IndexMap::new();
    for (host, result) in state.hosts.iter().filter_map(|host| Some((host, host.stays_drained()?))) {
        let help = result.help.as_deref().unwrap_or_default();
        groups.entry(&result.summary).or_insert_with(|| (Vec::new(), help)).0.push(&host.name);
    }
    let mut lines = String::new();
    for (summary, (hosts, help)) in groups {
        let why = summary.split_once(": ").map_or(summary, |(_, why)| why);
        let stay = if hosts.len() == 1 { "stays drained" } else { "stay drained" };
        let first = hosts[0];
        let names = text::hosts(hosts, 60);
        let line = format!("drained: {names} {stay}: {}", text::clean(why, 200));
        let example = format!("{}: {}", text::clean(first.as_str(), 60), text::clean(help, 300));
        lines.push_str(&format!("{}\n", text::wrap(&line, width)));
        lines.push_str(&format!("  {}\n", text::wrap(&example, width.saturating_sub(2)).replace('\n', "\n  ")));
    }
    lines
}

/// Named packages that mean nothing to any host: most likely misspelt.
pub(super) fn unknown_packages(state: &RunState) -> String {
    let line =
        |name: &String| format!("packages: no host of this run knows {}: is it misspelt?\n", text::clean(name, 60));
    state.unknown_packages().iter().map(line).collect()
}

/// Who let which stage begin or go on.
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
