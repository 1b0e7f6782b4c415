//! The tree of a YAML document, each node with its place.

use serde_json::{Map, Number, Value as Json};

use super::Span;

/// The JSON key of a text that is not a template.
const UNSAFE: &str = "__ansible_unsafe";
/// The JSON key of a value that is encrypted.
pub const VAULT: &str = "__ansible_vault";

/// The tag of a value that was encrypted. No file can hold it: a tag of YAML has no blank.
const SEALED: &str = "! decrypted";

/// Why an encrypted value cannot be used; follows its name.
pub const CANNOT_DECRYPT: &str = "is encrypted (!vault), and patchwave cannot decrypt it";

/// Whether this value is or contains an encrypted one, as [`Node::to_json`] writes it.
pub fn holds_vault(value: &Json) -> bool {
    match value {
        Json::Object(map) => map.contains_key(VAULT) || map.values().any(holds_vault),
        Json::Array(items) => items.iter().any(holds_vault),
        _ => false,
    }
}

/// One value of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it is. A value from an alias has the place of its anchor.
    pub span: Span,
    /// A tag that YAML itself does not define, with its `!`: `!vault`, `!unsafe`.
    pub tag: Option<Box<str>>,
    /// What it is.
    pub value: Value,
}

/// What a node is, by the rules of YAML 1.1, which are Ansible's: `yes` is a bool, `0644` is octal.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true`, `yes`, `on` and so on.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file, without duplicates, merge keys resolved.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping: its text as written, and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// As written, quotes removed.
    pub text: String,
    /// Where.
    pub span: Span,
}

impl Node {
    /// The text of a scalar as it was written: `1.10` stays `1.10`, `on` stays `on`. `None` for lists and mappings.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Seq(_) | Value::Map(_) => None,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.span.source.text.get(self.span.start..self.span.end)
            }
        }
    }

    /// True for `key:` with nothing after it, `~` and `null`.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// True for `!vault`, or `{"__ansible_vault": …}`, its form in JSON: a value that stays encrypted.
    pub fn is_vault(&self) -> bool {
        matches!(self.tag.as_deref(), Some("!vault" | "!vault-encrypted")) || self.get(VAULT).is_some()
    }

    /// Whether this value is or contains an encrypted one.
    pub fn holds_vault(&self) -> bool {
        match &self.value {
            _ if self.is_vault() => true,
            Value::Seq(items) => items.iter().any(Self::holds_vault),
            Value::Map(entries) => entries.iter().any(|(_, node)| node.holds_vault()),
            _ => false,
        }
    }

    /// The value under `key`, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Marks this value, or all values in it, as decrypted: they are secret whatever their names.
    pub fn seal(&mut self) {
        let encrypted = self.is_vault();
        match &mut self.value {
            _ if encrypted => {}
            Value::Seq(items) => items.iter_mut().for_each(Self::seal),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.seal()),
            _ => self.tag = Some(SEALED.into()),
        }
    }

    /// Whether this value was decrypted.
    pub fn is_sealed(&self) -> bool {
        self.tag.as_deref() == Some(SEALED)
    }

    /// What was found, for "expected …, found …". Never shows the value, which may be secret.
    pub fn kind(&self) -> &'static str {
        if self.is_vault() {
            return "an encrypted value (!vault)";
        }
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a yes or no",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "a text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A text in which braces are plain characters: `!unsafe`, or `{"__ansible_unsafe": …}`, its form in JSON.
    pub fn unsafe_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) if self.tag.as_deref() == Some("!unsafe") => Some(text),
            Value::Map(entries) if entries.len() == 1 => self.get(UNSAFE).and_then(Self::text),
            _ => None,
        }
    }

    /// The same value as JSON. `!vault` becomes `{"__ansible_vault": …}` as in `ansible-inventory`, and `!unsafe` with
    /// a brace in it `{"__ansible_unsafe": …}`; numbers that JSON lacks (`.inf`, `.nan`) become their text; other tags
    /// are dropped.
    pub fn to_json(&self) -> Json {
        if self.is_sealed() {
            return crate::sensitive::marked(Self { tag: None, ..self.clone() }.to_json());
        }
        let marked = |mark: &str, text: &str| Json::Object(Map::from_iter([(mark.to_owned(), text.into())]));
        if self.is_vault() {
            return marked(VAULT, self.get(VAULT).unwrap_or(self).text().unwrap_or_default());
        }
        match &self.value {
            Value::String(text) if text.contains('{') && self.unsafe_text().is_some() => marked(UNSAFE, text),
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(n) => Json::from(*n),
            Value::Float(x) => Number::from_f64(*x)
                .map_or_else(|| Json::String(self.text().unwrap_or_default().to_owned()), Json::Number),
            Value::String(text) => Json::String(text.clone()),
            Value::Seq(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect())
            }
        }
    }
}
