//! Texts for people: comments, texts of the program, pages. Their width, and words that do not belong there.

use crate::{
    exceptions::{but_for, room},
    house::House,
    source::{block_comment_end, quote_end, string},
};

const WIDEST: usize = 120;

pub const WIDTH: &str = "prose: 120 columns";

/// Comments and pages. Tables, code blocks and lines with an address are left out: they cannot be broken.
pub fn width(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    let code = house.sources.iter().map(|source| (&source.path, &source.text));
    for (path, text) in code.chain(house.others.iter().map(|(path, text)| (path, text))) {
        let mut fenced = false;
        for (i, line) in text.lines().enumerate() {
            fenced ^= line.trim_start_matches(['/', '!', ' ']).starts_with("```");
            let breakable =
                !fenced && !line.contains("://") && !line.trim_start_matches(['/', '!', ' ']).starts_with('|');
            if breakable && is_prose(path, line) && line.chars().count() > WIDEST {
                let said = format!("{path}:{}: prose has {WIDEST} columns at most: break this line", i + 1);
                found.push((room(path).to_owned(), said));
            }
        }
    }
    but_for(WIDTH, house.exceptions, found)
}

fn is_prose(path: &str, line: &str) -> bool {
    let line = line.trim_start();
    match path.rsplit('.').next() {
        Some("md") => true,
        Some("rs") => line.starts_with("//"),
        Some("toml" | "sh") => line.starts_with('#'),
        _ => false,
    }
}

/// Words that read as if translated, and what to say instead.
pub const WORDS: [(&str, &str); 9] = [
    ("anew", "again"),
    ("is no", "is not a"),
    ("are no", "are not"),
    ("bears", "tolerates, has, carries"),
    ("is told", "is reported, learns"),
    ("are told", "are reported, learn"),
    ("nobody drives", "no controller is running it"),
    ("luggage", "the name of the data"),
    ("and its kin", "and the other …"),
];

/// What makes them plain English: the text before, and the text after.
const PLAIN: (&[&str], &[&str]) = (&["there "], &[" longer", " more than", " less than", " one else", " to "]);

pub const ENGLISH: &str = "prose: plain English";

/// Comments and texts of the program, comments of the tests, and pages.
pub fn english(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    let code = house.sources.iter().map(|source| (&source.path, pieces(&source.text)));
    let pages = house.others.iter().filter(|(path, _)| path.ends_with(".md") && !path.starts_with("tests/"));
    let pages = pages.map(|(path, text)| (path, vec![(1, text.clone())]));
    // Texts of tests quote what hosts and other programs say; the list itself is in `tests/tidy/`.
    let tests = house.others.iter().filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("tests/tidy"));
    let tests = tests.map(|(path, text)| {
        let comments = pieces(text).into_iter().filter(|(_, piece)| piece.starts_with("//") || piece.starts_with("/*"));
        (path, comments.collect())
    });
    for (path, pieces) in code.chain(pages).chain(tests) {
        for (line, text) in pieces {
            for (words, instead) in WORDS {
                found.extend(positions(&text, words).map(|at| {
                    let line = line + text[..at].matches('\n').count();
                    let said = format!("{path}:{line}: \"{words}\" reads as if translated; say: {instead}");
                    (format!("{} {words}", room(path)), said)
                }));
            }
        }
    }
    but_for(ENGLISH, house.exceptions, found)
}

/// Where these words appear as whole words, whatever their case, and are not plain English.
fn positions(text: &str, words: &str) -> impl Iterator<Item = usize> {
    let lower = text.to_ascii_lowercase();
    let part_of_a_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let found: Vec<usize> = lower
        .match_indices(words)
        .map(|(at, _)| at)
        .filter(|at| {
            let (before, after) = (&lower[..*at], &lower[at + words.len()..]);
            let whole = !part_of_a_word(before.chars().next_back()) && !part_of_a_word(after.chars().next());
            let plain = PLAIN.0.iter().any(|plain| before.ends_with(plain))
                || PLAIN.1.iter().any(|plain| after.starts_with(plain));
            whole && !plain
        })
        .collect();
    found.into_iter()
}

/// The comments and the strings of a Rust file, each with its first line. A comment of several lines is one piece for
/// each line.
fn pieces(text: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = text.chars().collect();
    let (mut i, mut line) = (0, 1);
    let mut found = Vec::new();
    while i < chars.len() {
        let start = i;
        let next = chars.get(i + 1);
        let begins_a_word = i == 0 || !(chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
        match chars[i] {
            '/' if next == Some(&'/') => {
                while i < chars.len() && chars[i] != '\n' {
                    i += 1;
                }
                found.push((line, chars[start..i].iter().collect()));
            }
            '/' if next == Some(&'*') => {
                i = block_comment_end(&chars, i);
                found.push((line, chars[start..i].iter().collect()));
            }
            '\'' => i = quote_end(&chars, i),
            c => match string(&chars, i).filter(|_| c == '"' || begins_a_word) {
                Some((content, end)) => {
                    i = end;
                    found.push((line, content));
                }
                None => i += 1,
            },
        }
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

#[test]
fn comments_and_strings_are_found_and_nothing_else() {
    let text = "//! one\nfn two<'a>() { \"three\"; '\"'; r#\"four\n five\"#; /* six */ }\n// seven\n";
    let found = pieces(text);
    let found: Vec<(usize, &str)> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(found, [(1, "//! one"), (2, "three"), (2, "four\n five"), (3, "/* six */"), (4, "// seven")]);
}

#[test]
fn whole_words_only() {
    let check = |text: &str, expected: &[usize]| {
        assert_eq!(positions(text, "is no").collect::<Vec<_>>(), expected, "{text}");
    };
    check("Is no, is not, this no, is none; is no", &[0, 33]);
    check("there is no host, and it is no longer there", &[]);
}

pub fn bad() -> Vec<crate::Example> {
    let long = "A sentence that goes on, ".repeat(5);
    let example = |rule, path, text: &str, expected| (rule, path, text.to_owned(), expected);
    vec![
        (WIDTH, "src/step/copy.rs", format!("//! x\n// {long}"), "src/step/copy.rs:2: prose has 120 columns at most"),
        (WIDTH, "docs/a.md", long, "docs/a.md:1: prose has 120 columns at most"),
        example(ENGLISH, "src/step/copy.rs", "//! x\n\n/// Begins anew.\nfn f() {}", "src/step/copy.rs:3: \"anew\""),
        example(ENGLISH, "src/step/copy.rs", "//! x\nconst A: &str = \"a\n`x` is no range\";", "copy.rs:3: \"is no\""),
        example(ENGLISH, "tests/it/a.rs", "//! x\n// It is told.\n", "tests/it/a.rs:2: \"is told\""),
        example(ENGLISH, "docs/a.md", "fine\nNobody drives it.", "docs/a.md:2: \"nobody drives\""),
    ]
}

#[test]
fn tables_blocks_of_code_and_addresses_may_be_wide() {
    let long = "wide ".repeat(40);
    for text in [format!("| {long} |"), format!("```\n{long}\n```"), format!("see https://example.com/{long}")] {
        assert_eq!(width(&House::with("docs/a.md", &text)), [""; 0], "{text}");
    }
}
