//! The values of INI inventories: what Python's `ast.literal_eval` makes of a text, and the text itself where that
//! fails. Knows no names and no lines. Start at [`node`].
//!
//! Source: Ansible's `lib/ansible/plugins/inventory/ini.py`, `_parse_value`. Tuples and sets become lists.

use super::literal_text;
use crate::yaml::{Key, Node, Span, Value};

/// The deepest nesting of brackets; a text with more is not a value.
const DEEPEST: usize = 50;
/// In longer texts, columns of nested values are not counted: it would take too long.
const LONG: usize = 4096;

/// The value of a text; `span` is where the text is, byte for byte.
pub fn node(text: &str, span: &Span) -> Node {
    let mut reader = Reader { text, at: 0, span, depth: 0 };
    let node = reader.whole().unwrap_or_else(|| Value::String(text.to_owned()));
    let trimmed = text.trim_start_matches([' ', '\t']);
    let skipped = text.len() - trimmed.len();
    match node {
        // A comment after a number is not a part of it.
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Null => {
            let end = trimmed.find([' ', '\t', '#', ')']).unwrap_or(trimmed.len());
            let parens = trimmed.len() - trimmed.trim_start_matches(['(', ' ', '\t']).len();
            let (start, end) = if parens > 0 {
                let inner = &trimmed[parens..];
                (skipped + parens, skipped + parens + inner.find([' ', '\t', '#', ')']).unwrap_or(inner.len()))
            } else {
                (skipped, skipped + end)
            };
            Node { span: reader.part(start, end), tag: None, value: node }
        }
        value => Node { span: span.clone(), tag: None, value },
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    span: &'a Span,
    depth: usize,
}

impl Reader<'_> {
    fn part(&self, start: usize, end: usize) -> Span {
        let before = if self.text.len() > LONG { 0 } else { self.text[..start].chars().count() };
        Span {
            start: self.span.start + start,
            end: self.span.start + end,
            column: self.span.column.saturating_add(u32::try_from(before).unwrap_or(u32::MAX)),
            ..self.span.clone()
        }
    }

    /// The value, if the whole text is one; otherwise `None`.
    fn whole(&mut self) -> Option<Value> {
        self.blanks();
        let first = self.value()?;
        self.blanks();
        let value = if self.eat(',') {
            let items = self.items(first, None)?;
            Value::Seq(items)
        } else {
            first.value
        };
        self.blanks();
        (self.rest().is_empty() || self.rest().starts_with('#')).then_some(value)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn value(&mut self) -> Option<Node> {
        if self.depth > DEEPEST {
            return None;
        }
        self.depth += 1;
        let start = self.at;
        let value = match self.rest().chars().next()? {
            '[' => self.bracketed('[', ']').map(|(items, _)| Value::Seq(items)),
            '(' => self.bracketed('(', ')').map(|(mut items, comma)| match items.len() {
                1 if !comma => items.pop().map_or(Value::Null, |item| item.value),
                _ => Value::Seq(items),
            }),
            '{' => self.braces(),
            _ => self.scalar(),
        };
        self.depth -= 1;
        let end = self.at;
        Some(Node { span: self.part(start, end), tag: None, value: value? })
    }

    /// Values between brackets, and whether there is a comma.
    fn bracketed(&mut self, open: char, close: char) -> Option<(Vec<Node>, bool)> {
        self.eat(open);
        self.blanks();
        if self.eat(close) {
            return Some((Vec::new(), true));
        }
        let first = self.value()?;
        self.blanks();
        if self.eat(close) {
            return Some((vec![first], false));
        }
        self.eat(',').then_some(())?;
        Some((self.items(first, Some(close))?, true))
    }

    /// The values after the first comma, up to `close` or, without one, to the end of the text.
    fn items(&mut self, first: Node, close: Option<char>) -> Option<Vec<Node>> {
        let mut items = vec![first];
        loop {
            self.blanks();
            match close {
                Some(close) if self.eat(close) => return Some(items),
                None if self.rest().is_empty() || self.rest().starts_with('#') => return Some(items),
                _ => {}
            }
            items.push(self.value()?);
            self.blanks();
            match close {
                Some(close) if self.eat(close) => return Some(items),
                None if self.rest().is_empty() || self.rest().starts_with('#') => return Some(items),
                _ => self.eat(',').then_some(())?,
            }
        }
    }

    /// A dictionary, or a set, which becomes a list.
    fn braces(&mut self) -> Option<Value> {
        self.eat('{');
        self.blanks();
        if self.eat('}') {
            return Some(Value::Map(Vec::new()));
        }
        let first = self.value()?;
        self.blanks();
        if !self.eat(':') {
            let items = match self.eat('}') {
                true => vec![first],
                false => {
                    self.eat(',').then_some(())?;
                    self.items(first, Some('}'))?
                }
            };
            // A list cannot be in a set.
            let plain = items.iter().all(|item| !matches!(item.value, Value::Seq(_) | Value::Map(_)));
            return plain.then_some(Value::Seq(items));
        }
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut key = first;
        loop {
            self.blanks();
            let value = self.value()?;
            let name = match &key.value {
                Value::String(text) => text.clone(),
                Value::Int(number) => number.to_string(),
                Value::Null => "null".to_owned(),
                Value::Bool(yes) => yes.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Seq(_) | Value::Map(_) => return None,
            };
            entries.push((Key { text: name, span: key.span }, value));
            self.blanks();
            let comma = self.eat(',');
            self.blanks();
            if self.eat('}') {
                return Some(Value::Map(last_of_each(entries)));
            }
            comma.then_some(())?;
            key = self.value()?;
            self.blanks();
            self.eat(':').then_some(())?;
        }
    }

    fn scalar(&mut self) -> Option<Value> {
        let rest = self.rest();
        if let Some((text, length)) = literal_text::strings(rest) {
            self.at += length;
            return Some(Value::String(text));
        }
        let end = rest.find([' ', '\t', ',', ':', '#', '[', ']', '(', ')', '{', '}', '\'', '"']).unwrap_or(rest.len());
        let mut word = rest[..end].to_owned();
        let mut length = end;
        // A sign may be apart from its number.
        if matches!(word.as_str(), "-" | "+") {
            let after = rest[end..].trim_start_matches([' ', '\t']);
            let more = after.find([' ', '\t', ',', ':', '#', ']', ')', '}']).unwrap_or(after.len());
            length = rest.len() - after.len() + more;
            word.push_str(&after[..more]);
        }
        let value = match word.as_str() {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "..." => Value::String(word),
            "set" if rest[end..].starts_with("()") => {
                length += 2;
                Value::Seq(Vec::new())
            }
            word => number(word)?,
        };
        self.at += length;
        Some(value)
    }
}

/// Of entries with the same key, the last one, as in a Python dictionary.
pub fn last_of_each(entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut kept: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        match places.get(&key.text) {
            Some(at) => kept[*at].1 = node,
            None => {
                places.insert(key.text.clone(), kept.len());
                kept.push((key, node));
            }
        }
    }
    kept
}

/// A Python number with at most one sign. A whole number beyond 64 bits stays text, so that no digit is lost.
fn number(word: &str) -> Option<Value> {
    let (sign, digits) = match word.as_bytes().first()? {
        b'-' => ("-", &word[1..]),
        b'+' => ("", &word[1..]),
        _ => ("", word),
    };
    let plain = without_underscores(digits)?;
    let lower = plain.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return valid.then(|| whole(i128::from_str_radix(digits, radix).ok(), sign, word));
        }
    }
    if !lower.is_empty() && lower.bytes().all(|b| b.is_ascii_digit()) {
        let zeros = lower.bytes().all(|b| b == b'0');
        return (!lower.starts_with('0') || zeros).then(|| whole(lower.parse().ok(), sign, word));
    }
    // Rust takes more for a number than Python: `inf`, `nan`, `.`.
    let shaped = lower.bytes().all(|b| b.is_ascii_digit() || b".e+-".contains(&b))
        && lower.bytes().any(|b| b.is_ascii_digit())
        && !lower.starts_with(['e', '+', '-']);
    let number: f64 = format!("{sign}{lower}").parse().ok().filter(|_| shaped)?;
    number.is_finite().then_some(Value::Float(number))
}

fn whole(number: Option<i128>, sign: &str, word: &str) -> Value {
    let signed = number.map(|number| if sign == "-" { -number } else { number });
    signed.and_then(|number| i64::try_from(number).ok()).map_or_else(|| Value::String(word.to_owned()), Value::Int)
}

/// `1_000` as `1000`; an underscore must be between digits, or after the prefix of a base.
fn without_underscores(digits: &str) -> Option<String> {
    let fine = |at: usize| {
        let (before, after) = (digits.as_bytes().get(at.wrapping_sub(1)), digits.as_bytes().get(at + 1));
        let prefix = at == 2 && digits.starts_with('0') && before.is_some_and(|b| b"xXoObB".contains(b));
        (prefix || before.is_some_and(u8::is_ascii_hexdigit)) && after.is_some_and(u8::is_ascii_hexdigit)
    };
    digits.match_indices('_').all(|(at, _)| fine(at)).then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::Source;

    fn read(text: &str) -> Node {
        let source = Source::new("hosts", text);
        node(text, &Span { source, line: 1, column: 1, start: 0, end: text.len() })
    }

    /// What ansible-core 2.19 makes of each in a section `[all:vars]`, as JSON.
    #[test]
    fn values_are_those_of_python() {
        for (text, expected) in [
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("- 5", json!(-5)),
            ("+5", json!(5)),
            ("--5", json!("--5")),
            ("0644", json!("0644")),
            ("00", json!(0)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("1__0", json!("1__0")),
            ("_1", json!("_1")),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1.10", json!(1.1)),
            ("10.0.0.1", json!("10.0.0.1")),
            ("inf", json!("inf")),
            (".", json!(".")),
            ("1+2", json!("1+2")),
            ("5 # five", json!(5)),
            ("5#five", json!(5)),
            ("True", json!(true)),
            ("true", json!("true")),
            ("False # no", json!(false)),
            ("None", json!(null)),
            ("yes", json!("yes")),
            ("", json!("")),
            ("'5'", json!("5")),
            ("\"a\" 'b'", json!("ab")),
            ("'a' # c", json!("a")),
            ("text # not a comment", json!("text # not a comment")),
            ("'a' b", json!("'a' b")),
            ("'a\\tb\\x41\\u00e9\\101\\q'", json!("a\tbA\u{e9}A\\q")),
            ("r'a\\tb'", json!("a\\tb")),
            ("b'abc'", json!("abc")),
            ("f'abc'", json!("f'abc'")),
            ("'''a'b'''", json!("a'b")),
            ("[1, 'a', True, None]", json!([1, "a", true, null])),
            ("[1, 2", json!("[1, 2")),
            ("[a, b]", json!("[a, b]")),
            ("[]", json!([])),
            ("[1,]", json!([1])),
            ("(1, 2)", json!([1, 2])),
            ("(1)", json!(1)),
            ("()", json!([])),
            ("1, 2", json!([1, 2])),
            ("1,", json!([1])),
            ("{1}", json!([1])),
            ("{'a': 1, 2: [3], 'a': 4}", json!({"a": 4, "2": [3]})),
            ("{'a': {'b': 'c'}}", json!({"a": {"b": "c"}})),
            ("{}", json!({})),
            ("{{ x }}", json!("{{ x }}")),
            ("{'a': x}", json!("{'a': x}")),
            ("set()", json!([])),
            ("...", json!("...")),
            ("99999999999999999999", json!("99999999999999999999")),
            ("  7", json!(7)),
        ] {
            assert_eq!(read(text).to_json(), expected, "{text}");
        }
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert_eq!(read(&deep).to_json(), json!(deep));
    }

    #[test]
    fn every_value_knows_its_text() {
        for (text, expected) in [("5 # five", "5"), (" 22", "22"), ("(7)", "7"), ("1.50", "1.50"), ("True", "True")] {
            assert_eq!(read(text).text(), Some(expected), "{text}");
        }
        let map = read("{'port': 2222}");
        assert_eq!(map.get("port").and_then(Node::text), Some("2222"));
    }
}
