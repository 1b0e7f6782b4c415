//! Hosts and groups after loading, and the values of their variables.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value as Json};

use super::{fallbacks::Fallbacks, load::Origin, settings::Settings};
use crate::{
    host::HostName,
    policy::Policy,
    sensitive,
    yaml::{Key, Node, Problems, Source, Span, Value, parse},
};

/// All hosts and groups of a set of inventory files.
#[derive(Debug)]
pub struct Inventory {
    /// Every host, in Ansible's order of the group `all`.
    pub(super) ordered: Vec<HostName>,
    /// By number: the order in which hosts are first named. Behind them come the implicit ones ([`IMPLICIT`]).
    pub(super) names: Vec<HostName>,
    pub(super) hosts: Vec<Host>,
    pub(super) index: HashMap<HostName, usize>,
    pub(super) groups: Vec<Group>,
    pub(super) group_index: HashMap<String, usize>,
    pub(super) sets: Vec<GroupSet>,
    /// `-e`, above everything.
    pub(super) extra: Layer,
    /// What is said outside inventories, below everything.
    pub(super) fallbacks: Fallbacks,
    /// Files beside the inventory that are encrypted as a whole and so were not read.
    pub(super) encrypted: Vec<PathBuf>,
    /// What Ansible only warns about.
    pub(super) warnings: Problems,
}

/// Names of this machine. A pattern that names one means this machine, even if no file does.
pub(super) const IMPLICIT: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A named set of hosts. Group 0 is `all`, group 1 is `ungrouped`.
#[derive(Debug, Default)]
pub struct Group {
    /// As written.
    pub name: String,
    pub(super) children: Vec<usize>,
    pub(super) parents: Vec<usize>,
    /// Hosts listed in this group itself, in the order of the files.
    pub(super) hosts: Vec<usize>,
    /// `vars:` of the inventory, in reading order.
    pub(super) inline: Vec<Arc<Layer>>,
    /// Variables of files in `group_vars/`, with the number of the folder that it is in: a later folder wins.
    pub(super) beside: Vec<(usize, Arc<Layer>)>,
    /// `ansible_group_priority`.
    pub(super) priority: i64,
    /// Length of the longest path from `all`.
    pub(super) depth: usize,
}

#[derive(Debug)]
pub(super) struct Host {
    pub groups: Vec<usize>,
    /// Index into [`Inventory::sets`].
    pub set: usize,
    /// The host's own variables, weakest first.
    pub layers: Vec<Arc<Layer>>,
    /// The source that named it first.
    pub origin: Option<Arc<Origin>>,
}

/// The variables of one place, with `patchwave` among them checked.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub vars: Vec<(Key, Node)>,
    pub settings: Option<Settings>,
}

impl Layer {
    /// Takes the entries of a mapping; checks `patchwave`.
    pub fn new(vars: Vec<(Key, Node)>, problems: &mut Problems) -> Self {
        let own = vars.iter().find(|(key, _)| key.text == "patchwave");
        let settings = own.and_then(|(_, node)| Settings::read(node, problems));
        Self { vars, settings }
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    fn entry(&self, name: &str) -> Option<&(Key, Node)> {
        self.vars.iter().find(|(key, _)| key.text == name)
    }
}

/// Hosts with the same groups share the variables of those groups.
#[derive(Debug)]
pub(super) struct GroupSet {
    /// All groups of such a host, ancestors included, weakest first.
    pub groups: Vec<usize>,
    /// Their variables, weakest first: `all`, groups, `group_vars/all`, `group_vars/…`, as Ansible orders them.
    pub layers: Vec<Arc<Layer>>,
    pub merged: OnceLock<Map<String, Json>>,
    pub settings: OnceLock<Settings>,
}

impl Inventory {
    /// Every host, in the order of Ansible's group `all`: its own hosts, those of `ungrouped`, then group by group.
    pub fn hosts(&self) -> &[HostName] {
        &self.ordered
    }

    /// The names of all groups, `all` first.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.name.as_str())
    }

    /// What Ansible only warns about; empty unless the sources were read as leniently as Ansible reads them.
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    /// Whether a file names this host: it is not an implicit `localhost`.
    pub(super) fn is_explicit(&self, host: usize) -> bool {
        host < self.ordered.len()
    }

    /// True when the inventory has this host.
    pub fn has(&self, host: &HostName) -> bool {
        self.index.contains_key(host)
    }

    /// Names of the groups of a host, ancestors included, without `all`, sorted: Ansible's `group_names`.
    pub(super) fn group_names_of(&self, host: &Host) -> Vec<&str> {
        let groups = self.sets[host.set].groups.iter().filter(|group| **group != 0);
        let mut names: Vec<&str> = groups.map(|group| self.groups[*group].name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Hosts of a group and of all groups below it: its own first, then level by level, as Ansible counts `group[0]`.
    pub(super) fn members(&self, group: usize) -> Vec<usize> {
        let mut queue = vec![group];
        let mut seen_groups = vec![false; self.groups.len()];
        let mut seen_hosts = vec![false; self.hosts.len()];
        seen_groups[group] = true;
        let mut members = Vec::new();
        let mut next = 0;
        while let Some(&group) = queue.get(next) {
            next += 1;
            for &host in &self.groups[group].hosts {
                if !std::mem::replace(&mut seen_hosts[host], true) {
                    members.push(host);
                }
            }
            for &child in &self.groups[group].children {
                if !std::mem::replace(&mut seen_groups[child], true) {
                    queue.push(child);
                }
            }
        }
        members
    }

    /// The variables of a host, merged as Ansible merges them, with `inventory_hostname`, `inventory_hostname_short`
    /// and `group_names`. `patchwave` is merged key by key, secrets are marked ([`sensitive::mark`]). Empty for a host
    /// that the inventory does not have.
    pub fn vars(&self, name: &HostName) -> Map<String, Json> {
        let Some(host) = self.host(name) else { return Map::new() };
        let set = &self.sets[host.set];
        let mut vars = set.merged.get_or_init(|| merged(&set.layers, Map::new(), true)).clone();
        vars = merged(&host.layers, vars, true);
        vars = merged(std::slice::from_ref(&self.extra), vars, true);
        let short = name.as_str().split('.').next().unwrap_or_default();
        vars.insert("inventory_hostname".into(), name.as_str().into());
        vars.insert("inventory_hostname_short".into(), short.into());
        vars.insert("group_names".into(), self.group_names_of(host).into());
        vars
    }

    /// The variables of a host as Ansible merges them: `patchwave`, too, is replaced as a whole, and nothing is added.
    pub(super) fn ansible_vars(&self, name: &HostName) -> Map<String, Json> {
        let Some(host) = self.host(name) else { return Map::new() };
        let vars = merged(&self.sets[host.set].layers, Map::new(), false);
        let mut vars = merged(std::slice::from_ref(&self.extra), merged(&host.layers, vars, false), false);
        vars.retain(|name, _| !MAGIC.contains(&name.as_str()));
        vars
    }

    /// One variable of a host, where it was written last.
    pub(super) fn var<'a>(&'a self, host: &'a Host, name: &str) -> Option<&'a Node> {
        self.entry(host, name).map(|(_, node)| node)
    }

    fn entry<'a>(&'a self, host: &'a Host, name: &str) -> Option<&'a (Key, Node)> {
        let own = || host.layers.iter().rev().find_map(|layer| layer.entry(name));
        let groups = || self.sets[host.set].layers.iter().rev().find_map(|layer| layer.entry(name));
        self.extra.entry(name).or_else(own).or_else(groups)
    }

    /// The place of a host's variable, if it is encrypted or has an encrypted part.
    pub fn encrypted_value(&self, host: &HostName, variable: &str) -> Option<&Span> {
        let (key, node) = self.entry(self.host(host)?, variable)?;
        node.holds_vault().then_some(&key.span)
    }

    /// The rollout policy of a host from `patchwave`: parents first, then children, then the host.
    pub fn policy(&self, host: &HostName) -> Policy {
        self.host(host).map(|host| self.settings(host).policy).unwrap_or_default()
    }

    /// Until when the release of a host gets security fixes, if `patchwave` says so.
    pub fn eol(&self, host: &HostName) -> Option<jiff::civil::Date> {
        self.host(host).and_then(|host| self.settings(host).eol)
    }

    pub(super) fn settings(&self, host: &Host) -> Settings {
        let overlay = |below: Settings, layer: &Layer| match &layer.settings {
            Some(above) => below.with_overrides(above),
            None => below,
        };
        let set = &self.sets[host.set];
        let base = set
            .settings
            .get_or_init(|| set.layers.iter().fold(Settings::default(), |below, layer| overlay(below, layer)))
            .clone();
        let own = host.layers.iter().fold(base, |below, layer| overlay(below, layer));
        overlay(own, &self.extra)
    }

    pub(super) fn host(&self, name: &HostName) -> Option<&Host> {
        self.index.get(name).map(|at| &self.hosts[*at])
    }

    /// Puts `-e` variables above everything else.
    ///
    /// # Errors
    /// A wrong `patchwave` among them.
    pub fn with_extra_vars(mut self, vars: &Map<String, Json>) -> Result<Self, Problems> {
        // Through the parser, so that a wrong value is reported like any other.
        let node = parse(Source::new("-e", Json::Object(vars.clone()).to_string()))?;
        let mut problems = Problems::default();
        if let Value::Map(entries) = node.value {
            self.extra = Layer::new(entries, &mut problems);
        }
        problems.or(self)
    }
}

/// Variables that every host has, whatever the files say.
pub(super) const MAGIC: [&str; 3] = ["inventory_hostname", "inventory_hostname_short", "group_names"];

/// `vars` with the layers merged into it, in order; `patchwave` key by key, if so wanted.
fn merged<L: AsRef<Layer>>(layers: &[L], mut vars: Map<String, Json>, by_key: bool) -> Map<String, Json> {
    for (key, node) in layers.iter().flat_map(|layer| &layer.as_ref().vars) {
        let value = sensitive::mark(&key.text, node.to_json());
        match (key.text.as_str(), vars.get_mut(&key.text), value) {
            ("patchwave", Some(Json::Object(below)), Json::Object(above)) if by_key => below.extend(above),
            (_, Some(slot), value) => *slot = value,
            (name, None, value) => {
                vars.insert(name.to_owned(), value);
            }
        }
    }
    vars
}

impl AsRef<Self> for Layer {
    fn as_ref(&self) -> &Self {
        self
    }
}
