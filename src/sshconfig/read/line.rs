//! One line to a keyword and its arguments. OpenSSH has two ways of splitting: an old one for the keyword
//! and for `Match`, and one with escapes for all other arguments.

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// The next word by the old rule: ends at a blank or at one `=`, `"…"` may hold blanks.
/// `None` when the text is used up or a quote is never closed.
pub(crate) fn old_word<'a>(rest: &mut Option<&'a str>) -> Option<String> {
    let text: &'a str = (*rest)?;
    let Some(at) = text.find(|c| BLANK.contains(&c) || c == '"' || c == '=') else {
        *rest = None;
        return Some(text.to_owned());
    };
    let (word, tail) = text.split_at(at);
    if let Some(quoted) = tail.strip_prefix('"') {
        let Some(end) = quoted.find('"') else {
            *rest = None;
            return None;
        };
        *rest = Some(quoted[end + 1..].trim_start_matches(BLANK));
        return Some(format!("{word}{}", &quoted[..end]));
    }
    let equals = tail.starts_with('=');
    let mut tail = tail[1..].trim_start_matches(BLANK);
    if let (false, Some(more)) = (equals, tail.strip_prefix('=')) {
        tail = more.trim_start_matches(BLANK);
    }
    *rest = Some(tail);
    Some(word.to_owned())
}

/// A line that is not empty and not a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Lower-case.
    pub(crate) keyword: String,
    /// Everything after the keyword, unchanged.
    pub(crate) text: &'a str,
    /// The same in words, up to a comment.
    pub(crate) words: Vec<String>,
}

/// Splits a line; `Ok(None)` is an empty line or a comment.
pub(crate) fn split(line: &str) -> Result<Option<Line<'_>>, &'static str> {
    let full = line.trim_end_matches(|c| BLANK.contains(&c) || c == '\x0c');
    // A form feed may be at the end of a line, but not be the whole line.
    let line = if full.is_empty() { line.get(..1).unwrap_or_default() } else { full };
    let mut rest = Some(line);
    let mut keyword = old_word(&mut rest);
    if keyword.as_deref() == Some("") {
        keyword = old_word(&mut rest);
    }
    let Some(keyword) = keyword.filter(|word| !word.is_empty() && !word.starts_with('#')) else { return Ok(None) };
    let text = rest.unwrap_or("").trim_start_matches(BLANK);
    if text.is_empty() {
        return Err("a keyword without an argument");
    }
    let words = words(text)?;
    Ok(Some(Line { keyword: keyword.to_ascii_lowercase(), text, words }))
}

/// Arguments: `"` and `'` quote, `\` escapes quotes, itself and a blank, `#` at the beginning of a word ends the line.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|&c| c == ' ' || c == '\t').is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(found),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    let escaped = |&next: &char| matches!(next, '\'' | '"' | '\\') || (quote.is_none() && next == ' ');
                    word.push(chars.next_if(escaped).unwrap_or('\\'));
                }
                ' ' | '\t' if quote.is_none() => break,
                '"' | '\'' if quote.is_none() => quote = Some(c),
                _ if quote == Some(c) => quote = None,
                _ => word.push(c),
            }
        }
        if quote.is_some() {
            return Err("a quote that is never closed");
        }
        found.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyword_and_words() {
        let check = |line: &str, want: Option<(&str, &[&str])>| {
            let got = split(line).unwrap();
            let got = got.as_ref().map(|l| (l.keyword.as_str(), l.words.iter().map(String::as_str).collect()));
            assert_eq!(got, want.map(|(k, w)| (k, w.to_vec())), "{line:?}");
        };
        check("", None);
        check("  # x", None);
        check("Port 22", Some(("port", &["22"])));
        check("  Port=22\r\n", Some(("port", &["22"])));
        check("Port = 22", Some(("port", &["22"])));
        check("Port == 22", Some(("port", &["=", "22"])));
        check("\"Port\" 22", Some(("port", &["22"])));
        check("Host a \"b c\" 'd e' f\\ g # h", Some(("host", &["a", "b c", "d e", "f g"])));
        check("IdentityFile ~/a#b", Some(("identityfile", &["~/a#b"])));
        check("User a\\b\\\\c\\\"", Some(("user", &["a\\b\\c\""])));
        check("User \"\"", Some(("user", &[""])));
        check("User x\x0c", Some(("user", &["x"])));
        assert!(split("Host \"a").is_err());
        assert!(split("Host it's").is_err());
        assert!(split("Host").is_err());
    }

    #[test]
    fn the_old_words_split_at_one_equals_sign() {
        let all = |text: &str| {
            let mut rest = Some(text);
            let mut found = Vec::new();
            while let Some(word) = old_word(&mut rest) {
                found.push(word);
            }
            found
        };
        assert_eq!(all("host=web user = x"), ["host", "web", "user", "x"]);
        assert_eq!(all("exec \"test a = b\" all"), ["exec", "test a = b", "all"]);
        assert_eq!(all("exec \"open"), ["exec"]);
    }
}
