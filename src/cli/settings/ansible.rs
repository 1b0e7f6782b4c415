//! What Ansible's own settings say about inventories and connections: `ansible.cfg`, searched as Ansible searches it,
//! and its environment variables, which win over the file. The table of what counts is [`KNOWN`]; the rest of the file
//! is named by `inventory check`. Start at [`files`] and [`read`].

use std::{
    ffi::OsString,
    path::{Component, Path, PathBuf},
};

use super::{
    Setting, connection,
    ini::{Entry, entries, unquoted},
};
use crate::{
    cli::{World, connect::this_machine},
    inventory::Fallback,
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
    /// `True` gives the option.
    Flag,
}

impl As {
    /// Whether Ansible takes quotes off such a value of a file.
    fn is_text(self) -> bool {
        matches!(self, Self::Text)
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Seconds)
    }
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
const KNOWN: [Known; 12] = [
    known("defaults", "inventory", "ANSIBLE_INVENTORY", "inventory", As::Paths),
    known("defaults", "remote_user", "ANSIBLE_REMOTE_USER", "user", As::Text),
    known("defaults", "private_key_file", "ANSIBLE_PRIVATE_KEY_FILE", "private_key", As::Path),
    known("ssh_connection", "host_key_checking", "ANSIBLE_SSH_HOST_KEY_CHECKING", "host_keys", As::KeyChecking),
    known("defaults", "host_key_checking", "ANSIBLE_HOST_KEY_CHECKING", "host_keys", As::KeyChecking),
    known("defaults", "forks", "ANSIBLE_FORKS", "forks", As::Number),
    known("defaults", "timeout", "ANSIBLE_TIMEOUT", "connect_timeout", As::Seconds),
    known("defaults", "vault_password_file", "", "vault_password_file", As::Path),
    known("defaults", "vault_identity_list", "", "vault_id", As::Texts),
    known("defaults", "ask_vault_pass", "ANSIBLE_ASK_VAULT_PASS", "ask_vault_password", As::Flag),
    known("defaults", "ask_pass", "ANSIBLE_ASK_PASS", "ask_pass", As::Flag),
    known("privilege_escalation", "become_ask_pass", "ANSIBLE_BECOME_ASK_PASS", "ask_become_pass", As::Flag),
];

/// For [`super::ansible_settings`].
#[cfg(feature = "testing")]
pub(super) fn names() -> Vec<(String, &'static str)> {
    KNOWN.iter().map(|known| (format!("[{}] {}", known.section, known.key), known.variable)).collect()
}

const fn known(section: &'static str, key: &'static str, variable: &'static str, id: &'static str, value: As) -> Known {
    Known { section, key, variable, id, value }
}

/// Settings of Ansible that say how hosts are reached and are not read here: section, key, variable, and what to do.
const UNREAD: [(&str, &str, &str, &str); 10] = [
    ("privilege_escalation", "become_exe", "ANSIBLE_BECOME_EXE", NO_FLAGS),
    ("privilege_escalation", "become_flags", "ANSIBLE_BECOME_FLAGS", NO_FLAGS),
    ("defaults", "become_password_file", "ANSIBLE_BECOME_PASSWORD_FILE", "give --become-password-command 'cat FILE'"),
    ("defaults", "connection_password_file", "ANSIBLE_CONNECTION_PASSWORD_FILE", "give --password-command 'cat FILE'"),
    ("ssh_connection", "ssh_executable", "ANSIBLE_SSH_EXECUTABLE", "no `ssh` is started, and ssh's own files are read"),
    (
        "ssh_connection",
        "pkcs11_provider",
        "ANSIBLE_PKCS11_PROVIDER",
        "put the token's keys into an agent: `ssh-add -s`",
    ),
    ("ssh_connection", "timeout", "ANSIBLE_SSH_TIMEOUT", "nor does Ansible itself use it; write `[defaults] timeout`"),
    ("", "", "ANSIBLE_PRIVATE_KEY", "put the key into an agent"),
    ("", "", "ANSIBLE_PRIVATE_KEY_PASSPHRASE", "put the key into an agent"),
    ("", "", "ANSIBLE_SUDO_CHDIR", "commands run in the home folder"),
];
const NO_FLAGS: &str = "sudo, doas and su are called by their names";

/// `ansible.cfg` as read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub settings: Vec<Setting>,
    pub fallbacks: Vec<Fallback>,
    pub without_meaning: Vec<String>,
}

/// The files that Ansible would read, each if the ones before it are not there or not safe: `ANSIBLE_CONFIG` (a file,
/// or a folder with one), then `ansible.cfg` in the current folder, `~/.ansible.cfg`, `/etc/ansible/ansible.cfg`.
pub(super) fn files(world: &World) -> Vec<PathBuf> {
    let named = world.var("ANSIBLE_CONFIG").map(|path| {
        let path = at(path, &world.folder, world);
        if path.is_dir() { path.join("ansible.cfg") } else { path }
    });
    let home = this_machine::home(world).map(|home| home.join(".ansible.cfg"));
    let places = [named, Some(world.folder.join("ansible.cfg")), home, Some("/etc/ansible/ansible.cfg".into())];
    // What is there and is not a file is an error when it is read.
    places.into_iter().flatten().filter(|path| path.exists()).collect()
}

/// The entries of a file, with places as people type them.
pub(super) fn entries_of(path: &Path, world: &World, problems: &mut Problems) -> Vec<Entry> {
    if !path.extension().is_some_and(|end| end == "cfg" || end == "ini") {
        let message = format!("{}: Ansible reads settings from files that end with .cfg or .ini", world.shown(path));
        problems.nowhere(message).help("unset ANSIBLE_CONFIG, or let it name such a file");
        return Vec::new();
    }
    let Some(source) = Source::load_or_report(path, problems) else { return Vec::new() };
    entries(&Source::new(world.shown(path), source.text.as_str()), problems)
}

/// Reads it.
pub(super) fn read(path: &Path, world: &World, problems: &mut Problems) -> Read {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = world.shown(path);
    let entries = entries_of(path, world, problems);
    let mut found = Read { fallbacks: connection::of_file(&entries, problems), ..Read::default() };
    for Known { section, key, id, value, .. } in KNOWN {
        // What the environment says of vaults is read where passwords are, and stands for what the file says.
        let vault = match id {
            "vault_password_file" => "ANSIBLE_VAULT_PASSWORD_FILE",
            "vault_id" => "ANSIBLE_VAULT_IDENTITY_LIST",
            _ => "",
        };
        if world.var(vault).is_some() {
            continue;
        }
        let Some(entry) = entries.iter().find(|entry| entry.is(section, key)) else { continue };
        let text = if value.is_text() { unquoted(&entry.value) } else { &entry.value };
        match values(value, text, folder, world) {
            // Ansible has a number here, or ends.
            Ok(values) if values.is_empty() && value.is_number() => bad(entry, "a number", problems),
            Ok(values) => found.settings.push(Setting { id, values, from: name.clone() }),
            Err(expected) => bad(entry, expected, problems),
        }
    }
    let has_meaning =
        |entry: &&Entry| KNOWN.iter().any(|known| entry.is(known.section, known.key)) || connection::knows(entry);
    for entry in entries.iter().filter(|entry| !has_meaning(entry)) {
        let why = match UNREAD.iter().find(|known| entry.is(known.0, known.1)) {
            Some((.., help)) => format!("is not read: {help}"),
            None => "has no meaning here".to_owned(),
        };
        found.without_meaning.push(format!("{name}: [{}] {} {why}", entry.section, entry.key));
    }
    found
}

/// Environment variables of Ansible that are set, say how hosts are reached, and are not read, each with what to do.
pub(super) fn unread(world: &World) -> Vec<String> {
    let set = UNREAD.iter().filter(|(_, _, variable, _)| world.var(variable).is_some());
    set.map(|(.., variable, help)| format!("{variable} is not read: {help}")).collect()
}

/// What Ansible's environment variables set.
pub(super) fn environment(world: &World, problems: &mut Problems) -> Vec<Setting> {
    let mut found = Vec::new();
    for known in KNOWN.iter().filter(|known| !known.variable.is_empty()) {
        let Some(text) = world.env.get(known.variable) else { continue };
        match values(known.value, text, &world.folder, world) {
            Ok(values) => found.push(Setting { id: known.id, values, from: known.variable.to_owned() }),
            Err(expected) => drop(problems.nowhere(format!("{}: expected {expected}", known.variable))),
        }
    }
    found
}

/// The values of the option; none if it stays as it is, and no weaker place decides.
///
/// # Errors
/// What was expected.
fn values(how: As, text: &str, folder: &Path, world: &World) -> Result<Vec<OsString>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts = || text.split(',').map(str::trim);
    let one = |text: String| Ok(vec![OsString::from(text)]);
    match how {
        // To Ansible an empty path is the whole folder, and a list of hosts is paths.
        As::Paths if parts().any(str::is_empty) => Err("paths with commas between them, none of them empty"),
        As::Paths => Ok(parts().map(|part| at(part, folder, world).into_os_string()).collect()),
        As::Path => Ok(vec![at(text, folder, world).into_os_string()]),
        As::Text => one(text.to_owned()),
        As::Texts => Ok(parts().map(unquoted).filter(|part| !part.is_empty()).map(OsString::from).collect()),
        As::Flag => flag(text).map(|on| vec![on.to_string().into()]).ok_or(TRUE_OR_FALSE),
        As::Number => match text.parse::<u32>() {
            Ok(1..=100_000) => one(text.to_owned()),
            _ => Err("a number from 1 to 100000"),
        },
        As::Seconds => match text.parse::<u32>() {
            Ok(seconds @ 1..) => one(format!("{seconds}s")),
            _ => Err("a number of seconds"),
        },
        As::KeyChecking => match flag(text) {
            Some(false) => one("accept-new".to_owned()),
            // Said, so that a weaker place does not decide.
            Some(true) => one("strict".to_owned()),
            None => Err(TRUE_OR_FALSE),
        },
    }
}

pub(super) const TRUE_OR_FALSE: &str = "True or False";

/// A boolean in all of Ansible's spellings. Ansible takes every other text for `False`, which is a problem here.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Some(false),
        _ => None,
    }
}

fn bad(entry: &Entry, expected: &str, problems: &mut Problems) {
    let span: &Span = &entry.span;
    problems.at(span, format!("[{}] {}: expected {expected}", entry.section, entry.key));
}

/// A path as Ansible reads it: `{{CWD}}` is the current folder, `$NAME` and `${NAME}` are environment variables, `~`
/// and `~NAME` are home folders, others are relative to `folder`; `.` and `..` are resolved in the text alone.
fn at(path: &str, folder: &Path, world: &World) -> PathBuf {
    let path = path.replace("{{CWD}}", &world.folder.display().to_string());
    let path = with_variables(&path, world);
    let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
    let home = match first {
        "~" => this_machine::home(world),
        _ => first.strip_prefix('~').and_then(this_machine::home_of),
    };
    let mut plain = PathBuf::new();
    for part in folder.join(home.map_or_else(|| PathBuf::from(&path), |home| home.join(rest))).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
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
        match world.env.get(name) {
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
