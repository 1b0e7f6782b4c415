//! Which group contains which: cycles, depths, the implicit `all` and `ungrouped`, and which variable wins. Start at
//! [`finish`]. Source: Ansible's `lib/ansible/inventory/{data,group,helpers}.py` and `vars/manager.py`.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use super::{
    group::{Group, GroupSet, Inventory, Layer},
    load::Loader,
};
use crate::yaml::Problems;

const ALL: usize = 0;
const UNGROUPED: usize = 1;

/// Makes the inventory from everything that was read.
///
/// # Errors
/// All problems of all files.
pub fn finish(mut loader: Loader) -> Result<Inventory, Problems> {
    check_cycles(&mut loader);
    if !loader.problems.is_empty() {
        return Err(loader.problems);
    }
    Ok(build(loader))
}

/// Adds what is known about children, and reports each cycle once, at the line that closes it.
fn check_cycles(loader: &mut Loader) {
    for (parent, child, span) in std::mem::take(&mut loader.edges) {
        if loader.groups[parent].children.contains(&child) {
            continue;
        }
        if let Some(mut path) = path(&loader.groups, child, parent) {
            path.push(child);
            let names: Vec<String> = path.iter().map(|g| format!("`{}`", loader.groups[*g].name)).collect();
            let message = format!("a group contains itself: {}", names.join(" contains "));
            loader.problems.at(&span, message).help("remove one of these `children` entries");
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

/// Completes the tree and gives each host its set of groups.
fn build(mut loader: Loader) -> Inventory {
    attach_to_all(&mut loader);
    set_depths(&mut loader.groups);
    let mut inventory = Inventory {
        names: loader.names,
        hosts: loader.hosts,
        index: loader.index,
        groups: loader.groups,
        group_index: loader.group_index,
        sets: Vec::new(),
        extra: Layer::default(),
        encrypted: loader.encrypted,
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
    inventory
}

/// Puts groups without a parent into `all`, and hosts in no group but `all` into `ungrouped`.
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
        }
    }
    loader.groups[ALL].hosts.clear();
    let ungrouped = &mut loader.groups[UNGROUPED].hosts;
    ungrouped.extend(homeless);
    ungrouped.sort_unstable();
    ungrouped.dedup();
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
    let inline = all.iter().flat_map(|group| &groups[*group].inline);
    let beside = all.iter().flat_map(|group| &groups[*group].beside);
    let layers: Vec<Arc<Layer>> = inline.chain(beside).cloned().collect();
    GroupSet { groups: all, layers, merged: OnceLock::new(), settings: OnceLock::new() }
}
