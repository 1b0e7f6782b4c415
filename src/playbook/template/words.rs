//! Splits a command line into words as a POSIX shell does; a template tag counts as one character.
//!
//! `hooks/x "{{ a | default('b c') }}"` is two words. The split comes before the rendering, so that no value of a
//! variable can become another word. Nothing is expanded: what only a shell would do (pipes, redirections, `$X`,
//! `;`) is refused instead of being passed on as text.

use super::{super::Template, TemplateError, jinja, tags};

/// Splits `line`. Each word is a template again.
///
/// # Errors
/// An open quote or tag, an empty line, shell syntax, a word that is only a `{% … %}`; each with its place.
pub(super) fn split(line: &str) -> Result<Vec<Template>, TemplateError> {
    let mut splitter = Splitter { line, at: 0, word: None, words: Vec::new() };
    splitter.run()?;
    if splitter.words.is_empty() {
        return Err(TemplateError::at("the command line is empty", 0..line.len()));
    }
    Ok(splitter.words)
}

struct Splitter<'a> {
    line: &'a str,
    at: usize,
    word: Option<Word>,
    words: Vec<Template>,
}

#[derive(Default)]
struct Word {
    start: usize,
    template: String,
    /// True when it certainly is a word: it holds a literal, a quote or a `{{ … }}`.
    gives_text: bool,
}

impl Word {
    /// A literal character. A brace must not end up next to a tag and change its meaning.
    fn push(&mut self, c: char) {
        self.gives_text = true;
        match c {
            '{' => self.template.push_str("{{ '{' }}"),
            c => self.template.push(c),
        }
    }
}

impl Splitter<'_> {
    fn run(&mut self) -> Result<(), TemplateError> {
        while let Some(c) = self.peek() {
            if self.tag()? {
                continue;
            }
            let at = self.at;
            self.at += c.len_utf8();
            match c {
                ' ' | '\t' | '\n' | '\r' => self.finish_word()?,
                '\'' => self.single_quoted(at)?,
                '"' => self.double_quoted(at)?,
                '\\' => self.escaped(at)?,
                '|' | '&' | ';' | '<' | '>' | '`' => return Err(self.shell_only(at, &c.to_string())),
                '$' if self.begins_expansion() => return Err(self.shell_only(at, "$")),
                '#' if self.word.is_none() => return Err(self.shell_only(at, "#")),
                c => self.word(at).push(c),
            }
        }
        self.finish_word()
    }

    fn peek(&self) -> Option<char> {
        self.line[self.at..].chars().next()
    }

    fn word(&mut self, at: usize) -> &mut Word {
        self.word.get_or_insert_with(|| Word { start: at, ..Word::default() })
    }

    /// Takes a whole tag into the word.
    fn tag(&mut self) -> Result<bool, TemplateError> {
        if !tags::begins_at(self.line, self.at) {
            return Ok(false);
        }
        let (start, end) = (self.at, tags::end_of(self.line, self.at)?);
        let tag = &self.line[start..end];
        if tag.trim_start_matches(['{', '%', '-', '+', ' ']).starts_with("raw") && tag.starts_with("{%") {
            return Err(TemplateError::at(
                "a raw block is not allowed in a command line; use single quotes",
                start..end,
            ));
        }
        let word = self.word(start);
        word.template.push_str(tag);
        word.gives_text |= tag.starts_with("{{");
        self.at = end;
        Ok(true)
    }

    fn single_quoted(&mut self, open: usize) -> Result<(), TemplateError> {
        self.word(open).gives_text = true;
        while let Some(c) = self.peek() {
            if self.tag()? {
                continue;
            }
            self.at += c.len_utf8();
            if c == '\'' {
                return Ok(());
            }
            self.word(open).push(c);
        }
        Err(TemplateError::at("this quote is never closed", open..open + 1))
    }

    fn double_quoted(&mut self, open: usize) -> Result<(), TemplateError> {
        self.word(open).gives_text = true;
        while let Some(c) = self.peek() {
            if self.tag()? {
                continue;
            }
            let at = self.at;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(()),
                '`' => return Err(self.shell_only(at, "`")),
                '$' if self.begins_expansion() => return Err(self.shell_only(at, "$")),
                '\\' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(next @ ('$' | '`' | '"' | '\\')) => {
                        self.at += 1;
                        self.word(open).push(next);
                    }
                    _ => self.word(open).push('\\'),
                },
                c => self.word(open).push(c),
            }
        }
        Err(TemplateError::at("this quote is never closed", open..open + 1))
    }

    fn escaped(&mut self, at: usize) -> Result<(), TemplateError> {
        match self.peek() {
            None => Err(TemplateError::at("nothing follows this backslash", at..at + 1)),
            Some('\n') => {
                self.at += 1;
                Ok(())
            }
            Some(next) => {
                self.at += next.len_utf8();
                self.word(at).push(next);
                Ok(())
            }
        }
    }

    fn begins_expansion(&self) -> bool {
        self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || "_({@*#?$!-".contains(c))
    }

    fn shell_only(&self, at: usize, what: &str) -> TemplateError {
        TemplateError::at(
            format!(
                "`{what}` is for a shell, and this line does not run in a shell; \
                 write '{what}' in single quotes, or put the line into a script"
            ),
            at..at + what.len(),
        )
    }

    fn finish_word(&mut self) -> Result<(), TemplateError> {
        let Some(word) = self.word.take() else { return Ok(()) };
        let range = word.start..self.at;
        if !word.gives_text {
            return Err(TemplateError::at("a tag that gives no text cannot be a word of a command line", range));
        }
        if let Err(error) = jinja::parse(&word.template) {
            let message = match jinja::parse(self.line) {
                Ok(()) => "a template block must begin and end inside one word of a command line".to_owned(),
                Err(_) => error.message,
            };
            return Err(TemplateError::at(message, range));
        }
        self.words.push(Template(word.template));
        Ok(())
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
