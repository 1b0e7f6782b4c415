//! `patchwave.yml`: the settings of a project. Paths in it are relative to its folder. Start at [`read`].

use std::{ffi::OsString, path::Path};

use super::{Alias, Setting};
use crate::{
    cli::{
        args::Cli,
        project_dates::{self, Said},
    },
    yaml::{
        self, MapReader, Node, Problems, Source, Value, read,
        shape::{Key, Shape, Table},
    },
};

use clap::CommandFactory as _;

const PATHS: Shape = Shape::Either(&[Shape::Word, Shape::filled(&Shape::Word)]);

/// `patchwave.yml`.
pub(in crate::cli) static PROJECT: Table = Table::new(
    "patchwave.yml",
    &[&[
        Key::new("inventory", PATHS, "Inventories, weakest first: what `-i` names. Relative to this file."),
        Key::new("known_hosts", Shape::Word, "File of trusted host keys. Relative to this file."),
        Key::new("forks", Shape::Whole(1, 100_000), "The most hosts in flight."),
        Key::new("vault_password_file", PATHS, "Files with passwords of Ansible Vault. Relative to this file."),
        Key::new(
            "aliases",
            Shape::Entries { name: NAME, of: &WORDS, null: true },
            "Other names for the beginnings of command lines.",
        ),
        Key::new("calendars", project_dates::CALENDARS, "iCalendar files by name, for windows and freezes."),
        Key::new("freezes", project_dates::FREEZES, "Times in which nothing starts on hosts whose group names them."),
    ]],
);

const WORDS: Shape = Shape::Either(&[Shape::Word, Shape::filled(&Shape::Word)]);
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";

/// Reads the file. `name` is its name for people.
pub(super) fn read(path: &Path, name: &str, problems: &mut Problems) -> (Vec<Setting>, Vec<Alias>, Said) {
    let nothing = (Vec::new(), Vec::new(), Said::default());
    let Some(source) = Source::load(path).map_err(|problem| problems.0.push(problem)).ok() else { return nothing };
    let node = match yaml::parse(source) {
        Ok(node) => node,
        Err(found) => {
            problems.extend(found);
            return nothing;
        }
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let Some(mut map) = MapReader::new(&node, &PROJECT, problems) else { return nothing };
    let inventory = map.read("inventory", |node, problems| paths(node, folder, true, problems));
    let known_hosts = map.read("known_hosts", |node, problems| path_of(node, folder, problems).map(|path| vec![path]));
    let forks = map.read("forks", |node, problems| {
        read::whole(node, 1, 100_000, problems).map(|forks: u32| vec![forks.to_string().into()])
    });
    let vault = map.read("vault_password_file", |node, problems| paths(node, folder, false, problems));
    let aliases = map.read("aliases", |node, problems| Some(aliases(node, problems))).unwrap_or_default();
    let dates = Said::read(&mut map, folder);
    map.finish();
    let setting = |id, values: Option<Vec<OsString>>| Some(Setting { id, values: values?, from: name.to_owned() });
    let settings = [
        setting("inventory", inventory),
        setting("known_hosts", known_hosts),
        setting("forks", forks),
        setting("vault_password_file", vault),
    ];
    (settings.into_iter().flatten().collect(), aliases, dates)
}

/// A path or a list of them; a list of hosts (`web1,web2,`) stays as it is.
fn paths(node: &Node, folder: &Path, hosts: bool, problems: &mut Problems) -> Option<Vec<OsString>> {
    let one = |node: &Node, problems: &mut Problems| {
        let text = word(node, problems)?;
        let path = if hosts && text.contains(',') { text.into() } else { folder.join(text).into_os_string() };
        Some(path)
    };
    match node.value {
        Value::Seq(_) => {
            let all = read::list(node, "paths", problems, one)?;
            (!all.is_empty()).then_some(all)
        }
        _ => one(node, problems).map(|path| vec![path]),
    }
}

fn path_of(node: &Node, folder: &Path, problems: &mut Problems) -> Option<OsString> {
    word(node, problems).map(|text| folder.join(text).into_os_string())
}

fn word(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::text(node, "a text", problems)?.to_owned();
    if text.is_empty() {
        problems.at(&node.span, "this is empty");
        return None;
    }
    Some(text)
}

fn aliases(node: &Node, problems: &mut Problems) -> Vec<Alias> {
    let Value::Map(entries) = &node.value else {
        if !node.is_null() {
            problems.expected("a mapping (`aliases`: names and what they stand for)", node);
        }
        return Vec::new();
    };
    let program = Cli::command();
    let is_command = |word: &str| word == "help" || program.find_subcommand(word).is_some();
    let mut found = Vec::new();
    for (key, node) in entries {
        let name = key.text.clone();
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !fits {
            problems
                .at(&key.span, format!("`{name}` cannot be the name of an alias"))
                .help("use letters, digits, _ and -");
            continue;
        }
        if is_command(&name) {
            problems.at(&key.span, format!("`{name}` is a command, so an alias cannot have this name"));
            continue;
        }
        let words = match node.value {
            Value::Seq(_) => read::list(node, "words", problems, word),
            _ => word(node, problems).and_then(|line| {
                let words = shlex::split(&line);
                if words.is_none() {
                    problems.at(&node.span, "this is not a command line: a quote is not closed");
                }
                words
            }),
        };
        let Some(words) = words else { continue };
        // So an alias cannot mean another one, or itself.
        match words.first() {
            Some(first) if is_command(first) => found.push(Alias { name, words }),
            _ => {
                problems.at(&node.span, format!("the alias `{name}` does not begin with a command of patchwave"));
            }
        }
    }
    found
}
