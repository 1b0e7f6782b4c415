//! What ARCHITECTURE.md says a module must not do: the rule that checks it, or that only review does.

use crate::{
    house::House,
    source::{CodePath, Source},
};

const PAGE: &str = "ARCHITECTURE.md";

/// What enforces a "must not".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    /// One of the rules here, by name.
    Rule(&'static str),
    /// People who read the code.
    Trust,
}

use By::{Rule, Trust};

const FLOORS: By = Rule("floors: lower ones only");
const PURE: By = Rule("floors: the pure ones do not wait");
const USES: By = Rule("must not: lower floors that a module may not use");

/// The first module of a row of the table of floors, a "must not" of it, and what enforces it.
const KEPT: &[(&str, &str, By)] = &[
    ("host", "do IO", PURE),
    ("vault", "know where passwords come from", FLOORS),
    ("spool", "know what they mean", FLOORS),
    ("regular", "know a format", FLOORS),
    ("yaml", "know a key of any format", Trust),
    ("prompt", "know who asks", FLOORS),
    ("prompt", "or read a key", FLOORS),
    ("calendar", "read a clock or a file", PURE),
    ("calendar", "know a host", FLOORS),
    ("hint", "know what this program is called", Trust),
    ("hint", "or where its ledger is", FLOORS),
    ("facts", "know a package manager", FLOORS),
    ("reach", "read a file", PURE),
    ("reach", "know a command", FLOORS),
    ("sshconfig", "read a file", PURE),
    ("sshconfig", "open a connection", PURE),
    ("policy", "know where that was written", Trust),
    ("inventory", "open a connection", PURE),
    ("inventory", "start a program", Rule("bans: processes")),
    ("inventory", "know a playbook", FLOORS),
    ("playbook", "know a host", FLOORS),
    ("pkg", "run anything", PURE),
    ("pkg", "decide anything", Trust),
    ("plan", "leave a choice to the engine", Trust),
    ("event", "hold what can be computed", Trust),
    ("record", "know a database", FLOORS),
    ("view", "draw", FLOORS),
    ("view", "wait", PURE),
    ("view", "know a program name", Trust),
    ("rollout", "wait", PURE),
    ("rollout", "remember", Trust),
    ("transport", "know a step", FLOORS),
    ("transport", "print", Rule("bans: printing")),
    ("ledger", "know what a step does", FLOORS),
    ("ui", "decide", Trust),
    ("ui", "count", Trust),
    ("report", "decide", Trust),
    ("report", "count", Trust),
    ("step", "see other hosts", Trust),
    ("step", "or the ledger", USES),
    ("look", "change a host", Trust),
    ("look", "see other hosts", Trust),
    ("look", "or the ledger", USES),
    ("engine", "know a step kind", Rule("bans: step kinds by name")),
    ("engine", "or a rule", Trust),
    ("demo", "know a rollout", USES),
    ("sim", "know a rollout", USES),
    ("cli", "be used by another module", FLOORS),
];

/// Modules, and lower ones that they must not use although the floors would allow it; and why.
const LEFT: &[(&str, &str, &str)] = &[
    ("step", "ledger", "a step says what happened; the dispatcher records it"),
    ("step", "rollout", "a step works on its host; who starts next is decided elsewhere"),
    ("look", "ledger", "a visit says what it saw; the command records it"),
    ("demo", "rollout", "a simulated host does what its commands say"),
    ("sim", "rollout", "a simulated host does what its commands say"),
];

pub fn left_alone(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for source in house.program() {
        for (own, other, why) in LEFT.iter().filter(|(own, ..)| source.top() == Some(own)) {
            for path in source.paths.iter().filter(|path| goes_to(source, path, other)) {
                found.push(format!(
                    "{}:{}: `{own}` must not use `{other}`: {why} (ARCHITECTURE.md, the table of floors)",
                    source.path, path.line
                ));
            }
        }
    }
    found
}

fn goes_to(source: &Source, path: &CodePath, other: &str) -> bool {
    crate::floors::top_module_used(source, path) == Some(other)
}

pub fn said(house: &House) -> Vec<String> {
    let Some((_, page)) = house.others.iter().find(|(path, _)| path == PAGE) else { return Vec::new() };
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for (i, line) in page.lines().enumerate() {
        let Some((modules, cell)) = row(line) else { continue };
        for part in cell.split(", ") {
            seen.push((modules[0], part));
            match KEPT.iter().find(|(module, text, _)| *module == modules[0] && *text == part) {
                None => found.push(format!(
                    "{PAGE}:{}: nothing says what enforces \"`{}` must not {part}\": name a rule in KEPT of \
                     tests/tidy/must_not.rs, or say there that it is trust",
                    i + 1,
                    modules[0]
                )),
                Some((_, _, Rule(rule))) if !crate::RULES.iter().any(|(name, _)| name == rule) => {
                    found.push(format!("{PAGE}:{}: the rule {rule:?} that keeps {part:?} is not there", i + 1));
                }
                Some(_) => {}
            }
        }
    }
    let gone = KEPT.iter().filter(|(module, text, _)| !seen.is_empty() && !seen.contains(&(*module, *text)));
    found.extend(gone.map(|(module, text, _)| {
        format!("{PAGE}:1: \"`{module}` must not {text}\" is no longer there: remove it from KEPT, or put it back")
    }));
    found
}

/// Modules and the "must not" of a row of the table of floors: three cells, the first with names in backticks only.
fn row(line: &str) -> Option<(Vec<&str>, &str)> {
    let mut cells = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').map(str::trim);
    let (first, _, cell) = (cells.next()?, cells.next()?, cells.next()?);
    let modules: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
    let only_names = first.split('`').step_by(2).all(|between| between.trim().is_empty());
    (!modules.is_empty() && only_names && cells.next().is_none()).then_some((modules, cell))
}

#[test]
fn every_rule_that_keeps_something_is_there() {
    for (module, text, by) in KEPT {
        if let Rule(rule) = by {
            assert!(crate::RULES.iter().any(|(name, _)| name == rule), "{module} must not {text}: no rule {rule:?}");
        }
    }
}

pub fn bad() -> Vec<crate::Example> {
    let example = |rule, path, text: &str, expected| (rule, path, text.to_owned(), expected);
    vec![
        example(
            "must not: lower floors that a module may not use",
            "src/step/mod.rs",
            "//! x\nuse crate::ledger::Ledger;",
            "src/step/mod.rs:2: `step` must not use `ledger`: a step says what happened",
        ),
        example(
            "must not: somebody keeps it",
            PAGE,
            "| `step` | what one step does | see other hosts, eat |",
            "ARCHITECTURE.md:1: nothing says what enforces \"`step` must not eat\"",
        ),
        example(
            "must not: somebody keeps it",
            PAGE,
            "| `step` | what one step does | see other hosts |",
            "\"`step` must not or the ledger\" is no longer there",
        ),
    ]
}
