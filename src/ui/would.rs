//! What a check found to be done: hosts with the same list share it.
//! Knows that a step of a check begins or holds `would` in its summary where it left something undone. Start at [`page`].

use indexmap::IndexMap;

use super::text;
use crate::{
    event::{HostState, RunState, Verdict},
    host::HostName,
};

/// What each step of a host would do, one text per step.
pub(super) fn of(state: &RunState, host: &HostState) -> Vec<String> {
    let left_undone = |verdict| matches!(verdict, Verdict::Ok | Verdict::Skipped);
    let found =
        host.steps.iter().filter(|(_, result)| left_undone(result.verdict) && result.summary.contains("would "));
    found
        .map(|(step, result)| {
            format!("{}: {}", text::step_name(state.plan(), *step), text::first_line(&result.summary, 400))
        })
        .collect()
}

/// The lists, each below its hosts; empty when no host has one.
pub(super) fn page(state: &RunState) -> String {
    let mut lists: IndexMap<Vec<String>, Vec<&HostName>> = IndexMap::new();
    for host in &state.hosts {
        lists.entry(of(state, host)).or_default().push(&host.name);
    }
    lists.shift_remove(&Vec::new());
    let mut page = String::new();
    for (list, hosts) in lists {
        page.push_str(&format!("{}: {}\n", text::count(hosts.len(), "host"), text::hosts(hosts, 60)));
        list.iter().for_each(|line| page.push_str(&format!("  {line}\n")));
        page.push('\n');
    }
    page
}
