//! Configuration files as Python's `configparser` reads them for Ansible: sections, `key = value` or `key: value`,
//! values that go on in lines with more space before them, comments with `#` and `;` in lines of their own, and with
//! `;` behind a value. Names of keys have no case. Start at [`entries`].

use std::sync::Arc;

use crate::yaml::{Problems, Source, Span};

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub section: String,
    pub key: String,
    /// Lines that go on are joined with a newline.
    pub value: String,
    /// The line of the key.
    pub span: Span,
}

impl Entry {
    pub(super) fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
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
    let mut found: Vec<Entry> = Vec::new();
    let mut sections: Vec<String> = Vec::new();
    let mut section: Option<String> = None;
    // The indentation of the key that a line may go on with.
    let mut open: Option<usize> = None;
    let mut start = 0;
    for (at, line) in source.text.split('\n').enumerate() {
        let span = || Span {
            source: Arc::clone(source),
            line: u32::try_from(at + 1).unwrap_or(u32::MAX),
            column: 1,
            start,
            end: start + line.trim_end().len(),
        };
        let text = without_comment(line);
        let indent = line.len() - line.trim_start().len();
        if found.len().max(sections.len()) >= MOST {
            problems.at(&span(), format!("more than {MOST} settings or sections"));
            return found;
        }
        match (open, section.as_ref()) {
            // Neither a comment nor an empty line ends a value, and an empty line is a part of it.
            (Some(_), _) if line.trim().is_empty() => {
                if let Some(last) = found.last_mut() {
                    last.value.push('\n');
                }
            }
            _ if text.is_empty() => {}
            (Some(of), Some(_)) if indent > of => {
                if let Some(last) = found.last_mut() {
                    last.value.push('\n');
                    last.value.push_str(text);
                }
            }
            _ if text.starts_with('[') => {
                open = None;
                match text[1..].rfind(']').filter(|end| *end > 0).map(|end| text[1..=end].to_owned()) {
                    Some(name) if name == DEFAULT => section = Some(name),
                    Some(name) if sections.contains(&name) => {
                        problems.at(&span(), format!("the section [{name}] is there twice"));
                        section = Some(name);
                    }
                    Some(name) => {
                        sections.push(name.clone());
                        section = Some(name);
                    }
                    None => drop(problems.at(&span(), "a section needs a `]` at its end")),
                }
            }
            (_, None) => {
                problems.at(&span(), "a setting before the first section").help("begin with [defaults]");
                open = None;
            }
            (_, Some(name)) => match text.find(['=', ':']) {
                Some(end) if !text[..end].trim().is_empty() => {
                    let key = text[..end].trim().to_lowercase();
                    if found.iter().any(|entry| entry.is(name, &key)) {
                        problems.at(&span(), format!("[{name}] {key} is there twice"));
                    }
                    let value = text[end + 1..].trim().to_owned();
                    found.push(Entry { section: name.clone(), key, value, span: span() });
                    open = Some(indent);
                }
                _ => drop(problems.at(&span(), "this is neither a section nor `key = value`")),
            },
        }
        start += line.len() + 1;
    }
    found.iter_mut().for_each(|entry| entry.value.truncate(entry.value.trim_end().len()));
    add_defaults(&mut found, &sections);
    found
}

/// Gives every section what is in `[DEFAULT]`.
fn add_defaults(found: &mut Vec<Entry>, sections: &[String]) {
    let (defaults, own): (Vec<Entry>, Vec<Entry>) = found.drain(..).partition(|entry| entry.section == DEFAULT);
    *found = own;
    for (entry, name) in defaults.iter().flat_map(|entry| sections.iter().map(move |name| (entry, name))) {
        if found.len() >= MOST {
            return;
        }
        if !found.iter().any(|own| own.is(name, &entry.key)) {
            let (section, key, value) = (name.clone(), entry.key.clone(), entry.value.clone());
            found.push(Entry { section, key, value, span: entry.span.clone() });
        }
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
            ("[defaults\n", "needs a `]`"),
        ] {
            let (_, problems) = read(text);
            assert!(problems.contains(expected) && problems.contains("ansible.cfg:"), "{text}: {problems}");
        }
        assert_eq!(read("").0, [""; 0]);
    }
}
