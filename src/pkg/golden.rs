//! Reads the answers of real hosts in `src/pkg/MANAGER/golden/QUERY/CASE/`, for every manager. Each case has the
//! command as it was run, its status, both streams, the value that must be read from them, and where it was captured.
//! Start at [`QUERIES`]: the name of a folder and its question.
//!
//! `PATCHWAVE_BLESS=1` writes `command` and `expected.json` again; if the command has changed, the answer must be
//! captured again: run the line in `command`, with the bytes of `sent` as its input, or those of `stdin` if there is no
//! such file. `stdin` says for people what the question is about.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{ALL, Accepts, Exact, Package, PackageManager, PackageState, Transaction};
use crate::command::{Exit, Output, Query};

type Manager = &'static dyn PackageManager;
type Check = fn(Manager, &Case) -> Result<(), String>;

/// The folder of a manager's cases, inside the manager's own.
const CASES: &str = "golden";

/// The question of each folder of cases.
const QUERIES: [(&str, Check); 19] = [
    ("refresh", |manager, case| case.compare(&manager.refresh(), |v| json!(v))),
    ("failed-sources", |manager, case| {
        let query = manager.failed_sources(&case.lines()).ok_or("this manager cannot be asked for it")?;
        case.compare(&query, |v| json!(v))
    }),
    ("state", |manager, case| case.compare(&manager.state(), |v| state(&v))),
    ("locks", |manager, case| case.compare(&manager.lock_holders(), |v| json!(v))),
    ("pending", |manager, case| {
        let named = |word| case.name().contains(word);
        let accepts = Accepts { removals: named("removals"), phased: named("include-phased"), silent: named("silent") };
        case.compare(&manager.pending(accepts), |v| json!(v))
    }),
    ("known", |manager, case| case.compare(&manager.known(&case.lines()), |v| json!(v))),
    ("simulate", |manager, case| {
        let split = |line: &String| line.split_once('=').map(|(name, version)| (name.to_owned(), version.to_owned()));
        let set: Vec<Exact> =
            case.lines().iter().filter_map(split).map(|(name, version)| Exact { name, version }).collect();
        case.simulate(manager, &Transaction::upgrade(&set))
    }),
    ("simulate-back", |manager, case| {
        let (remove, back): (Vec<String>, Vec<String>) =
            case.lines().into_iter().partition(|line| line.starts_with('-'));
        let split = |line: String| line.split_once('=').map(|(name, version)| (name.to_owned(), version.to_owned()));
        let downgrade = back.into_iter().filter_map(split).map(|(name, version)| Exact { name, version }).collect();
        let remove: Vec<Package> = remove.iter().map(|line| Package::from(line[1..].to_owned())).collect();
        case.simulate(manager, &Transaction { downgrade, ..Transaction::removal(&remove) })
    }),
    ("simulate-purge", |manager, case| {
        let packages: Vec<Package> = case.lines().into_iter().map(Package::from).collect();
        case.simulate(manager, &Transaction::removal(&packages))
    }),
    // `NAME=VERSION` comes back, `NAME-` goes, and a path is a folder with archives.
    ("simulate-restore", |manager, case| {
        let (folders, words): (Vec<String>, Vec<String>) =
            case.lines().into_iter().partition(|line| line.starts_with('/'));
        let mut restore = Transaction { folders, keep_configuration: true, ..Transaction::default() };
        for word in words {
            match (word.split_once('='), word.strip_suffix('-')) {
                (Some((name, version)), _) => {
                    restore.downgrade.push(Exact { name: name.to_owned(), version: version.to_owned() });
                }
                (None, Some(name)) => restore.remove.push(Package::named(name)),
                (None, None) => return Err(format!("stdin: {word}")),
            }
        }
        case.simulate(manager, &restore)
    }),
    ("staged", |manager, case| {
        let folder = case.lines().into_iter().next().unwrap_or_default();
        case.compare(&manager.staged(&folder).map_err(|error| error.to_string())?, |v| json!(v))
    }),
    ("reboot-reasons", |manager, case| case.compare(&manager.reboot_reasons(), |v| json!(v))),
    ("kernels", |manager, case| case.compare(&manager.kernels(), |v| json!(v))),
    ("upkeep", |manager, case| {
        let query = manager.upkeep().ok_or("this manager cannot be asked for it")?;
        case.compare(&query, |v| json!({ "upkeep": v, "origins": v.origins }))
    }),
    ("origins", |manager, case| {
        let query = manager.origins().ok_or("this manager cannot be asked for it")?;
        case.compare(&query, |v| json!(v))
    }),
    ("unfetched", |manager, case| {
        let query = manager.unfetched().ok_or("this manager cannot be asked for it")?;
        case.compare(&query, |v| json!(v))
    }),
    ("failed-scripts", |manager, case| {
        let found = manager.failed_scripts(&String::from_utf8_lossy(&case.file("stdout")?));
        case.expect(&json!(found.iter().map(|one| (&one.package, &one.summary, &one.again)).collect::<Vec<_>>()))
    }),
    ("advance", |manager, case| {
        let text = String::from_utf8_lossy(&case.file("stdout")?).into_owned();
        case.expect(&json!(text.lines().filter_map(|line| manager.advance(line)).collect::<Vec<_>>()))
    }),
    ("explain", |manager, case| case.expect(&json!(manager.explain(&String::from_utf8_lossy(&case.file("stdout")?))))),
];

#[test]
fn every_captured_answer_is_read_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pkg");
    let (count, wrong) = walk(&root, ALL);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 50, "only {count} cases below {}", root.display());
}

/// Checks all cases below `root`; returns how many there are, and what is wrong.
fn walk(root: &Path, managers: &[Manager]) -> (usize, Vec<String>) {
    let (mut count, mut wrong) = (0, Vec::new());
    for folder in folders(root) {
        if folder.join(CASES).is_dir() && !managers.iter().any(|manager| folder.ends_with(manager.name())) {
            wrong.push(format!("{}: no manager has this name", folder.display()));
        }
    }
    for manager in managers {
        let mut cases = 0;
        for query in folders(&root.join(manager.name()).join(CASES)) {
            let Some((_, check)) = QUERIES.iter().find(|(name, _)| query.ends_with(name)) else {
                wrong.push(format!("{}: no query has this name", query.display()));
                continue;
            };
            for path in folders(&query) {
                cases += 1;
                let case = Case { path };
                if let Err(why) = case.file("ORIGIN").and_then(|_| check(*manager, &case)) {
                    wrong.push(format!("{}: {why}", case.path.display()));
                }
            }
        }
        if cases == 0 {
            wrong.push(format!("{} has no case", manager.name()));
        }
        count += cases;
    }
    (count, wrong)
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// A folder of one case.
struct Case {
    path: PathBuf,
}

impl Case {
    fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(self.path.join(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// What the command gets on its standard input: one name per line.
    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.path.join("stdin")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn simulate(&self, manager: Manager, transaction: &Transaction) -> Result<(), String> {
        let query = manager.simulate(transaction).map_err(|error| error.to_string())?;
        self.compare(&query, |v| json!(v))
    }

    fn compare<T>(&self, query: &Query<T>, show: impl Fn(T) -> Value) -> Result<(), String> {
        let line = query.command.shell_line().unwrap() + "\n";
        if blessing() {
            fs::write(self.path.join("command"), &line).unwrap();
            let sent = &query.command.stdin[..];
            if !sent.is_empty() && self.file("stdin").is_ok_and(|stdin| stdin.trim_ascii() != sent.trim_ascii()) {
                fs::write(self.path.join("sent"), &query.command.stdin).unwrap();
            }
            if !self.path.join("status").exists() {
                return Ok(());
            }
        }
        if self.file("command")? != line.as_bytes() {
            return Err("the command has changed; capture the answer again".to_owned());
        }
        let status = String::from_utf8_lossy(&self.file("status")?).trim().parse();
        let exit = Exit::Code(status.map_err(|_| "status is not a number")?);
        let output = Output { exit, stdout: self.file("stdout")?, stderr: self.file("stderr")?, dropped: 0 };
        let value = match query.read(&output) {
            Ok(value) => show(value),
            Err(unreadable) => json!({ "unreadable": unreadable.why }),
        };
        self.expect(&value)
    }

    fn expect(&self, value: &Value) -> Result<(), String> {
        if blessing() {
            fs::write(self.path.join("expected.json"), serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
        }
        let expected: Value =
            serde_json::from_slice(&self.file("expected.json")?).map_err(|error| format!("expected.json: {error}"))?;
        if *value == expected { Ok(()) } else { Err(format!("expected {expected:#}, read {value:#}")) }
    }
}

/// One line per package, so that a difference can be seen.
fn state(state: &PackageState) -> Value {
    let packages: serde_json::Map<String, Value> = state
        .packages
        .iter()
        .map(|(name, versions)| {
            let word = |p: &super::Installed| {
                let mut words = vec![p.version.clone()];
                words.extend(p.broken.clone());
                words.extend(p.held.then(|| "held".to_owned()));
                words.extend(p.auto.then(|| "auto".to_owned()));
                words.join(", ")
            };
            (name.clone(), json!(versions.iter().map(word).collect::<Vec<_>>().join("; ")))
        })
        .collect();
    let age = state.lists_age.map(|age| age.as_secs());
    json!({ "interrupted": state.interrupted, "review": state.review, "lists_age_s": age, "packages": packages })
}

fn blessing() -> bool {
    std::env::var_os("PATCHWAVE_BLESS").is_some()
}

#[test]
fn a_folder_that_means_nothing_and_a_case_from_nowhere_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let manager = ALL[0];
    let (_, wrong) = walk(root, &[manager]);
    assert_eq!(wrong, [format!("{} has no case", manager.name())]);
    let folder = |path: String| fs::create_dir_all(root.join(path)).unwrap();
    folder(format!("{}/golden/guess/case", manager.name()));
    folder(format!("{}/golden/state/case", manager.name()));
    folder("unknown/golden/state/case".to_owned());
    let (count, wrong) = walk(root, &[manager]);
    assert_eq!((count, wrong.len()), (1, 3), "{wrong:?}");
    for (line, says) in wrong.iter().zip(["no manager has this name", "no query has this name", "ORIGIN"]) {
        assert!(line.contains(says), "{line}");
    }
}
