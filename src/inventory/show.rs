//! What `inventory hosts | list | graph | show` print: pure text and JSON, secrets masked.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize as _;
use serde_json::{Map, Value as Json, json, ser::PrettyFormatter};

use super::Inventory;
use crate::{
    host::HostName,
    sensitive,
    yaml::{Span, VAULT, Value},
};

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
        if group != super::order::ALL {
            self.groups[group].hosts.iter().for_each(|host| line(self.names[*host].as_str()));
        }
    }

    /// Groups and variables in the form of `ansible-inventory --list`, with `patchwave` merged; passwords and encrypted
    /// values are masked.
    pub fn list_json(&self) -> Json {
        self.list(|name| {
            let mut vars = self.vars(name);
            for own in super::group::MAGIC {
                vars.remove(own);
            }
            vars
        })
    }

    /// What `ansible-inventory --list` prints, but that passwords and encrypted values are masked.
    pub fn ansible_list_text(&self) -> String {
        let mut list = self.list(|name| self.ansible_vars(name));
        if let Some(Json::Object(meta)) = list.get_mut("_meta") {
            if let Some(Json::Object(hosts)) = meta.get_mut("hostvars") {
                hosts.retain(|_, vars| vars.as_object().is_some_and(|vars| !vars.is_empty()));
            }
            meta.insert("profile".to_owned(), "inventory_legacy".into());
        }
        let mut text = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"    ");
        let written = sorted(list).serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter));
        written.expect("a value can be written to memory");
        text.push(b'\n');
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    fn list(&self, vars_of: impl Fn(&HostName) -> Map<String, Json>) -> Json {
        let mut hostvars = Map::new();
        for name in &self.ordered {
            let mut vars = vars_of(name);
            vars.values_mut().for_each(mask);
            hostvars.insert(name.as_str().to_owned(), Json::Object(vars));
        }
        let mut list = Map::new();
        list.insert("_meta".into(), json!({ "hostvars": hostvars }));
        for (at, group) in self.groups.iter().enumerate() {
            let mut entry = Map::new();
            let children: Vec<&str> = group.children.iter().map(|child| self.groups[*child].name.as_str()).collect();
            if !children.is_empty() {
                entry.insert("children".into(), children.into());
            }
            // Hosts of `all` itself are those of `ungrouped`.
            if at != super::order::ALL && !group.hosts.is_empty() {
                let hosts: Vec<&str> = group.hosts.iter().map(|host| self.names[*host].as_str()).collect();
                entry.insert("hosts".into(), hosts.into());
            }
            if !entry.is_empty() {
                list.insert(group.name.clone(), Json::Object(entry));
            }
        }
        Json::Object(list)
    }

    /// Each variable of a host with its value and its place, sorted by name; secrets are masked.
    pub fn show_text(&self, name: &HostName) -> String {
        let Some(host) = self.host(name) else { return String::new() };
        let mut values: BTreeMap<String, (Json, &Span)> = BTreeMap::new();
        let layers = self.sets[host.set].layers.iter().chain(&host.layers).map(AsRef::as_ref);
        for (key, node) in layers.chain([&self.extra]).flat_map(|layer| &layer.vars) {
            match (&node.value, key.text.as_str()) {
                // It is merged key by key.
                (Value::Map(entries), "patchwave") => values.extend(entries.iter().map(|(key, node)| {
                    (format!("patchwave.{}", key.text), (sensitive::mark(&key.text, node.to_json()), &key.span))
                })),
                _ => {
                    values.insert(key.text.clone(), (sensitive::mark(&key.text, node.to_json()), &key.span));
                }
            }
        }
        let mut text = format!("{name}\n  groups: {}\n", self.group_names_of(host).join(", "));
        for said in self.fallbacks(name) {
            values.insert(said.variable.to_owned(), (said.to_json(), &said.span));
        }
        for (name, (mut value, span)) in values {
            mask(&mut value);
            let _ = writeln!(text, "  {name}: {value}\n    {}", span.place());
        }
        text
    }

    /// What `inventory check` says when nothing is wrong: hosts, groups, and hosts per environment and risk.
    pub fn summary_text(&self) -> String {
        let mut counts: indexmap::IndexMap<String, usize> = indexmap::IndexMap::new();
        for host in self.ordered.iter().filter_map(|name| self.host(name)) {
            let policy = self.settings(host).policy;
            let environment = policy.environment.as_ref().map_or("no environment", |e| e.as_str());
            let risk = policy.risk.map_or("no risk", |r| r.as_str());
            *counts.entry(format!("{environment}/{risk}")).or_default() += 1;
        }
        let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        // `all` and `ungrouped` are always there and do not count.
        let (hosts, groups) = (count(self.ordered.len(), "host"), count(self.groups.len() - 2, "group"));
        let mut text = format!("{hosts} in {groups}\n");
        for (label, count) in counts {
            let _ = writeln!(text, "  {label}: {count}");
        }
        text
    }
}

/// The same value with its keys sorted, at every depth.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(map) => {
            let entries: BTreeMap<String, Json> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
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
