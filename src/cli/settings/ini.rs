//! Configuration files as Python's `configparser` reads them for Ansible: sections, `key = value` or `key: value`,
//! values that go on in lines with more space before them, comments with `#` and `;` in lines of their own, and with
//! `;` behind a value. Names of keys have no case. Start at [`entries`].

use std::sync::Arc;

use crate::yaml::{Problems, Source, Span};

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub section: Arc<str>,
    pub key: String,
    /// Lines that go on are joined with a newline.
    pub value: Arc<str>,
    /// The line of the key.
    pub span: Span,
}

impl Entry {
    pub(super) fn is(&self, section: &str, key: &str) -> bool {
        *self.section == *section && self.key == key
    }
}

/// A text without the quotes around it, as Ansible takes them off: a pair of the same, the last not behind a backslash.
pub(super) fn unquoted(text: &str) -> &str {
    let pair = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    pair('"').or_else(|| pair('\'')).filter(|inner| !inner.ends_with('\\')).unwrap_or(text)
}

/// The section whose keys every other section has, unless it has them itself.
const DEFAULT: &str = "DEFAULT";

/// Longer files are of something else.
const MOST: usize = 20_000;

/// All entries, in their order. What cannot be read, and what is there twice, is a problem.
pub(super) fn entries(source: &Arc<Source>, problems: &mut Problems) -> Vec<Entry> {
    let mut reader =
        Reader { problems, found: Vec::new(), sections: Vec::new(), section: None, open: None, value: String::new() };
    let mut start = 0;
    for (at, line) in source.text.split('\n').enumerate() {
        let span = Span {
            source: Arc::clone(source),
            line: u32::try_from(at + 1).unwrap_or(u32::MAX),
            column: 1,
            start,
            end: start + line.trim_end().len(),
        };
        if reader.found.len().max(reader.sections.len()) >= MOST {
            reader.problems.at(&span, format!("more than {MOST} settings or sections"));
            break;
        }
        reader.line(line, &span);
        start += line.len() + 1;
    }
    reader.finish()
}

struct Reader<'p> {
    problems: &'p mut Problems,
    found: Vec<Entry>,
    sections: Vec<Arc<str>>,
    section: Option<Arc<str>>,
    /// The indentation of the key that a line may go on with.
    open: Option<usize>,
    /// Its value so far.
    value: String,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, span: &Span) {
        let text = without_comment(line);
        let indent = line.len() - line.trim_start().len();
        match (self.open, self.section.clone()) {
            // Neither a comment nor an empty line ends a value, and an empty line is a part of it.
            (Some(_), _) if line.trim().is_empty() => self.value.push('\n'),
            _ if text.is_empty() => {}
            (Some(of), Some(_)) if indent > of => {
                self.value.push('\n');
                self.value.push_str(text);
            }
            _ if text.starts_with('[') => self.section(text, span),
            (_, None) => {
                self.problems.at(span, "a setting before the first section").help("begin with [defaults]");
            }
            (_, Some(section)) => match text.find(['=', ':']) {
                Some(end) if !text[..end].trim().is_empty() => {
                    self.close();
                    let key = text[..end].trim().to_lowercase();
                    if self.found.iter().any(|entry| entry.is(&section, &key)) {
                        self.problems.at(span, format!("[{section}] {key} is there twice"));
                    }
                    text[end + 1..].trim().clone_into(&mut self.value);
                    self.found.push(Entry { section, key, value: "".into(), span: span.clone() });
                    self.open = Some(indent);
                }
                _ => drop(self.problems.at(span, "this is neither a section nor `key = value`")),
            },
        }
    }

    fn section(&mut self, text: &str, span: &Span) {
        self.close();
        let Some(name) = text[1..].rfind(']').filter(|end| *end > 0).map(|end| &text[1..=end]) else {
            self.problems.at(span, "a section needs a name and a `]` at its end");
            return;
        };
        let name: Arc<str> = name.into();
        if *name != *DEFAULT {
            if self.sections.contains(&name) {
                self.problems.at(span, format!("the section [{name}] is there twice"));
            }
            self.sections.push(Arc::clone(&name));
        }
        self.section = Some(name);
    }

    /// No line goes on with the last key any more.
    fn close(&mut self) {
        if let (Some(_), Some(last)) = (self.open.take(), self.found.last_mut()) {
            last.value = self.value.trim_end().into();
        }
    }

    /// Gives every section what is in `[DEFAULT]`.
    fn finish(mut self) -> Vec<Entry> {
        self.close();
        let (defaults, mut found): (Vec<Entry>, Vec<Entry>) =
            self.found.into_iter().partition(|entry| *entry.section == *DEFAULT);
        for (entry, name) in defaults.iter().flat_map(|entry| self.sections.iter().map(move |name| (entry, name))) {
            if found.len() >= MOST {
                break;
            }
            if !found.iter().any(|own| own.is(name, &entry.key)) {
                let (section, value) = (Arc::clone(name), Arc::clone(&entry.value));
                found.push(Entry { section, key: entry.key.clone(), value, span: entry.span.clone() });
            }
        }
        found
    }
}

/// A line without blanks around it and without a comment.
fn without_comment(line: &str) -> &str {
    let text = line.trim();
    if text.starts_with(['#', ';']) {
        return "";
    }
    let end = text.char_indices().find(|(at, c)| *c == ';' && text[..*at].ends_with(char::is_whitespace));
    end.map_or(text, |(at, _)| text[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, String) {
        let mut problems = Problems::default();
        let found = entries(&Source::new("ansible.cfg", text), &mut problems);
        let line = |entry: &Entry| format!("{}.{}={}", entry.section, entry.key, entry.value.replace('\n', "|"));
        (found.iter().map(line).collect(), problems.to_string())
    }

    #[test]
    fn a_file_is_read_as_configparser_reads_it() {
        let text = "# a comment\n[defaults]\nInventory = hosts ; behind\nforks: 5\nlist = a\n  b\n  # no\n  c\nurl = http://x;y # z\n\
                    empty =\n\n[ssh_connection]\r\nssh_args = -o A=b\r\n";
        let (found, problems) = read(text);
        let expected = [
            "defaults.inventory=hosts",
            "defaults.forks=5",
            "defaults.list=a|b|c",
            "defaults.url=http://x;y # z",
            "defaults.empty=",
            "ssh_connection.ssh_args=-o A=b",
        ];
        assert_eq!((found, problems), (expected.map(str::to_owned).to_vec(), String::new()));
    }

    #[test]
    fn what_configparser_refuses_is_refused_with_its_place() {
        for (text, expected) in [
            ("forks = 5\n", "a setting before the first section"),
            ("[defaults]\nforks\n", "neither a section nor"),
            ("[defaults]\na = 1\nA = 2\n", "[defaults] a is there twice"),
            ("[a]\n[b]\n[a]\n", "the section [a] is there twice"),
            ("[defaults\n", "needs a name and a `]`"),
            ("[]\na = 1\n", "needs a name and a `]`"),
        ] {
            let (_, problems) = read(text);
            assert!(problems.contains(expected) && problems.contains("ansible.cfg:"), "{text}: {problems}");
        }
        assert_eq!(read("").0, [""; 0]);
    }
}
