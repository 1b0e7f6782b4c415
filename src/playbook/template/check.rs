//! What can be checked in a template before any host is known: its syntax, and the names of its filters and tests.

use super::{
    super::Template,
    TemplateError, jinja,
    tags::{self, holds_tag},
    words,
};

/// Checks one template.
///
/// # Errors
/// A syntax error, or an unknown filter or test; with the place in the text where that is known.
pub fn template(template: &Template) -> Result<(), TemplateError> {
    let text = &template.0;
    if !holds_tag(text) {
        return Ok(());
    }
    let tags = tags::all(text)?;
    jinja::parse(text)?;
    tags.into_iter().try_for_each(|tag| names(text, tag.start + 2, tag.end - 2))
}

/// Checks a `when:` expression.
///
/// # Errors
/// As [`template`], and braces, which an expression does not have.
pub fn expression(expression: &str) -> Result<(), TemplateError> {
    if let Some(at) = expression.find("{{").or_else(|| expression.find("{%")) {
        let message = "an expression has no braces: write `when: a == b`";
        return Err(TemplateError::at(message, at..at + 2));
    }
    jinja::parse_expression(expression)?;
    names(expression, 0, expression.len())
}

/// Checks a command line that is split into words (a hook).
///
/// # Errors
/// As [`template`]; an open quote, an empty line, syntax that only a shell would understand.
pub fn command_line(line: &Template) -> Result<(), TemplateError> {
    words::split(&line.0)?;
    template(line)
}

/// The program of a command line, when no template decides it.
pub fn program(line: &Template) -> Option<String> {
    let words = words::split(&line.0).ok()?;
    words.into_iter().next().map(|word| word.0).filter(|word| !holds_tag(word))
}

/// Looks for `| name` and `is name` in the expression text between `start` and `end`, outside strings.
fn names(text: &str, start: usize, end: usize) -> Result<(), TemplateError> {
    let bytes = text.as_bytes();
    let (mut i, mut before) = (start, "");
    while i < end {
        match bytes[i] {
            quote @ (b'"' | b'\'') => {
                i += 1;
                while i < end && bytes[i] != quote {
                    i += if bytes[i] == b'\\' { 2 } else { 1 };
                }
                i += 1;
                before = "";
            }
            b'|' => {
                i += 1;
                before = "|";
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let word = word_at(&text[i..end]);
                name(text, before, i, word)?;
                before = if word == "not" && before == "is" { "is" } else { word };
                i += word.len();
            }
            b if b.is_ascii_whitespace() => i += 1,
            _ => {
                i += 1;
                before = "";
            }
        }
    }
    Ok(())
}

/// One word after `|` or `is`.
fn name(text: &str, before: &str, at: usize, word: &str) -> Result<(), TemplateError> {
    let kind = match before {
        "|" => "filter",
        "is" if word != "not" => "test",
        _ => return Ok(()),
    };
    if jinja::knows(kind, word) || text[at + word.len()..].starts_with('.') {
        return Ok(());
    }
    Err(TemplateError::at(format!("{kind} `{word}` is unknown"), at..at + word.len()))
}

fn word_at(text: &str) -> &str {
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..length]
}
