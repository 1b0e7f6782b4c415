//! Jinja templates and `when:` expressions over one host's variables. The only module that imports the template crate.

use serde_json::{Map, Value};

use super::{Template, TemplateList};

/// The variables that one host's templates see.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    vars: Map<String, Value>,
}

/// A template that cannot be rendered. Names the variable; never shows a value, which may be secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, for people.
    pub message: String,
}

impl Scope {
    /// A scope with these variables.
    pub fn new(vars: Map<String, Value>) -> Self {
        Self { vars }
    }

    /// Sets or replaces one variable.
    pub fn set(&mut self, name: &str, value: Value) {
        self.vars.insert(name.to_owned(), value);
    }

    /// A variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.vars.get(name)
    }

    /// Renders one template.
    ///
    /// # Errors
    /// An undefined variable, by name; a syntax error; a result of more than 1 MiB.
    pub fn render(&self, template: &Template) -> Result<String, TemplateError> {
        let _ = template;
        Err(TemplateError { message: String::new() })
    }

    /// Renders a list: each item, or the one template that must give a list (or a single word).
    ///
    /// # Errors
    /// As [`Scope::render`], and a whole template that gives neither a list nor a text.
    pub fn render_list(&self, list: &TemplateList) -> Result<Vec<String>, TemplateError> {
        let _ = list;
        Err(TemplateError { message: String::new() })
    }

    /// Evaluates a `when:` expression.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn truth(&self, expression: &str) -> Result<bool, TemplateError> {
        let _ = expression;
        Err(TemplateError { message: String::new() })
    }
}
