//! Ansible's TOML inventories: `[GROUP.hosts]`, `[GROUP.vars]`, `children = [..]`. Knows how they are written, not what
//! follows from them. Start at [`read`].
//!
//! Source: Ansible's `lib/ansible/plugins/inventory/toml.py`.

use std::{ops::Range, sync::Arc};

use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::load::Loader;
use crate::yaml::{Key, Node, Problem, Source, Span, Value};

/// The deepest nesting of values. Because of this bound, code may recurse over them.
const DEEPEST: usize = 100;

/// Reads one file.
pub fn read(source: Arc<Source>, loader: &mut Loader) {
    let lines = Lines::new(&source);
    let table = match DeTable::parse(&source.text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let span = lines.span(error.span().unwrap_or(0..0));
            let message = format!("this is not TOML: {}", error.message());
            return loader.unreadable(Problem { span: Some(span), message, help: None }.into());
        }
    };
    if table.is_empty() {
        let message = format!("{}: this inventory is empty", source.path.display());
        return loader.unreadable(Problem { span: None, message, help: None }.into());
    }
    let mut groups = Vec::new();
    for (key, value) in table {
        match lines.entry(&key, value, 0) {
            Ok(entry) => groups.push(entry),
            Err(problem) => return loader.unreadable(problem.into()),
        }
    }
    if let Some((key, _)) = groups.iter().find(|(key, node)| key.text == "plugin" && node.text().is_some()) {
        loader.minor(&key.span, "this configures an inventory plugin; plugins are not run");
        return;
    }
    for (key, node) in groups {
        group(&key, node, loader);
    }
}

fn group(key: &Key, node: Node, loader: &mut Loader) {
    let Value::Map(sections) = node.value else {
        loader.minor(&node.span, format!("group `{}` must be a table", key.text));
        return;
    };
    let Some(group) = loader.group(key) else { return };
    for (section, node) in sections {
        match (section.text.as_str(), node.value) {
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
            ("hosts", Value::Map(hosts)) => {
                for (host, node) in hosts {
                    match node.value {
                        Value::Map(vars) => {
                            loader.host(group, &host, vars);
                        }
                        _ => {
                            loader.minor(&node.span, "the variables of a host must be a table");
                        }
                    }
                }
            }
            ("vars" | "hosts", _) => {
                loader.minor(&node.span, format!("`{}` of group `{}` must be a table", section.text, key.text));
            }
            ("children", _) => {
                loader.minor(&node.span, format!("`children` of group `{}` must be a list", key.text));
            }
            (other, _) => {
                let message = format!("unknown key `{other}` in group `{}`", key.text);
                loader.minor(&section.span, message).help("known keys: hosts, children, vars");
            }
        }
    }
}

/// Where the lines of a file begin.
struct Lines {
    source: Arc<Source>,
    starts: Vec<usize>,
}

impl Lines {
    fn new(source: &Arc<Source>) -> Self {
        let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source: Arc::clone(source), starts }
    }

    fn span(&self, part: Range<usize>) -> Span {
        let line = self.starts.partition_point(|start| *start <= part.start).max(1);
        let column = self.source.text.get(self.starts[line - 1]..part.start).map_or(0, |text| text.chars().count());
        Span {
            source: Arc::clone(&self.source),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            start: part.start,
            end: part.end,
        }
    }

    fn entry(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: Spanned<DeValue<'_>>,
        depth: usize,
    ) -> Result<(Key, Node), Problem> {
        let span = self.span(key.span());
        Ok((Key { text: key.get_ref().clone().into_owned(), span }, self.node(value, depth)?))
    }

    fn node(&self, value: Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Problem> {
        let span = self.span(value.span());
        if depth > DEEPEST {
            let message = format!("this is nested more than {DEEPEST} levels deep");
            return Err(Problem { span: Some(span), message, help: None });
        }
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::Int),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(float) if float.is_finite() => Value::Float(float),
                _ => Value::String(number.as_str().to_owned()),
            },
            DeValue::Boolean(yes) => Value::Bool(yes),
            DeValue::Datetime(moment) => Value::String(moment.to_string()),
            DeValue::Array(items) => {
                Value::Seq(items.into_iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => Value::Map(
                table.into_iter().map(|(key, value)| self.entry(&key, value, depth + 1)).collect::<Result<_, _>>()?,
            ),
        };
        Ok(Node { span, tag: None, value })
    }
}
