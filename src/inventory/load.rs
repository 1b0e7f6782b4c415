//! Documents to groups: `hosts`, `children` and `vars` of each group.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{
    entry::{AllSaid, Said},
    files,
    group::{Group, Host, Inventory, Layer},
    name, order, range,
};
use crate::{
    host::HostName,
    yaml::{Key, MapReader, Node, Problems, Source, Span, Value, parse, read},
};

/// What has been read so far.
pub struct Loader {
    pub problems: Problems,
    pub names: Vec<HostName>,
    pub hosts: Vec<Host>,
    pub index: HashMap<HostName, usize>,
    pub groups: Vec<Group>,
    pub group_index: HashMap<String, usize>,
    /// Who holds whom, and where that was written.
    pub edges: Vec<(usize, usize, Span)>,
    pub encrypted: Vec<PathBuf>,
    /// What the entries of hosts say about where a host is.
    said: AllSaid,
}

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
            said: AllSaid::default(),
        };
        let (all, ungrouped) = (loader.group("all"), loader.group("ungrouped"));
        loader.groups[all].children.push(ungrouped);
        loader.groups[ungrouped].parents.push(all);
        loader
    }

    pub fn finish(mut self) -> Result<Inventory, Problems> {
        order::check_cycles(&mut self);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(order::settle(self))
    }

    fn group(&mut self, name: &str) -> usize {
        if let Some(at) = self.group_index.get(name) {
            return *at;
        }
        self.groups.push(Group { name: name.to_owned(), priority: 1, ..Group::default() });
        self.group_index.insert(name.to_owned(), self.groups.len() - 1);
        self.groups.len() - 1
    }

    pub fn file(&mut self, source: Arc<Source>) {
        let node = match parse(source) {
            Ok(node) => node,
            Err(problems) => return self.problems.extend(problems),
        };
        let Value::Map(groups) = node.value else {
            let problem = match node.value {
                Value::Null => self.problems.at(&node.span, "this inventory is empty"),
                _ => self.problems.expected("groups (a mapping)", &node),
            };
            problem.help("an inventory looks like `all: {hosts: {web01: }}`");
            return;
        };
        if let Some((key, _)) = groups.iter().find(|(key, node)| key.text == "plugin" && node.text().is_some()) {
            self.problems
                .at(&key.span, "this configures an inventory plugin; plugins are not run")
                .help(files::CONVERT);
            return;
        }
        for (key, node) in groups {
            if let Some(group) = self.group_named(&key) {
                self.group_body(group, &key, node);
            }
        }
    }

    /// The group of a key, made when it is new.
    fn group_named(&mut self, key: &Key) -> Option<usize> {
        if key.text.is_empty() || key.text.contains([',', '!', '&', '[', ']', ' ', '@', '~']) {
            let message = format!("`{}` cannot be the name of a group", key.text);
            self.problems.at(&key.span, message).help("letters, digits, _ - . : are fine");
            return None;
        }
        Some(self.group(&key.text))
    }

    /// Reads what stands under a group's name. The depth of the recursion is bounded by the parser.
    fn group_body(&mut self, group: usize, key: &Key, node: Node) {
        let what = format!("group `{}`", key.text);
        let Some(mut map) = MapReader::new(&node, &what, &mut self.problems) else { return };
        for known in ["hosts", "children", "vars"] {
            map.allow(known);
        }
        map.finish();
        let Value::Map(sections) = node.value else { return };
        for (section, node) in sections {
            match section.text.as_str() {
                "hosts" => self.section_hosts(group, node),
                "children" => self.section_children(group, node),
                "vars" => self.section_vars(group, node),
                _ => {}
            }
        }
    }

    /// The entries of `hosts` or `children`: a mapping, nothing, or one name.
    fn entries(&mut self, node: Node, what: &str) -> Vec<(Key, Node)> {
        match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            Value::String(text) if node.tag.is_none() => {
                let nothing = Node { span: node.span.clone(), tag: None, value: Value::Null };
                vec![(Key { text, span: node.span }, nothing)]
            }
            _ => {
                self.problems.expected(what, &node).help("write each name as a key, with a colon: `web01:`");
                Vec::new()
            }
        }
    }

    fn section_hosts(&mut self, group: usize, node: Node) {
        // Where each host of this mapping was named, to find those that ranges name twice.
        let mut seen: HashMap<usize, u32> = HashMap::new();
        for (key, node) in self.entries(node, "host names (a mapping)") {
            self.host_entry(group, &key, node, &mut seen);
        }
    }

    fn host_entry(&mut self, group: usize, key: &Key, node: Node, seen: &mut HashMap<usize, u32>) {
        let vars = match node.value {
            Value::Map(vars) => vars,
            Value::Null => Vec::new(),
            _ => {
                let what = format!("the variables of host `{}` (a mapping)", key.text);
                self.problems.expected(&what, &node);
                return;
            }
        };
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
        let said = Arc::new(Said::of(key, port, &own, &mut self.problems));
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
                    // One problem for the hosts of a range.
                    if let Some(at) = self.host(group, name, key, &layers, seen)
                        && agrees
                    {
                        agrees = self.said.compare(&self.names[at], at, &said, &mut self.problems);
                    }
                }
                Err(error) => {
                    self.problems.at(&key.span, error.to_string());
                    return;
                }
            }
        }
    }

    /// Takes one host; its number, unless this mapping names it twice.
    fn host(
        &mut self,
        group: usize,
        name: HostName,
        key: &Key,
        layers: &[Arc<Layer>],
        seen: &mut HashMap<usize, u32>,
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
        if let Some(line) = seen.insert(at, key.span.line) {
            let message = format!("host `{name}` stands in this mapping for the second time");
            let help = format!("line {line} names it already: keep one of the two");
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

    fn section_children(&mut self, group: usize, node: Node) {
        for (key, node) in self.entries(node, "group names (a mapping)") {
            if key.text == "all" {
                self.problems.at(&key.span, "`all` holds every group and cannot stand in one");
                continue;
            }
            if let Some(child) = self.group_named(&key) {
                self.edges.push((group, child, key.span.clone()));
                self.group_body(child, &key, node);
            }
        }
    }

    fn section_vars(&mut self, group: usize, node: Node) {
        match node.value {
            Value::Map(vars) => {
                let layer = Layer::new(vars, &mut self.problems);
                if let Some(priority) = layer.get("ansible_group_priority") {
                    let range = (i64::MIN, i64::MAX);
                    let read = read::whole(priority, range.0, range.1, &mut self.problems);
                    self.groups[group].priority = read.unwrap_or(1);
                }
                self.groups[group].inline.push(Arc::new(layer));
            }
            Value::Null => {}
            _ => {
                self.problems.expected("variables (a mapping)", &node);
            }
        }
    }
}

/// `ansible_port` as the name says it: a number, standing where the name has it.
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
