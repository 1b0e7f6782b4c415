//! For tests: a reader and the schema made from its tables must refuse the same structure. Start at [`Agreement`].

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Node, Problems, Source, Value, parse, schema, shape::Shape};

/// A schema to compare a reader with.
pub struct Agreement {
    schema: Json,
    validator: jsonschema::Validator,
}

impl Agreement {
    /// The schema of this shape.
    pub fn of(shape: &Shape) -> Self {
        let schema = schema("a test", shape);
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"));
        Self { schema, validator }
    }

    /// What the reader takes, the schema takes; what the reader refuses for its structure, the schema refuses.
    pub fn check(&self, text: &str, read: Result<(), &Problems>) {
        let Ok(node) = parse(Source::new("a.yml", text)) else { return };
        let json = as_json(&node);
        let refused: Vec<String> = self.validator.iter_errors(&json).map(|error| error.to_string()).collect();
        match read {
            Ok(()) => assert!(refused.is_empty(), "the schema refuses what the reader takes: {refused:?}\n{text}"),
            Err(problems) => {
                let structural: Vec<&str> = problems
                    .0
                    .iter()
                    .map(|problem| problem.message.as_str())
                    .filter(|said| is_structural(said))
                    .collect();
                let tagged = text.contains("!vault") || text.contains("!unsafe");
                let agreed = structural.is_empty() || tagged || !refused.is_empty();
                assert!(agreed, "the schema takes what the reader refuses: {structural:?}\n{text}");
            }
        }
    }

    /// Checks `wholes`, which have every key, and what comes of them when any part is replaced by something else.
    pub fn vary(&self, wholes: &[&str], read: impl Fn(&str) -> Result<(), Problems>) {
        let mut there = BTreeSet::new();
        for text in wholes {
            let node = parse(Source::new("a.yml", *text)).unwrap_or_else(|problems| panic!("{problems}"));
            read(text).unwrap_or_else(|problems| panic!("{problems}"));
            self.check(text, Ok(()));
            let whole = as_json(&node);
            keys(&whole, &mut there);
            self.vary_one(&whole, &read);
        }
        for (name, definition) in self.schema["definitions"].as_object().unwrap() {
            for key in definition["properties"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                assert!(there.contains(key), "no sample has `{key}` of {name}");
            }
        }
    }

    fn vary_one(&self, whole: &Json, read: &impl Fn(&str) -> Result<(), Problems>) {
        let mut places = Vec::new();
        pointers(whole, String::new(), &mut places);
        let mut refused = 0;
        for place in &places {
            for other in others() {
                let mut changed = whole.clone();
                let Some(slot) = changed.pointer_mut(place) else { continue };
                match (&mut *slot, &other) {
                    // An unknown key besides the known ones.
                    (Json::Object(map), Json::String(text)) if text == "zzz" => {
                        drop(map.insert("zzz".into(), 1.into()));
                    }
                    (slot, other) => *slot = other.clone(),
                }
                let text = format!("{changed:#}");
                let result = read(&text);
                refused += usize::from(result.is_err());
                self.check(&text, result.as_ref().copied());
            }
        }
        assert!(refused > places.len(), "{refused} of {} changes were refused", places.len() * others().len());
    }
}

/// Values of every type.
fn others() -> [Json; 14] {
    [
        json!(null),
        json!(true),
        json!(0),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("word"),
        json!("zzz"),
        json!("5m"),
        json!("25%"),
        json!([]),
        json!([["x"]]),
        json!({ "zzz": 1 }),
    ]
}

/// Whether a message is about a key, a type or a word, and not about what a value means.
fn is_structural(message: &str) -> bool {
    let form = message.starts_with("expected ") && !message.contains("octal digits");
    form || message.contains("unknown key `")
        || message.contains("is not a valid value")
        || message.contains(" needs the key `") && !message.contains("`message`")
}

/// As an editor sees it: what a tag means is not known.
fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::String(text) => Json::String(text.clone()),
        Value::Seq(items) => items.iter().map(as_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, item)| (key.text.clone(), as_json(item))).collect(),
        _ => node.to_json(),
    }
}

fn pointers(json: &Json, at: String, found: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match json {
        Json::Object(map) => map.iter().for_each(|(key, item)| pointers(item, format!("{at}/{}", escaped(key)), found)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| pointers(item, format!("{at}/{n}"), found));
        }
        _ => {}
    }
    found.push(at);
}

fn keys(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(map) => map.iter().for_each(|(key, item)| {
            found.insert(key.clone());
            keys(item, found);
        }),
        Json::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}
