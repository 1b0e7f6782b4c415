//! The jump box's files that a run depends on: hashed when the run starts, compared when they are used. Files that a
//! program reads by itself are not seen. Start at [`names`] and [`Held`].

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    playbook::{Source, TemplateScope},
    regular,
};

/// Largest file that is hashed.
const MOST: u64 = 256 << 20;
/// How long the last comparison of all files stays valid, if there are many.
const FRESH: Duration = Duration::from_secs(1);
const MANY: usize = 256;
/// Programs of the system change with its own updates, so they are not part of what was agreed to.
const SYSTEM: [&str; 5] = ["/usr/", "/bin/", "/sbin/", "/lib/", "/nix/store/"];

/// The names of files that a source may mean for a host with these variables, the likeliest first; none where a
/// variable is only known later.
pub fn names(source: Source<'_>, scope: &TemplateScope) -> Vec<String> {
    let words = match source {
        Source::File(name) => scope.render(name).map(|name| vec![name]),
        Source::Line(line) => scope.render_words(line),
        Source::Words(words) => words.iter().map(|word| scope.render(word)).collect(),
    };
    let is_source = |word: &String| !word.is_empty() && !SYSTEM.iter().any(|folder| word.starts_with(folder));
    words.unwrap_or_default().into_iter().filter(is_source).collect()
}

/// The SHA-256 of a regular file, 64 hex characters.
///
/// # Errors
/// It cannot be read, or is too large to be hashed for every host.
pub fn sum(path: &Path) -> io::Result<String> {
    let file = regular::open(path)?;
    let mut hasher = Sha256::new();
    let (mut file, mut piece, mut read) = (file.take(MOST + 1), vec![0; 64 << 10], 0);
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(hex(hasher));
        }
        read += count as u64;
        if read > MOST {
            return Err(io::Error::other(format!("it is larger than {} MiB", MOST >> 20)));
        }
        hasher.update(&piece[..count]);
    }
}

/// The SHA-256 of bytes, 64 hex characters.
pub(super) fn sum_of(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    base16ct::lower::encode_string(&hasher.finalize())
}

/// Files and the sums that they must have.
#[derive(Debug, Default)]
pub(super) struct Held {
    files: BTreeMap<PathBuf, (String, String)>,
    /// The sum of a file when it was last read, so that a large program is not read again for each host.
    seen: Mutex<HashMap<PathBuf, (Stamp, String)>>,
    looked: Mutex<Option<(Instant, Option<String>)>>,
}

/// Changes whenever the file is written. The ctime cannot be set by hand.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(found: &Metadata) -> Stamp {
    (found.dev(), found.ino(), found.len(), found.ctime(), found.ctime_nsec())
}

impl Held {
    /// `files`: names and sums; `find` locates each file.
    pub fn new(files: &BTreeMap<String, String>, find: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let placed = |(name, sum): (&String, &String)| Some((find(name)?, (name.clone(), sum.clone())));
        Self { files: files.iter().filter_map(placed).collect(), ..Self::default() }
    }

    /// The sum that the file at `path` must have, if the run was started with it.
    pub fn sum(&self, path: &Path) -> Option<&str> {
        self.files.get(path).map(|(_, sum)| sum.as_str())
    }

    /// The first file of this command line that has changed, in words.
    pub fn changed_in(&self, folder: &Path, argv: &[String]) -> Option<String> {
        argv.iter().find_map(|word| self.changed(&folder.join(word)))
    }

    /// Whether the run has no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The first file that has changed. If there are many files, the answer is kept for a moment: hosts that start
    /// together ask together, and each file is compared again when it is used.
    pub fn any_changed(&self) -> Option<String> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, said)) = &*looked
            && self.files.len() > MANY
            && at.elapsed() < FRESH
        {
            return said.clone();
        }
        let said = self.files.keys().find_map(|path| self.changed(path));
        *looked = Some((Instant::now(), said.clone()));
        said
    }

    fn changed(&self, path: &Path) -> Option<String> {
        let (name, agreed) = self.files.get(path)?;
        match self.current(path) {
            Ok(sum) if sum == *agreed => None,
            Ok(sum) => Some(other_text(name, agreed, &sum)),
            Err(error) => Some(format!("{name} can no longer be read: {error}")),
        }
    }

    fn current(&self, path: &Path) -> io::Result<String> {
        let stamp = stamp(&fs::metadata(path)?);
        let seen = |seen: &HashMap<PathBuf, (Stamp, String)>| {
            seen.get(path).filter(|(at, _)| *at == stamp).map(|(_, sum)| sum.clone())
        };
        if let Some(sum) = seen(&self.seen.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(sum);
        }
        let sum = sum(path)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), (stamp, sum.clone()));
        Ok(sum)
    }
}

/// A file whose text is not the one that was agreed to, for people.
pub(super) fn other_text(name: &str, agreed: &str, now: &str) -> String {
    let short = |sum: &str| sum.get(..12).unwrap_or(sum).to_owned();
    format!("{name} has changed since the run started (SHA-256 {} then, {} now)", short(agreed), short(now))
}

/// What to type when a file has changed.
pub const PUT_BACK: &str =
    "put the file back; or start a new run with --limit @unfinished, which uses the current text";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::Template;

    #[test]
    fn names_are_those_of_the_project_and_not_of_the_system() {
        let mut scope = TemplateScope::default();
        scope.set("inventory_hostname", "web1".into());
        let words = |texts: &[&str]| texts.iter().map(|text| Template((*text).to_owned())).collect::<Vec<_>>();
        let text = |text: &str| Template(text.to_owned());
        let file = |name: &str| names(Source::File(&text(name)), &scope);
        assert_eq!(file("files/{{ inventory_hostname }}.conf"), ["files/web1.conf"]);
        assert_eq!(file("{{ later }}"), [""; 0]);
        let line = text("/usr/bin/env python3 hooks/{{ inventory_hostname }}.py 'a b'");
        assert_eq!(names(Source::Line(&line), &scope), ["python3", "hooks/web1.py", "a b"]);
        let argv = words(&["/opt/lb/drain", "{{ inventory_hostname }}"]);
        assert_eq!(names(Source::Words(&argv), &scope), ["/opt/lb/drain", "web1"]);
    }

    #[test]
    fn a_file_with_another_text_is_told_and_one_of_the_same_text_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        fs::write(&path, "one").unwrap();
        let files = BTreeMap::from([("hook".to_owned(), sum(&path).unwrap()), ("gone".to_owned(), "x".to_owned())]);
        let held = Held::new(&files, |name| Some(folder.path().join(name)).filter(|path| path.is_file()));
        let run = |held: &Held| held.changed_in(folder.path(), &["sh".to_owned(), "hook".to_owned()]);
        assert_eq!((run(&held), held.any_changed()), (None, None));
        // The same length, at the same moment: only the inode's own time shows the change.
        fs::write(&path, "two").unwrap();
        let said = run(&held).unwrap();
        assert!(said.starts_with("hook has changed since the run started (SHA-256 7692c3ad3540"), "{said}");
        fs::write(&path, "one").unwrap();
        assert_eq!(run(&held), None);
        fs::remove_file(&path).unwrap();
        assert!(run(&held).unwrap().starts_with("hook can no longer be read"));
        assert_eq!(held.sum(&path), Some(sum_of(b"one").as_str()));
        assert!(sum(folder.path()).is_err() && sum(Path::new("/dev/zero")).is_err());
        // A pipe without a writer would block `resume`.
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(sum(&pipe).unwrap_err().to_string().contains("named pipe"));
    }
}
