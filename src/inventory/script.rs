//! Programs as inventories: `PROGRAM --list` prints groups as JSON, with the variables of hosts under `_meta`, or
//! `PROGRAM --host NAME` prints those of one host. Knows the form of the output, not how a program is run. Start at
//! [`run`].
//!
//! Source: Ansible's `lib/ansible/plugins/inventory/script.py`.

use std::{collections::HashSet, fs::File, io::Read as _, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use super::{
    load::Loader,
    sources::{Printed, Programs},
};
use crate::yaml::{Key, Node, Problem, Problems, Source, Value, parse};

/// The most of a program's standard error that is shown, in characters.
const MOST_SHOWN: usize = 2000;

/// Whether a file is a program: executable, with the first bytes of a script or of a binary. Ansible starts every
/// executable file, and reads those as text that cannot be started.
pub fn is_program(path: &Path) -> bool {
    let executable = |about: &std::fs::Metadata| about.is_file() && about.permissions().mode() & 0o111 != 0;
    if !path.metadata().is_ok_and(|about| executable(&about)) {
        return false;
    }
    let mut first = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut first));
    read.is_ok_and(|length| first[..length].starts_with(b"#!") || &first == b"\x7fELF")
}

/// Runs a program and takes what it prints.
pub fn run(path: &Path, programs: &dyn Programs, loader: &mut Loader) {
    let output = |arguments: &[&str], loader: &mut Loader| -> Result<Arc<Source>, Problem> {
        let problem = |message: String| Problem { span: None, message, help: None };
        let Printed { out, err } = programs
            .output(path, arguments)
            .map_err(|why| problem(format!("{} {}: {why}", path.display(), arguments.join(" "))))?;
        let name = format!("output of {} {}", path.display(), arguments.join(" "));
        let said = shown(&err);
        if !said.is_empty() {
            let message = format!("{} {} says:\n{said}", path.display(), arguments.join(" "));
            loader.warnings.nowhere(message);
        }
        String::from_utf8(out).map(|text| Source::new(&name, text)).map_err(|_| problem(format!("{name}: not UTF-8")))
    };
    match output(&["--list"], loader) {
        Ok(source) => {
            let mut said = Loader::new(false);
            let mut of_host = |host: &str| output(&["--host", host], &mut said).and_then(|source| host_vars(&source));
            read_output(source, loader, &mut of_host);
            loader.warnings.extend(said.warnings);
        }
        Err(problem) => loader.unreadable(problem.into()),
    }
}

/// What `--host` printed; nothing at all means no variables.
fn host_vars(source: &Arc<Source>) -> Result<Vec<(Key, Node)>, Problem> {
    let name = source.path.display().to_string();
    let problem = |message: String| Problem { span: None, message, help: None };
    if source.text.trim().is_empty() {
        return Ok(Vec::new());
    }
    check_json(source)?;
    let node = parse(Arc::clone(source)).map_err(|mut problems| match problems.0.is_empty() {
        true => problem(format!("{name}: cannot be read")),
        false => problems.0.swap_remove(0),
    })?;
    match node.value {
        Value::Map(vars) => Ok(vars),
        _ => Err(problem(format!("{name}: expected variables (an object), found {}", node.kind()))),
    }
}

/// JSON that is damaged is not to be read as YAML.
fn check_json(source: &Source) -> Result<(), Problem> {
    serde_json::from_str::<serde::de::IgnoredAny>(&source.text).map(drop).map_err(|error| Problem {
        span: None,
        message: format!("{}: this is not JSON: {error}", source.path.display()),
        help: Some("an inventory program prints JSON only, on standard output".to_owned()),
    })
}

/// Asks for the variables of one host.
type OfHost<'a> = dyn FnMut(&str) -> Result<Vec<(Key, Node)>, Problem> + 'a;

/// Takes the output of `--list`.
pub fn read_output(source: Arc<Source>, loader: &mut Loader, of_host: &mut OfHost<'_>) {
    if let Err(problem) = check_json(&source) {
        return loader.unreadable(problem.into());
    }
    let node = match parse(source) {
        Ok(node) => node,
        Err(problems) => return loader.unreadable(problems),
    };
    let Value::Map(entries) = node.value else {
        let mut problems = Problems::default();
        problems.expected("groups (an object)", &node);
        return loader.unreadable(problems);
    };
    let mut meta = None;
    let mut named = Vec::new();
    for (key, node) in entries {
        if key.text == "_meta" {
            meta = Some(node);
        } else {
            group(&key, node, loader, &mut named);
        }
    }
    let vars_of = |value: Value| if let Value::Map(vars) = value { vars } else { Vec::new() };
    match meta {
        Some(Node { value: Value::Map(mut meta), span, .. }) => {
            let at = meta.iter().position(|(key, node)| key.text == "hostvars" && matches!(node.value, Value::Map(_)));
            let Some(at) = at else {
                loader.minor(&span, "`_meta` needs `hostvars` (an object)");
                return;
            };
            let ours: HashSet<usize> = named.into_iter().collect();
            for (host, node) in vars_of(meta.swap_remove(at).1.value) {
                let in_a_group = loader.index.get(host.text.as_str()).is_some_and(|at| ours.contains(at));
                match node.value {
                    // Ansible leaves out hosts that are in none of the groups.
                    Value::Map(_) if !in_a_group => {}
                    Value::Map(vars) => loader.host_vars(&host.text, vars),
                    _ => {
                        loader.minor(&host.span, format!("`hostvars` of `{}` must be an object", host.text));
                    }
                }
            }
        }
        Some(node) => {
            loader.minor(&node.span, "`_meta` must be an object with `hostvars`");
        }
        None => {
            named.sort_unstable();
            named.dedup();
            for at in named {
                let name = loader.names[at].clone();
                match of_host(name.as_str()) {
                    Ok(vars) => loader.host_vars(name.as_str(), vars),
                    // One message is enough for a program that fails for every host.
                    Err(problem) => return loader.unreadable(problem.into()),
                }
            }
        }
    }
}

/// One group: an object, or a list of hosts. An object with none of the three keys is one host with its variables.
fn group(key: &Key, node: Node, loader: &mut Loader, named: &mut Vec<usize>) {
    let Some(group) = loader.group(key) else { return };
    let entries = match node.value {
        Value::Map(entries) => entries,
        Value::Seq(hosts) => return self::hosts(group, hosts, loader, named),
        _ => {
            let message = format!("group `{}` must be an object or a list of hosts", key.text);
            loader.minor(&node.span, message);
            return;
        }
    };
    if !entries.iter().any(|(key, _)| matches!(key.text.as_str(), "hosts" | "vars" | "children")) {
        add(group, key, loader, named);
        return loader.vars(group, entries);
    }
    for (section, node) in entries {
        match (section.text.as_str(), node.value) {
            ("hosts", Value::Seq(list)) => hosts(group, list, loader, named),
            ("vars", Value::Map(vars)) => loader.vars(group, vars),
            ("children", Value::Seq(children)) => {
                for child in children {
                    match child.value {
                        Value::String(text) => {
                            loader.child(group, &Key { text, span: child.span });
                        }
                        _ => {
                            loader.minor(&child.span, "the name of a group must be a text");
                        }
                    }
                }
            }
            ("hosts" | "vars" | "children", _) => {
                let what = if section.text == "vars" { "an object" } else { "a list" };
                loader.minor(&node.span, format!("`{}` of group `{}` must be {what}", section.text, key.text));
            }
            // Ansible leaves other keys out without a word.
            _ => {}
        }
    }
}

fn hosts(group: usize, hosts: Vec<Node>, loader: &mut Loader, named: &mut Vec<usize>) {
    for host in hosts {
        match host.value {
            Value::String(text) => add(group, &Key { text, span: host.span }, loader, named),
            _ => {
                loader.minor(&host.span, "the name of a host must be a text");
            }
        }
    }
}

/// Adds one host; in the output of a program there are neither ranges nor ports after a name.
fn add(group: usize, key: &Key, loader: &mut Loader, named: &mut Vec<usize>) {
    if loader.hosts_named(group, key, std::slice::from_ref(&key.text), None, Vec::new()) {
        named.extend(loader.index.get(key.text.as_str()));
    }
}

/// What a program said on standard error, cut, in characters that can be shown.
fn shown(err: &str) -> String {
    let fine = |c: &char| *c == '\n' || crate::command::shows(*c);
    err.trim().chars().filter(fine).take(MOST_SHOWN).collect()
}
