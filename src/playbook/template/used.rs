//! Which variables steps use, as far as their texts show it: for checks before any host is known. Start at [`of`].

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{jinja, tags::holds_tag};
use crate::playbook::StepSpec;

/// The variables that the templates and conditions of these steps name.
pub fn of<'s>(steps: impl IntoIterator<Item = &'s StepSpec>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for step in steps {
        names.extend(step.when.iter().flat_map(|when| roots(when)));
        // A step holds strings, numbers, lists and maps with string keys only.
        names.extend(serde_json::to_value(&step.kind).iter().flat_map(in_texts));
    }
    names
}

/// Those that the texts in a value name, where they are templates.
pub fn in_texts(value: &Json) -> BTreeSet<String> {
    match value {
        Json::String(text) if holds_tag(text) => roots(text).collect(),
        Json::Array(items) => items.iter().flat_map(in_texts).collect(),
        Json::Object(map) => map.values().flat_map(in_texts).collect(),
        _ => BTreeSet::new(),
    }
}

fn roots(source: &str) -> impl Iterator<Item = String> {
    jinja::variables(source).into_iter().map(|path| path.split('.').next().unwrap_or_default().to_owned())
}
