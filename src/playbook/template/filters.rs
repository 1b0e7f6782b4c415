//! Filters and tests that Ansible has and the engine lacks, or has with another meaning.
//! Their errors name no value: only types, patterns and arguments of the template's own text.

use std::cmp::Ordering;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{
    Environment, Error, ErrorKind, Value,
    value::{Kwargs, Rest, ValueKind},
};
use regex::{Regex, RegexBuilder};

use super::error::refuse;

pub(super) fn add_to(env: &mut Environment<'static>) {
    env.add_filter("bool", to_bool);
    env.add_filter("basename", |path: &str| basename(path).to_owned());
    env.add_filter("dirname", |path: &str| dirname(path).to_owned());
    env.add_filter("quote", quote);
    env.add_filter("b64encode", |text: &str| STANDARD.encode(text));
    env.add_filter("b64decode", |text: &str| {
        let bytes =
            STANDARD.decode(text.trim()).map_err(|_| refuse("a text that is not base64 was given to `b64decode`"))?;
        String::from_utf8(bytes).map_err(|_| refuse("`b64decode` gives bytes that are not UTF-8 text"))
    });
    env.add_filter("regex_replace", regex_replace);
    env.add_filter("regex_search", regex_search);
    env.add_filter("combine", combine);
    env.add_filter("ternary", |condition: bool, yes: Value, no: Value| if condition { yes } else { no });
    env.add_filter("mandatory", |value: Value| value);
    env.add_test("match", |text: &str, pattern: &str| {
        Ok::<_, Error>(regex(&format!("^(?:{pattern})"))?.is_match(text))
    });
    env.add_test("search", |text: &str, pattern: &str| Ok::<_, Error>(regex(pattern)?.is_match(text)));
    env.add_test("regex", |text: &str, pattern: &str| Ok::<_, Error>(regex(pattern)?.is_match(text)));
    for key in ["skipped", "failed", "changed"] {
        env.add_test(key, move |value: &Value| step_test(value, key));
    }
    env.add_test("version", version_test);
    env.add_test("version_compare", version_test);
}

fn regex(pattern: &str) -> Result<Regex, Error> {
    compiled(pattern).map_err(refuse)
}

/// A regular expression, or why it cannot be one.
fn compiled(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|_| {
        let looks_around = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|sign| pattern.contains(sign));
        match looks_around {
            true => "a regular expression cannot look ahead or behind here (`(?=`, `(?!`, `(?<=`, `(?<!`)".to_owned(),
            false => "a regular expression is not valid (or compiles to more than 1 MiB)".to_owned(),
        }
    })
}

/// Looks at a regular expression before anything is searched with it.
///
/// # Errors
/// Why it cannot be one.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    compiled(pattern).map(drop)
}

/// Ansible's: the words `yes`, `on`, `true`, `y`, `t` and `1` are true, their opposites false; anything else is an
/// error (in Ansible it is false).
fn to_bool(value: Value) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::String => match value.to_string().trim().to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "y" | "t" | "1" => Ok(true),
            "no" | "off" | "false" | "n" | "f" | "0" | "" => Ok(false),
            _ => Err(refuse("a text that means neither true nor false was given to `bool`")),
        },
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        _ => Ok(value.is_true()),
    }
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn dirname(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(at) => &path[..at],
        None => "",
    }
}

fn quote(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    crate::command::quote(&value.to_string()).map_err(|_| refuse("a text with a NUL byte was given to `quote`"))
}

/// `regex_replace(pattern, replacement, ignorecase=false)`; `\1` and `\g<name>` stand for groups, as in Python.
fn regex_replace(text: &str, pattern: &str, replacement: &str, options: Kwargs) -> Result<String, Error> {
    let ignore_case = options.get::<Option<bool>>("ignorecase")?.unwrap_or(false);
    options.assert_all_used()?;
    let pattern = if ignore_case { format!("(?i){pattern}") } else { pattern.to_owned() };
    Ok(regex(&pattern)?.replace_all(text, python_groups(replacement).as_str()).into_owned())
}

/// `\1` becomes `${1}`, a literal `$` becomes `$$`.
fn python_groups(replacement: &str) -> String {
    let (mut out, mut chars) = (String::new(), replacement.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(digit) if digit.is_ascii_digit() => out.push_str(&format!("${{{digit}}}")),
                Some('g') if chars.peek() == Some(&'<') => {
                    let name: String = chars.by_ref().skip(1).take_while(|c| *c != '>').collect();
                    out.push_str(&format!("${{{name}}}"));
                }
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// The first match, or nothing (none). With groups, `'\\1'` or `'\\g<name>'`, a list of what they matched, as in
/// Ansible.
fn regex_search(text: &str, pattern: &str, groups: Rest<String>, options: Kwargs) -> Result<Value, Error> {
    let mut flags = String::new();
    for (name, flag) in [("ignorecase", 'i'), ("multiline", 'm')] {
        if options.get::<Option<bool>>(name)?.unwrap_or(false) {
            flags.push(flag);
        }
    }
    options.assert_all_used()?;
    let pattern = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    let regex = regex(&pattern)?;
    let names = groups.iter().map(|group| group_name(group)).collect::<Result<Vec<_>, _>>()?;
    let known = |name: &str| match name.parse::<usize>() {
        Ok(number) => number < regex.captures_len(),
        Err(_) => regex.capture_names().flatten().any(|known| known == name),
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        return Err(refuse(format!("the regular expression of `regex_search` has no group {name}")));
    }
    let Some(found) = regex.captures(text) else { return Ok(Value::from(())) };
    if names.is_empty() {
        return Ok(Value::from(found.get(0).map_or("", |whole| whole.as_str())));
    }
    let matched = |name: &&str| {
        let group = name.parse().map_or_else(|_| found.name(name), |number: usize| found.get(number));
        group.map_or_else(|| Value::from(()), |group| Value::from(group.as_str()))
    };
    Ok(names.iter().map(matched).collect::<Vec<_>>().into())
}

/// `1` of `\1`, `name` of `\g<name>`.
fn group_name(group: &str) -> Result<&str, Error> {
    let name = group.strip_prefix('\\').map(|name| match name.strip_prefix("g<") {
        Some(name) => name.strip_suffix('>').unwrap_or_default(),
        None => name,
    });
    name.filter(|name| !name.is_empty()).ok_or_else(|| refuse(r"a group of `regex_search` is '\\1' or '\\g<name>'"))
}

/// `x is skipped`, `failed` or `changed`: what `register` keeps of a step.
fn step_test(value: &Value, key: &str) -> Result<bool, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        ValueKind::Map if !value.get_attr(key)?.is_undefined() => Ok(value.get_attr(key)?.is_true()),
        _ => Err(refuse(format!("`is {key}` asks about a variable that `register` made, and this is not one"))),
    }
}

/// Joins mappings, the later wins; `recursive=true` joins nested ones too.
fn combine(first: Value, others: Rest<Value>, options: Kwargs) -> Result<Value, Error> {
    let recursive = options.get::<Option<bool>>("recursive")?.unwrap_or(false);
    options.assert_all_used()?;
    others.iter().try_fold(first, |below, above| joined(&below, above, recursive))
}

fn joined(below: &Value, above: &Value, recursive: bool) -> Result<Value, Error> {
    if below.kind() != ValueKind::Map || above.kind() != ValueKind::Map {
        return Err(refuse("`combine` joins mappings only"));
    }
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for key in below.try_iter()? {
        let (low, high) = (below.get_item(&key)?, above.get_item(&key)?);
        let nested = recursive && low.kind() == ValueKind::Map && high.kind() == ValueKind::Map;
        let value = if nested {
            joined(&low, &high, true)?
        } else if high.is_undefined() {
            low
        } else {
            high
        };
        pairs.push((key, value));
    }
    for key in above.try_iter()? {
        if below.get_item(&key)?.is_undefined() {
            let value = above.get_item(&key)?;
            pairs.push((key, value));
        }
    }
    Ok(Value::from_pairs(pairs))
}

/// `x is version('1.2', '>=')`; the operator is `==` when it is left out.
fn version_test(value: &Value, other: &Value, operator: Option<&str>) -> Result<bool, Error> {
    let order = compare_versions(&value.to_string(), &other.to_string());
    Ok(match operator.unwrap_or("==") {
        "==" | "=" | "eq" => order == Ordering::Equal,
        "!=" | "<>" | "ne" => order != Ordering::Equal,
        "<" | "lt" => order == Ordering::Less,
        "<=" | "le" => order != Ordering::Greater,
        ">" | "gt" => order == Ordering::Greater,
        ">=" | "ge" => order != Ordering::Less,
        _ => return Err(refuse("`version` knows the operators == != < <= > >=")),
    })
}

/// Numbers by value, words by letters, a number after a word, missing parts as zero: `1.2` is `1.2.0`, `1.2rc1` <
/// `1.2.1`.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (a, b) = (version_parts(a), version_parts(b));
    for i in 0..a.len().max(b.len()) {
        let zero = Part::Number("0".to_owned());
        let order = a.get(i).unwrap_or(&zero).cmp(b.get(i).unwrap_or(&zero));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

#[derive(PartialEq, Eq)]
enum Part {
    Word(String),
    /// Digits without leading zeros: may be longer than any integer type.
    Number(String),
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
            (Self::Word(_), Self::Number(_)) => Ordering::Less,
            (Self::Number(_), Self::Word(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn version_parts(version: &str) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), version.trim());
    while let Some(first) = rest.chars().next() {
        let same = |c: char| if first.is_ascii_digit() { c.is_ascii_digit() } else { c.is_alphabetic() };
        let length = rest.find(|c| !same(c)).unwrap_or(rest.len());
        if length == 0 {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let part = &rest[..length];
        parts.push(if first.is_ascii_digit() {
            let digits = part.trim_start_matches('0');
            Part::Number(if digits.is_empty() { "0" } else { digits }.to_owned())
        } else {
            Part::Word(part.to_owned())
        });
        rest = &rest[length..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (a, b, order) in [
            ("1.10", "1.9", Ordering::Greater),
            ("1.2", "1.2.0", Ordering::Equal),
            ("6.1.0-28", "6.1.0-31", Ordering::Less),
            ("1.2rc1", "1.2.1", Ordering::Less),
            ("1.2-rc1", "1.2", Ordering::Less),
            ("007", "7", Ordering::Equal),
            ("99999999999999999999999", "99999999999999999999998", Ordering::Greater),
            ("", "0", Ordering::Equal),
        ] {
            assert_eq!(compare_versions(a, b), order, "{a} {b}");
        }
    }

    #[test]
    fn python_replacements_are_understood() {
        assert_eq!(python_groups(r"\1-$-\g<name>-\\"), r"${1}-$$-${name}-\");
    }
}
