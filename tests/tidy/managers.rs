//! What is known about one package manager stays in its folder: names of managers, their programs and distributions.

use crate::{
    house::House,
    source::{Kind, Source},
};

/// Words of one package manager or one family of distributions.
const WORDS: [&str; 13] =
    ["apt", "dpkg", "deb", "debian", "ubuntu", "rpm", "dnf", "yum", "fedora", "zypper", "pacman", "apk", "alpine"];

/// The list of managers: it names them, and nothing else is said about them.
const LIST: &str = "src/pkg/mod.rs";

const WHY: &str = "what is known of one package manager belongs to `pkg/<manager>/` (of a simulated host to `debian/`); every \
                   other module asks `PackageManager`";

pub fn known_in_one_place(house: &House) -> Vec<String> {
    let mut found: Vec<String> = house.program().filter(|source| !is_home(&source.path)).flat_map(code).collect();
    // Commands for a host are text, too.
    let scripts = house.others.iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".sh"));
    for (path, text) in scripts.filter(|(path, _)| !is_home(path)) {
        for (i, line) in text.lines().enumerate() {
            found.extend(named(line).map(|word| format!("{path}:{}: `{word}`: {WHY}", i + 1)));
        }
    }
    found
}

fn is_home(path: &str) -> bool {
    path.contains("/debian/") || path.strip_prefix("src/pkg/").is_some_and(|rest| rest.contains('/'))
}

fn code(source: &Source) -> Vec<String> {
    let lists = source.path == LIST;
    let mut found = Vec::new();
    for token in &source.tokens {
        let word = match &token.kind {
            Kind::Text(text) => named(text).next(),
            Kind::Word(word) if !lists && !source.path.contains("/demo/") && !source.path.contains("/sim/") => {
                named(word).next()
            }
            _ => None,
        };
        found.extend(word.map(|word| format!("{}:{}: `{word}`: {WHY}", source.path, token.line)));
    }
    found
}

/// The manager words in a text, each as a whole word.
fn named(text: &str) -> impl Iterator<Item = &'static str> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect();
    WORDS.into_iter().filter(move |word| words.iter().any(|own| own == word))
}
