//! Keeps the code as `src/lib.rs` and ARCHITECTURE.md describe it. Each finding says where the line belongs.
//!
//! The rules are in `tidy/`; each of them is shown to fail on a small bad example here.

#[path = "tidy/bans.rs"]
mod bans;
#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/exceptions.rs"]
mod exceptions;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/managers.rs"]
mod managers;
#[path = "tidy/must_not.rs"]
mod must_not;
#[path = "tidy/outcomes.rs"]
mod outcomes;
#[path = "tidy/promises.rs"]
mod promises;
#[path = "tidy/prose.rs"]
mod prose;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use house::House;

/// A rule: the house in, findings out (`path:line: what is wrong: where it belongs`).
type Rule = fn(&House) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("floors: every module has one", floors::every_module_has_a_floor),
    ("floors: lower ones only", floors::lower_floors_only),
    ("floors: the pure ones do not wait", floors::pure_floors_do_not_wait),
    ("bans: unfinished work", bans::unfinished),
    ("bans: printing", bans::printing),
    ("bans: unwrap", bans::unwrap),
    ("bans: processes", bans::processes),
    ("bans: environment", bans::environment),
    ("bans: wall time", bans::wall_time),
    ("bans: crates behind one door", bans::one_door),
    ("bans: step kinds by name", bans::step_kinds),
    ("bans: events by hand", bans::events),
    ("files: length", files::length),
    ("files: header", files::header),
    ("files: names that say nothing", files::names),
    ("files: what must not be shipped", files::shipped),
    ("managers: known in one place", managers::known_in_one_place),
    ("promises: what keeps them is there", promises::kept),
    ("must not: lower floors that a module may not use", must_not::left_alone),
    ("must not: somebody keeps it", must_not::said),
    (shape::MODS, shape::light_mods),
    (shape::FUNCTIONS, shape::short_functions),
    (circles::CIRCLES, circles::small_circles),
    (prose::WIDTH, prose::width),
    (prose::ENGLISH, prose::english),
];

#[test]
fn the_house_is_tidy() {
    let house = House::read();
    assert!(house.sources.len() > 40 && house.others.len() > 10, "the tidy test does not see the files");
    let findings: Vec<String> = RULES.iter().flat_map(|(_, rule)| rule(&house)).collect();
    assert!(findings.is_empty(), "{} lines are out of place:\n\n{}\n", findings.len(), findings.join("\n"));
}

/// Rule, path, text of a bad file, and part of the expected sentence.
type Example = (&'static str, &'static str, String, &'static str);

const BAD: &[(&str, &str, &str, &str)] = &[
    (
        "floors: every module has one",
        "src/attic/mod.rs",
        "//! x",
        "src/attic/mod.rs:1: the module `attic` has no floor",
    ),
    (
        "floors: lower ones only",
        "src/event/kind.rs",
        "//! x\nuse crate::step::StepCx;",
        "src/event/kind.rs:2: `event` (floor 4) uses `step` (floor 6)",
    ),
    (
        "floors: lower ones only",
        "src/event/kind.rs",
        "//! x\n\nuse crate::{host::HostName,\n engine};",
        "kind.rs:4: `event` (floor 4) uses `engine` (floor 7)",
    ),
    (
        "floors: lower ones only",
        "src/event/kind.rs",
        "//! x\nfn f() { super::super::step::run() }",
        "this line belongs in `step` or on a floor above it",
    ),
    (
        "floors: lower ones only",
        "src/event/mod.rs",
        "//! x\nmod a { fn f() { super::super::cli::run() } }",
        "`cli` (floor 8)",
    ),
    (
        "floors: lower ones only",
        "src/ledger/mod.rs",
        "//! x\nfn f() -> Vec<crate::ui::Bar> { vec![] }",
        "modules on one floor must not use each other",
    ),
    ("floors: lower ones only", "src/event/mod.rs", "//! x\nuse crate::*;", "name what it uses"),
    ("floors: lower ones only", "src/event/mod.rs", "//! x\nuse super::Thing;", "`Thing` has no floor"),
    (
        "floors: the pure ones do not wait",
        "src/plan/mod.rs",
        "//! x\nasync fn f() { g().await }",
        "src/plan/mod.rs:2: `plan` is pure",
    ),
    (
        "floors: the pure ones do not wait",
        "src/rollout/mod.rs",
        "//! x\nuse tokio::time::Instant;",
        "`rollout` is pure",
    ),
    ("floors: the pure ones do not wait", "src/pkg/mod.rs", "//! x\nfn f() { std::fs::read(\"a\"); }", "`pkg` is pure"),
    (
        "bans: unfinished work",
        "src/step/mod.rs",
        concat!("//! x\nfn f() { to", "do!() }"),
        concat!("src/step/mod.rs:2: `to", "do!`"),
    ),
    (
        "bans: unfinished work",
        "src/step/mod.rs",
        concat!("//! x\nfn f() { core::unimple", "mented!(\"later\") }"),
        concat!("`unimple", "mented!`"),
    ),
    ("bans: printing", "src/engine/mod.rs", "//! x\nfn f() { eprintln!(\"a\") }", "belongs to `ui/`"),
    ("bans: printing", "src/cli/command/run.rs", "//! x\nfn f() { dbg!(1); }", "`dbg!`"),
    ("bans: unwrap", "src/yaml/mod.rs", "//! x\nfn f() { g().unwrap(); }", "src/yaml/mod.rs:2: `unwrap()`"),
    ("bans: unwrap", "src/yaml/mod.rs", "//! x\nfn f() { g()\n .expect(&why); }", "src/yaml/mod.rs:3: `expect`"),
    ("bans: unwrap", "src/yaml/mod.rs", "//! x\nfn f() { g().expect(\"ok\"); }", "`expect`"),
    (
        "bans: processes",
        "src/engine/mod.rs",
        "//! x\nuse std::process;\nfn f() { process::Command::new(\"a\"); }",
        "src/engine/mod.rs:3: `std::process::Command`",
    ),
    (
        "bans: processes",
        "src/transport/mod.rs",
        "//! x\nuse tokio::process::Command;",
        "belongs to the jump box's side of a step",
    ),
    ("bans: processes", "src/step/verify.rs", "//! x\nuse std::process::Command;", "(`step/controller.rs`)"),
    ("bans: environment", "src/ledger/mod.rs", "//! x\nuse std::env::var;", "belongs to `cli/world.rs`"),
    (
        "bans: environment",
        "src/inventory/connect.rs",
        "//! x\nfn f() { etcetera::home_dir(); }",
        "connect.rs:2: `etcetera`: what the environment says",
    ),
    (
        "bans: wall time",
        "src/ledger/mod.rs",
        "//! x\nuse jiff::Timestamp;\nfn f() { Timestamp::now(); }",
        "src/ledger/mod.rs:3: `Timestamp::now`",
    ),
    ("bans: wall time", "src/step/mod.rs", "//! x\nfn f() { std::time::SystemTime::now(); }", "ask the `Clock`"),
    ("bans: wall time", "src/step/mod.rs", "//! x\nuse std::time::{Duration, Instant};", "`std::time::Instant`"),
    (
        "bans: crates behind one door",
        "src/engine/mod.rs",
        "//! x\nuse rusqlite::Connection;",
        "`rusqlite` belongs to ledger/",
    ),
    (
        "bans: crates behind one door",
        "src/step/mod.rs",
        "//! x\nfn f() { russh::client::connect() }",
        "`russh` belongs to transport/ssh/ and demo/",
    ),
    (
        "bans: crates behind one door",
        "src/playbook/load.rs",
        "//! x\nuse minijinja as jinja;",
        "`minijinja` belongs to playbook/template",
    ),
    (
        "bans: crates behind one door",
        "src/inventory/mod.rs",
        "//! x\nuse serde_saphyr::from_str;",
        "`serde_saphyr` belongs to yaml/",
    ),
    (
        "bans: crates behind one door",
        "src/engine/mod.rs",
        "//! x\nuse indicatif::ProgressBar;",
        "`indicatif` belongs to ui/",
    ),
    (
        "bans: crates behind one door",
        "src/cli/command/run.rs",
        "//! x\nfn f() { console::colors_enabled(); }",
        "`console` belongs to ui/",
    ),
    (
        "bans: step kinds by name",
        "src/ui/mod.rs",
        "//! x\nfn f(k: K) { matches!(k, StepKind::Upgrade(_)) }",
        "src/ui/mod.rs:2: `StepKind::Upgrade`",
    ),
    (
        "bans: step kinds by name",
        "src/engine/mod.rs",
        "//! x\nuse crate::playbook::StepKind as K;\nfn f(k: K) { matches!(k, K::Reboot(_)) }",
        "belongs to `step/kinds.rs`",
    ),
    (
        "bans: events by hand",
        "src/cli/run.rs",
        "//! x\nfn f() { let e = Event {\n seq: 1, at, kind }; }",
        "src/cli/run.rs:2: an event is numbered here",
    ),
    (
        "bans: events by hand",
        "src/ledger/chain.rs",
        "//! x\nfn f() { event::Event { seq, at, kind } }",
        "`engine::start`",
    ),
    ("files: length", "src/step/upgrade.rs", LONG, "src/step/upgrade.rs:501: more than 500 lines"),
    ("files: header", "src/step/upgrade.rs", "// what\nfn f() {}", "src/step/upgrade.rs:1: a module starts with `//!`"),
    ("files: names that say nothing", "src/step/utils.rs", "//! x", "src/step/utils.rs:1: `utils` says nothing"),
    (
        "files: what must not be shipped",
        "docs/a.md",
        concat!("fine\nsee /wo", "rk/x"),
        "docs/a.md:2: a path of one machine",
    ),
    (
        "files: what must not be shipped",
        "Cargo.lock",
        "[[package]]\nname = \"aws-lc-sys\"\n",
        "Cargo.lock:2: `aws-lc-sys`",
    ),
    ("files: what must not be shipped", "Cargo.lock", "[[package]]\nname = \"serde_yaml\"\n", "serde-saphyr"),
    (
        "managers: known in one place",
        "src/step/cleanup.rs",
        "//! x\nfn f() -> &'static str { \"on the host: dpkg --configure -a\" }",
        "src/step/cleanup.rs:2: `dpkg`",
    ),
    (
        "managers: known in one place",
        "src/step/verify.rs",
        "//! x\nuse crate::pkg::apt::Apt;",
        "belongs to `pkg/<manager>/`",
    ),
    ("managers: known in one place", "src/pkg/all.rs", "//! x\nconst A: &str = \"the apt hosts\";", "`apt`"),
    ("managers: known in one place", "src/step/job/start.sh", "#!/bin/sh\ndnf -y upgrade", "start.sh:2: `dnf`"),
    (
        "promises: what keeps them is there",
        "docs/design/promises.md",
        "| once | `src/gone.rs` | words |",
        "docs/design/promises.md:1: `src/gone.rs` is not there",
    ),
    (
        "promises: what keeps them is there",
        "docs/design/promises.md",
        "| once | `src/lib.rs` | `no_such_test` |",
        "`no_such_test` is not there",
    ),
];

const LONG: &str = const {
    const LINES: [u8; 501 * 4] = {
        let mut lines = [b'\n'; 501 * 4];
        let mut i = 0;
        while i < lines.len() {
            (lines[i], lines[i + 1], lines[i + 2]) = (b'/', b'/', b'!');
            i += 4;
        }
        lines
    };
    match std::str::from_utf8(&LINES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

/// The examples of the list, and those beside their rule.
fn bad() -> Vec<Example> {
    let listed = BAD.iter().map(|(rule, path, text, expected)| (*rule, *path, (*text).to_owned(), *expected));
    listed.chain(must_not::bad()).chain(prose::bad()).chain(shape::bad()).collect()
}

#[test]
fn every_rule_is_seen_to_fail() {
    // A circle needs several files, so its examples are beside the rule.
    let examples = bad();
    for (name, rule) in RULES.iter().filter(|(name, _)| *name != circles::CIRCLES) {
        assert!(examples.iter().any(|(of, ..)| of == name), "no bad example shows the rule {name:?}");
        for (_, path, text, expected) in examples.iter().filter(|(of, ..)| of == name) {
            let findings = rule(&House::with(path, text));
            assert!(
                findings.iter().any(|f| f.contains(expected)),
                "the rule {name:?} is blind to\n{text}\nexpected: {expected}\nfound: {findings:#?}"
            );
        }
    }
}

/// What looks bad but is allowed: path and text.
const GOOD: &[(&str, &str)] = &[
    (
        "src/event/mod.rs",
        "//! crate::cli\nuse crate::{host::HostName, plan};\npub(crate) mod a { use super::super::plan::Plan; }\n#[cfg(test)]\nmod tests { use crate::engine; fn f() { x().unwrap(); std::env::var(\"A\"); } }",
    ),
    (
        "src/step/controller.rs",
        "//! x\nfn f() { g().expect(\"the list was checked when it was loaded\"); \"unwrap() todo!\"; tokio::process::Command::new(\"a\"); }",
    ),
    ("src/step/kinds.rs", "//! x\nfn f(k: &StepKind) { match k { StepKind::Upgrade(_) => {} } }"),
    ("src/pkg/apt/hints.rs", "//! x\nconst REPAIR: &str = \"dpkg --configure -a\";"),
    ("src/pkg/mod.rs", "//! x\nmanagers! { mod apt: Apt; }\nfn f() { adapt(\"adapted\"); apt::Apt; }"),
    ("src/engine/event_writer.rs", "//! x\nfn f() { Event { seq: 1, at, kind } }"),
    ("src/ui/mod.rs", "//! x\nfn f(e: &Event) { let Event { kind, .. } = e; IllegalEvent { seq: 1, why } }"),
    ("src/clock.rs", "//! x\nfn f() { jiff::Timestamp::now(); }"),
    (
        "src/demo/mod.rs",
        "//! x\nuse crate::transport::Transport;\nuse std::process::{ExitCode, Stdio};\nuse russh::server;",
    ),
    ("src/main.rs", "//! x\nfn main() { patchwave::cli::main(std::env::args_os()); }"),
    ("src/step/a.rs", "//! There is no host; it is no longer there.\nfn is_no(bears: u8) { let luggage = bears; }"),
    (
        "docs/table.md",
        "| a | a table that goes on and on, long after whoever reads it has lost the beginning of it; the end is nowhere near, yet |",
    ),
    ("Cargo.lock", "[[package]]\nname = \"ring\"\n\n[[package]]\nname = \"serde-saphyr\"\n"),
];

#[test]
fn no_rule_sees_ghosts() {
    for (path, text) in GOOD {
        let house = House::with(path, text);
        let findings: Vec<String> = RULES.iter().flat_map(|(_, rule)| rule(&house)).collect();
        assert!(findings.is_empty(), "{text}\n{findings:#?}");
    }
}
