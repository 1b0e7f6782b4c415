//! `group_vars/` and `host_vars/` beside an inventory: a file per name, or a folder of files.
//! Source: Ansible's `lib/ansible/parsing/dataloader.py`, `find_vars_files`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{group::Layer, load::Loader};
use crate::yaml::{Problems, Source, Value, parse};

/// The deepest nesting of folders: a link to a parent folder ends here.
const DEEPEST: usize = 8;

/// Adds the variables in `group_vars` and `host_vars` of each folder; a later folder wins. As in Ansible, a folder that
/// is there twice counts where it is last.
pub fn read_all(folders: &[PathBuf], loader: &mut Loader) {
    // The current folder may be there by two names.
    let here = |folder: &PathBuf| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.clone() };
    let real: Vec<PathBuf> =
        folders.iter().map(|folder| fs::canonicalize(here(folder)).unwrap_or_else(|_| folder.clone())).collect();
    for (at, folder) in real.iter().enumerate() {
        if !real[at + 1..].contains(folder) {
            let first = real.iter().position(|other| other == folder).unwrap_or(at);
            read(&folders[first], at, loader);
        }
    }
}

fn read(folder: &Path, number: usize, loader: &mut Loader) {
    let groups = VarsFolder::open(folder.join("group_vars"), &mut loader.problems);
    for at in 0..loader.groups.len() {
        let files = groups.files(&loader.groups[at].name, &mut loader.problems);
        let layers: Vec<_> = files.iter().filter_map(|file| layer(file, loader)).collect();
        loader.groups[at].beside.extend(layers.into_iter().map(|layer| (number, layer)));
    }
    let hosts = VarsFolder::open(folder.join("host_vars"), &mut loader.problems);
    if hosts.entries.is_empty() {
        return;
    }
    for at in 0..loader.hosts.len() {
        let files = hosts.files(loader.names[at].as_str(), &mut loader.problems);
        let layers: Vec<_> = files.iter().filter_map(|file| layer(file, loader)).collect();
        loader.hosts[at].layers.extend(layers);
    }
}

/// One of the two folders, listed once.
struct VarsFolder {
    path: PathBuf,
    entries: BTreeSet<String>,
}

impl VarsFolder {
    fn open(path: PathBuf, problems: &mut Problems) -> Self {
        let entries = if path.is_dir() { list(&path, problems) } else { BTreeSet::new() };
        Self { path, entries }
    }

    /// The files of one name: the first of `NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json` that is there.
    fn files(&self, name: &str, problems: &mut Problems) -> Vec<PathBuf> {
        let found = ["", ".yml", ".yaml", ".json"].iter().find_map(|end| self.entries.get(&format!("{name}{end}")));
        let Some(path) = found.map(|entry| self.path.join(entry)) else { return Vec::new() };
        let mut files = Vec::new();
        if path.is_dir() {
            walk(&path, 0, &mut files, problems);
        } else {
            files.push(path);
        }
        files
    }
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Problems) {
    for name in list(folder, problems) {
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let path = folder.join(&name);
        let end = path.extension().map(|end| end.to_string_lossy().into_owned());
        if path.is_dir() && end.is_none() && depth < DEEPEST {
            walk(&path, depth + 1, files, problems);
        } else if path.is_file() && matches!(end.as_deref(), None | Some("yml" | "yaml" | "json")) {
            files.push(path);
        }
    }
}

/// Sorted names, without those that are not UTF-8: no host or group has such a name.
fn list(folder: &Path, problems: &mut Problems) -> BTreeSet<String> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
        Err(error) => {
            problems.nowhere(format!("{}: cannot be listed: {error}", folder.display()));
            BTreeSet::new()
        }
    }
}

fn layer(path: &Path, loader: &mut Loader) -> Option<Arc<Layer>> {
    let source = Source::load_or_report(path, &mut loader.problems)?;
    let source = loader.opened(source)?;
    let node = match parse(source) {
        Ok(node) => node,
        Err(problems) => {
            loader.problems.extend(problems);
            return None;
        }
    };
    match node.value {
        Value::Map(vars) => Some(Arc::new(loader.layer(vars))),
        // Ansible takes every empty value for an empty file.
        Value::Null | Value::Bool(false) | Value::Int(0) => None,
        Value::Seq(items) if items.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        _ => {
            loader.problems.expected("variables (a mapping)", &node);
            None
        }
    }
}
