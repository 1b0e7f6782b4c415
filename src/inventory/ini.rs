//! Ansible's INI inventories: sections of hosts, groups and variables, passed to the [`Loader`]. Knows how they are
//! written, not what follows from them. Start at [`lines`], then [`read`].
//!
//! Source: Ansible's `lib/ansible/plugins/inventory/ini.py`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    literal,
    load::Loader,
    order::UNGROUPED,
    words::{self, Word},
};
use crate::yaml::{Key, Node, Problem, Problems, Source, Span};

/// What one line says.
pub enum Line {
    /// `[group]`, `[group:children]`, `[group:vars]`.
    Section(Key, State),
    /// A host or a range, with its variables.
    Host(Key, Vec<(Key, Node)>),
    /// The name of a group in a section of children.
    Child(Key),
    /// A variable of a group.
    Var(Key, Node),
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Hosts,
    Children,
    Vars,
}

/// A text that begins like an INI inventory and cannot be a YAML one.
pub fn looks_like_ini(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    first.is_some_and(|line| section(line).is_some() && line.ends_with(']') && !line.contains(','))
}

/// What each line says, without taking anything from it.
///
/// # Errors
/// All lines that cannot be read.
pub fn lines(source: &Arc<Source>) -> Result<Vec<Line>, Problems> {
    let mut found = Vec::new();
    let mut problems = Problems::default();
    let mut state = State::Hosts;
    let mut start = 0;
    for (number, whole) in source.text.split_inclusive('\n').enumerate() {
        let place = Place { source, number, line: whole, start };
        start += whole.len();
        let line = whole.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        match place.read(line, state) {
            Ok(line) => {
                if let Line::Section(_, next) = line {
                    state = next;
                }
                found.push(line);
            }
            Err(problem) => problems.0.push(problem),
        }
    }
    problems.or(found)
}

/// One line of a file.
struct Place<'a> {
    source: &'a Arc<Source>,
    number: usize,
    line: &'a str,
    /// Where the line begins in the file.
    start: usize,
}

impl Place<'_> {
    /// A part of the trimmed line, in bytes.
    fn span(&self, from: usize, to: usize) -> Span {
        let lead = self.line.len() - self.line.trim_start().len();
        Span {
            source: Arc::clone(self.source),
            line: u32::try_from(self.number + 1).unwrap_or(u32::MAX),
            column: u32::try_from(self.line[..lead + from].chars().count() + 1).unwrap_or(u32::MAX),
            start: self.start + lead + from,
            end: self.start + lead + to,
        }
    }

    fn problem(&self, from: usize, to: usize, message: impl Into<String>, help: &str) -> Problem {
        let help = (!help.is_empty()).then(|| help.to_owned());
        Problem { span: Some(self.span(from, to)), message: message.into(), help }
    }

    fn read(&self, line: &str, state: State) -> Result<Line, Problem> {
        if let Some((name, kind)) = section(line) {
            let state = match kind {
                None | Some("hosts") => State::Hosts,
                Some("children") => State::Children,
                Some("vars") => State::Vars,
                Some(kind) => {
                    let from = 1 + name.len() + 1;
                    let message = format!("a section cannot be of the kind `{}`", shown(kind));
                    let help = "there are `[group]`, `[group:children]` and `[group:vars]`";
                    return Err(self.problem(from, from + kind.len(), message, help));
                }
            };
            return Ok(Line::Section(Key { text: name.to_owned(), span: self.span(1, 1 + name.len()) }, state));
        }
        if line.starts_with('[') && line.ends_with(']') {
            let help = "a section is `[group]`, `[group:children]` or `[group:vars]`, without blanks";
            return Err(self.problem(0, line.len(), "this is not a valid section", help));
        }
        match state {
            State::Hosts => self.host(line),
            State::Children => {
                let name = line.split(['#']).next().unwrap_or_default().trim_end();
                if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
                    let message = "the name of a group is expected here";
                    return Err(self.problem(
                        0,
                        line.len(),
                        message,
                        "a section of children has one name on each line",
                    ));
                }
                Ok(Line::Child(Key { text: name.to_owned(), span: self.span(0, name.len()) }))
            }
            State::Vars => {
                let Some((name, value)) = line.split_once('=') else {
                    return Err(self.problem(0, line.len(), "`name = value` is expected here", ""));
                };
                let key = Key { text: name.trim().to_owned(), span: self.span(0, name.trim_end().len()) };
                let from = line.len() - value.trim_start().len();
                let span = self.span(from, line.len());
                Ok(Line::Var(key, literal::node(&line[from..], &span)))
            }
        }
    }

    fn host(&self, line: &str) -> Result<Line, Problem> {
        let words = words::split(line).map_err(|no| self.problem(no.at, line.len(), no.why, ""))?;
        let Some((name, rest)) = words.split_first() else {
            return Err(self.problem(0, line.len(), "a host is expected here", ""));
        };
        let named = |message: &str, help: &str| Err(self.problem(name.begin, name.end, message, help));
        match name.text.as_str() {
            "" => return named("the name of this host is empty", ""),
            "---" => return named("`---` is not a host", "this looks like YAML: name the file `….yml`"),
            text if text.ends_with(':') => {
                return named("a host cannot end with a colon", "a colon separates a port: `web01:2222`");
            }
            _ => {}
        }
        let mut vars = Vec::with_capacity(rest.len());
        for word in rest {
            let Some(equals) = word.text.find('=') else {
                // The word itself may be the second half of a password.
                let message = "`name=value` is expected after a host";
                let help = "put the value into quotes if it has blanks: `name=\"two words\"`";
                return Err(self.problem(word.begin, word.end, message, help));
            };
            let key = Key {
                text: word.text[..equals].to_owned(),
                span: self.span(word.begin, word.begin + equals.min(word.end - word.begin)),
            };
            vars.push((key, self.value(word, equals + 1)));
        }
        let key = Key { text: name.text.clone(), span: self.span(name.begin, name.end) };
        Ok(Line::Host(key, literal::last_of_each(vars)))
    }

    /// The value in a word, from byte `from` on.
    fn value(&self, word: &Word, from: usize) -> Node {
        let text = &word.text[from..];
        let span = match word.place(from) {
            Some((begin, end)) => self.span(begin, end),
            None if text.is_empty() => self.span(word.end, word.end),
            // Quotes in the middle: the value is not written anywhere as it is.
            None => Span {
                source: match self.source.sealed {
                    true => Source::sealed(self.source.path.clone(), text),
                    false => Source::new(self.source.path.clone(), text),
                },
                start: 0,
                end: text.len(),
                ..self.span(word.begin, word.end)
            },
        };
        literal::node(text, &span)
    }
}

/// The group and the kind of `[group:kind]`, which may be followed by a comment.
fn section(line: &str) -> Option<(&str, Option<&str>)> {
    let inside = line.strip_prefix('[')?;
    let end = inside.find(|c: char| c == ':' || c == ']' || c.is_whitespace())?;
    let (name, rest) = inside.split_at(end);
    let (kind, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            (Some(&rest[..end]), &rest[end..])
        }
        None => (None, rest),
    };
    let rest = rest.strip_prefix(']')?.trim_start();
    let fine =
        !name.is_empty() && kind.is_none_or(|kind| !kind.is_empty()) && (rest.is_empty() || rest.starts_with('#'));
    fine.then_some((name, kind))
}

/// Takes what the lines of one file say. Stops where Ansible stops reading the file.
pub fn read(lines: Vec<Line>, loader: &mut Loader) {
    // Groups that were named and not declared: who contains them.
    let mut waiting: HashMap<String, Vec<(usize, Key)>> = HashMap::new();
    let mut only_vars: Vec<Key> = Vec::new();
    let mut declared: HashSet<usize> = HashSet::new();
    let mut group = Some(UNGROUPED);
    let mut vars: Vec<(Key, Node)> = Vec::new();
    for line in lines {
        match line {
            Line::Section(key, state) => {
                flush(&mut vars, group, loader);
                let known = loader.group_index.contains_key(&key.text);
                group = loader.group(&key);
                let Some(at) = group else { continue };
                match state {
                    State::Vars if !known => only_vars.push(key.clone()),
                    State::Vars => {}
                    State::Hosts | State::Children => {
                        declared.insert(at);
                    }
                }
                if state != State::Vars {
                    for (parent, child) in waiting.remove(&key.text).unwrap_or_default() {
                        loader.child(parent, &child);
                    }
                }
            }
            Line::Host(key, vars) => {
                if let Some(group) = group {
                    loader.host(group, &key, vars);
                }
            }
            Line::Child(key) => {
                let Some(group) = group else { continue };
                match loader.group_index.get(&key.text) {
                    Some(_) => {
                        loader.child(group, &key);
                    }
                    None => waiting.entry(key.text.clone()).or_default().push((group, key)),
                }
            }
            Line::Var(key, node) => vars.push((key, node)),
        }
    }
    flush(&mut vars, group, loader);
    only_vars.retain(|key| loader.group_index.get(&key.text).is_some_and(|at| !declared.contains(at)));
    for key in only_vars {
        let message = format!("`{}` has variables, but no section declares the group", key.text);
        loader.minor(&key.span, message).help(format!("write `[{}]` for its hosts, or correct the name", key.text));
    }
    let mut undefined: Vec<_> = waiting.into_values().flatten().map(|(_, key)| key).collect();
    undefined.sort_by_key(|key| key.span.start);
    for key in undefined {
        let near = loader.nearest_group(&key.text);
        let message = format!("no section declares the group `{}`", key.text);
        let help = match near {
            Some(near) => format!("did you mean `{near}`? Otherwise write an empty section `[{}]`", key.text),
            None => format!("write an empty section `[{}]` if it has no hosts", key.text),
        };
        loader.minor(&key.span, message).help(help);
    }
}

fn flush(vars: &mut Vec<(Key, Node)>, group: Option<usize>, loader: &mut Loader) {
    let vars = literal::last_of_each(std::mem::take(vars));
    if let Some(group) = group.filter(|_| !vars.is_empty()) {
        loader.vars(group, vars);
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| crate::command::shows(*c)).take(40).collect()
}
