//! Hosts that did not get their traffic back, grouped by the reason.

use indexmap::IndexMap;

use super::RunView;
use crate::event::HostState;

/// Hosts that stay drained for one reason.
#[derive(Clone, Debug)]
pub struct Drained<'a> {
    /// Why, in words.
    pub why: &'a str,
    /// What to type for the first of them.
    pub help: &'a str,
    /// The hosts, in the plan's order. Never empty.
    pub hosts: Vec<&'a HostState>,
}

impl<'a> RunView<'a> {
    /// All hosts that stay drained.
    pub fn drained(&self) -> Vec<Drained<'a>> {
        let mut groups: IndexMap<&str, Drained<'a>> = IndexMap::new();
        for host in &self.state.hosts {
            let Some(result) = host.stays_drained() else { continue };
            // `the host stays drained: WHY`.
            let why = result.summary.split_once(": ").map_or(result.summary.as_str(), |(_, why)| why);
            let help = result.help.as_deref().unwrap_or_default();
            groups.entry(why).or_insert_with(|| Drained { why, help, hosts: Vec::new() }).hosts.push(host);
        }
        groups.into_values().collect()
    }
}
