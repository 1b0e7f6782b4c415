//! Rendering: one host's variables, and the texts that are rendered over them.

use std::{fmt, sync::Arc};

use minijinja::{Value, value::ValueKind};
use serde_json::{Map, Value as Json};

use super::{
    super::{Template, TemplateList},
    TemplateError,
    error::UNNAMED,
    jinja,
    tags::{holds_tag, lone_expression},
    trace::Trace,
    vars::Vars,
    words,
};
use crate::{mask::Secrets, sensitive};

/// The variables that one host's templates see. Cheap to clone.
///
/// Variables given to [`Scope::new`] come from files and may be templates themselves, rendered when they are used.
/// What is [`set`](Scope::set) later comes from steps and hosts, and is never taken as a template.
///
/// A variable that is marked as a secret ([`sensitive::mark`]) has its value here like any other. Whatever a template
/// makes of it is added to the [`Secrets`] of [`Scope::recording_secrets`].
#[derive(Clone, Default)]
pub struct Scope {
    given: Arc<Map<String, Json>>,
    found: Arc<Map<String, Json>>,
    secrets: Secrets,
}

impl fmt::Debug for Scope {
    /// Names only: a value may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Scope {
    /// A scope with these variables, which come from files.
    pub fn new(vars: Map<String, Json>) -> Self {
        Self { given: Arc::new(vars), found: Arc::default(), secrets: Secrets::default() }
    }

    /// From now on, `secrets` gets each secret that a template uses, and each text that is made of one.
    #[must_use]
    pub fn recording_secrets(mut self, secrets: &Secrets) -> Self {
        self.secrets = secrets.clone();
        self
    }

    /// Renders every template of a step, or of any other JSON value, only to record its secrets: a host may repeat what
    /// an earlier controller sent it. What cannot be rendered now is skipped.
    pub fn record_secrets(&self, json: &Json) {
        match json {
            Json::String(text) if holds_tag(text) => drop(self.render(&Template(text.clone()))),
            Json::Array(items) => items.iter().for_each(|item| self.record_secrets(item)),
            Json::Object(map) => map.values().for_each(|item| self.record_secrets(item)),
            _ => {}
        }
    }

    /// Sets or replaces one variable. Its value is taken as it is, templates in it are not rendered.
    pub fn set(&mut self, name: &str, value: Json) {
        Arc::make_mut(&mut self.found).insert(name.to_owned(), value);
    }

    /// A variable as it was given or set, if any; templates in it are not rendered.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.found.get(name).or_else(|| self.given.get(name))
    }

    /// Renders one template.
    ///
    /// # Errors
    /// An undefined variable, by name; a syntax error; a result of more than 1 MiB.
    pub fn render(&self, template: &Template) -> Result<String, TemplateError> {
        if !holds_tag(&template.0) {
            return Ok(template.0.clone());
        }
        self.traced(|context, _| jinja::render(&template.0, context)).map_err(|error| self.hinted(error, &template.0))
    }

    /// Renders a list: each item, or the one template that must give a list (or a single word).
    ///
    /// # Errors
    /// As [`Scope::render`], and a whole template that gives neither a list nor a text.
    pub fn render_list(&self, list: &TemplateList) -> Result<Vec<String>, TemplateError> {
        match list {
            TemplateList::Items(items) => items.iter().map(|item| self.render(item)).collect(),
            TemplateList::Whole(template) => match lone_expression(&template.0) {
                Some(expression) => texts(&self.evaluate(expression)?, expression.trim()),
                None => Ok(vec![self.render(template)?]),
            },
        }
    }

    /// Renders a command line into an argument vector. The line is split as a POSIX shell splits words first, then each
    /// word is rendered: whatever a variable holds, it stays inside its word. No word is ever read by a shell here.
    ///
    /// # Errors
    /// As [`Scope::render`]; a line that cannot be split (see [`super::check::command_line`]); an empty program name;
    /// a NUL byte in a word.
    pub fn render_words(&self, line: &Template) -> Result<Vec<String>, TemplateError> {
        let words = words::split(&line.0)?;
        let argv = words.iter().map(|word| self.render(word)).collect::<Result<Vec<_>, _>>()?;
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(TemplateError::new("the command line names no program"));
        }
        match argv.iter().position(|word| word.contains('\0')) {
            Some(index) => Err(TemplateError::new(format!("word {} holds a NUL byte", index + 1))),
            None => Ok(argv),
        }
    }

    /// Renders every text inside a JSON value; keys stay as they are.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn render_json(&self, json: &Json) -> Result<Json, TemplateError> {
        Ok(match json {
            Json::String(text) => Json::String(self.render(&Template(text.clone()))?),
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.render_json(item)).collect::<Result<_, _>>()?)
            }
            Json::Object(map) => {
                let pairs = map.iter().map(|(key, item)| Ok((key.clone(), self.render_json(item)?)));
                Json::Object(pairs.collect::<Result<_, TemplateError>>()?)
            }
            other => other.clone(),
        })
    }

    /// Evaluates a `when:` expression.
    ///
    /// # Errors
    /// As [`Scope::render`], and an expression that gives a text: `"false"` and `"no"` would both be true.
    pub fn truth(&self, expression: &str) -> Result<bool, TemplateError> {
        let value = self.evaluate(expression)?;
        if value.kind() == ValueKind::String {
            let shown = expression.trim();
            return Err(TemplateError::new(format!(
                "`{shown}` is a text, not true or false; write `({shown}) | bool`, or compare it with ==",
            )));
        }
        Ok(value.is_true())
    }

    fn evaluate(&self, expression: &str) -> Result<Value, TemplateError> {
        let value = self
            .traced(|context, trace| {
                let value = jinja::evaluate(expression, context)?;
                match value.kind() {
                    ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.for_each(|item| trace.wrote(&item)),
                    _ => trace.wrote(&value),
                }
                Ok(value)
            })
            .map_err(|error| self.hinted(TemplateError::of(&error, expression), expression))?;
        match value.kind() {
            ValueKind::Undefined => {
                Err(self.hinted(TemplateError::new(format!("`{}` is undefined", expression.trim())), expression))
            }
            // An error inside a variable is a value until it is used.
            ValueKind::Invalid => Err(match value.try_iter() {
                Err(error) => TemplateError::of(&error, expression),
                Ok(_) => TemplateError::new(format!("`{}` cannot be computed", expression.trim())),
            }),
            _ => Ok(value),
        }
    }

    /// Runs the engine over the variables, and again with other secrets if it used some.
    fn traced<T, E>(&self, run: impl Fn(Value, &Trace) -> Result<T, E>) -> Result<T, E> {
        let over = |trace: &Arc<Trace>| {
            run(Vars::new(Arc::clone(&self.given), Arc::clone(&self.found), Arc::clone(trace)).context(), trace)
        };
        let trace = Arc::new(Trace::default());
        let result = over(&trace);
        if trace.touched() {
            let disguised = Arc::new(Trace::disguised());
            // If it fails, everything that it did not reach counts as secret.
            drop(over(&disguised));
            trace.report(&disguised, &self.secrets);
        }
        result
    }

    /// Whether `a.b` has a value. A template counts as one: its value is not known here.
    pub fn holds(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let Some(mut value) = parts.next().and_then(|name| self.get(name)) else { return false };
        for part in parts {
            match sensitive::secret(value).unwrap_or(value) {
                Json::Object(map) => match map.get(part) {
                    Some(inner) => value = inner,
                    None => return false,
                },
                Json::String(text) if holds_tag(text) => return true,
                _ => return false,
            }
        }
        true
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.found.keys().chain(self.given.keys()).map(String::as_str)
    }

    /// Finds the name where the engine did not, and adds the nearest known variable to "`x` is undefined".
    fn hinted(&self, mut error: TemplateError, source: &str) -> TemplateError {
        if error.message == UNNAMED {
            let place = error.at.clone().and_then(|range| source.get(range)).map(|text| text.trim().to_owned());
            let missing = jinja::variables(source).into_iter().find(|name| !self.holds(name)).or(place);
            if let Some(missing) = missing {
                error.message = format!("`{missing}` is undefined");
            }
        }
        let name = error.message.strip_prefix('`').and_then(|rest| rest.strip_suffix("` is undefined"));
        let Some(name) = name.filter(|name| !name.contains(['.', '['])) else { return error };
        let nearest = self
            .names()
            .map(|known| (strsim::damerau_levenshtein(name, known), known))
            .filter(|(distance, known)| *distance > 0 && *distance <= known.len().min(name.len()) / 3)
            .min();
        if let Some((_, known)) = nearest {
            error.message = format!("`{name}` is undefined; did you mean `{known}`?");
        }
        error
    }
}

/// A list of texts from a value: a list's items, or the one text.
fn texts(value: &Value, expression: &str) -> Result<Vec<String>, TemplateError> {
    let word = |item: &Value| match item.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Some(item.to_string()),
        _ => None,
    };
    let list = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().ok().and_then(|items| items.map(|item| word(&item)).collect::<Option<Vec<_>>>())
        }
        _ => word(value).map(|one| vec![one]),
    };
    list.ok_or_else(|| TemplateError::new(format!("`{expression}` is neither a list of texts nor a text")))
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
