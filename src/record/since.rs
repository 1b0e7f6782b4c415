//! Since when the updates of a host are pending: from the first of an unbroken row of scans that found them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pkg::Pending;

/// Names of packages by the time since which an update of each is pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// Every pending update.
    #[serde(default)]
    pub all: BTreeMap<Timestamp, BTreeSet<String>>,
    /// Since when it is a security fix.
    #[serde(default)]
    pub security: BTreeMap<Timestamp, BTreeSet<String>>,
}

impl Since {
    /// Names that are pending, and names of security fixes. A new package that another one needs is not an update that
    /// the host lacks.
    pub fn names(pending: &Pending) -> [BTreeSet<String>; 2] {
        let updates = || pending.updates.iter().filter(|update| update.from.is_some());
        let name = |update: &crate::pkg::Update| update.name.clone();
        let security = updates().filter(|update| update.security.fix().is_some());
        [updates().map(name).collect(), security.map(name).collect()]
    }

    /// Takes in a scan at this time: `all` and `security` are what it found.
    pub fn update(&mut self, at: Timestamp, all: &BTreeSet<String>, security: &BTreeSet<String>) {
        keep(&mut self.all, at, all);
        keep(&mut self.security, at, security);
    }

    /// Since when an update of this package is pending.
    pub fn of(&self, name: &str) -> Option<Timestamp> {
        time(&self.all, name)
    }

    /// Since when one that is a security fix is.
    pub fn security_of(&self, name: &str) -> Option<Timestamp> {
        time(&self.security, name)
    }
}

fn keep(times: &mut BTreeMap<Timestamp, BTreeSet<String>>, at: Timestamp, found: &BTreeSet<String>) {
    let mut new = found.clone();
    for names in times.values_mut() {
        names.retain(|name| new.remove(name));
    }
    times.retain(|_, names| !names.is_empty());
    if !new.is_empty() {
        times.entry(at).or_default().extend(new);
    }
}

fn time(times: &BTreeMap<Timestamp, BTreeSet<String>>, name: &str) -> Option<Timestamp> {
    times.iter().find(|(_, names)| names.contains(name)).map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    fn names(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_clock_starts_when_an_update_is_first_seen_and_again_after_it_was_gone() {
        let mut since = Since::default();
        since.update(at(1), &names("a b"), &names("a"));
        since.update(at(2), &names("a b c"), &names("a b"));
        let found = |since: &Since, name: &str| (since.of(name), since.security_of(name));
        assert_eq!(found(&since, "a"), (Some(at(1)), Some(at(1))));
        // It was pending before it became a security fix.
        assert_eq!(found(&since, "b"), (Some(at(1)), Some(at(2))));
        assert_eq!(found(&since, "c"), (Some(at(2)), None));
        since.update(at(3), &names("b"), &names(""));
        assert_eq!(found(&since, "a"), (None, None));
        since.update(at(4), &names("a b"), &names("a b"));
        assert_eq!(found(&since, "a"), (Some(at(4)), Some(at(4))));
        assert_eq!(found(&since, "b"), (Some(at(1)), Some(at(4))));
        let text = serde_json::to_string(&since).unwrap();
        assert_eq!(serde_json::from_str::<Since>(&text).unwrap(), since);
    }
}
