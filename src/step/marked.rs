//! Answers of our scripts on a host: a line that begins with a mark, words in it, and perhaps bytes after it. Knows no
//! script; its callers know what the words mean (`job/answer.rs`, `guard/answer.rs`).

use crate::command::Output;

/// The last line with this mark: its first word, and the rest. The login may have printed something before it.
pub(super) fn last(output: &Output, mark: &str) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find_map(|line| line.strip_prefix(mark))?;
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some((word.to_owned(), rest.to_owned()))
}

/// The first line with this mark: its first word, and the rest. Anything may follow it.
pub(super) fn line(output: &Output, mark: &str) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix(mark))?;
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some((word.to_owned(), rest.to_owned()))
}

/// The words of the first line, which must have this mark, and all bytes after that line.
pub(super) fn first<'a, const WORDS: usize>(output: &'a Output, mark: &str) -> Option<([&'a str; WORDS], &'a [u8])> {
    first_of(&output.stdout, mark)
}

/// [`first`], of these bytes.
pub(super) fn first_of<'a, const WORDS: usize>(said: &'a [u8], mark: &str) -> Option<([&'a str; WORDS], &'a [u8])> {
    let end = said.iter().position(|b| *b == b'\n')?;
    let line = std::str::from_utf8(&said[..end]).ok()?.strip_prefix(mark)?;
    let mut words = line.split_ascii_whitespace();
    let mut found = [""; WORDS];
    for word in &mut found {
        *word = words.next()?;
    }
    Some((found, &said[end + 1..]))
}
