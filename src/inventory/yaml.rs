//! Ansible's YAML inventories: `hosts`, `children` and `vars` of each group, passed to the [`Loader`]. Knows how they
//! are written, not what follows from them. Start at [`read`].

use std::sync::Arc;

use super::{load::Loader, settings::PATCHWAVE};
use crate::yaml::{
    Key, MapReader, Node, Problems, Source, Value, parse,
    shape::{self, Shape, Table},
};

/// A file of groups.
pub const GROUPS: Shape = Shape::Entries { name: "", of: &Shape::Map(&GROUP), null: false };
/// A file in `group_vars/` or `host_vars/`.
pub const VARIABLES: Shape = Shape::Map(&VARS);

static GROUP: Table = Table::new(
    "a group",
    &[&[
        shape::Key::new("hosts", Shape::Either(&[Shape::Entries { name: "", of: &VARIABLES, null: true }, ONE]), HOSTS),
        shape::Key::new(
            "children",
            Shape::Either(&[Shape::Entries { name: "", of: &Shape::Map(&GROUP), null: true }, ONE]),
            "The groups in this group, each with a colon.",
        ),
        shape::Key::new("vars", VARIABLES, "Variables of all hosts of the group."),
    ]],
);

const HOSTS: &str = "The hosts of the group, each with a colon: `web01:`, or `web[01:20]:` for many.";
/// A single name needs no colon.
const ONE: Shape = Shape::Like(r"\S", shape::Number::No);

static VARS: Table = Table::new(
    "variables",
    &[&[shape::Key::new("patchwave", Shape::Map(&PATCHWAVE), "How these hosts are patched and reached.")]],
)
.open();

/// What to do with inventories that are not supported.
pub const CONVERT: &str = "convert it: `ansible-inventory -i FILE --list -y --output inventory.yml`";

/// Whether a file is a YAML inventory.
pub enum Kind {
    /// It is, with these groups.
    Groups(Vec<(Key, Node)>),
    /// It configures a plugin with this name.
    Plugin(Key, String),
    /// It is not.
    Other(Problems),
}

/// Looks at a file without taking anything from it.
pub fn kind(source: Arc<Source>) -> Kind {
    let node = match parse(source) {
        Ok(node) => node,
        Err(problems) => return Kind::Other(problems),
    };
    let mut problems = Problems::default();
    let Value::Map(mut groups) = node.value else {
        let problem = match node.value {
            Value::Null => problems.at(&node.span, "this inventory is empty"),
            _ => problems.expected("groups (a mapping)", &node),
        };
        problem.help("an inventory looks like `all: {hosts: {web01: }}`");
        return Kind::Other(problems);
    };
    match groups.iter().position(|(key, node)| key.text == "plugin" && node.text().is_some_and(|name| !name.is_empty()))
    {
        Some(at) => {
            let (key, node) = groups.swap_remove(at);
            Kind::Plugin(key, node.text().unwrap_or_default().to_owned())
        }
        None => Kind::Groups(groups),
    }
}

/// Reads the groups of one file.
pub fn read(groups: Vec<(Key, Node)>, loader: &mut Loader) {
    for (key, node) in groups {
        if let Some(group) = loader.group(&key) {
            group_body(loader, group, &key, node);
        }
    }
}

/// Reads what is under a group's name. The parser bounds the depth of the recursion.
fn group_body(loader: &mut Loader, group: usize, key: &Key, node: Node) {
    let what = format!("group `{}`", key.text);
    let problems = if loader.lenient { &mut loader.warnings } else { &mut loader.problems };
    let Some(mut map) = MapReader::named(&node, &what, &GROUP, problems) else { return };
    map.take_all();
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
        loader.host(group, &key, vars);
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
