//! How much of each job's output is in a host's log, kept in a file beside the log: `db1.pos` beside `db1.log`.
//!
//! The file is replaced after each piece that was written to the log. If a controller is killed between the two, the
//! log is longer than this file says. The next controller cuts the log to that length and asks the job for the rest, so
//! no byte is lost and none is in the log twice.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

/// A length of the log, and the offsets that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogPosition {
    /// Length of the log, in bytes.
    pub length: u64,
    /// The job whose output is being appended; bytes after `length` are then output that was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The last header's tag.
    #[serde(default)]
    pub tag: String,
    /// Bytes of each job's output that are in the log.
    #[serde(default)]
    pub offsets: BTreeMap<String, u64>,
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

    /// Replaces the file; a reader sees the old or the new one.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("pos-new");
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&fresh, path)
    }
}
