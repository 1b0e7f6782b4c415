//! Which module may use which.

use crate::{
    house::House,
    source::{CodePath, Source},
};

/// Modules that turn values into values: no waiting, no files, no network, no randomness.
const PURE: &[&str] = &[
    "amount",
    "calendar",
    "command",
    "event",
    "hint",
    "host",
    "pkg",
    "facts",
    "plan",
    "playbook",
    "policy",
    "reach",
    "record",
    "rollout",
    "inventory",
    "sshconfig",
    "target",
    "vault",
    "view",
    "yaml",
];

/// Pure modules that read the files they are about, and nothing else.
const READERS: [&str; 3] = ["inventory", "playbook", "yaml"];

const FILES: [&str; 2] = ["std::fs", "std::io::Read"];
const WORLD: [&str; 8] = [
    "tokio",
    "futures",
    "fastrand",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
];

pub fn every_module_has_a_floor(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program() {
        let Some(top) = source.top() else { continue };
        if source.module.len() == 1 && !house.floors.contains_key(top) {
            found.push(format!(
                "{}:1: the module `{top}` has no floor: give it one in the table of src/lib.rs, above all it uses",
                source.path
            ));
        }
    }
    found
}

pub fn lower_floors_only(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program() {
        let Some(own) = source.top() else { continue };
        let Some(&own_floor) = house.floors.get(own) else { continue };
        for path in &source.paths {
            let Some(used) = top_module_used(source, path) else { continue };
            if used == own {
                continue;
            }
            let place = format!("{}:{}", source.path, path.line);
            found.extend(match house.floors.get(used) {
                Some(&floor) if floor < own_floor => None,
                Some(&floor) if floor == own_floor => Some(format!(
                    "{place}: `{own}` uses `{used}`, both on floor {floor}: modules on one floor must not use each \
                     other; what both need belongs to a lower floor, what joins them to a higher one"
                )),
                Some(&floor) => Some(format!(
                    "{place}: `{own}` (floor {own_floor}) uses `{used}` (floor {floor}): this line belongs in `{used}` \
                     or on a floor above it, or what it needs belongs below floor {own_floor}"
                )),
                None if used == "*" => Some(format!("{place}: `crate::*` hides what is used: name what it uses")),
                None => {
                    Some(format!("{place}: `{used}` has no floor: it belongs in a module of the table in src/lib.rs"))
                }
            });
        }
    }
    found
}

/// The segment directly below the crate's root, for a path that goes there.
pub fn top_module_used<'a>(source: &Source, path: &'a CodePath) -> Option<&'a str> {
    let used = match path.segments[0].as_str() {
        "crate" => path.segments.get(1),
        "super" => {
            let up = path.segments.iter().take_while(|s| *s == "super").count();
            let depth = source.module.len() + path.inline;
            if up < depth { None } else { path.segments.get(up) }
        }
        _ => None,
    };
    used.map(String::as_str)
}

pub fn pure_floors_do_not_wait(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program() {
        let Some(own) = source.top().filter(|top| PURE.contains(top)) else { continue };
        let files = if READERS.contains(&own) { &[][..] } else { &FILES[..] };
        for path in &source.paths {
            if let Some(what) = WORLD.iter().chain(files).find(|banned| path.begins_with(banned)) {
                found.push(format!(
                    "{}:{}: `{own}` is pure and must not use `{what}`: what waits belongs to `step/` or `transport/`, \
                     what is concurrent to `engine/`, what reads files to the loaders or `cli/`",
                    source.path, path.line
                ));
            }
        }
        // `x.await` follows a dot, so it is not a path.
        for pair in source.tokens.windows(2) {
            let dot = pair[0].kind == crate::source::Kind::Mark(".");
            if dot && pair[1].kind == crate::source::Kind::Word("await".to_owned()) {
                found.push(format!(
                    "{}:{}: `{own}` is pure and must not wait: this belongs to `step/`, `transport/` or `engine/`",
                    source.path, pair[1].line
                ));
            }
        }
    }
    found
}
