//! What a person agrees to besides the plan itself: the contents of the jump box's files that its steps send or run,
//! and marks of the variables. A mark shows which variable has changed. Knows no value and reads no file. Start at
//! [`Pinned`] and [`VarsChange::between`].

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{host::HostName, names};

/// Hexadecimal digits of a host's mark: 16 bits.
pub(super) const HOST_MARK: usize = 4;
/// Hexadecimal digits of a variable's mark: 12 bits. That is too little to find a secret by trying values. Whether
/// anything has changed at all is known from the plan's whole hash.
pub(super) const NAME_MARK: usize = 3;
/// The most variables that a sentence names.
const NAMED: usize = 5;

/// What must still be the same on the jump box when the run goes on. Empty in the ledgers of older builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The SHA-256 of each file, under the name that the playbook uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// A hash of all variables of all hosts, whatever their order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// A mark of each variable's values over all hosts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// A mark of each host's variables, one after the other in the plan's order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hosts: String,
}

impl Pinned {
    /// Whether nothing is recorded: an older program started the run.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which variables have changed, without their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VarsChange {
    /// Hosts of both plans whose variables have changed.
    pub hosts: Vec<HostName>,
    /// The names of the variables. Empty if a host is in one plan only: then they cannot be found.
    pub names: Vec<String>,
}

impl VarsChange {
    /// Whether any variable of any host has changed, by the hash that `then` has. Both plans have the same hosts.
    pub fn any(then: &Plan, now: &Plan) -> bool {
        match then.pinned.digest.as_str() {
            "" => then.vars_digest != now.vars_digest,
            digest => digest != now.pinned.digest,
        }
    }

    /// What has changed between `then` and `now`.
    pub fn between(then: &Plan, now: &Plan) -> Self {
        let (before, after) = (marks(then), marks(now));
        let changed = |host: &HostName| match (before.get(host), after.get(host)) {
            (Some(before), Some(after)) => before != after,
            _ => false,
        };
        let hosts: Vec<HostName> =
            now.hosts().map(|(host, ..)| &host.name).filter(|host| changed(host)).cloned().collect();
        let (was, is) = (&then.pinned.variables, &now.pinned.variables);
        let mut names = Vec::new();
        if before.len() == after.len() && before.keys().all(|host| after.contains_key(host)) {
            let gone = was.keys().filter(|name| !is.contains_key(*name));
            let other = is.iter().filter(|(name, mark)| was.get(*name) != Some(*mark)).map(|(name, _)| name);
            names = gone.chain(other).cloned().collect();
            names.sort();
        }
        Self { hosts, names }
    }

    /// In one sentence: `the variable ansible_host has changed on web1`.
    pub fn sentence(&self) -> String {
        let more = self.names.len().saturating_sub(NAMED);
        let mut variables = self.names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 {
            variables.push_str(&format!(" and {more} more"));
        }
        let subject = match self.names.len() {
            0 => "variables have changed".to_owned(),
            1 => format!("the variable {variables} has changed"),
            _ => format!("the variables {variables} have changed"),
        };
        match self.hosts.is_empty() {
            true => subject,
            false => format!("{subject} on {}", names::fold(&self.hosts)),
        }
    }
}

/// The mark of each host; empty if the plan has no marks, or a different number of marks than hosts.
pub(super) fn marks(plan: &Plan) -> HashMap<&HostName, &str> {
    let all = &plan.pinned.hosts;
    let count = plan.hosts().count();
    if all.len() != count * HOST_MARK || !all.is_ascii() {
        return HashMap::new();
    }
    plan.hosts().enumerate().map(|(i, (host, ..))| (&host.name, &all[i * HOST_MARK..(i + 1) * HOST_MARK])).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        inventory::{Inventory, NoRuns},
        plan::build,
        playbook::load_text,
    };

    fn plan(hosts: &str, release: u32) -> Plan {
        let inventory = format!(
            "all:\n  vars: {{ patchwave: {{ environment: production, risk: low }} }}\n  hosts:\n{}",
            hosts.lines().map(|line| format!("    {line}\n")).collect::<String>()
        );
        let inventory = Inventory::from_text("inv.yml", &inventory).unwrap_or_else(|problems| panic!("{problems}"));
        let text = format!("name: p\nvars: {{ release: {release} }}\nsteps: [pause: 1s]\n");
        let playbook =
            load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let selected = inventory.select("all", &NoRuns).unwrap();
        build(&inventory, &playbook, &selected).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn a_changed_variable_is_named_with_its_hosts() {
        let then = "a: { ansible_host: 10.0.0.1, x: 1 }\nb: { x: 1 }\nc: {}";
        for (now, release, sentence) in [
            (then, 1, "variables have changed"),
            ("c: {}\nb: { x: 1 }\na: { ansible_host: 10.0.0.1, x: 1 }", 1, "variables have changed"),
            (
                "a: { ansible_host: 10.0.0.2, x: 1 }\nb: { x: 1 }\nc: {}",
                1,
                "the variable ansible_host has changed on a",
            ),
            ("a: { ansible_host: 10.0.0.1 }\nb: { x: 2 }\nc: {}", 1, "the variable x has changed on a,b"),
            (
                "a: { ansible_host: 10.0.0.1, x: 1 }\nb: { x: 1 }\nc: { y: 1, z: 2 }",
                1,
                "the variables y, z have changed on c",
            ),
            (then, 2, "the variable release has changed"),
            ("a: { ansible_host: 10.0.0.3, x: 1 }\nb: { x: 1 }", 1, "variables have changed on a"),
            (
                "a: { ansible_host: 10.0.0.1, x: 1, p: 1, q: 1, r: 1, s: 1, t: 1, u: 1 }\nb: { x: 1 }\nc: {}",
                1,
                "the variables p, q, r, s, t and 1 more have changed on a",
            ),
            // A login's password does not change what is done.
            (
                "a: { ansible_host: 10.0.0.1, x: 1, ansible_password: new }\nb: { x: 1 }\nc: {}",
                1,
                "variables have changed",
            ),
        ] {
            let (then, now) = (&plan(then, 1), &plan(now, release));
            let change = VarsChange::between(then, now);
            assert_eq!(VarsChange::any(then, now), sentence != "variables have changed", "{sentence}");
            assert_eq!(change.sentence(), sentence);
        }
    }

    #[test]
    fn a_plan_without_marks_names_nothing_and_nonsense_is_no_panic() {
        let now = plan("a: { x: 1 }", 1);
        for hosts in ["", "12", "é1", "12345678"] {
            let then =
                Plan { pinned: Pinned { hosts: hosts.to_owned(), ..Pinned::default() }, ..plan("a: { x: 2 }", 1) };
            assert_eq!(VarsChange::between(&then, &now).sentence(), "variables have changed");
        }
    }
}
