//! What `-i` names: files, folders, programs and lists of hosts. Finds out what each is, hands it to its reader, and
//! reports every problem of every source at once. Start at [`Sources`].
//!
//! Source: Ansible's `lib/ansible/inventory/manager.py`, `parse_source`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use regex::Regex;

use super::{
    Inventory, host_list, ini,
    load::{Loader, Origin},
    order, script, toml, vars_files,
    yaml::{self, CONVERT, Kind},
};
use crate::{
    vault::{self, Passwords},
    yaml::{Problem, Problems, Source},
};

/// The deepest nesting of folders: a link to a parent folder ends here.
const DEEPEST: usize = 8;
/// The most files of one folder.
const MOST_FILES: usize = 10_000;
/// Endings of names that Ansible leaves out of a folder; [`is_ignored`] has the whole names.
const IGNORED_ENDINGS: &str = r"(\.(py[co]|swp|bak|r(pm|st|etry)|md|txt|orig|cfg)|~)$";

/// Where hosts come from.
pub struct Sources<'a> {
    /// Files, folders, programs, and lists like `web1,web2,`, weakest first.
    pub inventories: &'a [PathBuf],
    /// The folder whose `group_vars` and `host_vars` win over those beside the inventories: the playbook's, or the
    /// current one for a command without a playbook.
    pub beside: Option<&'a Path>,
    /// Does as Ansible does where it only warns.
    pub lenient: bool,
    /// Runs inventories that are programs.
    pub programs: &'a dyn Programs,
    /// What opens encrypted values and files.
    pub vault: Arc<Passwords>,
}

/// Runs programs on this machine.
pub trait Programs {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// Why there is no output, for people, with what the program said on standard error.
    fn output(&self, program: &Path, arguments: &[&str]) -> Result<Printed, String>;
}

/// What a program printed.
#[derive(Clone, Debug, Default)]
pub struct Printed {
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error; may be cut.
    pub err: String,
}

/// Programs are not run here.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrograms;

impl Programs for NoPrograms {
    fn output(&self, _program: &Path, _arguments: &[&str]) -> Result<Printed, String> {
        Err("programs are not run here".to_owned())
    }
}

/// Whether Ansible takes this word of `-i` for a list of hosts: it has a comma, and there is no such file.
pub fn is_host_list(word: &Path) -> bool {
    word.to_str().is_some_and(|word| word.contains(',')) && !word.exists()
}

impl Inventory {
    /// Reads inventories and the `group_vars/` and `host_vars/` beside them. Later sources win over earlier ones.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Problems> {
        let mut loader = Loader::new(sources.lenient);
        loader.vault = Arc::clone(&sources.vault);
        if sources.inventories.is_empty() {
            loader.problems.nowhere("no inventory was given").help("name one with `-i inventories/production.yml`");
        }
        let mut folders = Vec::new();
        for path in sources.inventories {
            if is_host_list(path) {
                host_list::read(&path.to_string_lossy(), &mut loader);
                continue;
            }
            Reading { loader: &mut loader, programs: sources.programs, files: 0 }.source(path, 0);
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            folders.push(folder.unwrap_or(Path::new("")).to_owned());
        }
        folders.extend(sources.beside.map(Path::to_owned));
        loader.source = None;
        vars_files::read_all(&folders, &mut loader);
        order::finish(loader)
    }

    /// Reads inventory files and the folders beside them, and runs nothing.
    ///
    /// # Errors
    /// All problems of all files.
    #[cfg(any(test, feature = "testing"))]
    pub fn load_files(paths: &[PathBuf]) -> Result<Self, Problems> {
        Self::load(&Sources {
            inventories: paths,
            beside: None,
            lenient: false,
            programs: &NoPrograms,
            vault: Default::default(),
        })
    }

    /// An inventory from text, without any files beside it. The name says which kind it is; `-i` is a list of hosts.
    ///
    /// # Errors
    /// All its problems.
    #[cfg(any(test, feature = "testing"))]
    pub fn from_text(path: &str, text: &str) -> Result<Self, Problems> {
        let mut loader = Loader::new(false);
        match path {
            "-i" => host_list::read(text, &mut loader),
            _ if path.ends_with(".out") => {
                script::read_output(Source::new(path, text), &mut loader, &mut |_| Ok(Vec::new()));
            }
            _ => Reading { loader: &mut loader, programs: &NoPrograms, files: 0 }.text(Source::new(path, text)),
        }
        order::finish(loader)
    }
}

struct Reading<'a> {
    loader: &'a mut Loader,
    programs: &'a dyn Programs,
    /// Files read so far.
    files: usize,
}

impl Reading<'_> {
    fn source(&mut self, path: &Path, depth: usize) {
        if path.is_dir() {
            let before = self.files;
            self.folder(path, depth);
            if depth == 0 && self.files == before {
                self.unreadable(path, "no file in this folder is an inventory", None);
            }
        } else {
            self.file(path);
        }
    }

    /// The files of a folder by name, as Ansible sorts them.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let mut names: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect(),
            Err(error) => return self.unreadable(folder, &format!("cannot be listed: {error}"), None),
        };
        names.sort();
        let endings = Regex::new(IGNORED_ENDINGS).expect("the expression is valid");
        for name in names.iter().filter(|name| !name.to_str().is_some_and(|name| is_ignored(name, &endings))) {
            if depth >= DEEPEST || self.files >= MOST_FILES {
                let limit = format!("has more than {MOST_FILES} files, or folders more than {DEEPEST} levels deep");
                return self.unreadable(folder, &limit, Some("is there a link to a folder above it?"));
            }
            self.source(&folder.join(name), depth + 1);
        }
    }

    fn file(&mut self, path: &Path) {
        self.files += 1;
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        self.loader.source = Some(Arc::new(Origin { file, folder }));
        if script::is_program(path) {
            return script::run(path, self.programs, self.loader);
        }
        match Source::load(path) {
            Ok(source) => self.text(source),
            Err(problem) => self.loader.unreadable(problem.into()),
        }
    }

    /// A file of text: YAML or JSON if its name allows it and it is; otherwise INI.
    fn text(&mut self, source: Arc<Source>) {
        if self.loader.vault.is_empty() && vault::is_encrypted(&source.text) {
            let help = "give its password with `--vault-password-file` or `-J`";
            return self.unreadable(&source.path, "this inventory is encrypted as a whole", Some(help));
        }
        let Some(source) = self.loader.opened(source) else { return };
        let end = extension(&source.path);
        let named_yaml = matches!(end, ".yml" | ".yaml" | ".json");
        if end == ".toml" {
            return toml::read(source, self.loader);
        }
        let mut no_yaml = None;
        if (named_yaml || end.is_empty()) && !ini::looks_like_ini(&source.text) {
            match yaml::kind(Arc::clone(&source)) {
                Kind::Groups(groups) => return yaml::read(groups, self.loader),
                Kind::Plugin(key, name) => {
                    let name: String = name.chars().filter(|c| crate::command::shows(*c)).take(80).collect();
                    let message = format!("this configures the inventory plugin `{name}`; plugins are not run");
                    self.loader.minor(&key.span, message).help(CONVERT);
                    return;
                }
                Kind::Other(problems) => no_yaml = Some(problems),
            }
        }
        if source.text.starts_with("#!") {
            let help = "make it executable if it is a program that prints an inventory: `chmod +x FILE`";
            return self.unreadable(&source.path, "this is not an inventory", Some(help));
        }
        match (ini::lines(&source), no_yaml) {
            (Ok(lines), _) if !lines.is_empty() || !named_yaml => ini::read(lines, self.loader),
            (_, Some(problems)) if named_yaml => self.loader.unreadable(problems),
            (Err(_), None) if matches!(yaml::kind(Arc::clone(&source)), Kind::Groups(_)) => {
                let help =
                    "rename it: Ansible reads YAML from files that end with .yml, .yaml or .json, or have no ending";
                self.unreadable(&source.path, "this is a YAML inventory, but its name says that it is INI", Some(help));
            }
            (Err(problems), _) => self.loader.unreadable(problems),
            (Ok(_), problems) => self.loader.unreadable(problems.unwrap_or_default()),
        }
    }

    fn unreadable(&mut self, path: &Path, message: &str, help: Option<&str>) {
        let message = format!("{}: {message}", path.display());
        self.loader.unreadable(Problem { span: None, message, help: help.map(str::to_owned) }.into());
    }
}

/// Whether Ansible leaves this name out of a folder of inventories.
fn is_ignored(name: &str, endings: &Regex) -> bool {
    name.starts_with('.') || matches!(name, "host_vars" | "group_vars" | "vars_plugins") || endings.is_match(name)
}

/// The end of a name with its dot, as Python's `os.path.splitext` has it.
fn extension(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = name.trim_start_matches('.');
    plain.rfind('.').map_or("", |at| &plain[at..])
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
