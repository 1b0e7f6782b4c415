//! A playbook file into a [`Playbook`], or everything that is wrong with it.

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value as Json};

use super::{
    Playbook, Written, from_ansible, guard, rollout,
    steps::{self, Place},
    values::{self, Context},
};
use crate::{
    sensitive,
    vault::{Passwords, is_encrypted},
    yaml::{
        self, MapReader, Node, Problems, Source, Value, read,
        shape::{Key, Shape, Table},
    },
};

/// A playbook.
pub static PLAYBOOK: Table = Table::new(
    "a playbook",
    &[&[
        Key::new("name", Shape::Word, "The name in records and on the screen. Default: the name of the file."),
        Key::new("hosts", rollout::PATTERN, "Which hosts: a pattern as in Ansible. Default: all."),
        Key::new("vars", values::VARS, "Variables of the playbook; they win over those of the inventory."),
        Key::new("rollout", Shape::Map(&rollout::ROLLOUT), "In which order hosts are patched, and what stops it."),
        Key::needed(
            "steps",
            Shape::filled(&Shape::Map(&steps::STEP)),
            "What is done on each host, one step after the other; the first that fails ends it.",
        ),
        Key::new(
            "on_failure",
            Shape::list(&Shape::Map(&steps::ON_FAILURE_STEP)),
            "Steps for a host that failed, before the rollout halts.",
        ),
        Key::new("guard", Shape::Map(&guard::GUARD), "The host rolls back by itself unless the end confirms in time."),
    ]],
);

/// Loads the playbook at `path`. `package_modules` are the modules of Ansible that install packages: a step that is
/// called so gets a hint. `vault` opens encrypted values of `vars`.
///
/// # Errors
/// Everything that is wrong with it at once: the file cannot be read or is not YAML; unknown keys, wrong types, bad
/// values, template mistakes, missing hooks and files; encrypted values that cannot be opened or are not in `vars`.
pub fn load(path: &Path, package_modules: Vec<&'static str>, vault: &Passwords) -> Result<Playbook, Problems> {
    read_source(Source::load(path)?, package_modules, vault)
}

/// As [`load`], with the text of the file. Files that it names are still looked up beside its path.
///
/// # Errors
/// As [`load`].
#[cfg(feature = "testing")]
pub fn load_text(path: &Path, text: &str) -> Result<Playbook, Problems> {
    read_source(Source::new(path, text), Vec::new(), &Passwords::default())
}

fn read_source(
    source: Arc<Source>,
    package_modules: Vec<&'static str>,
    vault: &Passwords,
) -> Result<Playbook, Problems> {
    let context = Context { path: source.path.clone(), package_modules };
    let mut problems = Problems::default();
    if is_encrypted(&source.text) {
        let path = source.path.display();
        problems
            .nowhere(format!(
                "{path}: this playbook is encrypted as a whole, and what a run does is recorded and shown"
            ))
            .help("decrypt it (`ansible-vault decrypt`), and encrypt the secret values of its `vars` one by one");
        return Err(problems);
    }
    let mut node = yaml::parse(source)?;
    decrypt_vars(&mut node, vault, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let playbook = playbook(&node, &context, &mut problems);
    match playbook {
        Some(playbook) => problems.or(playbook),
        None => Err(problems),
    }
}

/// Decrypts what is encrypted in `vars`. The rest of a playbook is recorded as it is, so nothing there can be secret.
fn decrypt_vars(node: &mut Node, vault: &Passwords, problems: &mut Problems) {
    let Value::Map(entries) = &mut node.value else { return };
    for (key, value) in entries {
        if key.text != "vars" {
            for secret in value.encrypted() {
                problems
                    .at(&secret.span, "only the variables of a playbook may be encrypted")
                    .help("put the value into `vars:`, and write `{{ its_name }}` here");
            }
        } else if !vault.is_empty() {
            value.decrypt(vault, problems);
        }
    }
}

fn playbook(node: &Node, context: &Context, problems: &mut Problems) -> Option<Playbook> {
    if let Value::Seq(_) = node.value {
        problems.at(&node.span, "a playbook is a mapping with `steps`, found a list").help(
            "an Ansible playbook is a list of plays; write one play without the dash, and `steps` instead of `tasks`",
        );
        return None;
    }
    let mut map = MapReader::new(node, &PLAYBOOK, problems)?;
    let name = map.read("name", read::name);
    let hosts = map.read("hosts", rollout::pattern);
    let vars = map.read("vars", values::vars).unwrap_or_default();
    let rollout = map.read("rollout", |node, problems| rollout::rollout(node, context, problems)).unwrap_or_default();
    let steps_at = map.take("steps");
    let steps = steps_at.and_then(|node| steps::list(node, Place::Steps, context, map.problems)).unwrap_or_default();
    let on_failure = map
        .read("on_failure", |node, problems| steps::list(node, Place::OnFailure, context, problems))
        .unwrap_or_default();
    let guard_at = map.take_entry("guard");
    let guard = guard_at.and_then(|(_, node)| guard::guard(node, map.problems));
    if let Some((key, _)) = guard_at {
        guard::check_walk(key, &steps, map.problems);
    }
    match steps_at {
        None => {
            map.problems.at(&node.span, "a playbook needs the key `steps`");
        }
        Some(node) if node.is_null() || matches!(&node.value, Value::Seq(items) if items.is_empty()) => {
            map.problems.at(&node.span, "`steps` is empty: there is nothing to do");
        }
        Some(_) => {}
    }
    map.finish_with(from_ansible::instead_in_play);
    let stem = || context.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = context.path.clone();
    let steps = match guard {
        Some(guard) => guard::over_walk(guard, steps),
        None => steps,
    };
    let (name, hosts) = (name.unwrap_or_else(stem), hosts.unwrap_or_else(|| "all".to_owned()));
    let written = Written::below(node);
    Some(Playbook { name, path, hosts, vars, rollout, steps, on_failure, written })
}

impl Playbook {
    /// Puts `vars` (`-e`) above `vars:`. They win over the inventory too, as in Ansible, because `vars:` does.
    #[must_use]
    pub fn with_vars(mut self, vars: Map<String, Json>) -> Self {
        self.vars.extend(sensitive::mark_all(vars));
        self
    }
}
