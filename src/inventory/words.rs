//! Splits a line of an INI inventory into words, as Python's `shlex.split(line, comments=True)` does, and says where
//! each part of a word is written. Knows no keys. Start at [`split`].

/// One word, without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// For each byte of `text`, where it is in the line.
    at: Vec<usize>,
    /// Where the word begins and ends in the line, with its quotes.
    pub begin: usize,
    pub end: usize,
}

impl Word {
    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.at.extend((0..c.len_utf8()).map(|more| at + more));
    }

    /// Where the text from byte `from` on is in the line, if it is written there without interruption.
    pub fn place(&self, from: usize) -> Option<(usize, usize)> {
        let part = &self.at[from..];
        let (first, last) = (*part.first()?, *part.last()?);
        (last - first + 1 == part.len()).then_some((first, last + 1))
    }
}

/// Why a line has no words, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub why: &'static str,
    pub at: usize,
}

/// The words of a line. A `#` begins a comment even inside a word, unless it is quoted.
///
/// # Errors
/// A quote that is never closed, and a backslash at the end.
pub fn split(line: &str) -> Result<Vec<Word>, Unfinished> {
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut rest = line.char_indices();
    while let Some((at, c)) = rest.next() {
        if c == '#' {
            break;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            words.extend(word.take());
            continue;
        }
        let open = word.get_or_insert_with(|| Word { text: String::new(), at: Vec::new(), begin: at, end: at });
        match c {
            '\'' | '"' => quoted(c, at, &mut rest, open)?,
            '\\' => match rest.next() {
                Some((at, c)) => open.push(c, at),
                None => return Err(Unfinished { why: "there is nothing after the last backslash", at }),
            },
            _ => open.push(c, at),
        }
        open.end = line.len() - rest.as_str().len();
    }
    words.extend(word);
    Ok(words)
}

/// What is between quotes. A backslash escapes only itself and the quote, and only between double quotes.
fn quoted(quote: char, opened: usize, rest: &mut std::str::CharIndices<'_>, word: &mut Word) -> Result<(), Unfinished> {
    let unfinished = Unfinished { why: "this quote is never closed", at: opened };
    while let Some((at, c)) = rest.next() {
        match c {
            _ if c == quote => return Ok(()),
            '\\' if quote == '"' => match rest.next() {
                Some((at, c @ ('"' | '\\'))) => word.push(c, at),
                Some((next, c)) => {
                    word.push('\\', at);
                    word.push(c, next);
                }
                None => return Err(unfinished),
            },
            _ => word.push(c, at),
        }
    }
    Err(unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `shlex.split(line, comments=True)` of Python 3.11 gives for each.
    #[test]
    fn lines_split_as_in_python() {
        for (line, expected) in [
            ("web1", "web1"),
            ("web1  a=1\tb=2 ", "web1|a=1|b=2"),
            ("web1 a='x y' # note", "web1|a=x y"),
            ("web1 a=x#y b=2", "web1|a=x"),
            ("web1 a='x#y'", "web1|a=x#y"),
            ("web1 a=\"it's\"", "web1|a=it's"),
            ("web1 a='-o \"X=y z\"'", "web1|a=-o \"X=y z\""),
            (r#"web1 a="q\"b\\c\d""#, r#"web1|a=q"b\c\d"#),
            (r"web1 a=x\ y\'z", "web1|a=x y'z"),
            (r"web1 a='x\y'", r"web1|a=x\y"),
            ("web1 a='x'y\"z\"", "web1|a=xyz"),
            ("web1 ''", "web1|"),
            ("# only", ""),
        ] {
            let words: Vec<String> = split(line).unwrap().into_iter().map(|word| word.text).collect();
            assert_eq!(words.join("|"), expected, "{line}");
        }
        for (line, at) in [("web1 a='x", 7), ("web1 a=\"x\\", 7), ("web1 a=x\\", 8)] {
            assert_eq!(split(line).unwrap_err().at, at, "{line}");
        }
    }

    #[test]
    fn parts_of_words_have_places() {
        let words = split("w a=\"1 2\" b=x'y'").unwrap();
        assert_eq!((words[1].begin, words[1].end, words[1].place(2)), (2, 9, Some((5, 8))));
        assert_eq!((words[2].place(2), words[2].place(0)), (None, None));
        assert_eq!(words[2].place(4), None);
    }
}
