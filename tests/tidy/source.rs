//! One Rust file as the rules see it: tokens without comments, paths with their imports resolved, test code left out.
//! Knows no rule. A small lexer is enough, because the compiler has already accepted the file. Start at [`Source`].

use std::collections::HashMap;

/// A file below `src/`.
pub struct Source {
    /// Relative to the package, with `/`.
    pub path: String,
    /// The text of the file.
    pub text: String,
    /// Its module path: `["event", "kind"]` for `src/event/kind.rs`; empty for the crate's roots.
    pub module: Vec<String>,
    /// The tokens, without comments and without what is only for tests.
    pub tokens: Vec<Token>,
    /// Every path in `tokens`.
    pub paths: Vec<CodePath>,
    /// `#[cfg(test)] mod NAME;`: files that are only for tests.
    pub test_modules: Vec<Vec<String>>,
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub kind: Kind,
    /// 1-based.
    pub line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A word, keywords included.
    Word(String),
    /// The content of a string of any kind.
    Text(String),
    /// `::`, or one character.
    Mark(&'static str),
    /// Any other character, number, lifetime or character literal.
    Other,
}

/// A path such as `std::process::Command`, as if every import were written out.
#[derive(Clone, Debug, PartialEq)]
pub struct CodePath {
    pub segments: Vec<String>,
    /// 1-based.
    pub line: usize,
    /// Followed by `!`.
    pub is_macro: bool,
    /// Part of a `use`.
    pub imported: bool,
    /// How many inline modules enclose it.
    pub inline: usize,
    /// The name that a `use` gives it.
    pub name: Option<String>,
    /// That name, if the `use` is visible elsewhere (`pub use`).
    pub passed_on: Option<String>,
}

impl CodePath {
    /// Whether it is `prefix` or below it.
    pub fn begins_with(&self, prefix: &str) -> bool {
        let mut own = self.segments.iter();
        prefix.split("::").all(|segment| own.next().is_some_and(|s| s == segment))
    }

    /// Whether it contains `part`.
    pub fn holds(&self, part: &str) -> bool {
        let part: Vec<&str> = part.split("::").collect();
        self.segments.windows(part.len()).any(|w| w.iter().zip(&part).all(|(a, b)| a == b))
    }
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let module = module_of(path);
        let (tokens, test_modules) = without_tests(tokens(text), path);
        let paths = paths(&tokens);
        Self { path: path.to_owned(), text: text.to_owned(), module, tokens, paths, test_modules }
    }

    /// The top module, `None` for the crate's roots.
    pub fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || ["lib", "main"].contains(&inner) {
        module.pop();
    }
    module
}

/// Splits a text into tokens.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut i, mut line) = (0, 1);
    let mut found = Vec::new();
    while i < chars.len() {
        let start = i;
        let begun = line;
        let c = chars[i];
        let kind = if c.is_whitespace() {
            i += 1;
            None
        } else if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
            None
        } else if c == '/' && at(i + 1) == '*' {
            i = block_comment_end(&chars, i);
            None
        } else if let Some((content, end)) = string(&chars, i) {
            i = end;
            Some(Kind::Text(content))
        } else if c.is_alphabetic() || c == '_' {
            let raw = c == 'r' && at(i + 1) == '#';
            i += if raw { 2 } else { 0 };
            let from = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            Some(Kind::Word(chars[from..i].iter().collect()))
        } else if c.is_ascii_digit() {
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            Some(Kind::Other)
        } else if c == '\'' {
            i = quote_end(&chars, i);
            Some(Kind::Other)
        } else if c == ':' && at(i + 1) == ':' {
            i += 2;
            Some(Kind::Mark("::"))
        } else {
            i += 1;
            Some(mark(c))
        };
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
        found.extend(kind.map(|kind| Token { kind, line: begun }));
    }
    found
}

fn mark(c: char) -> Kind {
    const MARKS: [&str; 15] = ["{", "}", "(", ")", "[", "]", ";", ",", ".", "!", "#", "*", "<", ">", "="];
    MARKS.iter().find(|m| m.starts_with(c)).map_or(Kind::Other, |m| Kind::Mark(m))
}

pub fn block_comment_end(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => {
                (depth, i) = (depth - 1, i + 2);
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    i
}

/// The content and the end of a string that begins at `i`: plain, byte, C, raw.
pub fn string(chars: &[char], i: usize) -> Option<(String, usize)> {
    let mut at = i;
    while at < i + 2 && matches!(chars.get(at), Some('b' | 'c' | 'r')) {
        at += 1;
    }
    let raw = at > i && chars[at - 1] == 'r';
    let mut hashes = 0;
    while raw && chars.get(at) == Some(&'#') {
        (hashes, at) = (hashes + 1, at + 1);
    }
    if chars.get(at) != Some(&'"') {
        return None;
    }
    let from = at + 1;
    at = from;
    while at < chars.len() {
        if !raw && chars[at] == '\\' {
            at += 2;
        } else if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return Some((chars[from..at].iter().collect(), at + 1 + hashes));
        } else {
            at += 1;
        }
    }
    Some((chars[from..].iter().collect(), chars.len()))
}

/// The end of a character literal or a lifetime.
pub fn quote_end(chars: &[char], i: usize) -> usize {
    if chars.get(i + 1) == Some(&'\\') {
        let mut at = i + 3;
        while at < chars.len() && chars[at] != '\'' {
            at += 1;
        }
        return at + 1;
    }
    if chars.get(i + 2) == Some(&'\'') {
        return i + 3;
    }
    let mut at = i + 1;
    while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
        at += 1;
    }
    at
}

fn word(token: Option<&Token>) -> Option<&str> {
    match &token?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
    }
}

/// Whether the token is this character.
pub fn is(token: Option<&Token>, mark: &'static str) -> bool {
    token.is_some_and(|t| t.kind == Kind::Mark(mark))
}

/// The index after the bracket that closes the one at `open`.
pub fn after_closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark("{" | "(" | "[") => depth += 1,
            Kind::Mark("}" | ")" | "]") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Removes items under `#[cfg(test)]` and `#[test]`; returns the files of such a `mod NAME;`.
fn without_tests(tokens: Vec<Token>, path: &str) -> (Vec<Token>, Vec<Vec<String>>) {
    let (module, folder) = (module_of(path), path.rsplit_once('/').map_or("", |(folder, _)| folder));
    let (mut kept, mut files) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        let inner = is(tokens.get(i + 1), "!");
        let open = if inner { i + 2 } else { i + 1 };
        if !(is(tokens.get(i), "#") && is(tokens.get(open), "[")) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let after = after_closing(&tokens, open);
        if !for_tests(&tokens[open + 1..after.saturating_sub(1).max(open + 1)]) {
            kept.extend_from_slice(&tokens[i..after]);
            i = after;
        } else if inner {
            return (Vec::new(), vec![module]);
        } else {
            let elsewhere = path_attribute(&tokens[i.saturating_sub(6)..i]);
            let (end, name, its_path) = item(&tokens, after);
            files.extend(name.map(|name| match elsewhere.or(its_path) {
                Some(file) => module_of(&format!("{folder}/{file}")),
                None => [&module[..], &[name]].concat(),
            }));
            i = end;
        }
    }
    (kept, files)
}

fn for_tests(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(|t| word(Some(t))).collect();
    match words.first() {
        Some(&"cfg") => words.contains(&"test") && !words.contains(&"not"),
        Some(&"test") => true,
        Some(&"tokio") => words.get(1) == Some(&"test"),
        _ => false,
    }
}

/// The file that `#[path = "FILE"]` names.
fn path_attribute(attribute: &[Token]) -> Option<String> {
    match attribute {
        [_, _, Token { kind: Kind::Word(path), .. }, _, Token { kind: Kind::Text(file), .. }, _] if path == "path" => {
            Some(file.clone())
        }
        _ => None,
    }
}

/// Where the item that begins at `i` ends; its name if it is a `mod NAME;`, and its file if that is named.
fn item(tokens: &[Token], mut i: usize) -> (usize, Option<String>, Option<String>) {
    let mut file = None;
    while is(tokens.get(i), "#") {
        let end = after_closing(tokens, i + 1);
        file = path_attribute(&tokens[i..end]).or(file);
        i = end;
    }
    let begin = i;
    while i < tokens.len() {
        match tokens[i].kind {
            Kind::Mark("{") => return (after_closing(tokens, i), None, None),
            Kind::Mark("(" | "[") => i = after_closing(tokens, i),
            Kind::Mark(";") => {
                let words: Vec<&str> = tokens[begin..i].iter().filter_map(|t| word(Some(t))).collect();
                let name = words.iter().position(|w| *w == "mod").and_then(|at| words.get(at + 1));
                return (i + 1, name.map(|n| (*n).to_owned()), file);
            }
            _ => i += 1,
        }
    }
    (i, None, None)
}

fn paths(tokens: &[Token]) -> Vec<CodePath> {
    let mut found: Vec<CodePath> = Vec::new();
    let mut imports: HashMap<String, Vec<String>> = HashMap::new();
    let mut braces: Vec<bool> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let inline = braces.iter().filter(|is_module| **is_module).count();
        match &tokens[i].kind {
            Kind::Mark("{") => braces.push(i >= 2 && word(tokens.get(i - 2)) == Some("mod")),
            Kind::Mark("}") => drop(braces.pop()),
            // `pub(super)` says who may use the item, and uses nothing.
            Kind::Word(w) if w == "pub" && is(tokens.get(i + 1), "(") && is_a_scope(tokens.get(i + 2)) => {
                i = after_closing(tokens, i + 1);
                continue;
            }
            Kind::Word(w) if w == "use" => {
                let mut tree = Vec::new();
                let public = i > 0 && (word(tokens.get(i - 1)) == Some("pub") || is(tokens.get(i - 1), ")"));
                i = use_tree(tokens, i + 1, &mut Vec::new(), &mut tree);
                for (segments, alias, line) in tree {
                    let name = alias.or_else(|| segments.last().cloned());
                    if let Some(name) = &name {
                        imports.insert(name.clone(), segments.clone());
                    }
                    let passed_on = name.clone().filter(|_| public);
                    found.push(CodePath { segments, line, is_macro: false, imported: true, inline, name, passed_on });
                }
                continue;
            }
            Kind::Word(first) if i == 0 || !is(tokens.get(i - 1), ".") => {
                let line = tokens[i].line;
                let mut segments = vec![first.clone()];
                while is(tokens.get(i + 1), "::")
                    && let Some(next) = word(tokens.get(i + 2))
                {
                    segments.push(next.to_owned());
                    i += 2;
                }
                let is_macro = is(tokens.get(i + 1), "!") && !is(tokens.get(i + 2), "=");
                let path = CodePath { segments, line, is_macro, imported: false, inline, name: None, passed_on: None };
                found.push(path);
            }
            _ => {}
        }
        i += 1;
    }
    for path in found.iter_mut().filter(|p| !p.imported) {
        if let Some(full) = imports.get(&path.segments[0]) {
            path.segments.splice(..1, full.iter().cloned());
        }
    }
    found
}

fn is_a_scope(token: Option<&Token>) -> bool {
    word(token).is_some_and(|word| ["crate", "in", "self", "super"].contains(&word))
}

type Imported = (Vec<String>, Option<String>, usize);

/// Reads one branch of a `use`; returns the index after it.
fn use_tree(tokens: &[Token], mut i: usize, prefix: &mut Vec<String>, found: &mut Vec<Imported>) -> usize {
    let depth = prefix.len();
    let line = tokens.get(i).map_or(0, |t| t.line);
    loop {
        match tokens.get(i).map(|t| &t.kind) {
            Some(Kind::Mark("::")) => i += 1,
            Some(Kind::Word(w)) if w == "as" => {
                let alias = word(tokens.get(i + 1)).map(str::to_owned);
                found.push((prefix.clone(), alias, line));
                i += 2;
                break;
            }
            Some(Kind::Word(w)) if w == "self" && !prefix.is_empty() => i += 1,
            Some(Kind::Word(w)) => {
                prefix.push(w.clone());
                i += 1;
            }
            Some(Kind::Mark("*")) => {
                prefix.push("*".to_owned());
                i += 1;
            }
            Some(Kind::Mark("{")) => {
                i += 1;
                while i < tokens.len() && !is(tokens.get(i), "}") {
                    i = use_tree(tokens, i, prefix, found);
                    if is(tokens.get(i), ",") {
                        i += 1;
                    }
                }
                prefix.truncate(depth);
                return i + 1;
            }
            _ => {
                found.push((prefix.clone(), None, line));
                break;
            }
        }
    }
    prefix.truncate(depth);
    i
}

#[test]
fn comments_strings_and_tests_are_not_code() {
    let source = Source::new(
        "src/a/mod.rs",
        r##"
//! crate::no1
/* crate::no2 /* crate::no3 */ crate::no4 */
const A: &str = "crate::no5 \" crate::no6"; const B: &str = r#"crate::no7 " crate::no8"#;
fn f<'a>(x: &'a str) -> char { crate::yes1::g(); '"' }
fn c() -> char { '\'' } fn d() { format!("{}", crate::yes2::h) }
#[cfg(test)] mod tests { use crate::no9; #[test] fn t() { crate::no10::f() } }
#[cfg(test)] mod golden;
#[cfg(test)] #[path = "b_tests.rs"] mod tests;
#[path = "c_tests.rs"] #[cfg(test)] mod others;
list! { mod real: Real; #[cfg(test)] mod toy: Toy; }
#[test] fn t() { crate::no11::f() }
#[cfg(not(test))] use crate::yes3;
"##,
    );
    let used: Vec<&str> =
        source.paths.iter().filter(|p| p.begins_with("crate")).map(|p| p.segments[1].as_str()).collect();
    assert_eq!(used, ["yes1", "yes2", "yes3"]);
    assert_eq!(source.test_modules, [["a", "golden"], ["a", "b_tests"], ["a", "c_tests"], ["a", "toy"]]);
}

#[test]
fn imports_are_written_out() {
    let source = Source::new(
        "src/a.rs",
        "use std::{fs, process::{self, Command as Program}};\nuse jiff::Timestamp;\n\
         fn f() {\n process::Command::new();\n Program::new();\n Timestamp::now();\n x.process();\n}\n\
         mod inner { use super::super::b; }\n",
    );
    let paths: Vec<(String, usize)> = source.paths.iter().map(|p| (p.segments.join("::"), p.line)).collect();
    for (path, line) in [
        ("std::fs", 1),
        ("std::process", 1),
        ("std::process::Command", 1),
        ("jiff::Timestamp", 2),
        ("std::process::Command::new", 4),
        ("std::process::Command::new", 5),
        ("jiff::Timestamp::now", 6),
        ("super::super::b", 9),
    ] {
        assert!(paths.contains(&(path.to_owned(), line)), "{path} is missing in {paths:?}");
    }
    assert!(!paths.iter().any(|(_, line)| *line == 7 && paths.contains(&("process".to_owned(), 7))));
    assert_eq!(source.paths.last().map(|p| p.inline), Some(1));
}
