//! What a file may look like: its length, its first line, its name; and what must never be shipped.

use crate::house::House;

const MOST_LINES: usize = 500;

pub fn length(house: &House) -> Vec<String> {
    let long = house.sources.iter().filter(|s| s.text.lines().count() > MOST_LINES);
    long.map(|s| {
        format!(
            "{}:{}: more than {MOST_LINES} lines: this file is about two things; each belongs to a file of its own \
             (tests to a sibling `*_tests.rs`)",
            s.path,
            MOST_LINES + 1
        )
    })
    .collect()
}

pub fn header(house: &House) -> Vec<String> {
    let bare = house.program().filter(|s| s.path != "src/main.rs" && !s.text.starts_with("//!"));
    bare.map(|s| {
        format!(
            "{}:1: a module starts with `//!`: what it knows, what it must not know, where to start reading",
            s.path
        )
    })
    .collect()
}

pub fn names(house: &House) -> Vec<String> {
    const EMPTY: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "misc", "prelude"];
    let mut found = Vec::new();
    for source in &house.sources {
        if let Some(name) = source.module.last().filter(|name| EMPTY.contains(&name.as_str())) {
            found.push(format!(
                "{}:1: `{name}` says nothing: move its content to the modules that it is about",
                source.path
            ));
        }
    }
    found
}

/// Packages that must not be used, and what to use instead.
const PACKAGES: [(&str, &str); 11] = [
    ("russh-keys", "it is `russh::keys` today; a second, unpatched key stack otherwise"),
    ("serde_yaml", "archived; serde-saphyr, behind `yaml/`"),
    ("serde_yml", "serde-saphyr, behind `yaml/`"),
    ("unsafe-libyaml", "serde-saphyr, behind `yaml/`"),
    ("openssl", "one crypto backend: ring"),
    ("openssl-sys", "one crypto backend: ring"),
    ("native-tls", "one crypto backend: ring; rustls"),
    ("aws-lc-rs", "one crypto backend: ring"),
    ("aws-lc-sys", "one crypto backend: ring"),
    ("aws-lc-fips-sys", "one crypto backend: ring"),
    ("libssh2-sys", "russh is the only SSH"),
];

pub fn shipped(house: &House) -> Vec<String> {
    let machine = concat!("/wo", "rk/");
    let mut found = Vec::new();
    let code = house.sources.iter().map(|s| (&s.path, &s.text));
    for (path, text) in code.chain(house.others.iter().map(|(path, text)| (path, text))) {
        for (i, line) in text.lines().enumerate().filter(|(_, line)| begins_a_path(line, machine)) {
            let line = line.trim();
            found.push(format!("{path}:{}: a path of one machine must not be in a file: {line}", i + 1));
        }
    }
    for (path, text) in house.others.iter().filter(|(path, _)| path == "Cargo.lock") {
        for (i, line) in text.lines().enumerate() {
            let Some(name) = line.strip_prefix("name = \"").and_then(|l| l.strip_suffix('"')) else { continue };
            if let Some((_, instead)) = PACKAGES.iter().find(|(banned, _)| *banned == name) {
                found.push(format!("{path}:{}: `{name}` must not be in the tree: {instead}", i + 1));
            }
        }
    }
    found
}

/// Whether `folder` begins a path in the line, and is not in the middle of one (`$dir/…`).
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "_-.})".contains(c)))
    })
}
