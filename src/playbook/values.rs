//! Readers for the values of a playbook: templates, lists of them, command lines, expressions; each checked as far as
//! that is possible without a host.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Map, Value as Json};

use super::{
    Template, TemplateList, files, reserved,
    template::{TemplateError, check},
    written::place,
};
use crate::{
    sensitive,
    yaml::{
        CANNOT_DECRYPT, Node, Problems, Value, read,
        shape::{IDENTIFIER, Number, Shape},
    },
};

/// What [`template_list`] reads.
pub(super) const TEMPLATE_LIST: Shape =
    Shape::Named("list_or_template", &Shape::Either(&[Shape::Word, Shape::list(&Shape::Word)]));
/// What [`environment`] reads.
pub(super) const ENVIRONMENT: Shape = Shape::Entries { name: IDENTIFIER, of: &Shape::Text, null: false };
/// What [`condition`] reads.
pub(super) const CONDITION: Shape = Shape::Named("condition", &CONDITIONS);
static CONDITIONS: Shape = Shape::Either(&[Shape::Bool, Shape::Word, Shape::filled(&CONDITION_AGAIN)]);
static CONDITION_AGAIN: Shape = Shape::Named("condition", &CONDITIONS);
/// What [`identifier`] reads.
pub(super) const VARIABLE: Shape = Shape::Like(IDENTIFIER, Number::No);
/// What [`vars`] reads.
pub(super) const VARS: Shape = Shape::Entries { name: IDENTIFIER, of: &Shape::Any, null: true };

/// What the readers know besides the node: where the playbook's files are.
pub(super) struct Context {
    /// The playbook.
    pub path: PathBuf,
    /// What Ansible's modules are called that install packages.
    pub package_modules: Vec<&'static str>,
}

impl Context {
    /// Reports a missing file. A name that a template decides is not known yet and passes.
    pub fn needs_file(&self, what: &str, name: &str, node: &Node, problems: &mut Problems) -> Option<PathBuf> {
        let found = files::find(&self.path, name.as_ref());
        if found.is_none() {
            let message =
                format!("missing {what} `{name}`: it is neither beside the playbook nor in the folders above it");
            problems.at(&node.span, message);
        }
        found
    }
}

/// Reports a template's mistake at its place.
pub(super) fn report(node: &Node, text: &str, error: TemplateError, problems: &mut Problems) {
    problems.at(&place(&node.span, text, error.at), error.message);
}

/// A text that may hold templates. `!unsafe` text is taken as it is.
pub(super) fn template(node: &Node, problems: &mut Problems) -> Option<Template> {
    let text = read::text(node, "a text", problems)?;
    if node.tag.as_deref() == Some("!unsafe") {
        return Some(Template(literal(text)));
    }
    checked(node, Template(text.to_owned()), check::template, problems)
}

/// As [`template`], but not empty.
pub(super) fn filled(node: &Node, problems: &mut Problems) -> Option<Template> {
    read::word(node, problems)?;
    template(node, problems)
}

/// A command line that is split into words.
pub(super) fn command_line(node: &Node, problems: &mut Problems) -> Option<Template> {
    let text = read::word(node, problems)?;
    checked(node, Template(text), check::command_line, problems)
}

fn checked(
    node: &Node,
    template: Template,
    check: fn(&Template) -> Result<(), TemplateError>,
    problems: &mut Problems,
) -> Option<Template> {
    match check(&template) {
        Ok(()) => Some(template),
        Err(error) => {
            report(node, &template.0, error, problems);
            None
        }
    }
}

/// A list of templates, or one that renders to a list.
pub(super) fn template_list(node: &Node, problems: &mut Problems) -> Option<TemplateList> {
    match node.value {
        Value::Seq(_) | Value::Map(_) | Value::Null => {
            read::list(node, "a list, or one template that gives a list", problems, filled).map(TemplateList::Items)
        }
        _ => filled(node, problems).map(TemplateList::Whole),
    }
}

/// `environment:` of a command.
pub(super) fn environment(node: &Node, problems: &mut Problems) -> Option<BTreeMap<String, Template>> {
    let Value::Map(entries) = &node.value else {
        problems.expected("a mapping of names to texts", node);
        return None;
    };
    let mut read = BTreeMap::new();
    for (key, value) in entries {
        if !is_identifier(&key.text) {
            problems.at(&key.span, format!("`{}` cannot be the name of an environment variable", key.text));
        }
        if let Some(value) = template(value, problems) {
            read.insert(key.text.clone(), value);
        }
    }
    Some(read)
}

/// `when:`: an expression, a yes or no, or a list of them that must all hold.
pub(super) fn condition(node: &Node, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Seq(items) if !items.is_empty() => {
            let parts: Vec<_> = items.iter().map(|item| condition(item, problems)).collect();
            let parts: Vec<String> = parts.into_iter().collect::<Option<_>>()?;
            Some(parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" and "))
        }
        _ => {
            let text = read::word(node, problems)?;
            match check::expression(&text) {
                Ok(()) => Some(text),
                Err(error) => {
                    report(node, &text, error, problems);
                    None
                }
            }
        }
    }
}

/// The name of a variable.
pub(super) fn identifier(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::word(node, problems)?;
    if is_identifier(&text) {
        return Some(text);
    }
    problems
        .at(&node.span, "this cannot be the name of a variable")
        .help("use letters, digits and _, and do not begin with a digit");
    None
}

/// The name of a variable for `register`.
pub(super) fn registered(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = identifier(node, problems)?;
    match reserved::why(&name) {
        Some(why) => {
            problems.at(&node.span, format!("`{name}` cannot be registered: {why}")).help("take another name");
            None
        }
        None => Some(name),
    }
}

fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `vars:`; texts in it may be templates, secrets are marked.
pub(super) fn vars(node: &Node, problems: &mut Problems) -> Option<Map<String, Json>> {
    match &node.value {
        Value::Null => return Some(Map::new()),
        Value::Map(entries) => {
            for (key, _) in entries.iter().filter(|(key, _)| !is_identifier(&key.text)) {
                problems.at(&key.span, format!("`{}` cannot be the name of a variable", key.text));
            }
            for (key, _) in entries.iter().filter(|(key, _)| reserved::OF_HOSTS.contains(&key.text.as_str())) {
                problems.at(&key.span, format!("`{}` is set for each host, and cannot be set here", key.text));
            }
        }
        _ => {
            problems.expected("a mapping of names to values", node);
            return None;
        }
    }
    match json(node, problems) {
        Some(Json::Object(map)) => Some(sensitive::mark_all(map)),
        _ => None,
    }
}

/// Any value; texts in it may be templates.
pub(super) fn json(node: &Node, problems: &mut Problems) -> Option<Json> {
    check_texts(node, problems);
    Some(as_json(node))
}

/// As [`Node::to_json`]; `!unsafe` texts become templates that render to them.
fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::String(text) if node.tag.as_deref() == Some("!unsafe") => Json::String(literal(text)),
        Value::Seq(items) => Json::Array(items.iter().map(as_json).collect()),
        Value::Map(entries) => entries.iter().map(|(key, item)| (key.text.clone(), as_json(item))).collect(),
        _ => node.to_json(),
    }
}

/// A template that renders to `text`.
fn literal(text: &str) -> String {
    text.replace('{', "{{ '{' }}")
}

fn check_texts(node: &Node, problems: &mut Problems) {
    if node.is_vault() {
        let help = "give its password with `--vault-password-file` or `-J`";
        problems.at(&node.span, format!("this {CANNOT_DECRYPT}")).help(help);
        return;
    }
    match &node.value {
        Value::String(text) if node.tag.is_none() => {
            if let Err(error) = check::template(&Template(text.clone())) {
                report(node, text, error, problems);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| check_texts(item, problems)),
        Value::Map(entries) => entries.iter().for_each(|(_, item)| check_texts(item, problems)),
        _ => {}
    }
}
