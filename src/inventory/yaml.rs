//! Ansible's YAML inventories: `hosts`, `children` and `vars` of each group, passed to the [`Loader`]. Knows how they
//! are written, not what follows from them. Start at [`read`].

use std::sync::Arc;

use super::load::{Loader, Named};
use crate::yaml::{Key, MapReader, Node, Source, Value, parse};

/// What to do with inventories that are not supported.
pub const CONVERT: &str = "convert it: `ansible-inventory -i FILE --list -y --output inventory.yml`";

/// Reads one file.
pub fn read(source: Arc<Source>, loader: &mut Loader) {
    let node = match parse(source) {
        Ok(node) => node,
        Err(problems) => return loader.problems.extend(problems),
    };
    let Value::Map(groups) = node.value else {
        let problem = match node.value {
            Value::Null => loader.problems.at(&node.span, "this inventory is empty"),
            _ => loader.problems.expected("groups (a mapping)", &node),
        };
        problem.help("an inventory looks like `all: {hosts: {web01: }}`");
        return;
    };
    if let Some((key, _)) = groups.iter().find(|(key, node)| key.text == "plugin" && node.text().is_some()) {
        loader.problems.at(&key.span, "this configures an inventory plugin; plugins are not run").help(CONVERT);
        return;
    }
    for (key, node) in groups {
        if let Some(group) = loader.group(&key) {
            group_body(loader, group, &key, node);
        }
    }
}

/// Reads what is under a group's name. The parser bounds the depth of the recursion.
fn group_body(loader: &mut Loader, group: usize, key: &Key, node: Node) {
    let what = format!("group `{}`", key.text);
    let Some(mut map) = MapReader::new(&node, &what, &mut loader.problems) else { return };
    for known in ["hosts", "children", "vars"] {
        map.allow(known);
    }
    map.finish();
    let Value::Map(sections) = node.value else { return };
    for (section, node) in sections {
        match section.text.as_str() {
            "hosts" => section_hosts(loader, group, node),
            "children" => section_children(loader, group, node),
            "vars" => section_vars(loader, group, node),
            _ => {}
        }
    }
}

/// The entries of `hosts` or `children`: a mapping, nothing, or one name.
fn entries(loader: &mut Loader, node: Node, what: &str) -> Vec<(Key, Node)> {
    match node.value {
        Value::Map(entries) => entries,
        Value::Null => Vec::new(),
        Value::String(text) if node.tag.is_none() => {
            let nothing = Node { span: node.span.clone(), tag: None, value: Value::Null };
            vec![(Key { text, span: node.span }, nothing)]
        }
        _ => {
            loader.problems.expected(what, &node).help("write each name as a key, with a colon: `web01:`");
            Vec::new()
        }
    }
}

fn section_hosts(loader: &mut Loader, group: usize, node: Node) {
    let mut named = Named::default();
    for (key, node) in entries(loader, node, "host names (a mapping)") {
        let vars = match node.value {
            Value::Map(vars) => vars,
            Value::Null => Vec::new(),
            _ => {
                let what = format!("the variables of host `{}` (a mapping)", key.text);
                loader.problems.expected(&what, &node);
                continue;
            }
        };
        loader.host(group, &key, vars, &mut named);
    }
}

fn section_children(loader: &mut Loader, group: usize, node: Node) {
    for (key, node) in entries(loader, node, "group names (a mapping)") {
        if let Some(child) = loader.child(group, &key) {
            group_body(loader, child, &key, node);
        }
    }
}

fn section_vars(loader: &mut Loader, group: usize, node: Node) {
    match node.value {
        Value::Map(vars) => loader.vars(group, vars),
        Value::Null => {}
        _ => {
            loader.problems.expected("variables (a mapping)", &node);
        }
    }
}
