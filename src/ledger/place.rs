//! How far each job's output is in a host's log, in a file beside the log: `db1.pos` beside `db1.log`.
//!
//! Replaced as a whole after each piece that went into the log, so that a controller that is killed between the two
//! leaves a log that is longer than its place says. The next one cuts it there and asks the job for the rest: no byte
//! is lost, none is there twice.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

/// A moment at which log and offsets fit each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Length of the log, in bytes.
    pub length: u64,
    /// The job whose output is being appended; what stands after `length` is then output that was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The last header's tag.
    #[serde(default)]
    pub tag: String,
    /// Bytes of each job's output that are in the log.
    #[serde(default)]
    pub offsets: BTreeMap<String, u64>,
}

impl Place {
    /// The place that an earlier controller left; without a file it is the beginning. `None`: it was torn, as a power
    /// cut may leave it, since nothing here waits for the disk.
    pub fn load(path: &Path) -> Option<Self> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(_) => Some(Self::default()),
        }
    }

    /// Replaces the file; a reader sees the one before or this one.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("pos-new");
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&fresh, path)
    }
}
