//! The variables of one host as the template engine sees them: converted when they are used, not before.
//! Variables from files may hold templates themselves, as in Ansible; what a host answered is never a template.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use minijinja::{Error, Value, value::Object};
use serde_json::{Map, Value as Json};

use super::{
    TemplateError,
    error::refuse,
    jinja,
    tags::{holds_tag, lone_expression},
    trace::{TRACE, Trace},
};
use crate::{
    sensitive,
    yaml::{CANNOT_DECRYPT, VAULT},
};

/// How an inventory passes on a text with the tag `!unsafe`, which is never a template.
const UNSAFE: &str = "__ansible_unsafe";

/// How deep variables may refer to each other.
const MAX_DEPTH: u8 = 16;

/// How many variables that are templates one render may expand.
const MAX_EXPANSIONS: u32 = 2_000;

/// The root of a render.
#[derive(Clone)]
pub(super) struct Vars {
    /// From files; may be templates.
    pub given: Arc<Map<String, Json>>,
    /// From steps and hosts; taken as they are.
    pub found: Arc<Map<String, Json>>,
    depth: u8,
    expansions: Arc<AtomicU32>,
    trace: Arc<Trace>,
}

impl Vars {
    pub fn new(given: Arc<Map<String, Json>>, found: Arc<Map<String, Json>>, trace: Arc<Trace>) -> Self {
        Self { given, found, depth: 0, expansions: Arc::default(), trace }
    }

    /// The value for the engine.
    pub fn context(self) -> Value {
        Value::from_object(self)
    }

    fn lookup(&self, name: &str) -> Option<Value> {
        if name == TRACE {
            return Some(Value::from_dyn_object(Arc::clone(&self.trace)));
        }
        if let Some(found) = self.found.get(name) {
            return Some(plain(found));
        }
        self.given.get(name).map(|given| self.expanded(name, given).unwrap_or_else(Value::from))
    }

    /// A variable from a file, with the templates in it rendered.
    fn expanded(&self, name: &str, given: &Json) -> Result<Value, Error> {
        if let Some(secret) = sensitive::secret(given) {
            return self.expanded(name, secret).map(|value| self.trace.secret(value));
        }
        Ok(match given {
            Json::String(text) if holds_tag(text) => self.rendered(name, text)?,
            Json::Array(items) => {
                items.iter().map(|item| self.expanded(name, item)).collect::<Result<Vec<_>, _>>()?.into()
            }
            Json::Object(map) if map.contains_key(VAULT) => {
                return Err(refuse(format!("the variable `{name}` {CANNOT_DECRYPT}")));
            }
            Json::Object(map) if map.len() == 1 && map.get(UNSAFE).is_some_and(Json::is_string) => plain(&map[UNSAFE]),
            Json::Object(map) => {
                let pairs = map.iter().map(|(key, item)| Ok((key.clone(), self.expanded(name, item)?)));
                Value::from_pairs(pairs.collect::<Result<Vec<_>, Error>>()?)
            }
            other => plain(other),
        })
    }

    fn rendered(&self, name: &str, text: &str) -> Result<Value, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(refuse(format!("the variable `{name}` refers to itself, or to others more than 16 deep")));
        }
        if self.expansions.fetch_add(1, Ordering::Relaxed) >= MAX_EXPANSIONS {
            return Err(refuse("variables refer to each other more than 2,000 times"));
        }
        let inner = Self { depth: self.depth + 1, ..self.clone() }.context();
        let result = match lone_expression(text) {
            Some(expression) => jinja::evaluate(expression, inner).and_then(|value| match value.is_undefined() {
                true => Err(refuse(format!("`{}` is undefined", expression.trim()))),
                false => Ok(value),
            }),
            None => jinja::render_raw(text, inner).map(Value::from),
        };
        result.map_err(|error| {
            let message = TemplateError::of(&error, text).message;
            let known = message.contains("(in the variable `") || message.contains("refers to itself");
            refuse(if known { message } else { format!("{message} (in the variable `{name}`)") })
        })
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vars")
    }
}

impl Object for Vars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lookup(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.lookup(key)
    }
}

/// JSON as an engine value.
pub(super) fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), _, _) => Value::from(n),
            (None, Some(n), _) => Value::from(n),
            (None, None, float) => Value::from(float),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Json::Object(map) => Value::from_pairs(map.iter().map(|(key, item)| (key.clone(), plain(item)))),
    }
}
