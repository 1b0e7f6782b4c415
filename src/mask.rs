//! Masks the secrets that were sent to a host in everything that comes back from it, even where a stream splits a
//! secret. Knows neither hosts nor steps. Start at [`Secrets`]; [`Masker`] is for a stream.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;
use zeroize::Zeroizing;

/// What replaces a secret.
pub const MASK: &str = "********";
/// In bytes. Shorter ones occur everywhere by chance: masking them would hide other text, and reveal what they are.
pub const SHORTEST: usize = 4;
/// Of a longer secret (or of its lines) only this many bytes are searched for.
const LONGEST: usize = 4 << 10;
/// A text of this many bytes or more may have been cut, with only part of a secret at one end.
const MAY_BE_CUT: usize = 300;

type Known = Arc<Vec<Zeroizing<Vec<u8>>>>;

/// The secrets of one host. Clones share them and see those that are added later.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Adds a secret. Each of its lines counts as a secret too, because programs repeat text line by line. Lines that
    /// are too short are not masked.
    pub fn add(&self, secret: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // An error quotes what a host said, with its quotation marks escaped.
        let quoted = Zeroizing::new(secret.escape_debug().to_string());
        let quoted = if secret.contains('\n') { "" } else { quoted.as_str() };
        for line in secret.lines().chain(quoted.lines()).map(|line| line.trim_end_matches('\r')) {
            let line = &line.as_bytes()[..line.len().min(LONGEST)];
            if line.len() >= SHORTEST && !known.iter().any(|known| known.as_slice() == line) {
                let mut more = Vec::clone(&known);
                more.push(Zeroizing::new(line.to_vec()));
                // The longest first: one may begin with another.
                more.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
                *known = Arc::new(more);
            }
        }
    }

    fn known(&self) -> Known {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Masks the secrets in a whole text, and a part of one at an end where the text may have been cut.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.known();
        if known.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut hidden, _) = replace(text.as_bytes(), &known, true);
        if text.len() >= MAY_BE_CUT {
            hide_ends(&mut hidden, &known);
        }
        if hidden == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        // This fails only if a secret ends inside a character, which never happens in our texts.
        Cow::Owned(String::from_utf8(hidden).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()))
    }

    /// Whether a secret is in this text.
    pub fn is_in(&self, text: &str) -> bool {
        matches!(self.hide(text), Cow::Owned(_))
    }

    /// [`Secrets::hide`], in place.
    pub fn hide_in(&self, text: &mut String) {
        if let Cow::Owned(hidden) = self.hide(text) {
            *text = hidden;
        }
    }

    /// Masks the secrets in every text of a JSON value.
    pub fn hide_in_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.hide_in(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in_json(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.hide_in_json(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Starts a stream.
    pub fn masker(&self) -> Masker {
        Masker { secrets: self.clone(), held: Vec::new() }
    }
}

/// Masks the secrets in a stream. It holds back what may be the beginning of a secret, never more than the length of
/// the longest one.
#[derive(Clone)]
pub struct Masker {
    secrets: Secrets,
    held: Vec<u8>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker")
    }
}

impl Masker {
    /// Takes a piece and returns what can be shown now, with the number of raw bytes that it replaces.
    pub fn take<'p>(&mut self, piece: &'p [u8]) -> (Cow<'p, [u8]>, u64) {
        let known = self.secrets.known();
        if known.is_empty() && self.held.is_empty() {
            return (Cow::Borrowed(piece), piece.len() as u64);
        }
        if self.held.is_empty() {
            let (hidden, taken) = replace(piece, &known, false);
            self.held.extend_from_slice(&piece[taken..]);
            return (Cow::Owned(hidden), taken as u64);
        }
        self.held.extend_from_slice(piece);
        let (hidden, taken) = replace(&self.held, &known, false);
        self.held.drain(..taken);
        (Cow::Owned(hidden), taken as u64)
    }

    /// Ends the stream: returns what was held back, and how many raw bytes it was.
    pub fn finish(&mut self) -> (Vec<u8>, u64) {
        let held = std::mem::take(&mut self.held);
        let raw = held.len() as u64;
        (replace(&held, &self.secrets.known(), true).0, raw)
    }
}

/// The bytes with their secrets masked, up to what may be the beginning of one (`whole`: up to the end), and how many
/// bytes were used.
fn replace(bytes: &[u8], known: &[Zeroizing<Vec<u8>>], whole: bool) -> (Vec<u8>, usize) {
    let mut begins = [false; 256];
    known.iter().filter_map(|secret| secret.first()).for_each(|first| begins[usize::from(*first)] = true);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let Some(next) = bytes[at..].iter().position(|byte| begins[usize::from(*byte)]) else { break };
        out.extend_from_slice(&bytes[at..at + next]);
        at += next;
        let rest = &bytes[at..];
        // Waits for a longer secret that may still come, even where a shorter one matches.
        if !whole && known.iter().any(|secret| rest.len() < secret.len() && secret.starts_with(rest)) {
            return (out, at);
        }
        match known.iter().find(|secret| rest.starts_with(secret)) {
            Some(secret) => {
                out.extend_from_slice(MASK.as_bytes());
                at += secret.len();
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out.extend_from_slice(&bytes[at..]);
    (out, bytes.len())
}

/// Masks a part of a secret at the beginning or end of a text.
fn hide_ends(text: &mut Vec<u8>, known: &[Zeroizing<Vec<u8>>]) {
    // A cut text may have our own mark at that end.
    let mark = "\u{2026}".as_bytes();
    let end = if text.ends_with(mark) { text.len() - mark.len() } else { text.len() };
    let tail = |secret: &Zeroizing<Vec<u8>>| {
        (SHORTEST..secret.len()).rev().find(|n| text[..end].ends_with(&secret[..*n])).map(|n| end - n..end)
    };
    if let Some(part) = known.iter().filter_map(tail).max_by_key(|part| part.len()) {
        drop(text.splice(part, MASK.bytes()));
    }
    let head = |secret: &Zeroizing<Vec<u8>>| {
        (SHORTEST..secret.len()).rev().find(|n| text.starts_with(&secret[secret.len() - *n..]))
    };
    if let Some(n) = known.iter().filter_map(head).max() {
        drop(text.splice(..n, MASK.bytes()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(list: &[&str]) -> Secrets {
        let secrets = Secrets::default();
        list.iter().for_each(|secret| secrets.add(secret));
        secrets
    }

    #[test]
    fn a_secret_is_found_wherever_the_stream_is_cut() {
        let secrets = secrets(&["S3cr3t", "S3cr3tPassw0rd", "ppp pppq", "\u{e4}\u{f6}\u{fc}"]);
        let text = "bad token <S3cr3tPassw0rd> S3cr3t S3cr3tPass S3S3cr3t ppp ppp pppq S3c \u{e4}\u{f6}\u{fc} S3cr";
        let expected = "bad token <********> ******** ********Pass S3******** ppp ******** S3c ******** S3cr";
        assert_eq!(secrets.hide(text), expected);
        for size in 1..text.len() {
            let (mut masker, mut said, mut raw) = (secrets.masker(), Vec::new(), 0);
            for piece in text.as_bytes().chunks(size) {
                let (more, taken) = masker.take(piece);
                said.extend_from_slice(&more);
                raw += taken;
                assert!(masker.held.len() < "S3cr3tPassw0rd".len(), "{}", masker.held.len());
            }
            let (more, taken) = masker.finish();
            said.extend_from_slice(&more);
            assert_eq!(
                (String::from_utf8(said).unwrap().as_str(), raw + taken),
                (expected, text.len() as u64),
                "{size}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_passes_as_it_is() {
        let none = secrets(&["", "abc", "x\ny\n"]);
        assert!(matches!(none.hide("abc"), Cow::Borrowed("abc")));
        assert!(matches!(none.masker().take(b"abc x\ny"), (Cow::Borrowed(b"abc x\ny"), 7)));
        assert_eq!(
            secrets(&["pass\"word"]).hide(&format!("it says {:?}", "<pass\"word>")),
            format!("it says \"<{MASK}>\"")
        );
        let lines = secrets(&["first line\r\nab\nlast line\n"]);
        assert_eq!(lines.hide("ab, last line, first line"), "ab, ********, ********");
        let mut masker = lines.masker();
        assert_eq!(masker.take(b"no delay\n").0, &b"no delay\n"[..]);
        assert_eq!(masker.take(b"the las").0, &b"the "[..]);
        // A secret that is added in the middle counts from then on.
        lines.add("later");
        assert_eq!(masker.take(b"t one, later").0, &b"last one, ********"[..]);
    }

    #[test]
    fn a_part_of_a_secret_where_a_text_was_cut_is_hidden() {
        let secrets = secrets(&["S3cr3tPassw0rd"]);
        let filler = "x".repeat(MAY_BE_CUT);
        for (text, expected) in [
            (format!("{filler} S3cr3tPa"), format!("{filler} {MASK}")),
            (format!("{filler} S3cr3tPa\u{2026}"), format!("{filler} {MASK}\u{2026}")),
            (format!("tPassw0rd {filler}"), format!("{MASK} {filler}")),
            (format!("{filler} S3c"), format!("{filler} S3c")),
            ("a short text ends with S3cr3tPa".to_owned(), "a short text ends with S3cr3tPa".to_owned()),
        ] {
            assert_eq!(secrets.hide(&text), expected);
        }
    }

    #[test]
    fn every_text_of_a_value_is_looked_through() {
        let mut value = json!({ "a": ["s3cret", { "b": "x s3cret" }], "n": 1, "s3": null });
        secrets(&["s3cret"]).hide_in_json(&mut value);
        assert_eq!(value, json!({ "a": [MASK, { "b": format!("x {MASK}") }], "n": 1, "s3": null }));
        assert_eq!(format!("{:?}", secrets(&["s3cret"]).masker()).matches("s3cret").count(), 0, "nor is it in Debug");
    }
}
