//! What can be checked in a template before any host is known: its syntax, the names of its filters and tests, and
//! what it calls.

use std::ops::Range;

use minijinja::Value;

use super::{
    super::Template,
    TemplateError, calls, filters, jinja,
    tags::{self, end_of_string, holds_tag},
    words,
};

/// Checks one template.
///
/// # Errors
/// A syntax error, an unknown filter, test or function, a method, a regular expression that cannot be one; with the
/// place in the text where that is known.
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

/// Looks for `| name`, `is name`, `.name(` and `name(` in the expression text between `start` and `end`, outside
/// strings.
fn names(text: &str, start: usize, end: usize) -> Result<(), TemplateError> {
    let bytes = text.as_bytes();
    let (mut i, mut before) = (start, "");
    while i < end {
        match bytes[i] {
            quote @ (b'"' | b'\'') => {
                i = end_of_string(bytes, i, quote).map_or(end, |at| at + 1);
                before = "";
            }
            b'|' | b'.' => {
                before = &text[i..=i];
                i += 1;
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let word = word_at(&text[i..end]);
                let word = Word { text, at: i, word, before, behind: text[i + word.len()..end].trim_start(), end };
                word.check()?;
                before = if word.word == "not" && before == "is" { "is" } else { word.word };
                i += word.word.len();
            }
            b if b.is_ascii_whitespace() => i += 1,
            // With its exponent, which looks like a word.
            b if b.is_ascii_digit() => {
                i += word_at(&text[i..end]).len().max(1);
                before = "";
            }
            _ => {
                i += 1;
                before = "";
            }
        }
    }
    Ok(())
}

/// One word of an expression, with what is around it.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: usize,
    word: &'t str,
    /// `|`, `.`, or the word before it.
    before: &'t str,
    behind: &'t str,
    /// Where `behind` ends.
    end: usize,
}

impl Word<'_> {
    fn check(self) -> Result<(), TemplateError> {
        let Self { text, word, .. } = self;
        let kind = match self.before {
            "|" => "filter",
            "is" if word != "not" => "test",
            _ if !self.behind.starts_with('(') => return Ok(()),
            "." => return calls::method(text, word).map_err(|why| self.wrong(why)),
            _ => return calls::function(text, word).map_err(|why| self.wrong(why)),
        };
        if !jinja::knows(kind, word) && !text[self.at + word.len()..].starts_with('.') {
            return Err(self.wrong(format!("{kind} `{word}` is unknown")));
        }
        match calls::takes_pattern(word).then(|| self.literal()).flatten() {
            Some((pattern, at)) => filters::check_pattern(&pattern).map_err(|why| TemplateError::at(why, at)),
            None => Ok(()),
        }
    }

    /// The first argument, where it is written as a string.
    fn literal(self) -> Option<(String, Range<usize>)> {
        let inside = self.behind.strip_prefix('(')?.trim_start();
        let quote = *inside.as_bytes().first().filter(|quote| matches!(quote, b'"' | b'\''))?;
        let written = &inside[..=end_of_string(inside.as_bytes(), 0, quote)?];
        // `'a' ~ b` is not the whole argument.
        inside[written.len()..].trim_start().starts_with([',', ')']).then_some(())?;
        let at = self.end - inside.len();
        let value = jinja::evaluate(written, Value::from(())).ok()?;
        Some((value.as_str()?.to_owned(), at..at + written.len()))
    }

    fn wrong(self, why: String) -> TemplateError {
        TemplateError::at(why, self.at..self.at + self.word.len())
    }
}

fn word_at(text: &str) -> &str {
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..length]
}
