//! One known_hosts file and its index: plain names by hash map, patterns and hashed names by trial.

use std::{
    collections::{HashMap, HashSet},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    line::{self, FiledKey, Marker},
    name::{HashedName, is_plain, list_names},
};
use crate::regular;

/// Larger files are refused rather than read.
const LARGEST: u64 = 64 << 20;

/// A known_hosts file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {why}", path.display())]
pub struct KnownHostsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// One parsed file. A file that does not exist is an empty one.
#[derive(Debug, Default)]
pub struct TrustFile {
    path: PathBuf,
    entries: Vec<Entry>,
    plain: HashMap<Box<str>, Vec<u32>>,
    patterns: Vec<(Box<str>, u32)>,
    hashed: Vec<(HashedName, u32)>,
    tried: Mutex<Tried>,
    /// Lines that this process appended: (name, entry).
    appended: Mutex<Vec<(String, Entry)>>,
}

/// Results for hashed names: testing a line costs a hash.
#[derive(Debug, Default)]
struct Tried {
    names: HashMap<Box<str>, Vec<u32>>,
    claimed: HashSet<u32>,
}

/// The part of a line that matters once its host field has matched.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// From 1; 0 for a line that this process appended.
    pub(super) line: u32,
    pub(super) marker: Marker,
    /// Whether `ssh-keygen -F` prints this line.
    pub(super) listed: bool,
    pub(super) key: Option<FiledKey>,
}

impl TrustFile {
    /// Reads and indexes `path`.
    ///
    /// # Errors
    /// [`KnownHostsError`] when it exists and cannot be read, or is larger than 64 MiB.
    pub fn load(path: &Path) -> Result<Self, KnownHostsError> {
        let refuse = |why: String| KnownHostsError { path: path.to_owned(), why };
        let bytes = match regular::read(path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Vec::new(),
            Err(error) => return Err(refuse(error.to_string())),
        };
        if bytes.len() as u64 > LARGEST {
            return Err(refuse("it is larger than 64 MiB".to_owned()));
        }
        Ok(Self::parse(path, &bytes))
    }

    /// Indexes the content of a file.
    pub fn parse(path: &Path, bytes: &[u8]) -> Self {
        let mut this = Self { path: path.to_owned(), ..Self::default() };
        for (number, raw) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
            // In valid lines, bytes that are not UTF-8 can only be in comments.
            let text = String::from_utf8_lossy(raw);
            let Some(line) = line::parse(&text) else { continue };
            let index = u32::try_from(this.entries.len()).expect("64 MiB hold fewer than 2^32 lines");
            if line.hosts.starts_with('|') {
                let Some(hashed) = HashedName::parse(line.hosts) else { continue };
                this.hashed.push((hashed, index));
            } else if is_plain(line.hosts) {
                for name in line.hosts.split(',') {
                    this.plain.entry(name.to_ascii_lowercase().into()).or_default().push(index);
                }
            } else {
                this.patterns.push((line.hosts.to_ascii_lowercase().into(), index));
            }
            let line::Line { marker, listed, key, .. } = line;
            this.entries.push(Entry { line: number, marker, listed, key });
        }
        this
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the lines that name `name`, ascending (what `ssh-keygen -F` finds).
    pub fn find(&self, name: &str) -> Vec<u32> {
        // It hashes a name as it is typed, where `ssh` takes it in lower case.
        let lower = name.to_ascii_lowercase();
        let found = self.lines(&lower, name);
        found.filter(|entry| entry.listed).map(|entry| entry.line).collect()
    }

    /// The lines that name `name` (in lower case), in the file's order.
    pub(super) fn matching(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.lines(name, name)
    }

    fn lines(&self, name: &str, hashed_name: &str) -> impl Iterator<Item = &Entry> {
        let mut found: Vec<u32> = self.plain.get(name).cloned().unwrap_or_default();
        found.extend(self.patterns.iter().filter(|(list, _)| list_names(list, name)).map(|(_, index)| index));
        found.extend(self.hashed_lines(hashed_name));
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.entries[index as usize])
    }

    /// Tests the hashed lines, once for each name. A line is the hash of one name only.
    fn hashed_lines(&self, name: &str) -> Vec<u32> {
        if self.hashed.is_empty() {
            return Vec::new();
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tried.names.get(name) {
            return known.clone();
        }
        let left = self.hashed.iter().filter(|(_, index)| !tried.claimed.contains(index));
        let found: Vec<u32> = left.filter(|(hashed, _)| hashed.names(name)).map(|(_, index)| *index).collect();
        tried.claimed.extend(&found);
        tried.names.insert(name.into(), found.clone());
        found
    }

    /// The lines that this process appended. Holding the guard keeps others from appending.
    pub(super) fn appended(&self) -> MutexGuard<'_, Vec<(String, Entry)>> {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
