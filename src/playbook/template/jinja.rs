//! The template engine, set up once: strict, bounded, without functions that dump variables.

use std::{io, sync::LazyLock};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};

use super::{
    TemplateError, filters,
    tags::holds_tag,
    trace::{TRACE, Trace},
};

/// The most bytes that one template may render to.
const MAX_RENDERED: usize = 1 << 20;

/// The most instructions that one template may take; a loop over 10,000 hosts takes about 100,000.
const FUEL: u64 = 1_000_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL));
    env.set_debug(false); // debug output lists every referenced variable with its value
    env.remove_global("debug"); // so does this
    env.set_formatter(|out, state, value| {
        // What a macro writes is written again by its caller, and the trace is found there.
        if let Some(trace) = state.lookup(TRACE).and_then(|value| value.downcast_object::<Trace>()) {
            trace.wrote(value);
        }
        escape_formatter(out, state, value)
    });
    let syntax = minijinja::syntax::SyntaxConfig::builder().keep_trailing_newline(true).build();
    env.set_syntax(syntax.expect("the default delimiters are valid"));
    filters::add_to(&mut env);
    env
});

/// Renders `source` over `context`, at most 1 MiB.
pub(super) fn render(source: &str, context: Value) -> Result<String, TemplateError> {
    render_raw(source, context).map_err(|error| TemplateError::of(&error, source))
}

/// As [`render`], with the engine's error.
pub(super) fn render_raw(source: &str, context: Value) -> Result<String, Error> {
    let template = ENVIRONMENT.template_from_str(source)?;
    let mut out = Bounded { bytes: Vec::new(), full: false };
    let result = template.render_captured_to(context, &mut out).map(drop);
    if out.full {
        return Err(super::error::refuse("the rendered text is longer than 1 MiB"));
    }
    result?;
    String::from_utf8(out.bytes).map_err(|_| Error::from(ErrorKind::WriteFailure))
}

/// Evaluates an expression without braces.
pub(super) fn evaluate(expression: &str, context: Value) -> Result<Value, Error> {
    ENVIRONMENT.compile_expression(expression)?.eval(context)
}

/// Parses a template without rendering it.
pub(super) fn parse(source: &str) -> Result<(), TemplateError> {
    ENVIRONMENT.template_from_str(source).map(drop).map_err(|error| TemplateError::of(&error, source))
}

/// Parses an expression without evaluating it.
pub(super) fn parse_expression(expression: &str) -> Result<(), TemplateError> {
    ENVIRONMENT.compile_expression(expression).map(drop).map_err(|error| TemplateError::of(&error, expression))
}

/// The variables that a template or an expression uses (`a`, `a.b`), sorted.
pub(super) fn variables(source: &str) -> Vec<String> {
    let names = match ENVIRONMENT.template_from_str(source) {
        Ok(template) if holds_tag(source) => template.undeclared_variables(true),
        _ => match ENVIRONMENT.compile_expression(source) {
            Ok(expression) => expression.undeclared_variables(true),
            Err(_) => return Vec::new(),
        },
    };
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// Whether `{{ x | name }}` (`kind` is `filter`) or `{{ x is name }}` (`test`) is known.
pub(super) fn knows(kind: &str, name: &str) -> bool {
    evaluate(&format!("'{name}' is {kind}"), Value::from(())).is_ok_and(|known| known.is_true())
}

/// Collects output up to [`MAX_RENDERED`].
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_RENDERED {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
