//! What `inventory hosts | list | graph` print: pure text and JSON, secrets masked.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Inventory;
use crate::{host::HostName, sensitive, yaml::VAULT};

/// The most lines of a graph: groups in several parents are printed below each of them.
const MOST_LINES: usize = 200_000;
/// Shown in place of a secret.
const MASK: &str = "***";

impl Inventory {
    /// One name per line, in the order of the inventory.
    pub fn hosts_text(&self, hosts: &[HostName]) -> String {
        hosts.iter().fold(String::new(), |mut text, host| {
            let _ = writeln!(text, "{host}");
            text
        })
    }

    /// Groups and hosts as `ansible-inventory --graph` draws them.
    pub fn graph_text(&self) -> String {
        let mut text = String::new();
        let mut lines = 0;
        self.graph(0, 0, &mut text, &mut lines);
        text
    }

    fn graph(&self, group: usize, depth: usize, text: &mut String, lines: &mut usize) {
        let mut line = |depth: usize, name: &str, lines: &mut usize| {
            *lines += 1;
            let _ = match depth {
                0 => writeln!(text, "{name}"),
                _ if *lines == MOST_LINES => writeln!(text, "  … more than {MOST_LINES} lines"),
                _ if *lines > MOST_LINES => Ok(()),
                _ => writeln!(text, "{}--{name}", "  |".repeat(depth)),
            };
        };
        line(depth, &format!("@{}:", self.groups[group].name), lines);
        for &child in &self.groups[group].children {
            if *lines <= MOST_LINES {
                self.graph(child, depth + 1, text, lines);
            }
        }
        let mut line = |name: &str| {
            *lines += 1;
            if *lines < MOST_LINES {
                let _ = writeln!(text, "{}--{name}", "  |".repeat(depth + 1));
            }
        };
        self.groups[group].hosts.iter().for_each(|host| line(self.names[*host].as_str()));
    }

    /// Groups and variables as `ansible-inventory --list` gives them; passwords and encrypted values are masked.
    pub fn list_json(&self) -> Json {
        let mut hostvars = Map::new();
        for name in &self.names {
            let mut vars = self.vars(name);
            for own in ["inventory_hostname", "inventory_hostname_short", "group_names"] {
                vars.remove(own);
            }
            vars.values_mut().for_each(mask);
            hostvars.insert(name.as_str().to_owned(), Json::Object(vars));
        }
        let mut list = Map::new();
        list.insert("_meta".into(), json!({ "hostvars": hostvars }));
        for group in &self.groups {
            let mut entry = Map::new();
            let children: Vec<&str> = group.children.iter().map(|child| self.groups[*child].name.as_str()).collect();
            let hosts: Vec<&str> = group.hosts.iter().map(|host| self.names[*host].as_str()).collect();
            if !children.is_empty() {
                entry.insert("children".into(), children.into());
            }
            if !hosts.is_empty() {
                entry.insert("hosts".into(), hosts.into());
            }
            if !entry.is_empty() {
                list.insert(group.name.clone(), Json::Object(entry));
            }
        }
        Json::Object(list)
    }

    /// What `inventory check` says when nothing is wrong: hosts, groups, and hosts per environment and risk.
    pub fn summary_text(&self) -> String {
        let mut counts: indexmap::IndexMap<String, usize> = indexmap::IndexMap::new();
        for host in &self.hosts {
            let policy = self.settings(host).policy;
            let environment = policy.environment.as_ref().map_or("no environment", |e| e.as_str());
            let risk = policy.risk.map_or("no risk", |r| r.as_str());
            *counts.entry(format!("{environment}/{risk}")).or_default() += 1;
        }
        let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        // `all` and `ungrouped` are always there and do not count.
        let (hosts, groups) = (count(self.hosts.len(), "host"), count(self.groups.len() - 2, "group"));
        let mut text = format!("{hosts} in {groups}\n");
        for (label, count) in counts {
            let _ = writeln!(text, "  {label}: {count}");
        }
        text
    }
}

/// Replaces marked and encrypted values, at every depth.
fn mask(value: &mut Json) {
    match value {
        value if sensitive::secret(value).is_some() => *value = MASK.into(),
        Json::Object(map) if map.contains_key(VAULT) => *value = MASK.into(),
        Json::Object(map) => map.values_mut().for_each(mask),
        Json::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
