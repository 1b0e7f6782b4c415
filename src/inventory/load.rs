//! Collects what readers of inventory formats find: groups, hosts of groups, groups in groups, variables; each with its
//! place. Knows no format. Readers are siblings of this file ([`super::yaml`], [`super::ini`], …);
//! [`super::order::finish`] makes the inventory. Start at [`Loader`].

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{
    entry::{Location, Locations},
    group::{Group, Host, Layer},
    name, range,
};
use crate::{
    host::HostName,
    vault::{self, Passwords},
    yaml::{self, Key, Node, Problem, Problems, Source, Span, Value, nearest, read},
};

/// What has been read so far.
pub struct Loader {
    pub problems: Problems,
    /// What Ansible only warns about, if that is what was asked for; otherwise it is among the problems.
    pub warnings: Problems,
    /// Does as Ansible does where it only warns.
    pub lenient: bool,
    /// What opens encrypted values; without any, they stay encrypted, and only their use is an error.
    pub vault: Arc<Passwords>,
    /// Which source is being read: the file, and its folder.
    pub source: Option<Arc<Origin>>,
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

/// The source that names a host first: Ansible's `inventory_file` and `inventory_dir`.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    pub file: PathBuf,
    pub folder: PathBuf,
}

impl Loader {
    pub fn new(lenient: bool) -> Self {
        let mut loader = Self {
            problems: Problems::default(),
            warnings: Problems::default(),
            lenient,
            vault: Arc::default(),
            source: None,
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

    /// A problem about which Ansible only warns.
    pub fn minor(&mut self, span: &Span, message: impl Into<String>) -> &mut Problem {
        if self.lenient { self.warnings.at(span, message) } else { self.problems.at(span, message) }
    }

    /// Problems of a source that Ansible leaves out with a warning.
    pub fn unreadable(&mut self, problems: Problems) {
        if self.lenient { self.warnings.extend(problems) } else { self.problems.extend(problems) }
    }

    /// The group of this name, made if it is new; `None`, with a problem, if a group cannot have this name.
    pub fn group(&mut self, key: &Key) -> Option<usize> {
        if key.text.is_empty() || key.text.contains([',', '!', '&', '[', ']', ' ', '@', '~']) {
            let message = format!("`{}` cannot be the name of a group", key.text);
            self.minor(&key.span, message).help("use letters, digits, _ - . :");
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
            self.minor(&key.span, "`all` contains every group and cannot be inside one");
            return None;
        }
        let child = self.group(key)?;
        self.edges.push((group, child, key.span.clone()));
        Some(child)
    }

    /// The group that a mistyped name most likely means.
    pub fn nearest_group(&self, name: &str) -> Option<&str> {
        nearest(name, self.groups.iter().map(|group| group.name.as_str()))
    }

    /// Variables of a group. As in Ansible, `ansible_group_priority` is not one of them.
    pub fn vars(&mut self, group: usize, mut vars: Vec<(Key, Node)>) {
        vars.retain(|(key, node)| {
            let priority = key.text == "ansible_group_priority";
            if priority {
                let read = read::whole(node, i64::MIN, i64::MAX, &mut self.problems);
                self.groups[group].priority = read.unwrap_or(1);
            }
            !priority
        });
        if !vars.is_empty() {
            let layer = self.layer(vars);
            self.groups[group].inline.push(Arc::new(layer));
        }
    }

    /// Adds the host, or the hosts of a range, that `key` names to a group, with their own variables. False, with a
    /// problem, if it names none.
    pub fn host(&mut self, group: usize, key: &Key, vars: Vec<(Key, Node)>) -> bool {
        match name::hosts(&key.text) {
            Ok((names, port)) => self.hosts_named(group, key, &names, port, vars),
            Err(wrong) => {
                self.minor(&key.span, wrong.why).help = wrong.help;
                false
            }
        }
    }

    /// Adds these hosts to a group. `key` is where they are named, `port` is what follows the name.
    pub fn hosts_named(
        &mut self,
        group: usize,
        key: &Key,
        names: &[String],
        port: Option<u16>,
        vars: Vec<(Key, Node)>,
    ) -> bool {
        if self.hosts.len() + names.len() > range::MOST_HOSTS {
            self.problems.at(&key.span, format!("this inventory has more than {} hosts", range::MOST_HOSTS));
            return false;
        }
        let mut layers = Vec::new();
        let own = self.layer(vars);
        let location = Arc::new(Location::of(key, port, &own, &mut self.problems));
        let mut agrees = true;
        if let Some(port) = port {
            layers.push(Arc::new(Layer { vars: vec![port_var(key, port)], settings: None }));
        }
        if !own.vars.is_empty() {
            layers.push(Arc::new(own));
        }
        for name in names {
            let name = match HostName::new(name) {
                Ok(name) => name,
                Err(error) => {
                    self.minor(&key.span, error.to_string());
                    return false;
                }
            };
            let at = self.one_host(group, name, &layers);
            // One problem is enough for the hosts of a range.
            if agrees {
                agrees = self.locations.compare(&self.names[at], at, &location, &mut self.problems);
            }
        }
        true
    }

    /// Adds one host; returns its number.
    fn one_host(&mut self, group: usize, name: HostName, layers: &[Arc<Layer>]) -> usize {
        let at = match self.index.get(&name) {
            Some(at) => *at,
            None => {
                self.names.push(name.clone());
                self.hosts.push(Host { groups: Vec::new(), set: 0, layers: Vec::new(), origin: self.source.clone() });
                self.index.insert(name, self.hosts.len() - 1);
                self.hosts.len() - 1
            }
        };
        let host = &mut self.hosts[at];
        host.layers.extend(layers.iter().cloned());
        if !host.groups.contains(&group) {
            host.groups.push(group);
            self.groups[group].hosts.push(at);
        }
        at
    }

    /// The variables of one place, decrypted as far as there are passwords.
    pub fn layer(&mut self, mut vars: Vec<(Key, Node)>) -> Layer {
        if !self.vault.is_empty() {
            let vault = Arc::clone(&self.vault);
            vars.iter_mut().for_each(|(_, node)| node.decrypt(&vault, &mut self.problems));
        }
        vars.iter_mut().filter(|(_, node)| node.span.source.sealed).for_each(|(_, node)| node.seal());
        Layer::new(vars, &mut self.problems)
    }

    /// The text of a file that may be encrypted as a whole; `None` if it stays encrypted, which is a problem if there
    /// are passwords.
    pub fn opened(&mut self, source: Arc<Source>) -> Option<Arc<Source>> {
        if !vault::is_encrypted(&source.text) {
            return Some(source);
        }
        if self.vault.is_empty() {
            self.encrypted.push(source.path.clone());
            return None;
        }
        match self.vault.open(&source.text) {
            Ok(text) => Some(Source::sealed(source.path.clone(), text.as_str())),
            Err(why) => {
                let message = format!("{}: this file is encrypted, and {why}", source.path.display());
                self.problems.nowhere(message);
                None
            }
        }
    }

    /// More variables of a host that is known; others are left out.
    pub fn host_vars(&mut self, name: &str, vars: Vec<(Key, Node)>) {
        if let Some(at) = self.index.get(name)
            && !vars.is_empty()
        {
            let at = *at;
            let layer = self.layer(vars);
            self.hosts[at].layers.push(Arc::new(layer));
        }
    }
}

/// The variables in a file outside inventories (`-e @FILE`), decrypted as far as there are passwords. What was
/// encrypted is secret.
///
/// # Errors
/// What is wrong with the file; it is encrypted, and no password opens it.
pub fn variables_of(source: Arc<Source>, vault: &Arc<Passwords>) -> Result<Node, Problems> {
    let mut loader = Loader::new(false);
    loader.vault = Arc::clone(vault);
    let path = source.path.display().to_string();
    let Some(source) = loader.opened(source) else {
        if loader.problems.is_empty() {
            let help = "give its password with `--vault-password-file` or `-J`";
            loader.problems.nowhere(format!("{path}: this file is encrypted")).help(help);
        }
        return Err(loader.problems);
    };
    let mut node = yaml::parse(Arc::clone(&source))?;
    if !vault.is_empty() {
        node.decrypt(vault, &mut loader.problems);
    }
    if source.sealed {
        node.seal();
    }
    loader.problems.or(node)
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
