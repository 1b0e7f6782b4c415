//! Which group contains which: cycles, depths, the implicit `all` and `ungrouped`, and which variable wins. Start at
//! [`finish`]. Source: Ansible's `lib/ansible/inventory/{data,group,helpers}.py` and `vars/manager.py`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use super::{
    group::{Group, GroupSet, Host, IMPLICIT, Inventory, Layer},
    load::Loader,
};
use crate::{
    host::HostName,
    yaml::{Key, Node, Problems, Source, Span, Value},
};

pub const ALL: usize = 0;
pub const UNGROUPED: usize = 1;
/// The most groups that contain each other in a row. Because of this bound, code may recurse over groups.
const DEEPEST: usize = 500;

/// Makes the inventory from everything that was read.
///
/// # Errors
/// All problems of all files.
pub fn finish(mut loader: Loader) -> Result<Inventory, Problems> {
    check_cycles(&mut loader);
    attach_to_all(&mut loader);
    set_depths(&mut loader.groups);
    if let Some(group) = loader.groups.iter().find(|group| group.depth > DEEPEST) {
        loader.problems.nowhere(format!("the group `{}` is inside more than {DEEPEST} groups", group.name));
    }
    if !loader.problems.is_empty() {
        return Err(loader.problems);
    }
    Ok(build(loader))
}

/// Adds what is known about children, and reports each cycle once, at the line that closes it.
fn check_cycles(loader: &mut Loader) {
    let mut seen = HashSet::from([(ALL, UNGROUPED)]);
    for (parent, child, span) in std::mem::take(&mut loader.edges) {
        if !seen.insert((parent, child)) {
            continue;
        }
        if let Some(mut path) = path(&loader.groups, child, parent) {
            path.push(child);
            let names: Vec<String> = path.iter().map(|g| format!("`{}`", loader.groups[*g].name)).collect();
            let message = format!("a group contains itself: {}", names.join(" contains "));
            loader.minor(&span, message).help("remove one of these `children` entries");
            continue;
        }
        loader.groups[parent].children.push(child);
        loader.groups[child].parents.push(parent);
    }
}

/// The groups on the path from `from` down to `to`, both included.
fn path(groups: &[Group], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came_from: HashMap<usize, usize> = HashMap::from([(from, from)]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            let mut path = vec![to];
            let mut at = to;
            while at != from {
                at = came_from[&at];
                path.push(at);
            }
            path.reverse();
            return Some(path);
        }
        for &child in &groups[at].children {
            came_from.entry(child).or_insert_with(|| {
                open.push(child);
                at
            });
        }
    }
    None
}

/// Gives each host its set of groups, and all hosts their order.
fn build(mut loader: Loader) -> Inventory {
    let explicit = loader.hosts.len();
    add_implicit(&mut loader);
    let mut inventory = Inventory {
        ordered: Vec::new(),
        names: loader.names,
        hosts: loader.hosts,
        index: loader.index,
        groups: loader.groups,
        group_index: loader.group_index,
        sets: Vec::new(),
        extra: Layer::default(),
        fallbacks: Default::default(),
        encrypted: loader.encrypted,
        warnings: loader.warnings,
    };
    let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
    for host in &mut inventory.hosts {
        host.groups.sort_unstable();
        host.set = match known.get(&host.groups) {
            Some(set) => *set,
            None => {
                inventory.sets.push(group_set(&inventory.groups, &host.groups));
                known.insert(host.groups.clone(), inventory.sets.len() - 1);
                inventory.sets.len() - 1
            }
        };
    }
    let order = inventory.members(ALL);
    debug_assert_eq!(order.len(), explicit, "every host is in a group");
    inventory.ordered = order.iter().map(|at| inventory.names[*at].clone()).collect();
    inventory
}

/// Puts groups without a parent into `all`, and hosts in no group but `all` into `ungrouped`. As in Ansible, a host
/// that is in another group is not in `ungrouped`, even if a file puts it there.
fn attach_to_all(loader: &mut Loader) {
    for group in UNGROUPED + 1..loader.groups.len() {
        if loader.groups[group].parents.is_empty() {
            loader.groups[ALL].children.push(group);
            loader.groups[group].parents.push(ALL);
        }
    }
    let mut homeless = Vec::new();
    for (at, host) in loader.hosts.iter_mut().enumerate() {
        host.groups.retain(|group| *group != ALL);
        if host.groups.is_empty() {
            host.groups.push(UNGROUPED);
            homeless.push(at);
        } else if host.groups.len() > 1 {
            host.groups.retain(|group| *group != UNGROUPED);
        }
    }
    let (hosts, ungrouped) = (&loader.hosts, &mut loader.groups[UNGROUPED].hosts);
    ungrouped.retain(|host| hosts[*host].groups == [UNGROUPED]);
    ungrouped.extend(homeless);
}

/// Adds the hosts that Ansible makes when a pattern names this machine: in no group, with the variables of `all`.
fn add_implicit(loader: &mut Loader) {
    if IMPLICIT.iter().any(|name| loader.index.contains_key(*name)) {
        return;
    }
    let source = Source::new("localhost", "local");
    let span = Span { source, line: 1, column: 1, start: 0, end: 5 };
    let local = Node { span: span.clone(), tag: None, value: Value::String("local".to_owned()) };
    let key = Key { text: "ansible_connection".to_owned(), span };
    let layer = Arc::new(Layer { vars: vec![(key, local)], settings: None });
    for name in IMPLICIT {
        let name = HostName::new(name).expect("names of this machine are valid");
        loader.index.insert(name.clone(), loader.hosts.len());
        loader.names.push(name);
        loader.hosts.push(Host { groups: vec![ALL], set: 0, layers: vec![Arc::clone(&layer)], origin: None });
    }
}

/// The longest path from `all` to each group. Cycles have been refused by now.
fn set_depths(groups: &mut [Group]) {
    let mut waiting: Vec<usize> = groups.iter().map(|group| group.parents.len()).collect();
    let mut ready: Vec<usize> = (0..groups.len()).filter(|group| waiting[*group] == 0).collect();
    while let Some(group) = ready.pop() {
        let below = groups[group].depth + 1;
        for child in groups[group].children.clone() {
            groups[child].depth = groups[child].depth.max(below);
            waiting[child] -= 1;
            if waiting[child] == 0 {
                ready.push(child);
            }
        }
    }
}

/// All groups above `direct`, weakest first: by depth, then priority, then name.
fn group_set(groups: &[Group], direct: &[usize]) -> GroupSet {
    let mut all = vec![ALL];
    let mut open = direct.to_vec();
    while let Some(group) = open.pop() {
        if !all.contains(&group) {
            all.push(group);
            open.extend(&groups[group].parents);
        }
    }
    let rank = |group: &usize| (groups[*group].depth, groups[*group].priority, groups[*group].name.as_str());
    all.sort_by(|a, b| rank(a).cmp(&rank(b)));
    let inline = all.iter().flat_map(|group| groups[*group].inline.clone());
    let mut layers: Vec<Arc<Layer>> = inline.collect();
    // Files for `all` come first; those for other groups go folder by folder, so that a later folder wins.
    let of_all = groups[ALL].beside.iter().map(|(_, layer)| Arc::clone(layer));
    let mut others: Vec<_> =
        all.iter().filter(|group| **group != ALL).flat_map(|group| groups[*group].beside.iter()).collect();
    others.sort_by_key(|(folder, _)| *folder);
    layers.extend(of_all);
    layers.extend(others.into_iter().map(|(_, layer)| Arc::clone(layer)));
    GroupSet { groups: all, layers, merged: OnceLock::new(), settings: OnceLock::new() }
}
