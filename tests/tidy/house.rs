//! All files that the rules check, read from disk or invented for an example.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{exceptions::EXCEPTIONS, source::Source};

/// The map of the examples.
const MAP: &str = "//! | floor | modules | what they are |
//! |---|---|---|
//! | 0 | [`host`] [`command`] [`clock`] [`yaml`] | words |
//! | 2 | [`inventory`] [`playbook`] [`pkg`] | files |
//! | 3 | [`plan`] | order |
//! | 4 | [`event`] | facts |
//! | 5 | [`rollout`] [`transport`] [`ledger`] [`ui`] | may it, how, where, what is seen |
//! | 6 | [`step`] | what |
//! | 7 | [`engine`] [`demo`] | who |
//! | 8 | [`cli`] | wiring |
";

/// The package.
pub struct House {
    /// Every Rust file below `src/`, including those that are only for tests.
    pub sources: Vec<Source>,
    /// Every other tracked text file: path and text.
    pub others: Vec<(String, String)>,
    /// Module to floor, from the table in `src/lib.rs`.
    pub floors: BTreeMap<String, usize>,
    /// Where it still breaks a rule.
    pub exceptions: &'static [(&'static str, &'static str)],
}

impl House {
    /// The real one.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = tracked(root).unwrap_or_default();
        for folder in ["src", "docs", "inventories", "playbooks", "tests", "benches"] {
            walk(root, folder, &mut paths);
        }
        paths.extend(
            ["Cargo.lock", "Cargo.toml", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
                .map(str::to_owned),
        );
        paths.sort();
        paths.dedup();
        let files = paths.into_iter().filter_map(|path| {
            let text = String::from_utf8(fs::read(root.join(&path)).ok()?).ok()?;
            Some((path, text))
        });
        Self { exceptions: EXCEPTIONS, ..Self::of(files.collect()) }
    }

    /// A house like ours with one more file, for the examples.
    pub fn with(path: &str, text: &str) -> Self {
        Self::of_files(&[(path, text)])
    }

    /// A house like ours with these additional files.
    pub fn of_files(files: &[(&str, &str)]) -> Self {
        let files = [("src/lib.rs", MAP)].iter().chain(files);
        Self::of(files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    fn of(files: Vec<(String, String)>) -> Self {
        let (code, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(path, _)| path.starts_with("src/") && path.ends_with(".rs"));
        let sources: Vec<Source> = code.iter().map(|(path, text)| Source::new(path, text)).collect();
        let map = code.iter().find(|(path, _)| path == "src/lib.rs").map_or("", |(_, text)| text);
        Self { sources, others, floors: floors(map), exceptions: &[] }
    }

    /// The files that are part of the program, without those that are only for tests.
    pub fn program(&self) -> impl Iterator<Item = &Source> {
        let hidden: Vec<&Vec<String>> = self.sources.iter().flat_map(|s| &s.test_modules).collect();
        self.sources.iter().filter(move |s| !hidden.iter().any(|prefix| s.module.starts_with(prefix)))
    }
}

/// Reads rows like ``//! | 4 | [`event`] | what it is |``.
fn floors(lib: &str) -> BTreeMap<String, usize> {
    let mut floors = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = line.split('|').map(str::trim);
        let (Some(Ok(floor)), Some(modules)) = (cells.next().map(str::parse::<usize>), cells.next()) else {
            continue;
        };
        let names = modules.split('`').skip(1).step_by(2);
        floors.extend(names.map(|name| (name.to_owned(), floor)));
    }
    floors
}

/// What git tracks; `None` outside a repository (a published package, for instance).
fn tracked(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path, folder: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(root, &path, found),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn the_table_is_read() {
    let floors = House::with("src/x.rs", "").floors;
    assert_eq!((floors.get("host"), floors.get("demo"), floors.len()), (Some(&0), Some(&7), 17));
}
