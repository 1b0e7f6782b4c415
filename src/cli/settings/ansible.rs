//! What Ansible's own settings say about inventories and connections: `ansible.cfg`, searched as Ansible searches it,
//! and its environment variables, which win over the file. The table of what counts is [`KNOWN`]; the rest of the file
//! is named by `inventory check`. Start at [`files`] and [`read`].

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    Setting,
    ini::{Entry, entries},
};
use crate::{
    cli::World,
    yaml::{Problems, Source, Span},
};

/// How a value becomes that of an option.
#[derive(Clone, Copy)]
enum As {
    /// Paths with commas between them, relative to the file, or to the current folder in a variable.
    Paths,
    Path,
    Text,
    /// A whole number above 0.
    Number,
    /// A number of seconds.
    Seconds,
    /// `False` is `accept-new`, as in inventories, and `True` is `strict`.
    KeyChecking,
    /// Texts with commas between them.
    Texts,
}

/// A setting of Ansible that has a meaning here.
struct Known {
    section: &'static str,
    key: &'static str,
    variable: &'static str,
    /// The option that means the same.
    id: &'static str,
    value: As,
}

/// Of two with the same option, the first wins. Variables of Ansible Vault are read where its passwords are.
const KNOWN: [Known; 10] = [
    known("defaults", "inventory", "ANSIBLE_INVENTORY", "inventory", As::Paths),
    known("defaults", "remote_user", "ANSIBLE_REMOTE_USER", "user", As::Text),
    known("defaults", "private_key_file", "ANSIBLE_PRIVATE_KEY_FILE", "private_key", As::Path),
    known("ssh_connection", "host_key_checking", "ANSIBLE_SSH_HOST_KEY_CHECKING", "host_keys", As::KeyChecking),
    known("defaults", "host_key_checking", "ANSIBLE_HOST_KEY_CHECKING", "host_keys", As::KeyChecking),
    known("defaults", "forks", "ANSIBLE_FORKS", "forks", As::Number),
    known("ssh_connection", "timeout", "ANSIBLE_SSH_TIMEOUT", "connect_timeout", As::Seconds),
    known("defaults", "timeout", "ANSIBLE_TIMEOUT", "connect_timeout", As::Seconds),
    known("defaults", "vault_password_file", "", "vault_password_file", As::Path),
    known("defaults", "vault_identity_list", "", "vault_id", As::Texts),
];

const fn known(section: &'static str, key: &'static str, variable: &'static str, id: &'static str, value: As) -> Known {
    Known { section, key, variable, id, value }
}

/// Settings that Ansible has and this program takes from the inventory only.
const IN_THE_INVENTORY: [(&str, &str, &str); 9] = [
    ("privilege_escalation", "become", "ansible_become"),
    ("privilege_escalation", "become_method", "ansible_become_method"),
    ("privilege_escalation", "become_user", "ansible_become_user"),
    ("privilege_escalation", "become_ask_pass", "-K"),
    ("defaults", "remote_port", "ansible_port"),
    ("defaults", "ask_pass", "-k"),
    ("ssh_connection", "ssh_args", "ansible_ssh_args"),
    ("ssh_connection", "ssh_common_args", "ansible_ssh_common_args"),
    ("ssh_connection", "ssh_extra_args", "ansible_ssh_extra_args"),
];

/// `ansible.cfg` as read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub settings: Vec<Setting>,
    pub without_meaning: Vec<String>,
}

/// The files that Ansible would read, each if the ones before it are not there or not safe: `ANSIBLE_CONFIG` (a file,
/// or a folder with one), then `ansible.cfg` in the current folder, `~/.ansible.cfg`, `/etc/ansible/ansible.cfg`.
pub(super) fn files(world: &World) -> Vec<PathBuf> {
    let named = world.var("ANSIBLE_CONFIG").map(|path| {
        let path = at(path, &world.folder, world);
        if path.is_dir() { path.join("ansible.cfg") } else { path }
    });
    let home = world.var("HOME").map(|home| Path::new(home).join(".ansible.cfg"));
    let places = [named, Some(world.folder.join("ansible.cfg")), home, Some("/etc/ansible/ansible.cfg".into())];
    // What is there and is not a file is an error when it is read.
    places.into_iter().flatten().filter(|path| path.exists() && !path.is_dir()).collect()
}

/// Reads it.
pub(super) fn read(path: &Path, world: &World, problems: &mut Problems) -> Read {
    let mut found = Read::default();
    let Some(source) = Source::load_or_report(path, problems) else { return found };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = world.shown(path);
    let entries = entries(&source, problems);
    for Known { section, key, id, value, .. } in KNOWN {
        // A password file from the environment stands for the one in the file.
        if id.starts_with("vault") && world.var("ANSIBLE_VAULT_PASSWORD_FILE").is_some() {
            continue;
        }
        let Some(entry) = entries.iter().find(|entry| entry.is(section, key)) else { continue };
        match values(value, &entry.value, folder, world) {
            Ok(Some(values)) => found.settings.push(Setting { id, values, from: name.clone() }),
            Ok(None) => {}
            Err(expected) => bad(entry, expected, problems),
        }
    }
    for entry in entries.iter().filter(|entry| !KNOWN.iter().any(|known| entry.is(known.section, known.key))) {
        let named = |known: &&(&str, &str, &str)| entry.is(known.0, known.1);
        let why = match IN_THE_INVENTORY.iter().find(named) {
            Some((_, _, "-K")) => "is not read; give -K".to_owned(),
            Some((_, _, "-k")) => "is not read; give -k".to_owned(),
            Some((_, _, variable)) => {
                format!("is not read; write `{variable}` in the inventory, in group_vars/all.yml")
            }
            None => "has no meaning here".to_owned(),
        };
        found.without_meaning.push(format!("{name}: [{}] {} {why}", entry.section, entry.key));
    }
    found
}

/// What Ansible's environment variables set.
pub(super) fn environment(world: &World, problems: &mut Problems) -> Vec<Setting> {
    let mut found = Vec::new();
    for known in KNOWN.iter().filter(|known| !known.variable.is_empty()) {
        let Some(text) = world.var(known.variable) else { continue };
        match values(known.value, text, &world.folder, world) {
            Ok(Some(values)) => found.push(Setting { id: known.id, values, from: known.variable.to_owned() }),
            Ok(None) => {}
            Err(expected) => drop(problems.nowhere(format!("{}: expected {expected}", known.variable))),
        }
    }
    found
}

/// The values of the option; `None` if it stays as it is.
///
/// # Errors
/// What was expected.
fn values(how: As, text: &str, folder: &Path, world: &World) -> Result<Option<Vec<OsString>>, &'static str> {
    let text = text.trim();
    let unquoted = text.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
    let text = unquoted.unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let one = |text: String| Ok(Some(vec![OsString::from(text)]));
    match how {
        As::Paths => Ok(Some(parts().map(|part| at(part, folder, world).into_os_string()).collect())),
        As::Path => Ok(Some(vec![at(text, folder, world).into_os_string()])),
        As::Text => one(text.to_owned()),
        As::Texts => Ok(Some(parts().map(OsString::from).collect())),
        As::Number => match text.parse::<u32>() {
            Ok(1..=100_000) => one(text.to_owned()),
            _ => Err("a number from 1 to 100000"),
        },
        As::Seconds => match text.parse::<u32>() {
            Ok(seconds @ 1..) => one(format!("{seconds}s")),
            _ => Err("a number of seconds"),
        },
        As::KeyChecking => match text.to_ascii_lowercase().as_str() {
            "false" | "no" | "off" | "n" | "f" | "0" => one("accept-new".to_owned()),
            // Said, so that a weaker place does not decide.
            "true" | "yes" | "on" | "y" | "t" | "1" => one("strict".to_owned()),
            _ => Err("True or False"),
        },
    }
}

fn bad(entry: &Entry, expected: &str, problems: &mut Problems) {
    let span: &Span = &entry.span;
    problems.at(span, format!("[{}] {}: expected {expected}", entry.section, entry.key));
}

/// A path as Ansible reads it: `~` is the home folder, `$NAME` and `${NAME}` are environment variables, and others are
/// relative to `folder`.
fn at(path: &str, folder: &Path, world: &World) -> PathBuf {
    let path = with_variables(path, world);
    match (path.strip_prefix("~/"), world.var("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => folder.join(path),
    }
}

/// A variable that is not set stays as it is written.
fn with_variables(text: &str, world: &World) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, left) = braced.unwrap_or_else(|| after.split_at(end));
        match world.var(name).filter(|_| !name.is_empty()) {
            Some(value) => {
                out.push_str(value);
                rest = left;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}
