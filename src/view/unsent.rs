//! Messages that were not sent, without breaking a host: hosts with the same reason share it.

use indexmap::IndexMap;

use super::{RunView, first_line, shape};
use crate::{event::StepResult, host::HostName};

/// Messages that were not sent, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent<'a> {
    /// Why; parts that differ from host to host are `…`.
    pub why: String,
    /// The hosts they were about, in the plan's order. A host with two such messages is there twice.
    pub hosts: Vec<&'a HostName>,
}

impl<'a> RunView<'a> {
    /// Messages of `notify` steps that were not sent.
    pub fn unsent(&self) -> Vec<Unsent<'a>> {
        let mut found: IndexMap<String, Unsent<'a>> = IndexMap::new();
        for host in &self.state.hosts {
            for (_, result) in host.steps.iter().filter(|(_, result)| result.is_unsent()) {
                let why = first_line(&result.summary, 300);
                let shape = shape(&why, host.name.as_str());
                let one = found.entry(shape.clone()).or_insert_with(|| Unsent { why: why.clone(), hosts: Vec::new() });
                if one.why != why {
                    one.why = shape;
                }
                one.hosts.push(&host.name);
            }
        }
        found.into_values().collect()
    }

    /// Whether this is the first message that was not sent for this reason.
    pub fn is_first_unsent(&self, host: &HostName, result: &StepResult) -> bool {
        let same = |one: &StepResult| one.is_unsent() && one.summary == result.summary;
        let hosts = self.state.hosts.iter().filter(|other| other.name != *host);
        !hosts.flat_map(|other| &other.steps).any(|(_, other)| same(other))
    }
}
