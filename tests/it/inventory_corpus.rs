//! Inventories and patterns with the answers of Ansible. Our own cases, for every rule, are in
//! `tests/it/inventories/cases.txt`; `make` beside it asks Ansible again. A corpus of real inventories is used where it
//! is present: `PATCHWAVE_CORPUS`, or a folder `corpus` with `limits.jsonl` in a folder beside the project.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

/// Runs a command line in the folder of a case.
fn patchwave(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.env("PATCHWAVE_STATE_DIR", folder.join("no-state")).output().unwrap()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether two values are equal; what is masked equals everything.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::String(text), _) if text == "***" => true,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64() && a.is_f64() == b.is_f64(),
        _ => ours == theirs,
    }
}

fn sorted(mut list: Vec<&str>) -> Vec<&str> {
    list.sort_unstable();
    list
}

fn without<'t>(list: &[&'t str], left_out: &[&str]) -> Vec<&'t str> {
    list.iter().filter(|name| !left_out.contains(*name)).copied().collect()
}

/// The words for `-i` of a case.
fn words_of(case: &Path) -> Vec<String> {
    texts(&read_json(&case.join("case.json"))["args"]).into_iter().map(str::to_owned).collect()
}

/// What differs from Ansible's answer for one inventory.
fn inventory(case: &Path) -> Result<(), String> {
    let expected = read_json(&case.join("expected.json"));
    let given = words_of(case);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let listed = patchwave(case, &[&["inventory", "list", "--json", "--ansible"], &given[..]].concat());
    let said = String::from_utf8_lossy(&listed.stderr).into_owned();
    if expected["refused"] == true {
        let fine = listed.status.code() == Some(2) && texts(&expected["says"]).iter().all(|text| said.contains(text));
        return if fine { Ok(()) } else { Err(format!("not refused as expected: {said}")) };
    }
    if !listed.status.success() {
        return Err(said);
    }
    let list: Value = serde_json::from_slice(&listed.stdout).map_err(|error| error.to_string())?;
    let hostvars = list["_meta"]["hostvars"].as_object().ok_or("no hostvars")?;
    for host in texts(&expected["hosts"]) {
        let empty = Value::Object(serde_json::Map::new());
        let (ours, theirs) = (hostvars.get(host).unwrap_or(&empty), &expected["hostvars"][host]);
        let theirs = if theirs.is_null() { &empty } else { theirs };
        if !same(ours, theirs) {
            let differ = |key: &&String| !same(&ours[key.as_str()], &theirs[key.as_str()]);
            let keys = ours.as_object().into_iter().chain(theirs.as_object()).flat_map(serde_json::Map::keys);
            let key = keys.filter(|key| ours.get(key) != theirs.get(key)).find(differ).cloned().unwrap_or_default();
            return Err(format!("{host}: {key} is {:?}, not {:?}", ours.get(&key), theirs.get(&key)));
        }
    }
    let groups: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = expected["groups"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, group)| (name.as_str(), (sorted(texts(&group["hosts"])), sorted(texts(&group["children"])))))
        .collect();
    let ours: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = list
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "_meta")
        .map(|(name, group)| (name.as_str(), (sorted(texts(&group["hosts"])), sorted(texts(&group["children"])))))
        .collect();
    // Ansible's answer may leave out children that are empty.
    let empty = texts(&expected["empty_groups"]);
    for (name, (hosts, children)) in &groups {
        let Some((own_hosts, own_children)) = ours.get(name) else {
            if hosts.is_empty() && children.is_empty() {
                continue;
            }
            return Err(format!("there is no group {name}"));
        };
        if own_hosts != hosts || without(own_children, &empty) != without(children, &empty) {
            return Err(format!("group {name}: {own_hosts:?} {own_children:?}, not {hosts:?} {children:?}"));
        }
    }
    if let Some(name) = ours.keys().find(|name| !groups.contains_key(*name) && !empty.contains(*name)) {
        return Err(format!("group {name} is too much"));
    }
    if texts(&expected["hosts"]).is_empty() {
        return Ok(());
    }
    let order = hosts(case, &given, &[])?;
    let theirs = texts(&expected["order"]);
    // Ansible keeps groups below groups in sets, so that their order differs from run to run.
    let nested = groups.iter().any(|(name, (_, children))| *name != "all" && !children.is_empty());
    let stable = expected["order_stable"] != false && !nested;
    if stable && order != theirs || sorted(order.iter().map(String::as_str).collect()) != sorted(theirs.clone()) {
        return Err(format!("the order is {order:?}, not {theirs:?}"));
    }
    Ok(())
}

fn hosts(case: &Path, given: &[&str], more: &[&str]) -> Result<Vec<String>, String> {
    let printed = patchwave(case, &[&["inventory", "hosts"], given, more].concat());
    if !printed.status.success() {
        return Err(String::from_utf8_lossy(&printed.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&printed.stdout).lines().map(str::to_owned).collect())
}

/// What differs from Ansible's answer for one pattern.
fn limit(folder: &Path, case: &Value) -> Result<(), String> {
    let inventory = folder.join("inventories").join(case["inventory"].as_str().unwrap_or_default());
    let given = words_of(&inventory);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let pattern = case["pattern"].as_str().unwrap_or_default();
    let option = if case["mode"] == "limit" { "--limit" } else { "--pattern" };
    let found = hosts(&inventory, &given, &[&format!("{option}={pattern}")]);
    // `refused` marks the cases in which Ansible widens a selection, or goes on with a warning.
    let refused = case["error"] == true || case["refused"] == true || texts(&case["order"]).is_empty();
    match (found, refused) {
        (Err(_), true) => Ok(()),
        (Ok(found), true) => Err(format!("selects {found:?}, and should be an error")),
        (Err(error), false) => Err(error),
        (Ok(found), false) => {
            let theirs = texts(&case["order"]);
            let stable = case["order_stable"] != false;
            let equal = if stable {
                found == theirs
            } else {
                sorted(found.iter().map(String::as_str).collect()) == sorted(theirs.clone())
            };
            if equal { Ok(()) } else { Err(format!("{found:?}, not {theirs:?}")) }
        }
    }
}

/// Our own cases, unpacked into the form of the corpus.
fn own_cases(folder: &Path) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/inventories");
    let answers = read_json(&sources.join("answers.json"));
    let text = fs::read_to_string(sources.join("cases.txt")).unwrap();
    let mut limits = String::new();
    let (mut name, mut files): (String, Vec<(PathBuf, bool, String)>) = (String::new(), Vec::new());
    let mut write = |name: &str, args: &str, files: &[(PathBuf, bool, String)]| {
        let case = folder.join("inventories").join(name);
        fs::create_dir_all(&case).unwrap();
        fs::write(case.join("case.json"), json!({ "args": shlex::split(args).unwrap() }).to_string()).unwrap();
        fs::write(case.join("expected.json"), answers[name].to_string()).unwrap();
        for (path, executable, text) in files {
            let path = case.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mode = if *executable { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        for pattern in answers[name]["patterns"].as_array().unwrap_or_else(|| panic!("{name}: run make")) {
            let mut pattern = pattern.clone();
            pattern["inventory"] = name.into();
            pattern["id"] = name.into();
            limits.push_str(&format!("{pattern}\n"));
        }
    };
    let mut args = String::new();
    let mut in_file = false;
    for line in text.split_inclusive('\n') {
        let rest = line.get(4..).unwrap_or_default().trim();
        if line.starts_with("=== ") {
            if !name.is_empty() {
                write(&name, &args, &std::mem::take(&mut files));
            }
            let (new, more) = rest.split_once(": ").unwrap();
            (name, args, in_file) = (new.to_owned(), more.to_owned(), false);
        } else if line.starts_with("--- ") && !name.is_empty() {
            let path = rest.trim_end_matches(" +x");
            files.push((path.into(), path != rest, String::new()));
            in_file = true;
        } else if line.starts_with("??? ") || line.starts_with("!!! ") {
            in_file = false;
        } else if let Some((.., text)) = files.last_mut().filter(|_| in_file) {
            text.push_str(line);
        }
    }
    write(&name, &args, &files);
    fs::write(folder.join("limits.jsonl"), limits).unwrap();
}

/// The corpus of real inventories, if it is here.
fn corpus() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = env::var_os("PATCHWAVE_CORPUS").map(PathBuf::from);
    if let Some(folder) = &named {
        assert!(folder.is_dir(), "PATCHWAVE_CORPUS: {} is not a folder", folder.display());
    }
    // The project may itself be in a folder of work trees.
    let beside = project.ancestors().skip(1).take(2).filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut corpora = beside.map(|entry| entry.path().join("corpus"));
    let found = named.or_else(|| corpora.find(|folder| folder.join("limits.jsonl").is_file()));
    if found.is_none() {
        eprintln!("NOT RUN: the corpus of real inventories is not here (PATCHWAVE_CORPUS names it)");
    }
    found
}

fn inventories_of(folder: &Path) {
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder.join("inventories")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let name = |case: &Path| case.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let cases = cases.iter().filter(|case| case.join("case.json").exists());
    passed("inventories", &cases.map(|case| (name(case), inventory(case))).collect::<Vec<_>>());
}

fn patterns_of(folder: &Path) {
    let lines = fs::read_to_string(folder.join("limits.jsonl")).unwrap();
    let cases = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name = |case: &Value| format!("{} {} {}", case["id"], case["mode"], case["pattern"]);
    passed("patterns", &cases.map(|case| (name(&case), limit(folder, &case))).collect::<Vec<_>>());
}

fn passed(what: &str, results: &[(String, Result<(), String>)]) {
    let failed: Vec<_> = results.iter().filter_map(|(name, result)| Some((name, result.as_ref().err()?))).collect();
    let shown: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    eprintln!("{what}: {} of {} agree with Ansible", results.len() - failed.len(), results.len());
    assert!(failed.is_empty(), "{what}: {} of {} differ:\n{}", failed.len(), results.len(), shown.join("\n"));
}

#[test]
fn our_own_cases_mean_what_they_mean_to_ansible() {
    let folder = tempfile::tempdir().unwrap();
    own_cases(folder.path());
    inventories_of(folder.path());
    patterns_of(folder.path());
}

#[test]
fn real_inventories_mean_what_they_mean_to_ansible() {
    corpus().iter().for_each(|folder| inventories_of(folder));
}

#[test]
fn patterns_of_the_corpus_select_what_they_select_in_ansible() {
    corpus().iter().for_each(|folder| patterns_of(folder));
}

/// A pattern, and the hosts that it selects, or none.
type Shown = (&'static str, &'static [&'static str]);

/// What each row of the table of differences is shown by.
const DIFFERENCES: &[(&str, Option<Shown>)] = &[
    ("empty pattern, empty `@file`", Some(("", &[]))),
    ("a name that is neither host nor group", Some(("db,nothing", &[]))),
    ("an unknown name or expression after `!`", Some(("all:!nothing", &[]))),
    ("a pattern that selects no host", Some(("db:&web", &[]))),
    ("`group[2:0]`", Some(("web[2:0]", &[]))),
    ("`~` with look-around (`(?=…)`) or a back reference", Some(("~web(?=1)", &[]))),
    // The rules of a run, which are tested there.
    ("an unreachable host", None),
    ("`web[01-20,23].x`", Some(("x[1-2,11].y", &["x1.y", "x2.y", "x11.y"]))),
    ("`web[1-3]`", Some(("web[1-2]", &["web1", "web2"]))),
    // `tests/it/cli/again.rs`.
    ("hosts of an earlier run", None),
];

#[test]
fn every_difference_of_the_table_is_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/design/selection-differences-from-ansible.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let rows: Vec<&str> = rows.filter_map(|line| line.trim_start_matches("| ").split(" | ").next()).collect();
    let known: Vec<&str> = DIFFERENCES.iter().map(|(row, _)| *row).collect();
    assert_eq!(sorted(rows), sorted(known));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hosts"), "[web]\nweb[0:4]\n[db]\ndb1\n[other]\nx[1:20].y\n").unwrap();
    for (row, shown) in DIFFERENCES.iter().filter_map(|(row, shown)| Some((row, (*shown)?))) {
        let found = hosts(folder.path(), &["-i", "hosts"], &[&format!("--pattern={}", shown.0)]);
        assert_eq!(found.unwrap_or_default(), shown.1, "{row}");
    }
}
