//! Settings that a person does not want to type each time: those of the project (`patchwave.yml`), of Ansible's
//! environment variables, and of `ansible.cfg`, in this order. They become the defaults of options, so what is typed
//! wins over them, and `--help` shows them. What an inventory says about hosts wins over both. Start at
//! [`Settings::find`].

mod ansible;
mod connection;
mod ini;
mod project;

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::{World, project_dates::Said};
use crate::{inventory::Fallbacks, yaml::Problems};

pub(super) use connection::{of_record, places};
pub(super) use project::PROJECT;

/// The file of a project.
const PROJECT_FILE: &str = "patchwave.yml";

/// Commands that reach hosts as an earlier run did: a setting must not change that.
const AS_BEFORE: [&str; 3] = ["resume", "retry", "rollback"];
const CONNECTION: [&str; 8] =
    ["known_hosts", "forks", "user", "private_key", "host_keys", "connect_timeout", "ask_pass", "ask_become_pass"];

/// An option with a default from a file or the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    /// The option's id.
    id: &'static str,
    /// As typed; none if the option stays as it is, whatever weaker places say.
    values: Vec<OsString>,
    /// Where it is from, for people: `patchwave.yml`, `ANSIBLE_FORKS`.
    from: String,
}

/// Another name for the beginning of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alias {
    name: String,
    words: Vec<String>,
}

/// All settings, the strongest first.
#[derive(Debug, Default)]
pub(super) struct Settings {
    all: Vec<Setting>,
    aliases: Vec<Alias>,
    /// What is said about connections and has no option.
    pub(super) fallbacks: Fallbacks,
    /// Freezes and calendars of the project.
    pub(super) dates: Said,
    /// What is wrong with the files.
    pub(super) problems: Problems,
    /// Files that are not read, and why.
    pub(super) ignored: Vec<String>,
    /// Settings of Ansible that mean nothing here: `FILE: [SECTION] KEY`, each with a reason.
    pub(super) without_meaning: Vec<String>,
}

impl Settings {
    /// Reads what there is for the current folder. Files that anybody may write are not read.
    pub(super) fn find(world: &World) -> Self {
        let mut found = Self::default();
        if let Some(path) = above(&world.folder, PROJECT_FILE)
            && found.is_safe(&path, world)
        {
            let (settings, aliases, dates) = project::read(&path, &world.shown(&path), &mut found.problems);
            found.all.extend(settings);
            (found.aliases, found.dates) = (aliases, dates);
        }
        let environment = ansible::environment(world, &mut found.problems);
        found.all.extend(environment);
        let said = connection::of_environment(world, &mut found.problems);
        found.fallbacks.0.push(said);
        found.without_meaning = ansible::unread(world);
        let safe = ansible::files(world).into_iter().find(|path| found.is_safe(path, world));
        if let Some(path) = safe {
            let read = ansible::read(&path, world, &mut found.problems);
            found.all.extend(read.settings);
            found.without_meaning.extend(read.without_meaning);
            found.fallbacks.0.push(read.fallbacks);
        }
        found.fallbacks.0.retain(|place| !place.is_empty());
        found
    }

    fn is_safe(&mut self, path: &Path, world: &World) -> bool {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let open = [folder, path]
            .into_iter()
            .find(|path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o002 != 0));
        if let Some(open) = open {
            let (path, open) = (world.shown(path), world.shown(open));
            self.ignored.push(format!("{path} is not read, because anybody may write to {open} (chmod o-w)"));
        }
        open.is_none()
    }

    /// Gives the options of all commands these defaults.
    pub(super) fn as_defaults(&self, command: Command) -> Command {
        let as_before = AS_BEFORE.contains(&command.get_name());
        let command = command.mut_args(|arg| {
            let id = arg.get_id().as_str().to_owned();
            match self.setting(&id) {
                Some(setting)
                    if is_option(&arg)
                        && !setting.values.is_empty()
                        && !(as_before && CONNECTION.contains(&setting.id)) =>
                {
                    arg.required(false).default_values(setting.values.clone())
                }
                _ => arg,
            }
        });
        command.mut_subcommands(|command| match command.get_name() {
            // The inventory of a new project is not that of another one.
            "init" | "demo" | "known-hosts" => command,
            _ => self.as_defaults(command),
        })
    }

    fn setting(&self, id: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.id == id)
    }

    /// The inventories that `-i` would name.
    pub(super) fn inventories(&self) -> Vec<PathBuf> {
        self.setting("inventory").map(|found| found.values.iter().map(PathBuf::from).collect()).unwrap_or_default()
    }

    /// What this command line takes from settings: `from patchwave.yml: inventory hosts.yml, forks 20`, a line for each
    /// place.
    pub(super) fn used(&self, matches: &ArgMatches, world: &World) -> Vec<String> {
        let mut deepest = matches;
        while let Some((_, below)) = deepest.subcommand() {
            deepest = below;
        }
        let mut places: Vec<(String, Vec<String>)> = Vec::new();
        let defaulted = |id: &str| {
            deepest.ids().any(|known| known == id) && deepest.value_source(id) == Some(ValueSource::DefaultValue)
        };
        for (at, setting) in self.all.iter().enumerate() {
            let stronger = self.all[..at].iter().any(|other| other.id == setting.id);
            if stronger || setting.values.is_empty() || !defaulted(setting.id) || !self.reaches(matches, setting) {
                continue;
            }
            let shown = |value: &OsString| world.shown(Path::new(value));
            let values: Vec<String> = setting.values.iter().map(shown).collect();
            let text = format!("{} {}", setting.id.replace('_', " "), values.join(" "));
            add(&mut places, setting.from.clone(), text);
        }
        if says_connections(matches) {
            connection::said(&self.fallbacks).into_iter().for_each(|(from, text)| add(&mut places, from, text));
        }
        places.into_iter().map(|(from, texts)| format!("from {from}: {}", texts.join(", "))).collect()
    }

    /// Whether the command of this line takes the setting.
    fn reaches(&self, matches: &ArgMatches, setting: &Setting) -> bool {
        let command = matches.subcommand_name().unwrap_or_default();
        !(AS_BEFORE.contains(&command) && CONNECTION.contains(&setting.id))
    }

    /// Puts the words of an alias in its place.
    pub(super) fn expand(&self, words: &[OsString]) -> Vec<OsString> {
        let Some(at) = command_word(words) else { return words.to_vec() };
        let Some(alias) = self.aliases.iter().find(|alias| words[at] == *alias.name) else { return words.to_vec() };
        let (before, after) = (&words[..at], &words[at + 1..]);
        before.iter().cloned().chain(alias.words.iter().map(OsString::from)).chain(after.iter().cloned()).collect()
    }
}

fn add(places: &mut Vec<(String, Vec<String>)>, from: String, text: String) {
    match places.iter_mut().find(|(known, _)| *known == from) {
        Some((_, texts)) => texts.push(text),
        None => places.push((from, vec![text])),
    }
}

/// Whether the command of this line has to do with how hosts are reached. One that goes on with an earlier run takes
/// that from its record.
fn says_connections(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some(("run" | "plan" | "impact" | "rehearse" | "exec" | "scan", _)) => true,
        Some(("inventory", below)) => matches!(below.subcommand_name(), Some("check" | "show")),
        _ => false,
    }
}

fn is_option(arg: &Arg) -> bool {
    !arg.is_positional()
}

/// The place of the first word after the program's own options.
fn command_word(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
        match word {
            "--state-dir" => at += 2,
            _ if word.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
    None
}

/// A file in this folder, or in the nearest folder above that has it.
fn above(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(name)).find(|path| path.exists() && !path.is_dir())
}

/// The entries of an `ansible.cfg` (section, key, line) and the number of its problems.
#[cfg(feature = "testing")]
pub fn ansible_cfg(text: &str) -> (Vec<(String, String, usize)>, usize) {
    let mut problems = Problems::default();
    let entries = ini::entries(&crate::yaml::Source::new("ansible.cfg", text), &mut problems);
    let _ = problems.to_string();
    (
        entries.into_iter().map(|entry| (entry.section.to_string(), entry.key, entry.span.line as usize)).collect(),
        problems.0.len(),
    )
}

/// What counts in a world.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub struct Found {
    /// The option or the variable, its values, and where they are from.
    pub all: Vec<(String, Vec<String>, String)>,
    /// What is wrong; empty if nothing is.
    pub problems: String,
    /// The `ansible.cfg` that is read.
    pub file: Option<PathBuf>,
}

/// Reads the settings of a world.
#[cfg(feature = "testing")]
pub fn settings_of(world: &World) -> Found {
    let found = Settings::find(world);
    let mut all: Vec<(String, Vec<String>, String)> = Vec::new();
    let options = found.all.iter().map(|setting| {
        let values = setting.values.iter().map(|value| value.to_string_lossy().into_owned()).collect();
        (setting.id.to_owned(), values, setting.from.clone())
    });
    let said = found.fallbacks.0.iter().flatten();
    let said = said.map(|said| (said.variable.to_owned(), vec![said.text.clone()], said.span.place()));
    for one in options.chain(said) {
        if !all.iter().any(|known| known.0 == one.0) {
            all.push(one);
        }
    }
    let mut unsafe_too = Settings::default();
    let file = ansible::files(world).into_iter().find(|path| unsafe_too.is_safe(path, world));
    Found { all, problems: found.problems.to_string(), file }
}

/// Section and key of each setting of `ansible.cfg` that counts, and its environment variable; either may be empty.
#[cfg(feature = "testing")]
pub fn ansible_settings() -> Vec<(String, &'static str)> {
    ansible::names().into_iter().chain(connection::names()).collect()
}

#[cfg(test)]
mod tests;
