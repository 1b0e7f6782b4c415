//! How much of each job's output is in a host's log, kept in a file beside the log: `db1.pos` beside `db1.log`.
//!
//! The file is written just before each piece of a job's output: it counts the piece as if it were there, and says how
//! long the log was before it. If a controller is killed between the two, the log is shorter than this file says. The
//! next controller cuts the log to its length before the piece and asks the job for the rest, so no byte is lost and
//! none is in the log twice.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// A file of at most this many bytes is written in place, in one call: neither a signal nor a power cut leaves half of
/// it, because a disk writes a sector completely or not at all. In place is several times as fast as a new file.
const SECTOR: usize = 512;

/// A length of the log, and the offsets that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogPosition {
    /// Length of the log, in bytes.
    pub length: u64,
    /// Only read: older versions wrote the position after the piece, and this is the job whose output was being
    /// appended. Bytes after `length` are then output that was not counted.
    #[serde(default, skip_serializing)]
    pub job: Option<String>,
    /// The last header's tag.
    #[serde(default)]
    pub tag: String,
    /// Bytes of each job's output that are in the log.
    #[serde(default)]
    pub offsets: BTreeMap<String, u64>,
    /// What was true before the last piece. If the log ends where `length` says, the output of this job goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// The log before a piece of a job's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// The job.
    pub job: String,
    /// Bytes of its output that were in the log.
    pub offset: u64,
    /// Length of the log.
    pub length: u64,
    /// Whether the piece begins with the header for its tag.
    pub header: bool,
}

/// A piece was cut off a log.
pub(super) struct Cut {
    /// Whose output it was, if that is known: it is expected again.
    pub job: Option<String>,
}

impl LogPosition {
    /// The position that an earlier controller left; the beginning if there is no file. `None`: the file is incomplete.
    /// That can happen in a power cut, since nothing here waits for the disk.
    pub fn load(path: &Path) -> Option<Self> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(_) => Some(Self::default()),
        }
    }

    /// The length that a log has at least, unless its end was lost.
    pub fn shortest(&self) -> u64 {
        self.before.as_ref().map_or(self.length, |before| before.length)
    }

    /// Takes back what is not completely in a log of this length; the log must then be cut to `length`. `None`: all of
    /// the log counts.
    pub fn cut(&mut self, found: u64) -> Option<Cut> {
        if let Some(job) = self.job.take() {
            let offset = self.offsets.get(&job).copied().unwrap_or(0);
            self.before = Some(Before { job, offset, length: self.length, header: false });
            return Some(Cut { job: None });
        }
        let before = self.before.as_mut().filter(|_| found < self.length)?;
        self.length = before.length;
        self.offsets.insert(before.job.clone(), before.offset);
        if std::mem::take(&mut before.header) {
            self.tag.clear();
        }
        Some(Cut { job: Some(before.job.clone()) })
    }

    /// Writes the file; a controller that takes over sees the old or the new one.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        let mut options = fs::OpenOptions::new();
        options.create(true).write(true).mode(0o600);
        if text.len() <= SECTOR {
            let file = options.clone().truncate(false).open(path)?;
            if file.metadata()?.len() <= SECTOR as u64 {
                text.resize(SECTOR, b' ');
                return file.write_all_at(&text, 0);
            }
        }
        let fresh = path.with_extension("pos-new");
        options.truncate(true).open(&fresh)?.write_all(&text)?;
        fs::rename(&fresh, path)
    }
}
