//! What a configuration needs from the local machine: files, programs, and the user. The caller provides it.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Reads files and runs `Match exec`.
pub trait LocalMachine: Send + Sync {
    /// A file's text and who may write to it; a folder is an empty file, as in OpenSSH.
    ///
    /// # Errors
    /// The system's error; `NotFound` must be told apart from the rest.
    fn read(&self, path: &Path) -> io::Result<FileText>;

    /// The names in a folder, in any order; empty when it cannot be listed.
    fn list(&self, folder: &Path) -> Vec<String>;

    /// Whether the path exists.
    fn exists(&self, path: &Path) -> bool;

    /// The home folder of another user.
    fn home_of(&self, user: &str) -> Option<PathBuf>;

    /// The addresses of the network interfaces that are up, with their names.
    fn addresses(&self) -> Vec<(String, IpAddr)>;

    /// Whether a shell command exits with 0. Must have a deadline.
    ///
    /// # Errors
    /// The command could not be run to its end.
    fn succeeds(&self, command: &str) -> Result<bool, String>;
}

/// A file's content and its safety.
#[derive(Clone, Debug, Default)]
pub struct FileText {
    /// The content.
    pub bytes: Vec<u8>,
    /// Who else may write to it, for people; `None` when only root and the user may.
    pub writable_by: Option<String>,
}

/// The user, and the machine.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// `%u`: the login name.
    pub name: String,
    /// `%i`.
    pub uid: u32,
    /// `%d` and `~`.
    pub home: PathBuf,
    /// `%l`: the name of this machine.
    pub machine: String,
    /// For `${NAME}`.
    pub env: BTreeMap<String, String>,
}

/// Which files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// The person's file, then the system's; either may be absent.
    Usual {
        /// `~/.ssh/config`.
        user: PathBuf,
        /// `/etc/ssh/ssh_config`.
        system: PathBuf,
    },
    /// `-F FILE`: this one only, and it must be there.
    Only(PathBuf),
    /// `-F none`.
    None,
}

impl Sources {
    /// The files that OpenSSH reads for this person.
    pub fn usual(person: &Person) -> Self {
        Self::Usual { user: person.home.join(".ssh/config"), system: PathBuf::from("/etc/ssh/ssh_config") }
    }

    /// The argument of `-F`, its path made absolute by the caller.
    pub fn chosen(word: &str, path: PathBuf) -> Self {
        if word.eq_ignore_ascii_case("none") { Self::None } else { Self::Only(path) }
    }
}
