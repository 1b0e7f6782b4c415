//! What is read from `ansible.cfg` and from Ansible's environment variables, with Ansible's own answers: the cases are
//! in `tests/it/settings/cases.txt`, and `make` beside it asks Ansible again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use patchwave::cli::{SettingsFound as Found, World, settings_of};
use serde_json::{Map, Value, json};

/// Ansible's name, our option or variable, and how our values become Ansible's.
const SETTINGS: [(&str, &str, Form); 22] = [
    ("DEFAULT_HOST_LIST", "inventory", Form::List),
    ("DEFAULT_REMOTE_USER", "user", Form::Text),
    ("DEFAULT_PRIVATE_KEY_FILE", "private_key", Form::Text),
    ("HOST_KEY_CHECKING", "host_keys", Form::Policy),
    ("ssh.host_key_checking", "host_keys", Form::Policy),
    ("DEFAULT_FORKS", "forks", Form::Number),
    ("DEFAULT_TIMEOUT", "connect_timeout", Form::Seconds),
    ("DEFAULT_VAULT_PASSWORD_FILE", "vault_password_file", Form::Text),
    ("DEFAULT_VAULT_IDENTITY_LIST", "vault_id", Form::List),
    ("DEFAULT_ASK_VAULT_PASS", "ask_vault_password", Form::Flag),
    ("DEFAULT_ASK_PASS", "ask_pass", Form::Flag),
    ("DEFAULT_BECOME_ASK_PASS", "ask_become_pass", Form::Flag),
    ("DEFAULT_BECOME", "ansible_become", Form::Flag),
    ("DEFAULT_BECOME_METHOD", "ansible_become_method", Form::Text),
    ("DEFAULT_REMOTE_PORT", "ansible_port", Form::Number),
    ("ssh.port", "ansible_port", Form::Number),
    ("DEFAULT_TRANSPORT", "ansible_connection", Form::Text),
    ("ssh.ssh_args", "ansible_ssh_args", Form::Text),
    ("ssh.ssh_common_args", "ansible_ssh_common_args", Form::Text),
    ("ssh.ssh_extra_args", "ansible_ssh_extra_args", Form::Text),
    ("ssh.password_mechanism", "ansible_ssh_password_mechanism", Form::Text),
    // Several names: `of_method`.
    ("CONFIG_FILE", "", Form::Text),
];

/// What is in our values.
#[derive(Clone, Copy)]
enum Form {
    List,
    Text,
    Number,
    Seconds,
    Flag,
    Policy,
}

/// A case of cases.txt.
#[derive(Default)]
struct Case {
    name: String,
    env: BTreeMap<String, String>,
    folder: String,
    files: Vec<(String, String, String)>,
    /// Settings in which we differ, with our value.
    differ: BTreeMap<String, String>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    let mut in_file = false;
    for line in text.split_inclusive('\n') {
        let (mark, rest) = line.split_at_checked(4).unwrap_or((line, ""));
        let rest = rest.trim();
        match (mark, found.last_mut()) {
            ("=== ", _) => {
                let (name, words) = rest.split_once(':').unwrap();
                let mut words = shlex::split(words).unwrap();
                let folder = if words.iter().rev().nth(1).is_some_and(|word| word == "in") {
                    words.drain(words.len() - 2..).nth(1).unwrap()
                } else {
                    ".".to_owned()
                };
                let env = words.iter().map(|word| word.split_once('=').unwrap());
                let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                found.push(Case { name: name.to_owned(), env, folder, ..Case::default() });
                in_file = false;
            }
            ("--- ", Some(case)) => {
                let (path, how) = rest.split_once(' ').unwrap_or((rest, ""));
                case.files.push((path.to_owned(), how.to_owned(), String::new()));
                in_file = true;
            }
            ("!!! ", Some(case)) => {
                let (name, value) = rest.split_once(' ').unwrap();
                case.differ.insert(name.to_owned(), value.to_owned());
                in_file = false;
            }
            ("### ", _) => in_file = false,
            (_, Some(case)) if in_file => case.files.last_mut().unwrap().2.push_str(line),
            _ => {}
        }
    }
    found
}

fn write(root: &Path, case: &Case) {
    for folder in ["home", &case.folder] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (path, how, text) in &case.files {
        let file = root.join(path);
        if path.ends_with('/') {
            fs::create_dir_all(&file).unwrap();
        } else {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, if how == "CRLF" { text.replace('\n', "\r\n") } else { text.clone() }).unwrap();
        }
    }
    for (path, how, _) in &case.files {
        if let Ok(mode) = u32::from_str_radix(how, 8) {
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// What we read, by Ansible's names; or that we refuse it.
fn ours(root: &Path, case: &Case) -> Result<Map<String, Value>, String> {
    let mut world = World { folder: root.join(&case.folder).components().collect(), ..World::real() };
    world.env = case.env.clone();
    world.env.insert("HOME".to_owned(), root.join("home").display().to_string());
    let Found { all, problems, file } = settings_of(&world);
    if !problems.is_empty() {
        return Err(problems);
    }
    let known: BTreeMap<&str, (&[String], &str)> =
        all.iter().map(|(id, values, from)| (id.as_str(), (values.as_slice(), from.as_str()))).collect();
    let here = |text: &str| text.replace(&root.display().to_string(), "HERE");
    let origin = |from: &str| match from.split(':').next().unwrap_or_default() {
        name if name.starts_with("ANSIBLE_") => format!("env: {name}"),
        path => here(&world.folder.join(path).display().to_string()),
    };
    let mut found = Map::new();
    for (name, id, form) in SETTINGS {
        let Some((values, from)) = known.get(id) else { continue };
        let value = match values {
            [] if id == "user" => "".into(),
            [] => continue,
            values => shaped(form, values, here),
        };
        if !value.is_null() {
            found.insert(name.to_owned(), json!([value, origin(from)]));
        }
    }
    for method in ["sudo", "su"] {
        for (option, names) in [
            ("become_user", ["ansible_become_user".to_owned(), format!("ansible_{method}_user")]),
            ("become_pass", ["ansible_become_password".to_owned(), format!("ansible_{method}_pass")]),
        ] {
            let mut set: Vec<_> = names.iter().filter_map(|name| known.get(name.as_str())).collect();
            // As `Fallbacks::of` chooses: the environment first, then the last name.
            set.sort_by_key(|(_, from)| from.starts_with("ANSIBLE_"));
            if let Some((values, from)) = set.last() {
                found.insert(format!("{method}.{option}"), json!([shaped(Form::Text, values, here), origin(from)]));
            }
        }
    }
    found.insert("CONFIG_FILE".to_owned(), json!([file.map(|path| here(&path.display().to_string())), ""]));
    Ok(found)
}

fn shaped(form: Form, values: &[String], here: impl Fn(&str) -> String) -> Value {
    let one = here(&values[0]);
    let number = |text: &str| text.parse::<u32>().map_or_else(|_| text.into(), Value::from);
    match form {
        Form::List => values.iter().map(|value| here(value)).collect(),
        Form::Text => one.into(),
        Form::Number if one.is_empty() => Value::Null,
        Form::Number => number(&one),
        Form::Seconds => number(one.trim_end_matches('s')),
        Form::Flag => matches!(one.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "y" | "t" | "1").into(),
        Form::Policy => (one == "strict").into(),
    }
}

/// How our reading of a case differs from what is expected.
fn compare(root: &Path, case: &Case, theirs: &Value) -> Vec<String> {
    let refused = theirs.get("refused").is_some() || case.differ.get("*").is_some_and(|ours| ours == "refused");
    let found = match (ours(root, case), refused) {
        (Err(_), true) => return Vec::new(),
        (Ok(found), true) => return vec![format!("should be refused, and is {}", json!(found))],
        (Err(problems), false) => return vec![problems],
        (Ok(found), false) => found,
    };
    let mut wrong = Vec::new();
    let names: BTreeSet<&String> = found.keys().chain(theirs.as_object().unwrap().keys()).collect();
    for name in names {
        let (ours, theirs) = (found.get(name), theirs.get(name));
        let same = match case.differ.get(name).map(String::as_str) {
            Some("-") => ours.is_none_or(|ours| ours[0].is_null()) && theirs.is_some_and(|theirs| !theirs[0].is_null()),
            Some(value) => ours.is_some_and(|ours| ours[0].to_string().eq_ignore_ascii_case(value)) && ours != theirs,
            None => ours == theirs,
        };
        if !same {
            wrong.push(format!("{name} is {ours:?}, and Ansible says {theirs:?}"));
        }
    }
    wrong
}

#[test]
fn settings_mean_what_they_mean_to_ansible() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/settings");
    let answers: Value = serde_json::from_str(&fs::read_to_string(sources.join("answers.json")).unwrap()).unwrap();
    let cases = cases(&fs::read_to_string(sources.join("cases.txt")).unwrap());
    assert_eq!(answers.as_object().unwrap().len(), cases.len(), "run make");
    let mut wrong = Vec::new();
    for case in &cases {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        write(&root, case);
        let theirs = answers.get(&case.name).unwrap_or_else(|| panic!("{}: run make", case.name));
        wrong.extend(compare(&root, case, theirs).into_iter().map(|why| format!("{}: {why}", case.name)));
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    // Every setting of our table is in an answer.
    let seen: BTreeSet<&String> =
        answers.as_object().unwrap().values().flat_map(|a| a.as_object().unwrap().keys()).collect();
    for (name, ..) in SETTINGS {
        assert!(seen.contains(&name.to_owned()), "no case has {name}");
    }
}
