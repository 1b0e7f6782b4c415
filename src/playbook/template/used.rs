//! Which variables steps use, as far as their texts show it: for checks before any host is known. Start at [`of`] and
//! [`Text::of`].

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{jinja, tags::holds_tag};
use crate::playbook::StepSpec;

/// A template or a condition, with the variables that it names.
#[derive(Clone, Debug)]
pub struct Text {
    /// As it is written.
    pub source: String,
    /// `a` or `a.b`, sorted.
    pub names: Vec<String>,
}

impl Text {
    fn new(source: &str) -> Self {
        Self { source: source.to_owned(), names: jinja::variables(source) }
    }

    /// The templates of a step, without its condition.
    pub fn of(step: &StepSpec) -> Vec<Self> {
        // A step holds strings, numbers, lists and maps with string keys only.
        let parts = [serde_json::to_value(&step.kind), serde_json::to_value(&step.guard)];
        parts.iter().flatten().flat_map(Self::within).collect()
    }

    /// The condition of a step.
    pub fn condition(step: &StepSpec) -> Option<Self> {
        step.when.as_deref().map(Self::new)
    }

    /// The templates in a value.
    pub fn within(value: &Json) -> Vec<Self> {
        match value {
            Json::String(text) if holds_tag(text) => vec![Self::new(text)],
            Json::Array(items) => items.iter().flat_map(Self::within).collect(),
            Json::Object(map) => map.values().flat_map(Self::within).collect(),
            _ => Vec::new(),
        }
    }

    /// The variables without what is looked up in them.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|path| root(path))
    }
}

/// `a` of `a.b`.
pub fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// The variables that the templates and conditions of these steps name.
pub fn of<'s>(steps: impl IntoIterator<Item = &'s StepSpec>) -> BTreeSet<String> {
    let texts = steps.into_iter().flat_map(|step| Text::of(step).into_iter().chain(Text::condition(step)));
    roots(texts)
}

/// Those that the texts in a value name, where they are templates.
pub fn in_texts(value: &Json) -> BTreeSet<String> {
    roots(Text::within(value))
}

fn roots(texts: impl IntoIterator<Item = Text>) -> BTreeSet<String> {
    texts.into_iter().flat_map(|text| text.roots().map(str::to_owned).collect::<Vec<_>>()).collect()
}
