//! Readers of single values, for [`MapReader::read`](super::MapReader::read). Each reports what is wrong and returns
//! `None`.

use std::time::Duration;

use super::{Node, Problems, Value, nearest, parse_bytes, parse_duration};
use crate::{amount::Amount, command::shows};

/// `true`, `yes`, `on` and so on, unquoted.
pub fn bool(node: &Node, problems: &mut Problems) -> Option<bool> {
    match node.value {
        Value::Bool(b) if node.tag.is_none() => Some(b),
        _ => {
            problems.expected("yes or no", node);
            None
        }
    }
}

/// A text that is not empty. Numbers, `yes` and dates keep their text as written.
pub fn word(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = text(node, "a text", problems)?;
    if text.trim().is_empty() {
        problems.at(&node.span, "this must not be empty");
        return None;
    }
    Some(text.to_owned())
}

/// A name that is shown to people: one line, without anything that controls a terminal.
pub fn name(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = word(node, problems)?.trim().to_owned();
    if text.chars().any(|c| !shows(c)) {
        problems.at(&node.span, "a name is one line of printable characters");
        return None;
    }
    Some(text)
}

/// The text of a scalar that is not null; else "expected `what`".
pub fn text<'n>(node: &'n Node, what: &str, problems: &mut Problems) -> Option<&'n str> {
    let plain = matches!(node.tag.as_deref(), None | Some("!unsafe")) || node.is_sealed();
    let text = node.text().filter(|_| plain && !node.is_null());
    if text.is_none() {
        problems.expected(what, node);
    }
    text
}

/// A whole number from 0 to 4,294,967,295.
pub fn u32(node: &Node, problems: &mut Problems) -> Option<u32> {
    whole(node, 0, u32::MAX, problems)
}

/// A whole number from `least` to `most`. Text that is a number (from a template, or quoted) is one too.
pub fn whole<T>(node: &Node, least: T, most: T, problems: &mut Problems) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    let number = match &node.value {
        Value::Int(n) => Some(*n),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(number) = number.filter(|_| node.tag.is_none()) else {
        problems.expected("a whole number", node);
        return None;
    };
    let fits = T::try_from(number).ok().filter(|n| *n >= least && *n <= most);
    if fits.is_none() {
        problems.at(&node.span, format!("{number} is not between {least} and {most}"));
    }
    fits
}

/// `90s`, `5m`, `1h30m`, `2d`; a bare number is seconds.
pub fn duration(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let text = text(node, "a length of time like 90s, 5m, 1h30m or 2d", problems)?;
    parse_duration(text).map_err(|why| problems.at(&node.span, why)).ok()
}

/// As [`duration`], but not zero: for deadlines.
pub fn deadline(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let duration = duration(node, problems)?;
    if duration.is_zero() {
        problems.at(&node.span, "a deadline must not be zero");
        return None;
    }
    Some(duration)
}

/// `1GiB`, `150MiB`, `500M`, in bytes.
pub fn bytes(node: &Node, problems: &mut Problems) -> Option<u64> {
    let text = text(node, "a size like 150MiB or 1GiB", problems)?;
    parse_bytes(text).map_err(|why| problems.at(&node.span, why)).ok()
}

/// `3` or `25%`.
pub fn amount(node: &Node, problems: &mut Problems) -> Option<Amount> {
    let text = text(node, "a number or a percentage", problems)?;
    Amount::parse(text).map_err(|error| problems.at(&node.span, error.to_string())).ok()
}

/// One of a few words.
pub fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let text = text(node, &format!("one of {}", all()), problems)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let shown: String = text.chars().take(60).collect();
    match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(near) => problems.at(&node.span, format!("`{shown}` is not a valid value; did you mean `{near}`?")),
        None => problems.at(&node.span, format!("`{shown}` is not a valid value")),
    }
    .help(format!("use one of: {}", all()));
    None
}

/// A list, each item read by `reader`. No value is an empty list. `what` is "a list of host names".
pub fn list<'n, T>(
    node: &'n Node,
    what: &str,
    problems: &mut Problems,
    mut reader: impl FnMut(&'n Node, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    match &node.value {
        // Every item is read, so that every problem is found.
        Value::Seq(items) if node.tag.is_none() => {
            let read: Vec<Option<T>> = items.iter().map(|item| reader(item, problems)).collect();
            read.into_iter().collect()
        }
        Value::Null => Some(Vec::new()),
        _ => {
            problems.expected(what, node);
            None
        }
    }
}

/// As [`list`], where a single item needs no brackets.
pub fn list_or_single<'n, T>(
    node: &'n Node,
    what: &str,
    problems: &mut Problems,
    mut reader: impl FnMut(&'n Node, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    match &node.value {
        Value::Seq(_) | Value::Null | Value::Map(_) => list(node, what, problems, reader),
        _ => reader(node, problems).map(|item| vec![item]),
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
