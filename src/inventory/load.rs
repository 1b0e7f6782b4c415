//! Collects what readers of inventory formats find: groups, hosts of groups, groups in groups, variables; each with its
//! place. Knows no format. Readers are siblings of this file ([`super::yaml`]); [`super::order::finish`] makes the
//! inventory. Start at [`Loader`].

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{
    entry::{Location, Locations},
    group::{Group, Host, Layer},
    name, range,
};
use crate::{
    host::HostName,
    yaml::{Key, Node, Problems, Span, Value, read},
};

/// What has been read so far.
pub struct Loader {
    pub problems: Problems,
    pub names: Vec<HostName>,
    pub hosts: Vec<Host>,
    pub index: HashMap<HostName, usize>,
    pub groups: Vec<Group>,
    pub group_index: HashMap<String, usize>,
    /// Which group contains which, and where that was written.
    pub edges: Vec<(usize, usize, Span)>,
    pub encrypted: Vec<PathBuf>,
    /// Where the entries of `hosts:` say that each host is.
    locations: Locations,
}

/// Where each host of one list was named, to find duplicates.
#[derive(Default)]
pub struct Named(HashMap<usize, u32>);

impl Loader {
    pub fn new() -> Self {
        let mut loader = Self {
            problems: Problems::default(),
            names: Vec::new(),
            hosts: Vec::new(),
            index: HashMap::new(),
            groups: Vec::new(),
            group_index: HashMap::new(),
            edges: Vec::new(),
            encrypted: Vec::new(),
            locations: Locations::default(),
        };
        let (all, ungrouped) = (loader.made("all"), loader.made("ungrouped"));
        loader.groups[all].children.push(ungrouped);
        loader.groups[ungrouped].parents.push(all);
        loader
    }

    /// The group of this name, made if it is new; `None`, with a problem, if a group cannot have this name.
    pub fn group(&mut self, key: &Key) -> Option<usize> {
        if key.text.is_empty() || key.text.contains([',', '!', '&', '[', ']', ' ', '@', '~']) {
            let message = format!("`{}` cannot be the name of a group", key.text);
            self.problems.at(&key.span, message).help("use letters, digits, _ - . :");
            return None;
        }
        Some(self.made(&key.text))
    }

    fn made(&mut self, name: &str) -> usize {
        if let Some(at) = self.group_index.get(name) {
            return *at;
        }
        self.groups.push(Group { name: name.to_owned(), priority: 1, ..Group::default() });
        self.group_index.insert(name.to_owned(), self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// Puts a group into another one; returns its number, unless it cannot be there.
    pub fn child(&mut self, group: usize, key: &Key) -> Option<usize> {
        if key.text == "all" {
            self.problems.at(&key.span, "`all` contains every group and cannot be inside one");
            return None;
        }
        let child = self.group(key)?;
        self.edges.push((group, child, key.span.clone()));
        Some(child)
    }

    /// Variables of a group.
    pub fn vars(&mut self, group: usize, vars: Vec<(Key, Node)>) {
        let layer = Layer::new(vars, &mut self.problems);
        if let Some(priority) = layer.get("ansible_group_priority") {
            let read = read::whole(priority, i64::MIN, i64::MAX, &mut self.problems);
            self.groups[group].priority = read.unwrap_or(1);
        }
        self.groups[group].inline.push(Arc::new(layer));
    }

    /// Adds the host, or the hosts of a range, that `key` names to a group, with their own variables.
    pub fn host(&mut self, group: usize, key: &Key, vars: Vec<(Key, Node)>, named: &mut Named) {
        let (names, port) = match name::hosts(&key.text) {
            Ok(found) => found,
            Err(wrong) => {
                self.problems.at(&key.span, wrong.why).help = wrong.help;
                return;
            }
        };
        if self.hosts.len() + names.len() > range::MOST_HOSTS {
            self.problems.at(&key.span, format!("this inventory has more than {} hosts", range::MOST_HOSTS));
            return;
        }
        let mut layers = Vec::new();
        let own = Layer::new(vars, &mut self.problems);
        let location = Arc::new(Location::of(key, port, &own, &mut self.problems));
        let mut agrees = true;
        if let Some(port) = port {
            layers.push(Arc::new(Layer { vars: vec![port_var(key, port)], settings: None }));
        }
        if !own.vars.is_empty() {
            layers.push(Arc::new(own));
        }
        for name in names {
            match HostName::new(&name) {
                Ok(name) => {
                    // One problem is enough for the hosts of a range.
                    if let Some(at) = self.one_host(group, name, key, &layers, named)
                        && agrees
                    {
                        agrees = self.locations.compare(&self.names[at], at, &location, &mut self.problems);
                    }
                }
                Err(error) => {
                    self.problems.at(&key.span, error.to_string());
                    return;
                }
            }
        }
    }

    /// Adds one host; returns its number, unless this list names it twice.
    fn one_host(
        &mut self,
        group: usize,
        name: HostName,
        key: &Key,
        layers: &[Arc<Layer>],
        named: &mut Named,
    ) -> Option<usize> {
        let at = match self.index.get(&name) {
            Some(at) => *at,
            None => {
                self.names.push(name.clone());
                self.hosts.push(Host { groups: Vec::new(), set: 0, layers: Vec::new() });
                self.index.insert(name.clone(), self.hosts.len() - 1);
                self.hosts.len() - 1
            }
        };
        if let Some(line) = named.0.insert(at, key.span.line) {
            let message = format!("host `{name}` is in this mapping twice");
            let help = format!("it is already on line {line}, by its name or in a range: remove one of the two");
            self.problems.at(&key.span, message).help(help);
            return None;
        }
        let host = &mut self.hosts[at];
        host.layers.extend(layers.iter().cloned());
        if !host.groups.contains(&group) {
            host.groups.push(group);
            self.groups[group].hosts.push(at);
        }
        Some(at)
    }
}

/// The port in a name as `ansible_port`: a number, with its place in the name.
fn port_var(key: &Key, port: u16) -> (Key, Node) {
    let written = key.span.source.text.get(key.span.start..key.span.end).unwrap_or_default();
    let digits = written.trim_end_matches(|c: char| !c.is_ascii_digit());
    let length = digits.len() - digits.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let end = key.span.start + digits.len();
    let span = Span { start: end - length, end, ..key.span.clone() };
    let node = Node { span, tag: None, value: Value::Int(port.into()) };
    (Key { text: "ansible_port".to_owned(), span: key.span.clone() }, node)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
