//! What `ansible.cfg` and Ansible's environment variables say about connections and has no option here: raised rights,
//! the port, options of ssh. It is weaker than every variable of an inventory ([`Fallbacks`]). A run records where it
//! was written, so that its resume reads the same places. Start at [`CONNECTION`].
//!
//! Source: the options of ansible-core 2.19, `config/base.yml`, `plugins/connection/ssh.py` and
//! `plugins/become/{sudo,su}.py`, and of `doas.py` in community.general.

use std::path::Path;

use super::{
    Settings, ansible,
    ini::{Entry, unquoted},
};
use crate::{
    cli::{Failure, World},
    inventory::{Fallback, Fallbacks},
    yaml::{Problems, Span},
};

/// What a value looks like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Flag,
    Port,
    Method,
    Text,
}

/// A setting.
struct Row {
    /// Section and key in the file: `[defaults] remote_port`.
    name: &'static str,
    /// The environment variable.
    variable: &'static str,
    /// The variable of inventories that means the same.
    means: &'static str,
    kind: Kind,
}

impl Row {
    fn is(&self, entry: &Entry) -> bool {
        let inner = self.name.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        inner.is_some_and(|(section, key)| entry.is(section, key))
    }
}

/// In a place, the last name of an option that is there wins, as in Ansible.
const CONNECTION: [Row; 16] = [
    row("[privilege_escalation] become", "ANSIBLE_BECOME", "ansible_become", Kind::Flag),
    row("[privilege_escalation] become_method", "ANSIBLE_BECOME_METHOD", "ansible_become_method", Kind::Method),
    row("[privilege_escalation] become_user", "ANSIBLE_BECOME_USER", "ansible_become_user", Kind::Text),
    row("[sudo_become_plugin] user", "ANSIBLE_SUDO_USER", "ansible_sudo_user", Kind::Text),
    row("[su_become_plugin] user", "ANSIBLE_SU_USER", "ansible_su_user", Kind::Text),
    row("[doas_become_plugin] user", "ANSIBLE_DOAS_USER", "ansible_doas_user", Kind::Text),
    // The file has no key for it.
    row("", "ANSIBLE_BECOME_PASS", "ansible_become_password", Kind::Text),
    row("[sudo_become_plugin] password", "ANSIBLE_SUDO_PASS", "ansible_sudo_pass", Kind::Text),
    row("[su_become_plugin] password", "ANSIBLE_SU_PASS", "ansible_su_pass", Kind::Text),
    row("[doas_become_plugin] password", "ANSIBLE_DOAS_PASS", "ansible_doas_pass", Kind::Text),
    row("[defaults] remote_port", "ANSIBLE_REMOTE_PORT", "ansible_port", Kind::Port),
    row("[defaults] transport", "ANSIBLE_TRANSPORT", "ansible_connection", Kind::Text),
    row("[ssh_connection] ssh_args", "ANSIBLE_SSH_ARGS", "ansible_ssh_args", Kind::Text),
    row("[ssh_connection] ssh_common_args", "ANSIBLE_SSH_COMMON_ARGS", "ansible_ssh_common_args", Kind::Text),
    row("[ssh_connection] ssh_extra_args", "ANSIBLE_SSH_EXTRA_ARGS", "ansible_ssh_extra_args", Kind::Text),
    row(
        "[ssh_connection] password_mechanism",
        "ANSIBLE_SSH_PASSWORD_MECHANISM",
        "ansible_ssh_password_mechanism",
        Kind::Text,
    ),
];

const fn row(name: &'static str, variable: &'static str, means: &'static str, kind: Kind) -> Row {
    Row { name, variable, means, kind }
}

/// For [`super::ansible_settings`].
#[cfg(feature = "testing")]
pub(super) fn names() -> Vec<(String, &'static str)> {
    CONNECTION.iter().map(|row| (row.name.to_owned(), row.variable)).collect()
}

/// Whether a line of `ansible.cfg` is one of these.
pub(super) fn knows(entry: &Entry) -> bool {
    CONNECTION.iter().any(|row| row.is(entry))
}

/// What a file says.
pub(super) fn of_file(entries: &[Entry], problems: &mut Problems) -> Vec<Fallback> {
    let mut found = Vec::new();
    for row in &CONNECTION {
        let Some(entry) = entries.iter().find(|entry| row.is(entry)) else { continue };
        let text = if matches!(row.kind, Kind::Text | Kind::Method) { unquoted(&entry.value) } else { &entry.value };
        match judged(row.kind, text, false) {
            Ok(text) => found.push(fallback(row, row.name, text, entry.span.clone())),
            Err(expected) => drop(problems.at(&entry.span, format!("{}: expected {expected}", row.name)).clone()),
        }
    }
    found
}

/// What the environment says. A variable that is empty counts: it overrides the file.
pub(super) fn of_environment(world: &World, problems: &mut Problems) -> Vec<Fallback> {
    let mut found = Vec::new();
    for row in CONNECTION.iter().filter(|row| !row.variable.is_empty()) {
        let Some(text) = world.env.get(row.variable) else { continue };
        match judged(row.kind, text, true) {
            Ok(text) => found.push(fallback(row, row.variable, text, Span::of_whole(row.variable))),
            Err(expected) => drop(problems.nowhere(format!("{}: expected {expected}", row.variable)).clone()),
        }
    }
    found
}

fn fallback(row: &Row, name: &'static str, text: &str, span: Span) -> Fallback {
    Fallback { variable: row.means, name, text: text.to_owned(), span }
}

/// The text, if it is one of its kind.
fn judged(kind: Kind, text: &str, may_be_empty: bool) -> Result<&str, &'static str> {
    let plain = text.trim();
    match kind {
        Kind::Text => Ok(text),
        Kind::Method if plain.is_empty() => Err("sudo, su or doas"),
        Kind::Method => Ok(plain),
        Kind::Flag if plain.is_empty() => Ok(plain),
        Kind::Flag => ansible::flag(plain).map(|_| plain).ok_or(ansible::TRUE_OR_FALSE),
        Kind::Port if plain.is_empty() && may_be_empty => Ok(plain),
        Kind::Port => match plain.parse::<u16>() {
            Ok(1..) => Ok(plain),
            _ => Err("a port from 1 to 65535"),
        },
    }
}

/// Where these are written, for the record of a run: names of environment variables, and the path of the file.
pub(in crate::cli) fn places(fallbacks: &Fallbacks, world: &World) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for said in fallbacks.0.iter().flatten() {
        let place = match said.name.starts_with('[') {
            true => world.absolute(&said.span.source.path).display().to_string(),
            false => said.name.to_owned(),
        };
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// What the places of a record say now; other places do not count.
pub(in crate::cli) fn of_record(places: &[String], world: &World) -> Result<Fallbacks, Failure> {
    let mut settings = Settings::default();
    let mut environment = of_environment(world, &mut settings.problems);
    environment.retain(|said| places.iter().any(|place| place == said.name));
    let mut all = vec![environment];
    for path in places.iter().map(Path::new).filter(|path| path.is_absolute()) {
        if !settings.is_safe(path, world) {
            return Err(Failure::usage(format!("the run was started with it: {}", settings.ignored.join("; "))));
        }
        let entries = ansible::entries_of(path, world, &mut settings.problems);
        all.push(of_file(&entries, &mut settings.problems));
    }
    settings.problems.or(Fallbacks(all)).map_err(Failure::usage)
}

/// What is taken from each place, for people: `become True`, `ssh args`. Options of ssh and passwords only by name.
pub(super) fn said(fallbacks: &Fallbacks) -> Vec<(String, String)> {
    let mut told: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for said in fallbacks.0.iter().flatten() {
        if told.contains(&said.variable) {
            continue;
        }
        told.push(said.variable);
        let name = said.variable.trim_start_matches("ansible_").replace('_', " ");
        let hidden = said.variable.ends_with("_args") || said.is_secret();
        let value = if said.text.is_empty() { "none" } else { &said.text };
        let text = if hidden { name } else { format!("{name} {}", crate::command::printable(value)) };
        lines.push((said.span.source.path.display().to_string(), text));
    }
    lines
}
