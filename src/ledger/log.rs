//! A log file per host: what its commands printed, byte by byte, under a header line for each step.
//! No file stays open between writes, so ten thousand hosts need no descriptors; no failure here stops a run.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::{clock::Clock, host::HostName};

/// Bytes gathered before they are written.
const BUFFER: usize = 16 << 10;
/// Longest time, in seconds, that bytes stay gathered while more arrive.
const LINGER: i64 = 1;
/// Most bytes of one host's file; the rest of its output is dropped, and the file says so.
const MOST: u64 = 64 << 20;

/// The log folder of one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logs {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    trouble: Arc<Mutex<Trouble>>,
}

#[derive(Debug, Default)]
enum Trouble {
    #[default]
    None,
    New(String),
    Told,
}

impl Logs {
    /// Logs in this folder, which is made when the first of them is written.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock, trouble: Arc::default() }
    }

    /// The log of one host; appends to what an earlier controller wrote.
    pub fn host(&self, host: &HostName) -> HostLog {
        HostLog {
            path: self.path(host),
            logs: self.clone(),
            tag: String::new(),
            buffer: Vec::new(),
            line_open: false,
            written: None,
            flushed_at: Timestamp::MIN,
        }
    }

    /// The file of one host.
    pub fn path(&self, host: &HostName) -> PathBuf {
        self.folder.join(file_name(host.as_str()))
    }

    /// The first failure to write any log, once: the disk is full, say.
    pub fn take_trouble(&self) -> Option<String> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *trouble, Trouble::Told) {
            Trouble::New(text) => Some(text),
            Trouble::None => {
                *trouble = Trouble::None;
                None
            }
            Trouble::Told => None,
        }
    }

    fn report(&self, path: &Path, error: &io::Error) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*trouble, Trouble::None) {
            *trouble = Trouble::New(format!("{}: output is not logged: {error}", path.display()));
        }
    }
}

/// A valid host name holds no separator; `:` is escaped for other systems, and a very long name is cut and made
/// unique again, because a file's name has at most 255 bytes.
fn file_name(host: &str) -> String {
    let name = host.replace(':', "%3A");
    if name.len() <= 240 {
        return format!("{name}.log");
    }
    let hash = super::chain::origin(&crate::event::RunId(host.to_owned()));
    let hash: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{}~{hash}.log", &name[..200])
}

/// One host's log. What is gathered is written at the latest when it is dropped.
#[derive(Debug)]
pub struct HostLog {
    path: PathBuf,
    logs: Logs,
    tag: String,
    buffer: Vec<u8>,
    line_open: bool,
    /// Length of the file; `None` before it is known.
    written: Option<u64>,
    flushed_at: Timestamp,
}

impl HostLog {
    /// Appends `bytes` as they are. A header line (`== 02:00:01 tag ==`, UTC) stands wherever `tag` changes.
    pub fn write(&mut self, tag: &str, bytes: &[u8]) {
        let now = self.logs.clock.now();
        if self.tag != tag {
            tag.clone_into(&mut self.tag);
            let start = if self.line_open { "\n" } else { "" };
            let title = crate::command::printable(tag);
            let header = format!("{start}== {} {title} ==\n", now.strftime("%T"));
            self.buffer.extend_from_slice(header.as_bytes());
            self.line_open = false;
        }
        for piece in bytes.chunks(BUFFER) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= BUFFER {
                self.flush();
            }
        }
        if let Some(last) = bytes.last() {
            self.line_open = *last != b'\n';
        }
        if now.as_second() - self.flushed_at.as_second() > LINGER {
            self.flush();
        }
    }

    /// Writes what is gathered, so that others can read it.
    pub fn flush(&mut self) {
        self.flushed_at = self.logs.clock.now();
        if self.buffer.is_empty() {
            return;
        }
        if let Err(error) = self.append() {
            self.logs.report(&self.path, &error);
        }
        // Kept bytes of a full disk would pile up over ten thousand hosts.
        self.buffer.clear();
    }

    fn append(&mut self) -> io::Result<()> {
        if self.written.is_some_and(|written| written > MOST) {
            return Ok(());
        }
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let mut file = match options.open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.logs.folder)?;
                options.open(&self.path)?
            }
            opened => opened?,
        };
        let written = match self.written {
            Some(written) => written,
            None => file.metadata()?.len(),
        };
        file.write_all(&self.buffer)?;
        let written = written + self.buffer.len() as u64;
        if written > MOST {
            writeln!(file, "\n== the output is longer than {} MiB; the rest is dropped ==", MOST >> 20)?;
        }
        self.written = Some(written);
        Ok(())
    }
}

impl Drop for HostLog {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn host(name: &str) -> HostName {
        HostName::new(name).unwrap()
    }

    #[test]
    fn output_is_kept_byte_by_byte_under_one_header_per_step() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
        let mut log = logs.host(&host("db1"));
        let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        log.write("Upgrade", b"one\n");
        log.write("Upgrade", &noise);
        log.write("Reboot\x1b[2J", b"x");
        drop(log);
        logs.host(&host("db1")).write("Verify", b"after a resume\n");
        let text = fs::read(logs.path(&host("db1"))).unwrap();
        assert_eq!(&text[..3], b"== ");
        let body: Vec<u8> = [b"one\n".as_slice(), &noise].concat();
        let start = text.iter().position(|b| *b == b'\n').unwrap() + 1;
        assert_eq!(text[start..start + body.len()], body);
        let rest = String::from_utf8_lossy(&text[start + body.len()..]).into_owned();
        assert!(rest.contains("Reboot[2J ==\nx"), "{rest:?}");
        assert!(rest.ends_with("Verify ==\nafter a resume\n"), "{rest:?}");
        assert_eq!(logs.take_trouble(), None);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_once_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("RUN"), "a file where the folder belongs").unwrap();
        let logs = Logs::new(folder.path().join("RUN"), Arc::new(SystemClock));
        for name in ["a", "b"] {
            logs.host(&host(name)).write("Upgrade", &[b'x'; 50_000]);
        }
        assert!(logs.take_trouble().unwrap().contains("output is not logged"));
        assert_eq!(logs.take_trouble(), None);
    }

    #[test]
    fn a_log_is_bounded_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path().to_owned(), Arc::new(SystemClock));
        let mut log = logs.host(&host("loud"));
        log.written = Some(MOST);
        for _ in 0..10 {
            log.write("cat", &[b'x'; 50_000]);
        }
        drop(log);
        let text = fs::read_to_string(logs.path(&host("loud"))).unwrap();
        assert!(text.len() < 40_000, "{}", text.len());
        assert!(text.ends_with("the rest is dropped ==\n"), "{text}");
    }

    #[test]
    fn file_names_are_safe_short_and_distinct() {
        assert_eq!(file_name("fe80::1"), "fe80%3A%3A1.log");
        let (a, b) = (format!("{}a", "x".repeat(252)), format!("{}b", "x".repeat(252)));
        assert!(file_name(&a).len() <= 255);
        assert_ne!(file_name(&a), file_name(&b));
    }
}
