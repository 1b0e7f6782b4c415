//! Tables of keys as a JSON Schema (draft 7, which the YAML support of editors understands best).
//! Knows how a schema is written, not what is in it. Start at [`schema`].

use serde_json::{Map, Value as Json, json};

use super::shape::{Key, Number, Shape, Table};

/// The schema of files that look like `shape`.
pub fn schema(title: &str, shape: &Shape) -> Json {
    let mut writer = Writer::default();
    let root = writer.shape(shape);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "allOf": [root],
        "definitions": writer.definitions,
    })
}

#[derive(Default)]
struct Writer {
    /// Tables and named shapes; no two have one name.
    definitions: Map<String, Json>,
}

impl Writer {
    fn shape(&mut self, shape: &Shape) -> Json {
        match shape {
            Shape::Any => json!({}),
            // Editors read YAML 1.2, where `yes` is a text.
            Shape::Bool => json!({ "anyOf": [{ "type": "boolean" }, { "enum": YES_AND_NO }] }),
            Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
            Shape::Word => json!({ "type": ["string", "number", "boolean"], "pattern": r"\S" }),
            Shape::Like(pattern, number) => like(pattern, *number),
            Shape::Whole(least, most) => json!({ "anyOf": [
                { "type": "integer", "minimum": least, "maximum": most },
                { "type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$" },
            ] }),
            Shape::Words(words) => json!({ "enum": words.iter().flat_map(|word| spellings(word)).collect::<Vec<_>>() }),
            Shape::List { of, least, null } => {
                let list = json!({ "type": "array", "items": self.shape(of), "minItems": least });
                if *null { json!({ "anyOf": [list, { "type": "null" }] }) } else { list }
            }
            Shape::Entries { name, of, null } => {
                let values = self.shape(of);
                let kinds = if *null { json!(["object", "null"]) } else { json!("object") };
                json!({ "type": kinds, "propertyNames": { "pattern": name }, "additionalProperties": values })
            }
            Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(|one| self.shape(one)).collect::<Vec<_>>() }),
            Shape::Named(name, shape) => self.definition(name, |writer| writer.shape(shape)),
            Shape::Map(table) => {
                let name = table.what.trim_start_matches("a ").replace('`', "").replace(' ', "_");
                self.definition(&name, |writer| writer.table(table))
            }
        }
    }

    /// A reference to a definition, whose body is made when it is first needed.
    fn definition(&mut self, name: &str, body: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            // Its place is taken before its body is made, which may refer to it.
            self.definitions.insert(name.to_owned(), Json::Null);
            let body = body(self);
            self.definitions.insert(name.to_owned(), body);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn table(&mut self, table: &Table) -> Json {
        let keys: Vec<&Key> = table.all().filter(|key| (table.refuses)(key.name).is_none()).collect();
        let mut properties = Map::new();
        for key in &keys {
            let mut value = self.shape(&key.shape);
            if value.get("$ref").is_some() {
                // Beside a reference, draft 7 ignores everything.
                value = json!({ "allOf": [value] });
            }
            if let Json::Object(value) = &mut value {
                value.insert("description".to_owned(), key.about.into());
            }
            properties.insert(key.name.to_owned(), value);
        }
        let needed: Vec<&str> = keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
        let may_be_empty = needed.is_empty() && table.one_of.is_empty();
        let mut body = json!({
            "type": if may_be_empty { json!(["object", "null"]) } else { json!("object") },
            "properties": properties,
        });
        if !table.open {
            body["additionalProperties"] = false.into();
        }
        if !needed.is_empty() {
            body["required"] = needed.into();
        }
        if !table.one_of.is_empty() {
            let allowed = table.one_of.iter().filter(|key| (table.refuses)(key).is_none());
            body["oneOf"] = allowed.map(|key| json!({ "required": [key] })).collect();
        }
        body
    }
}

/// What YAML 1.1, and so this program, reads as yes or no.
const YES_AND_NO: [&str; 12] = ["yes", "Yes", "YES", "on", "On", "ON", "no", "No", "NO", "off", "Off", "OFF"];

fn like(pattern: &str, number: Number) -> Json {
    let text = json!({ "type": "string", "pattern": pattern });
    let number = match number {
        Number::No => return text,
        Number::Whole(least) => json!({ "type": "integer", "minimum": least }),
        Number::Any => json!({ "type": "number", "minimum": 0 }),
        Number::Positive => json!({ "type": "number", "exclusiveMinimum": 0 }),
    };
    json!({ "anyOf": [text, number] })
}

/// A word as it may arrive: `no` without quotes is not a text for every parser.
fn spellings(word: &str) -> Vec<Json> {
    match word {
        "yes" => vec![word.into(), true.into()],
        "no" => vec![word.into(), false.into()],
        _ => vec![word.into()],
    }
}
