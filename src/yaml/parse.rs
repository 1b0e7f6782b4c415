//! The YAML parser's events, turned into a tree: aliases copied, merge keys resolved, duplicates refused, all bounded.
//!
//! It reads events rather than serde's data model because only they keep the text, the place and the tag of every
//! scalar.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span as Place, Tag, options};

use super::{Key, Node, Problem, Problems, Source, Span, Value, scalar};

/// The most nodes of a document, copies through aliases not counted.
const MOST_NODES: usize = 20_000_000;
/// The most nodes that aliases may copy.
const MOST_COPIES: usize = 1_000_000;
/// The deepest nesting, aliases included. Because of this bound, code may recurse over a tree.
const DEEPEST: usize = 100;

/// Reads one document. An empty one is [`Value::Null`].
///
/// # Errors
/// Text that is not YAML, a second document, duplicate keys (all of them), keys that are not words, anchors that
/// contain themselves, and documents that are too deep or grow too large through aliases.
pub fn parse(source: Arc<Source>) -> Result<Node, Problems> {
    let mut options = options! { flow_nesting_limit: DEEPEST, block_nesting_limit: DEEPEST };
    options.set_emit_comments(false);
    let text = Arc::clone(&source);
    let json = is_json(&text.text);
    let mut tree = Tree::new(source, json);
    for next in Parser::new_from_str_with_options(&text.text, options) {
        let step = match next {
            Ok((event, place)) => tree.event(event, &place),
            Err(error) => {
                let mark = error.marker();
                let at = mark.byte_offset().unwrap_or(text.text.len());
                let span = tree.span(mark.line(), mark.col(), at, at);
                Err(Problem { span: Some(span), message: format!("this is not YAML: {}", error.info()), help: None })
            }
        };
        if let Err(problem) = step {
            tree.problems.0.push(problem);
            break;
        }
    }
    tree.finish()
}

/// Whether a text is JSON as a whole. As in Ansible, such a text is not YAML: `1e3` is a number.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// An anchored node and what copying it costs.
struct Anchor {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A collection that is not closed yet.
struct Open {
    span: Span,
    tag: Option<Box<str>>,
    anchor: usize,
    /// Nodes below it so far.
    nodes: usize,
    /// Height of the highest tree below it.
    height: usize,
    items: Items,
}

enum Items {
    Seq(Vec<Node>),
    /// The key that waits for its value, and whether it is a merge key.
    Map(Vec<(Key, Node)>, Option<(Key, bool)>, Vec<(Key, Node)>),
}

struct Tree {
    source: Arc<Source>,
    json: bool,
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    copies: usize,
    problems: Problems,
}

impl Tree {
    fn new(source: Arc<Source>, json: bool) -> Self {
        Self {
            source,
            json,
            root: None,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            copies: 0,
            problems: Problems::default(),
        }
    }

    fn finish(self) -> Result<Node, Problems> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let nothing = Node { span: self.span(1, 0, 0, 0), tag: None, value: Value::Null };
        Ok(self.root.unwrap_or(nothing))
    }

    fn span(&self, line: usize, column: usize, start: usize, end: usize) -> Span {
        let text = self.source.text.len();
        Span {
            source: Arc::clone(&self.source),
            line: u32::try_from(line.max(1)).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            start: start.min(text),
            end: end.clamp(start.min(text), text),
        }
    }

    fn place(&self, place: &Place) -> Span {
        let range = place.byte_range().unwrap_or(0..0);
        self.span(place.start.line(), place.start.col(), range.start, range.end)
    }

    fn event(&mut self, event: Event<'_>, place: &Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let span = self.place(place);
                if self.expects_key() {
                    return self.key(text.into_owned(), span, plain);
                }
                let (value, tag) = match scalar::json_float(&text).filter(|_| plain && self.json) {
                    Some(number) => (Value::Float(number), None),
                    None => scalar_value(&text, plain, tag.as_deref(), &span)?,
                };
                self.add(Node { span, tag, value }, anchor, 1, 1)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(place, anchor, tag.as_deref(), Items::Seq(Vec::new())),
            Event::MappingStart(_, anchor, tag) => {
                self.begin(place, anchor, tag.as_deref(), Items::Map(Vec::new(), None, Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(id) => self.alias(id, place),
            Event::DocumentStart(..) if self.root.is_some() => {
                let mut problem =
                    problem(&self.place(place), "a second document starts here; a file may have only one");
                problem.help("put it into a separate file");
                Err(problem)
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Map(_, None, _), .. }))
    }

    fn key(&mut self, text: String, span: Span, plain: bool) -> Result<(), Problem> {
        if plain && scalar::is_null(&text) {
            return Err(problem(&span, "a key is missing here"));
        }
        let merge = plain && text == "<<";
        if let Some(Open { items: Items::Map(_, key, _), .. }) = self.open.last_mut() {
            *key = Some((Key { text, span }, merge));
        }
        Ok(())
    }

    fn begin(&mut self, place: &Place, anchor: usize, tag: Option<&Tag>, items: Items) -> Result<(), Problem> {
        let span = self.place(place);
        if self.expects_key() {
            return Err(no_word(&span));
        }
        if self.open.len() >= DEEPEST {
            return Err(problem(&span, format!("this is nested more than {DEEPEST} levels deep")));
        }
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.original().into_boxed_str());
        self.open.push(Open { span, tag, anchor, nodes: 0, height: 0, items });
        Ok(())
    }

    fn end(&mut self, place: &Place) -> Result<(), Problem> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        open.span.end = place.byte_range().map_or(open.span.end, |range| range.end.max(open.span.end));
        let value = match open.items {
            Items::Seq(items) => Value::Seq(items),
            Items::Map(entries, _, merged) => Value::Map(self.mapping(entries, merged)),
        };
        self.add(Node { span: open.span, tag: open.tag, value }, open.anchor, open.nodes + 1, open.height + 1)
    }

    /// Refuses duplicates, then puts the merged entries that the mapping does not have itself in front.
    fn mapping(&mut self, entries: Vec<(Key, Node)>, merged: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let mut seen: HashMap<&str, u32> = HashMap::with_capacity(entries.len());
        for (key, _) in &entries {
            if let Some(line) = seen.insert(&key.text, key.span.line) {
                self.problems
                    .at(&key.span, format!("duplicate key `{}`", key.text))
                    .help(format!("it is already on line {line}: remove one of the two"));
            }
        }
        if merged.is_empty() {
            return entries;
        }
        let mut taken: HashSet<String> = seen.into_keys().map(str::to_owned).collect();
        let mut all: Vec<_> = merged.into_iter().filter(|(key, _)| taken.insert(key.text.clone())).collect();
        all.extend(entries);
        all
    }

    fn alias(&mut self, id: usize, place: &Place) -> Result<(), Problem> {
        let span = self.place(place);
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(problem(&span, "this alias is inside its own anchor"));
        };
        let (node, nodes, height) = (anchor.node.clone(), anchor.nodes, anchor.height);
        self.copies = self.copies.saturating_add(nodes);
        if self.copies > MOST_COPIES {
            return Err(problem(&span, format!("aliases copy more than {MOST_COPIES} values in this file")));
        }
        if self.open.len() + height > DEEPEST {
            return Err(problem(&span, format!("this is nested more than {DEEPEST} levels deep")));
        }
        if self.expects_key() {
            return match node.text().filter(|_| !node.is_null()) {
                Some(text) => self.key(text.to_owned(), span, false),
                None => Err(no_word(&span)),
            };
        }
        self.add(node, 0, nodes, height)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, nodes: usize, height: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(problem(&node.span, format!("this file has more than {MOST_NODES} values")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor { node: node.clone(), nodes, height });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.nodes = parent.nodes.saturating_add(nodes);
        parent.height = parent.height.max(height);
        match &mut parent.items {
            Items::Seq(items) => items.push(node),
            Items::Map(entries, key, merged) => match key.take() {
                Some((_, true)) => return merge(node, merged),
                Some((key, false)) => entries.push((key, node)),
                None => return Err(no_word(&node.span)),
            },
        }
        Ok(())
    }
}

/// `<<: *one` or `<<: [*one, *two]`; the first that has a key wins.
fn merge(node: Node, merged: &mut Vec<(Key, Node)>) -> Result<(), Problem> {
    match node.value {
        Value::Map(entries) => merged.extend(entries),
        Value::Seq(items) => {
            for item in items {
                match item.value {
                    Value::Map(entries) => merged.extend(entries),
                    _ => return Err(problem(&item.span, "`<<` takes mappings only")),
                }
            }
        }
        _ => return Err(problem(&node.span, "`<<` takes a mapping or a list of mappings")),
    }
    Ok(())
}

fn scalar_value(text: &str, plain: bool, tag: Option<&Tag>, span: &Span) -> Result<(Value, Option<Box<str>>), Problem> {
    let as_text = || Value::String(text.to_owned());
    let Some(tag) = tag else {
        return Ok((if plain { scalar::resolve(text) } else { as_text() }, None));
    };
    let Some(core) = tag.core_suffix() else {
        return Ok((as_text(), Some(tag.original().into_boxed_str())));
    };
    let fits = match core {
        "int" => scalar::int(text).map(Value::Int),
        "float" => scalar::float(text).or_else(|| scalar::int(text).map(|n| n as f64)).map(Value::Float),
        "bool" | "null" => Some(scalar::resolve(text)).filter(|v| match v {
            Value::Bool(_) => core == "bool",
            Value::Null => core == "null",
            _ => false,
        }),
        _ => Some(as_text()),
    };
    fits.map(|value| (value, None)).ok_or_else(|| problem(span, format!("this does not match its tag `!!{core}`")))
}

fn no_word(span: &Span) -> Problem {
    let mut problem = problem(span, "a key must be a single word");
    if span.source.text.get(span.start..).is_some_and(|rest| rest.starts_with('{')) {
        problem.help("a value that begins with a template needs quotes: \"{{ name }}\"");
    }
    problem
}

fn problem(span: &Span, message: impl Into<String>) -> Problem {
    Problem { span: Some(span.clone()), message: message.into(), help: None }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
