//! Files to blocks: reads, splits, follows `Include`. Finds everything that is wrong in any file, because OpenSSH
//! refuses a file for every host when one line of it is bad.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    LocalMachine, Person, Sources,
    error::{Place, Problem, SshConfigError},
    matching::{
        condition::{self, Block, Condition},
        facts::Fact,
    },
    read::{
        glob,
        keyword::{Named, named},
        line::{self, Line},
        setting::{self, Setting},
        token,
    },
};

/// As in OpenSSH.
const DEEPEST: usize = 16;
/// The most included files in total; OpenSSH has no limit.
const MOST_FILES: usize = 5_000;
/// For tokens and variables where older releases of OpenSSH take them literally.
pub(super) const RELEASES_DIFFER: &str =
    "releases of OpenSSH differ on what `%` and `${…}` mean here; write the value itself";
/// The most problems that are shown.
const MOST_PROBLEMS: usize = 20;

/// Reads everything that `sources` name.
pub(super) fn load(sources: &Sources, person: &Person, local: &dyn LocalMachine) -> Result<Vec<Block>, SshConfigError> {
    let mut loader =
        Loader { person, local, blocks: Vec::new(), problems: Vec::new(), texts: HashMap::new(), files: 0 };
    match sources {
        Sources::None => {}
        Sources::Only(path) => loader.root(path, true, Absent::Refused, Trust::Any)?,
        Sources::Usual { user, system } => {
            loader.root(user, true, Absent::Fine, Trust::Checked)?;
            loader.root(system, false, Absent::Fine, Trust::Any)?;
        }
    }
    match loader.problems.is_empty() {
        true => Ok(loader.blocks),
        false => Err(SshConfigError::Bad(loader.problems)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    Fine,
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Any,
    /// No other user may write to it.
    Checked,
}

struct Loader<'a> {
    person: &'a Person,
    local: &'a dyn LocalMachine,
    blocks: Vec<Block>,
    problems: Vec<Problem>,
    texts: HashMap<PathBuf, Arc<str>>,
    files: usize,
}

/// Where a line is, and what it belongs to.
struct Position {
    path: Arc<str>,
    /// In the user's own file, or included from there.
    own: bool,
    depth: usize,
    outer: Option<usize>,
    /// The block that the next line belongs to.
    block: usize,
}

impl Loader<'_> {
    fn root(&mut self, path: &Path, own: bool, absent: Absent, trust: Trust) -> Result<(), SshConfigError> {
        self.file(path, own, absent, trust, None, 0)
    }

    fn file(
        &mut self,
        path: &Path,
        own: bool,
        absent: Absent,
        trust: Trust,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<(), SshConfigError> {
        let shown = path.display().to_string();
        let unreadable = |why: String| SshConfigError::Unreadable { path: shown.clone(), why };
        if depth > DEEPEST {
            let why = format!("is nested more than {DEEPEST} includes deep; does a file include itself?");
            return Err(unreadable(why));
        }
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(unreadable(format!("more than {MOST_FILES} files are included")));
        }
        let text = match self.text(path, trust) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && absent == Absent::Fine => return Ok(()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let place = Place { path: shown.as_str().into(), line: 0 };
        let block = self.open(Block::new(outer, Condition::Always, place.clone(), own));
        let mut position = Position { path: place.path, own, depth, outer, block };
        for (text, number) in text.split('\n').zip(1..) {
            // OpenSSH reads C strings, which end at a NUL byte.
            let text = text.split('\0').next().unwrap_or_default();
            self.line(text, number, &mut position)?;
        }
        Ok(())
    }

    fn text(&mut self, path: &Path, trust: Trust) -> io::Result<Arc<str>> {
        if let Some(text) = self.texts.get(path) {
            return Ok(Arc::clone(text));
        }
        let file = self.local.read(path)?;
        if let Some(who) = file.writable_by.filter(|_| trust == Trust::Checked) {
            let why =
                format!("can be written by {who}, so it is not trusted; `chmod go-w` it, or `chown` it to yourself");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let text: Arc<str> = String::from_utf8_lossy(&file.bytes).into();
        self.texts.insert(path.to_owned(), Arc::clone(&text));
        Ok(text)
    }

    fn open(&mut self, block: Block) -> usize {
        self.blocks.push(block);
        self.blocks.len() - 1
    }

    fn line(&mut self, text: &str, number: usize, position: &mut Position) -> Result<(), SshConfigError> {
        let place = Place { path: Arc::clone(&position.path), line: number };
        let line = match line::split(text) {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => line,
            Err(why) => {
                self.problem(&place, why);
                return Ok(());
            }
        };
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.problem(&place, format!("{} has an argument that is not UTF-8", line.keyword));
            return Ok(());
        }
        let condition = match named(&line.keyword) {
            Some(Named::Include) => return self.include(&line.words, &place, position),
            Some(Named::Host) => condition::host(&line.words),
            Some(Named::Match) => condition::criteria(line.text),
            _ => {
                self.setting(&line, &place, position.block);
                return Ok(());
            }
        };
        match condition {
            Ok(condition) => position.block = self.open(Block::new(position.outer, condition, place, position.own)),
            Err(why) => self.problem(&place, why),
        }
        Ok(())
    }

    fn setting(&mut self, line: &Line<'_>, place: &Place, block: usize) {
        match setting(line, place, self.person) {
            Ok(ParsedLine::Setting(setting)) => self.blocks[block].add(setting),
            Ok(ParsedLine::Unknown(fact)) => self.blocks[block].facts.push(fact),
            Ok(ParsedLine::Nothing) => {}
            Err(problem) => {
                if self.problems.len() < MOST_PROBLEMS {
                    self.problems.push(problem);
                }
            }
        }
    }

    fn include(&mut self, patterns: &[String], place: &Place, position: &mut Position) -> Result<(), SshConfigError> {
        for pattern in patterns {
            if pattern.contains("${") || pattern.contains('%') {
                self.problem(place, format!("Include {pattern}: {RELEASES_DIFFER}"));
                continue;
            }
            let absolute = if pattern.is_empty() {
                Err("Include has an empty argument".to_owned())
            } else if pattern.starts_with('~') && !position.own {
                Err(format!("Include {pattern}: a system file has no home folder"))
            } else if pattern.starts_with(['/', '~']) {
                token::tilde(pattern, self.person, self.local)
            } else if position.own {
                Ok(format!("{}/.ssh/{pattern}", self.person.home.display()))
            } else {
                Ok(format!("/etc/ssh/{pattern}"))
            };
            let absolute = match absolute {
                Ok(absolute) => absolute,
                Err(why) => {
                    self.problem(place, why);
                    continue;
                }
            };
            for path in glob::expand(&absolute, self.local) {
                self.file(&path, position.own, Absent::Fine, Trust::Checked, Some(position.block), position.depth + 1)?;
            }
        }
        // What follows has the condition of the block before the Include, but comes after what was included.
        let again = Block::new(position.outer, Condition::As(position.block), place.clone(), position.own);
        position.block = self.open(again);
        Ok(())
    }

    fn problem(&mut self, place: &Place, message: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem::new(place, message));
        }
    }
}

/// The content of a line that is not a condition.
pub(super) enum ParsedLine {
    Setting(Setting),
    /// An unknown keyword, which may be fine: `IgnoreUnknown` decides that for each host.
    Unknown(Fact),
    Nothing,
}

/// Parses such a line.
pub(super) fn setting(line: &Line<'_>, place: &Place, person: &Person) -> Result<ParsedLine, Problem> {
    match named(&line.keyword) {
        Some(Named::Keyword(keyword)) => match setting::read(keyword, line, person) {
            Ok(value) => Ok(ParsedLine::Setting(Setting { keyword, value, place: place.clone() })),
            Err(why) => Err(Problem::new(place, format!("{}: {why}", line.keyword))),
        },
        Some(Named::Nothing) => Ok(ParsedLine::Nothing),
        Some(Named::Host | Named::Match | Named::Include) => {
            Err(Problem::new(place, format!("{} is allowed in a file only", line.keyword)))
        }
        None => Ok(ParsedLine::Unknown(Fact::Unknown { keyword: line.keyword.clone(), place: place.clone() })),
    }
}
