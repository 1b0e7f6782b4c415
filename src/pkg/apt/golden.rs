//! Answers of real hosts, read: `tests/golden/pkg/apt/QUERY/CASE/`. Each case has the command as it was run, status,
//! both streams, the value that must come of them, and where it was captured.
//!
//! `PATCHWAVE_BLESS=1` writes `command` and `expected.json` anew; the answer itself then has to be captured again where
//! the command changed: run the line in `command`, with the bytes of `stdin` (if there is such a file) as its input.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::Apt;
use crate::{
    command::{Exit, Output, Query},
    pkg::{Exact, PackageManager, PackageState},
};

#[test]
fn every_captured_answer_is_read_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pkg/apt");
    let folders = |path: &Path| {
        let mut found: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for query in folders(&root) {
        for case in folders(&query) {
            count += 1;
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            if let Err(why) = check(&name(&query), &name(&case), &case) {
                wrong.push(format!("{}/{}: {why}", name(&query), name(&case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 15, "only {count} cases below {}", root.display());
}

fn check(query: &str, name: &str, case: &Path) -> Result<(), String> {
    let set: Vec<String> =
        fs::read_to_string(case.join("stdin")).unwrap_or_default().lines().map(str::to_owned).collect();
    let exact: Vec<Exact> = set
        .iter()
        .filter_map(|item| item.split_once('='))
        .map(|(name, version)| Exact { name: name.into(), version: version.into() })
        .collect();
    match query {
        "refresh" => compare(case, &Apt.refresh(), |v| json!(v)),
        "state" => compare(case, &Apt.state(), |v| state(&v)),
        "locks" => compare(case, &Apt.lock_holders(), |v| json!(v)),
        "pending" => {
            compare(case, &Apt.pending(name.contains("removals"), name.contains("include-phased")), |v| json!(v))
        }
        "known" => compare(case, &Apt.known(&set), |v| json!(v)),
        "simulate" => compare(case, &Apt.simulate(&exact), |v| json!(v)),
        "simulate-purge" => compare(case, &Apt.simulate_purge(&set), |v| json!(v)),
        "reboot-reasons" => compare(case, &Apt.reboot_reasons(), |v| json!(v)),
        "kernels" => compare(case, &Apt.kernels(), |v| json!(v)),
        "explain" => {
            let output = fs::read_to_string(case.join("stdout")).map_err(|error| format!("stdout: {error}"))?;
            expect(case, &json!(Apt.explain(&output)))
        }
        other => Err(format!("no query is called {other}")),
    }
}

fn compare<T>(case: &Path, query: &Query<T>, show: impl Fn(T) -> Value) -> Result<(), String>
where
    T: std::fmt::Debug,
{
    let line = query.command.shell_line().unwrap() + "\n";
    if blessing() {
        fs::write(case.join("command"), &line).unwrap();
        if !case.join("status").exists() {
            return Ok(());
        }
    }
    let file = |name: &str| fs::read(case.join(name)).map_err(|error| format!("{name}: {error}"));
    if file("command")? != line.as_bytes() {
        return Err("the command is another one now; capture the answer again".to_owned());
    }
    if !case.join("ORIGIN").exists() {
        return Err("ORIGIN is missing".to_owned());
    }
    let status = String::from_utf8(file("status")?).unwrap().trim().parse().map_err(|_| "status is no number")?;
    let output = Output { exit: Exit::Code(status), stdout: file("stdout")?, stderr: file("stderr")?, dropped: 0 };
    let value = match query.read(&output) {
        Ok(value) => show(value),
        Err(unreadable) => json!({ "unreadable": unreadable.why }),
    };
    expect(case, &value)
}

fn expect(case: &Path, value: &Value) -> Result<(), String> {
    let path = case.join("expected.json");
    if blessing() {
        fs::write(&path, serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("expected.json: {error}"))?;
    let expected: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if *value == expected {
        return Ok(());
    }
    Err(format!("expected {expected:#}, read {value:#}"))
}

/// One line per package, so that a difference can be seen.
fn state(state: &PackageState) -> Value {
    let packages: serde_json::Map<String, Value> = state
        .packages
        .iter()
        .map(|(name, p)| {
            let mut words = vec![p.version.clone()];
            words.extend(p.broken.clone());
            words.extend(p.held.then(|| "held".to_owned()));
            words.extend(p.auto.then(|| "auto".to_owned()));
            (name.clone(), json!(words.join(", ")))
        })
        .collect();
    let age = state.lists_age.map(|age| age.as_secs());
    json!({ "interrupted": state.interrupted, "review": state.review, "lists_age_s": age, "packages": packages })
}

fn blessing() -> bool {
    std::env::var_os("PATCHWAVE_BLESS").is_some()
}
