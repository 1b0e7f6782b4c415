//! Reads inventory files and the files beside them, refuses other kinds, and reports every problem of every file at
//! once.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Inventory,
    load::Loader,
    order, vars_files,
    yaml::{self, CONVERT},
};
use crate::yaml::{Problem, Problems, Source};

impl Inventory {
    /// Reads inventory files and the `group_vars/` and `host_vars/` beside them. Later files win over earlier ones.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Problems> {
        let mut loader = Loader::new();
        if paths.is_empty() {
            loader.problems.nowhere("no inventory was given").help("name one with `-i inventories/production.yml`");
        }
        for path in paths {
            match source(path) {
                Ok(source) => yaml::read(source, &mut loader),
                Err(problem) => loader.problems.0.push(problem),
            }
        }
        let mut folders: Vec<&Path> = Vec::new();
        for folder in paths.iter().map(|path| path.parent().unwrap_or(Path::new(""))) {
            if !folders.contains(&folder) {
                vars_files::read(folder, &mut loader);
                folders.push(folder);
            }
        }
        order::finish(loader)
    }

    /// An inventory from text, without any files beside it.
    ///
    /// # Errors
    /// All its problems.
    #[cfg(feature = "testing")]
    pub fn from_text(path: &str, text: &str) -> Result<Self, Problems> {
        let mut loader = Loader::new();
        yaml::read(Source::new(path, text), &mut loader);
        order::finish(loader)
    }
}

/// The text of a file. Kinds of inventory that are not supported are refused.
fn source(path: &Path) -> Result<Arc<Source>, Problem> {
    let refused = |message: &str, help: &str| Problem {
        span: None,
        message: format!("{}: {message}", path.display()),
        help: Some(help.to_owned()),
    };
    if path.is_dir() {
        return Err(refused("is a folder; folders as inventories are not read yet", "name its files, each with `-i`"));
    }
    let source = Source::load(path)?;
    let first = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    if source.text.starts_with("#!") {
        return Err(refused("is a program; programs as inventories are not run", CONVERT));
    }
    if path.extension().is_some_and(|e| e == "ini") || first.is_some_and(|l| l.starts_with('[') && l.ends_with(']')) {
        return Err(refused("INI inventories are not read yet", CONVERT));
    }
    Ok(source)
}
