//! Splits the text of a host pattern into its parts. Source: Ansible's `lib/ansible/inventory/manager.py`.

use regex::{Regex, RegexBuilder};

use crate::names;

/// Words after `@` that mean hosts of an earlier run.
pub const OUTCOMES: [&str; 7] =
    ["failed", "unreachable", "unknown", "rolled_back", "paused", "not_started", "unfinished"];

/// How a term changes the selection. Unions come first, then intersections, then exclusions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Join {
    Union,
    Intersection,
    Exclusion,
}

/// One term, without its `&` or `!`.
pub fn join(term: &str) -> (Join, &str) {
    match term.as_bytes().first() {
        Some(b'&') => (Join::Intersection, &term[1..]),
        Some(b'!') => (Join::Exclusion, &term[1..]),
        _ => (Join::Union, term),
    }
}

/// The terms of a pattern: split at commas, or, when there is none, at colons outside of brackets. Commas inside
/// `web[01,03]` do not split.
pub fn split(pattern: &str) -> Vec<String> {
    let clean = |parts: Vec<String>| parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect();
    let parts = at_commas(pattern);
    if parts.len() > 1 {
        return clean(parts);
    }
    if names::is_ipv6(join(pattern.trim()).1) {
        return clean(vec![pattern.to_owned()]);
    }
    let mut parts = vec![String::new()];
    let mut bracket = false;
    for c in pattern.chars() {
        match c {
            '[' => bracket = true,
            ']' => bracket = false,
            _ => {}
        }
        if !bracket && (c == ':' || c.is_whitespace()) {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    clean(rejoin(parts))
}

fn at_commas(pattern: &str) -> Vec<String> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = pattern[at..].find([',', '[']).map(|found| at + found) {
        at = found + 1;
        if pattern[found..].starts_with(',') {
            parts.push(pattern[begin..found].to_owned());
            begin = at;
        } else if let Some(close) = pattern[at..].find(']')
            && names::is_folded(&pattern[at..at + close])
        {
            at += close;
        }
    }
    parts.push(pattern[begin..].to_owned());
    parts
}

/// Whether a term is a list of hosts as patchwave prints it (`web[01-20,23].x`). A term that means the same as a glob
/// counts as a glob: `web[1-3].x`.
pub fn folded(term: &str) -> bool {
    let Some((head, rest)) = term.split_once('[') else { return false };
    let Some((inside, tail)) = rest.split_once(']') else { return false };
    let glob = term.starts_with('~') || head.contains(['*', '?']) || tail.contains(['*', '?', '[', ']']);
    let one_digit = inside.len() == 3 && inside.as_bytes()[1] == b'-';
    !glob && names::is_folded(inside) && (!one_digit || tail.is_empty())
}

/// `@RUN:failed` is one term: its colon does not separate.
fn rejoin(parts: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if OUTCOMES.contains(&part.as_str()) && is_run(join(last).1) => {
                last.push(':');
                last.push_str(&part);
            }
            _ => joined.push(part),
        }
    }
    joined
}

fn is_run(term: &str) -> bool {
    term.strip_prefix('@').is_some_and(|run| !run.is_empty() && !run.contains(['/', ':']) && !OUTCOMES.contains(&run))
}

/// What follows `@`.
#[derive(Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// Hosts with an outcome in a run; `None` is the last run.
    Run(Option<&'a str>, &'a str),
    /// A file of patterns.
    File(&'a str),
}

/// Reads what follows `@`.
pub fn reference(text: &str) -> Reference<'_> {
    if OUTCOMES.contains(&text) {
        return Reference::Run(None, text);
    }
    match text.rsplit_once(':') {
        Some((run, outcome)) if OUTCOMES.contains(&outcome) && !run.contains('/') && !run.is_empty() => {
            Reference::Run(Some(run), outcome)
        }
        _ => Reference::File(text),
    }
}

/// `[2]`, `[-1]`, `[0:2]` or `[3:]` at the end of a term: first and last place, negative from the end.
pub fn subscript(term: &str) -> (&str, Option<(i64, i64)>) {
    let Some((base, inside)) = term.strip_suffix(']').and_then(|t| t.rsplit_once('[')) else { return (term, None) };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if base.is_empty() || term.starts_with('~') {
        return (term, None);
    }
    let number = |s: &str| s.parse::<i64>().unwrap_or(i64::MAX);
    if digits(inside.strip_prefix('-').unwrap_or(inside)) {
        return (base, Some((number(inside), number(inside))));
    }
    match inside.split_once([':', '-']) {
        Some((first, "")) if digits(first) => (base, Some((number(first), -1))),
        Some((first, last)) if digits(first) && digits(last) => (base, Some((number(first), number(last)))),
        _ => (term, None),
    }
}

/// How names are compared with a term.
pub enum Matcher {
    /// The name itself.
    Name,
    /// A shell glob over the whole name.
    Glob(Regex),
    /// A regular expression from the start of the name.
    Regex(Regex),
}

/// Makes the matcher of a term without its subscript.
pub fn matcher(term: &str) -> Result<Matcher, String> {
    let compile = |source: &str| {
        let built = RegexBuilder::new(source).size_limit(1 << 20).build();
        built.map_err(|error| {
            let last = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("`{term}` is not a valid regular expression: {last}")
        })
    };
    if let Some(source) = term.strip_prefix('~') {
        return compile(&format!("^(?:{source})")).map(Matcher::Regex);
    }
    if !term.contains(['*', '?', '[']) {
        return Ok(Matcher::Name);
    }
    compile(&glob(term)).map(Matcher::Glob).map_err(|_| format!("`{term}` is not a valid pattern"))
}

/// A shell glob as a regular expression, as Python's `fnmatch` reads it.
fn glob(term: &str) -> String {
    let mut source = String::from("^(?s:");
    let mut rest = term;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => source.push_str(".*"),
            '?' => source.push('.'),
            '[' => {
                // A `]` right after the bracket, or after its `!`, belongs to the class.
                let not = usize::from(rest.starts_with('!'));
                let least = not + usize::from(rest[not..].starts_with(']'));
                match rest[least..].find(']') {
                    Some(end) => {
                        class(&rest[..least + end], &mut source);
                        rest = &rest[least + end + 1..];
                    }
                    None => source.push_str("\\["),
                }
            }
            other => source.push_str(&regex::escape(&other.to_string())),
        }
    }
    source.push_str(")$");
    source
}

fn class(inside: &str, source: &mut String) {
    let (not, members) = match inside.strip_prefix('!') {
        Some(members) => ("^", members),
        None => ("", inside),
    };
    source.push('[');
    source.push_str(not);
    for c in members.chars() {
        if c != '-' && !c.is_alphanumeric() {
            source.push('\\');
        }
        source.push(c);
    }
    source.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_split_as_ansible_splits_them() {
        for (pattern, terms) in [
            ("", ""),
            (" , ", ""),
            ("a,b:c", "a|b:c"),
            ("a:b:!c:&d", "a|b|!c|&d"),
            ("web[0:2]:db", "web[0:2]|db"),
            ("~web[0-9]+:x", "~web[0-9]+|x"),
            ("2001:db8::1", "2001:db8::1"),
            ("!2001:db8::1", "!2001:db8::1"),
            ("2001:db8::1,web", "2001:db8::1|web"),
            ("a b", "a|b"),
            ("@failed:db", "@failed|db"),
            ("@20261122-020003-kxfa:failed", "@20261122-020003-kxfa:failed"),
            ("all:!@r1:failed:x", "all|!@r1:failed|x"),
            ("@./failed:failed", "@./failed|failed"),
            ("web[01-03,07].x,db1", "web[01-03,07].x|db1"),
            ("web[01,03].x:!db[1-2]", "web[01,03].x|!db[1-2]"),
            ("!web[1,3],&a", "!web[1,3]|&a"),
            ("web[a,b]", "web[a|b]"),
            ("web[1,", "web[1"),
            ("web[1],x", "web[1]|x"),
        ] {
            assert_eq!(split(pattern).join("|"), terms, "{pattern:?}");
        }
    }

    #[test]
    fn references() {
        assert_eq!(reference("failed"), Reference::Run(None, "failed"));
        assert_eq!(reference("r1:not_started"), Reference::Run(Some("r1"), "not_started"));
        assert_eq!(reference("./failed"), Reference::File("./failed"));
        assert_eq!(reference("a/b:failed"), Reference::File("a/b:failed"));
        assert_eq!(reference("hosts.txt"), Reference::File("hosts.txt"));
    }

    #[test]
    fn subscripts() {
        for (term, expected) in [
            ("web[0]", ("web", Some((0, 0)))),
            ("web[-1]", ("web", Some((-1, -1)))),
            ("web[0:2]", ("web", Some((0, 2)))),
            ("web[0-2]", ("web", Some((0, 2)))),
            ("web[3:]", ("web", Some((3, -1)))),
            ("web[a:b]", ("web[a:b]", None)),
            ("web[1", ("web[1", None)),
            ("[1]", ("[1]", None)),
            ("~web[1]", ("~web[1]", None)),
            ("w[ab][99999999999999999999]", ("w[ab]", Some((i64::MAX, i64::MAX)))),
        ] {
            assert_eq!(subscript(term), expected, "{term}");
        }
    }

    #[test]
    fn names_that_were_folded() {
        for (term, is) in [
            ("web[01-20,23].x", true),
            ("web[10-12].x", true),
            ("web[1,3].x", true),
            ("web[1-3]", true),
            ("10.0.0.[1-2]", true),
            ("web[9-11]b", true),
            // A glob matches the same names here, and need not match all of them.
            ("web[1-3].x", false),
            ("web[12].x", false),
            ("web[1]", false),
            ("web[1:3]", false),
            ("web[3-1]", false),
            ("web[01-3]", false),
            ("web[-1]", false),
            ("web[10-12]*", false),
            ("w?b[10-12]", false),
            ("~web[10-12]", false),
            ("web[10-12]x[1-2]", false),
            ("web", false),
        ] {
            assert_eq!(folded(term), is, "{term}");
        }
    }

    #[test]
    fn globs_are_those_of_fnmatch() {
        for (term, name, matches) in [
            ("web*", "web01.x", true),
            ("web?", "web1", true),
            ("web?", "web10", false),
            ("web[0-2]", "web1", true),
            ("web[!0-2]", "web1", false),
            ("web[!0-2]", "web5", true),
            ("w[]]*", "w]x", true),
            ("*.b", "axb", false),
            ("*[", "x[", true),
            ("a*+(", "ab+(", true),
            ("web[a&&b]*", "web&", true),
        ] {
            let Ok(Matcher::Glob(regex)) = matcher(term) else { panic!("{term} is a glob") };
            assert_eq!(regex.is_match(name), matches, "{term} on {name}");
        }
    }
}
