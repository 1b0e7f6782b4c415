//! Names that only a few places may use, and which places.

use crate::{
    house::House,
    source::{CodePath, Kind, Source, is},
};

/// Findings for each path that `what` names, outside `allowed` (prefixes of file paths).
fn outside(house: &House, allowed: &[&str], why: &str, what: impl Fn(&CodePath) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program().filter(|s| !allowed.iter().any(|prefix| s.path.starts_with(prefix))) {
        for path in &source.paths {
            found.extend(what(path).map(|what| format!("{}:{}: `{what}`: {why}", source.path, path.line)));
        }
    }
    found
}

fn called_macro(path: &CodePath, names: &[&str]) -> Option<String> {
    let name = path.segments.last()?;
    (path.is_macro && names.contains(&name.as_str())).then(|| format!("{name}!"))
}

pub fn unfinished(house: &House) -> Vec<String> {
    let why = "unfinished code must not land; for an impossible case use an error, or `unreachable!` with a reason";
    outside(house, &[], why, |path| called_macro(path, &["todo", "unimplemented"]))
}

pub fn printing(house: &House) -> Vec<String> {
    let why = "a character for a screen belongs to `ui/`, one for the log file is `tracing`";
    let anywhere = outside(house, &[], why, |path| called_macro(path, &["dbg"]));
    let print = outside(house, &["src/main.rs", "src/cli/world.rs"], why, |path| {
        called_macro(path, &["println", "eprintln", "print", "eprint"])
    });
    [anywhere, print].concat()
}

pub fn unwrap(house: &House) -> Vec<String> {
    house.program().flat_map(unwrap_in).collect()
}

fn unwrap_in(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (i, token) in source.tokens.iter().enumerate() {
        let Kind::Word(word) = &token.kind else { continue };
        let called = i > 0 && is(source.tokens.get(i - 1), ".") && is(source.tokens.get(i + 1), "(");
        if !called {
            continue;
        }
        let reason = match source.tokens.get(i + 2).map(|t| &t.kind) {
            Some(Kind::Text(text)) => text.len() >= 10,
            _ => false,
        };
        if word == "unwrap" {
            found.push(format!(
                "{}:{}: `unwrap()`: what comes from outside is an error with a place; what cannot fail is `expect` with the reason",
                source.path, token.line
            ));
        } else if word == "expect" && !reason {
            found.push(format!(
                "{}:{}: `expect` without a reason: say in its text why it cannot fail, or return the error",
                source.path, token.line
            ));
        }
    }
    found
}

pub fn processes(house: &House) -> Vec<String> {
    let why = "a program on the jump box belongs to the jump box's side of a step (`step/controller.rs`), or to \
               ssh_config (`cli/connect/this_machine.rs`); a host's goes through a `Session`";
    let allowed =
        ["src/step/controller", "src/demo/", "src/transport/ssh/proxy_command/", "src/cli/connect/this_machine.rs"];
    outside(house, &allowed, why, |path| {
        ["std::process::Command", "tokio::process"].iter().find(|p| path.begins_with(p)).map(|p| (*p).to_owned())
    })
}

/// Readers of the environment: the standard library, and crates that read it for their callers.
const ENVIRONMENT: [&str; 9] =
    ["std::env", "etcetera", "dirs", "dirs_next", "directories", "home", "xdg", "dotenvy", "envy"];

pub fn environment(house: &House) -> Vec<String> {
    let why = "what the environment says belongs to `cli/world.rs`, and comes from there as a value";
    outside(house, &["src/main.rs", "src/cli/world.rs"], why, |path| {
        let reads = ENVIRONMENT.iter().find(|name| path.begins_with(name))?;
        // A single word that was not imported is a variable, not a crate.
        (path.imported || path.segments.len() > 1).then(|| (*reads).to_owned())
    })
}

/// Only a writer numbers events, and there is one writer.
pub fn events(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program().filter(|s| !["src/engine/", "src/event/"].iter().any(|p| s.path.starts_with(p))) {
        for tokens in source.tokens.windows(3) {
            let word = |at: usize, expected: &str| matches!(&tokens[at].kind, Kind::Word(word) if word == expected);
            if word(0, "Event") && is(tokens.get(1), "{") && word(2, "seq") {
                found.push(format!(
                    "{}:{}: an event is numbered here: only `engine/` writes events (`engine::start`, \
                     `engine::take_over`, the dispatcher); what is read back is `Event::read_back`",
                    source.path, tokens[0].line
                ));
            }
        }
    }
    found
}

pub fn wall_time(house: &House) -> Vec<String> {
    let why = "ask the `Clock` that was handed in (wall time), or use `tokio::time::Instant` (deadlines); only these stop \
               when a test pauses time";
    outside(house, &["src/clock.rs"], why, |path| {
        ["SystemTime::now", "Timestamp::now", "Zoned::now", "std::time::Instant"]
            .iter()
            .find(|p| path.holds(p))
            .map(|p| (*p).to_owned())
    })
}

/// Crates that change often or are used widely: the name, and where it may appear.
const DOORS: [(&str, &[&str], &str); 7] = [
    ("rusqlite", &["src/ledger/"], "ledger/"),
    ("russh", &["src/transport/ssh/", "src/demo/"], "transport/ssh/ and demo/"),
    ("minijinja", &["src/playbook/template"], "playbook/template"),
    ("serde_saphyr", &["src/yaml/"], "yaml/"),
    ("indicatif", &["src/ui/", "src/cli/world.rs"], "ui/"),
    ("comfy_table", &["src/ui/", "src/cli/world.rs"], "ui/"),
    ("console", &["src/ui/", "src/cli/world.rs"], "ui/"),
];

pub fn one_door(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for (name, allowed, door) in DOORS {
        for source in house.program().filter(|s| !allowed.iter().any(|prefix| s.path.starts_with(prefix))) {
            // A single word that was not imported is a variable, not a crate.
            let uses = |p: &&CodePath| p.segments[0] == name && (p.imported || p.segments.len() > 1);
            found.extend(source.paths.iter().filter(uses).map(|path| {
                format!(
                    "{}:{}: `{name}` belongs to {door}: everybody else sees our own types, so that an upgrade of the \
                     crate touches one folder",
                    source.path, path.line
                )
            }));
        }
    }
    found
}

/// Real exceptions: who may ask which kind by name, and why.
const ASKERS: [(&str, &str); 0] = [];

pub fn step_kinds(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    let homes = ["src/step/kinds.rs", "src/step/act.rs"];
    let away = |path: &str| !path.starts_with("src/playbook/") && !homes.contains(&path);
    for source in house.program().filter(|s| away(&s.path)) {
        for path in &source.paths {
            let Some(at) = path.segments.iter().position(|s| s == "StepKind") else { continue };
            let Some(kind) = path.segments.get(at + 1) else { continue };
            if ASKERS.iter().any(|(prefix, asked)| source.path.starts_with(prefix) && kind == asked) {
                continue;
            }
            found.push(format!(
                "{}:{}: `StepKind::{kind}`: what depends on the kind of a step belongs to `step/kinds.rs` (what is true of it), \
                 `step/act.rs` (where it is done) or `playbook/` (how it is written), so that a new kind is added there alone",
                source.path, path.line
            ));
        }
    }
    found
}
