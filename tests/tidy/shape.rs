//! The shape of a file: what a `mod.rs` may hold, and how long a function may be.

use crate::{
    exceptions::{but_for, room},
    house::House,
    source::{Kind, Source, Token, after_closing, is},
};

/// Lines of code of a `mod.rs` besides its declarations: room for the one trait or type that the folder is about.
const MOST_IN_A_MOD: usize = 40;

pub const MODS: &str = "shape: a mod.rs only declares";

pub fn light_mods(house: &House) -> Vec<String> {
    let mods = house.program().filter(|source| source.path.ends_with("/mod.rs"));
    let heavy = mods.filter_map(|source| {
        let weight = weight(source);
        (weight > MOST_IN_A_MOD).then(|| {
            let said = format!(
                "{}:1: {weight} lines of code besides `mod` and `use`: what a folder does belongs to a file with a name; \
                 a `mod.rs` has room for {MOST_IN_A_MOD}, for the one trait or type that the folder is about",
                source.path
            );
            (source.path.clone(), said)
        })
    });
    but_for(MODS, house.exceptions, heavy.collect())
}

/// Lines with code that belongs to no `mod NAME;` and no `use …;`.
fn weight(source: &Source) -> usize {
    let mut lines = std::collections::BTreeSet::new();
    let tokens = &source.tokens;
    let mut i = 0;
    while i < tokens.len() {
        let end = statement_end(tokens, i);
        if !declares(&tokens[i..end]) {
            lines.extend(tokens[i..end].iter().map(|token| token.line));
        }
        i = end;
    }
    lines.len()
}

/// The index after the item that begins at `i`: after its `;`, or its outermost braces.
fn statement_end(tokens: &[Token], mut i: usize) -> usize {
    let mut within_use = false;
    while i < tokens.len() {
        match &tokens[i].kind {
            Kind::Word(word) if word == "use" => within_use = true,
            Kind::Mark(";") => return i + 1,
            Kind::Mark("{") if !within_use => return after_closing(tokens, i),
            Kind::Mark("{" | "(" | "[") => {
                i = after_closing(tokens, i);
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    i
}

/// Whether an item is `mod NAME;` or `use …;`, with any attributes and visibility.
fn declares(item: &[Token]) -> bool {
    let mut i = 0;
    while is(item.get(i), "#") {
        i = after_closing(item, i + 1);
    }
    if word(item, i) == Some("pub") {
        i += 1;
        if is(item.get(i), "(") {
            i = after_closing(item, i);
        }
    }
    matches!(word(item, i), Some("mod" | "use")) && is(item.last(), ";")
}

fn word(tokens: &[Token], i: usize) -> Option<&str> {
    match &tokens.get(i)?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
    }
}

const MOST_LINES: usize = 70;

pub const FUNCTIONS: &str = "shape: functions are short";

pub fn short_functions(house: &House) -> Vec<String> {
    let found = house.program().flat_map(long_in);
    but_for(FUNCTIONS, house.exceptions, found.collect())
}

fn long_in(source: &Source) -> Vec<(String, String)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for i in 0..source.tokens.len() {
        // `fn(` is a type.
        let (Some("fn"), Some(name)) = (word(&source.tokens, i), word(&source.tokens, i + 1)) else { continue };
        let Some(end) = body_end(&source.tokens, i) else { continue };
        let (from, to) = (source.tokens[i].line, source.tokens[end - 1].line);
        if to + 1 - from <= MOST_LINES || has_a_reason(&lines[..from - 1]) {
            continue;
        }
        let said = format!(
            "{}:{from}: `{name}` has {} lines, {MOST_LINES} are enough: a part with a name of its own belongs to a \
             function; where one page reads better, a comment right above says why (`// long: …`)",
            source.path,
            to + 1 - from
        );
        found.push((format!("{} {name}", room(&source.path)), said));
    }
    found
}

/// The index after the body of the function at `i`, if it has one.
fn body_end(tokens: &[Token], mut i: usize) -> Option<usize> {
    while i < tokens.len() {
        match tokens[i].kind {
            Kind::Mark(";") => return None,
            Kind::Mark("{") => return Some(after_closing(tokens, i)),
            Kind::Mark("(" | "[") => i = after_closing(tokens, i),
            _ => i += 1,
        }
    }
    None
}

/// Whether a comment with the reason is directly above, with only comments and attributes in between.
fn has_a_reason(above: &[&str]) -> bool {
    let own = above.iter().rev().map(|line| line.trim());
    own.take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.strip_prefix("// long: ").is_some_and(|why| why.len() > 10))
}

/// A file with a function of this many lines after this text.
fn with_function(before: &str, lines: usize) -> String {
    format!("//! x\n{before}fn f() {{\n{}}}\n", "1;\n".repeat(lines - 2))
}

pub fn bad() -> Vec<crate::Example> {
    let declares = "mod a;\npub use a::{\n B,\n C,\n};\n";
    let heavy = with_function(declares, MOST_IN_A_MOD + 1);
    vec![
        (MODS, "src/step/mod.rs", heavy, "src/step/mod.rs:1: 41 lines of code besides `mod` and `use`"),
        (FUNCTIONS, "src/step/copy.rs", with_function("// Long.\n", 71), "src/step/copy.rs:3: `f` has 71 lines"),
    ]
}

#[test]
fn what_is_just_short_enough_or_has_a_reason_is_fine() {
    let long = "// long: one page, and each line of it needs the one above.\n#[inline]\n";
    let files = [
        ("src/step/mod.rs", with_function("mod a;\npub(crate) use a::{\n B,\n C,\n};\n", MOST_IN_A_MOD)),
        ("src/step/copy.rs", with_function("", MOST_LINES)),
        ("src/step/copy.rs", with_function(long, MOST_LINES + 20)),
    ];
    for (path, text) in files {
        let house = House::with(path, &text);
        assert_eq!([light_mods(&house), short_functions(&house)].concat(), [""; 0], "{text}");
    }
}
