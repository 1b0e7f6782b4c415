//! A log file per host: what its commands printed, byte by byte, under a header line for each step. No file stays open
//! between writes, so ten thousand hosts need no file descriptors. A failure here does not stop a run. A job's output
//! is in the log exactly once, even if the controller was killed: see `log_position`.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::{
    HostLog, HostLogs,
    log_position::{Before, LogPosition},
    private::{self, private_folder},
};
use crate::{clock::Clock, host::HostName};

/// How many bytes are buffered before they are written.
const BUFFER: usize = 16 << 10;
/// The longest time, in seconds, that bytes stay in the buffer while more arrive.
const LINGER: i64 = 1;
/// The most bytes in one host's file; the rest of its output is dropped, and the file says so.
const MOST: u64 = 64 << 20;

/// The log folder of one run: a file for each host. Cheap to clone.
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
    /// Logs in this folder, which is created when the first of them is written.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock, trouble: Arc::default() }
    }

    /// The log of one host; appends to what an earlier controller wrote.
    pub fn host(&self, host: &HostName) -> LogFile {
        LogFile {
            path: self.path(host),
            logs: self.clone(),
            position: None,
            job: None,
            counted: 0,
            header: false,
            cut_off: None,
            buffer: Vec::new(),
            line_open: false,
            gap: false,
            flushed_at: Timestamp::MIN,
        }
    }

    /// The file of one host.
    pub fn path(&self, host: &HostName) -> PathBuf {
        self.folder.join(file_name(host))
    }

    /// The folder for the records of programs on the jump box; no host has a file with this name.
    pub fn programs(&self) -> PathBuf {
        self.folder.join("programs")
    }

    fn make_folder(&self) -> io::Result<()> {
        private_folder(&self.folder).map_err(io::Error::other)
    }

    fn report(&self, path: &Path, error: &io::Error) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*trouble, Trouble::None) {
            *trouble = Trouble::New(format!("{}: output is not logged: {error}", path.display()));
        }
    }
}

impl HostLogs for Logs {
    fn host(&self, host: &HostName) -> Box<dyn HostLog> {
        Box::new(Self::host(self, host))
    }

    fn take_trouble(&self) -> Option<String> {
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
}

/// A valid host name has no path separator. A very long name is cut and made unique again, because a file name has at
/// most 255 bytes.
fn file_name(host: &HostName) -> String {
    let name = host.as_file_name();
    if name.len() <= 240 {
        return format!("{name}.log");
    }
    let hash = super::row::origin(&crate::event::RunId(host.as_str().to_owned()));
    format!("{}~{}.log", &name[..200], super::row::hex(&hash[..8]))
}

/// One host's log file. There is a header line (`== 02:00:01 tag ==`, UTC) whenever the tag changes. Buffered bytes are
/// written when this is dropped, if not earlier.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    logs: Logs,
    /// How long the log is; `None` before its first use.
    position: Option<LogPosition>,
    /// The job whose output is in the buffer.
    job: Option<String>,
    /// Bytes of that job's output that the buffer stands for.
    counted: u64,
    /// Whether the buffer begins with a header.
    header: bool,
    /// The job whose last piece an earlier controller did not finish writing. It is expected again.
    cut_off: Option<String>,
    buffer: Vec<u8>,
    line_open: bool,
    /// Whether output was lost since the last successful write.
    gap: bool,
    flushed_at: Timestamp,
}

impl HostLog for LogFile {
    fn write(&mut self, tag: &str, bytes: &[u8]) {
        self.switch(None);
        self.gather(tag, bytes, bytes.len() as u64);
    }

    fn write_job(&mut self, tag: &str, job: &str, bytes: &[u8], raw: u64) {
        self.switch(Some(job));
        self.gather(tag, bytes, raw);
    }

    fn job_offset(&mut self, job: &str) -> u64 {
        self.position().offsets.get(job).copied().unwrap_or(0)
    }

    fn flush(&mut self) {
        if self.buffer.is_empty() && self.counted == 0 {
            return;
        }
        self.flushed_at = self.logs.clock.now();
        let written = self.append();
        self.gap = written.is_err();
        if let Err(error) = written {
            self.logs.report(&self.path, &error);
        }
        // The bytes are dropped: kept for ten thousand hosts while the disk is full, they would fill the memory.
        self.buffer.clear();
        (self.counted, self.header) = (0, false);
    }
}

impl LogFile {
    fn gather(&mut self, tag: &str, bytes: &[u8], raw: u64) {
        let now = self.logs.clock.now();
        if self.position().tag != tag {
            // A piece has one header at most, at its beginning.
            self.flush();
            tag.clone_into(&mut self.position().tag);
            let start = if self.line_open { "\n" } else { "" };
            let title = crate::command::printable(tag);
            let header = format!("{start}== {} {title} ==\n", now.strftime("%T"));
            self.buffer.extend_from_slice(header.as_bytes());
            (self.line_open, self.header) = (false, true);
        }
        // Bytes that do not match the raw output one to one cannot be split: a part would have no known raw length.
        let size = if raw == bytes.len() as u64 { BUFFER } else { usize::MAX };
        let mut counted = 0;
        for piece in bytes.chunks(size) {
            self.buffer.extend_from_slice(piece);
            let now = if size == BUFFER { piece.len() as u64 } else { raw };
            self.count(now);
            counted += now;
            if self.buffer.len() >= BUFFER {
                self.flush();
            }
        }
        self.count(raw - counted.min(raw));
        if let Some(last) = bytes.last() {
            self.line_open = *last != b'\n';
        }
        // If the clock was set back, the output must still reach a person who follows the log.
        if !(0..=LINGER).contains(&(now.as_second() - self.flushed_at.as_second())) {
            self.flush();
        }
    }

    fn count(&mut self, bytes: u64) {
        if let (Some(job), Some(position)) = (&self.job, &mut self.position) {
            *position.offsets.entry(job.clone()).or_default() += bytes;
            self.counted += bytes;
        }
    }

    /// From now on the output is that of `job`, or of no job.
    fn switch(&mut self, job: Option<&str>) {
        self.position();
        if self.job.as_deref() != job {
            self.flush();
            self.job = job.map(str::to_owned);
        }
        if self.cut_off.take().is_some_and(|expected| job != Some(&expected)) {
            self.buffer.extend_from_slice(b"\n== the end of this log was lost (a power cut?) ==\n");
            self.line_open = false;
        }
    }

    /// Says in the position file where the log ends after the next piece, if that is a job's output.
    fn note(&mut self, length: u64, piece: u64) {
        let (job, counted, header) = (self.job.clone(), self.counted, self.header);
        let position = self.position();
        position.length = length + piece;
        let Some(job) = job else { return };
        let offset = position.offsets.get(&job).copied().unwrap_or(0).saturating_sub(counted);
        position.before = Some(Before { job, offset, length, header });
        self.save();
    }

    fn save(&mut self) {
        let path = self.path.with_extension("pos");
        if let Err(error) = self.position().save(&path) {
            // Without it the next controller may print output twice, which is better than losing it.
            self.logs.report(&self.path, &error);
        }
    }

    /// How long the log is, after repairing what an earlier controller left.
    fn position(&mut self) -> &mut LogPosition {
        if self.position.is_none() {
            let found = self.take_over().unwrap_or_default();
            (self.line_open, self.cut_off) = (found.line_open, found.cut_off);
            self.position = Some(found.position);
        }
        self.position.get_or_insert_default()
    }

    fn take_over(&self) -> io::Result<Found> {
        let mut file = fs::OpenOptions::new().read(true).append(true).open(&self.path)?;
        private::check(&self.path, &file.metadata()?).map_err(io::Error::other)?;
        let noted = self.path.with_extension("pos");
        let known = LogPosition::load(&noted);
        let length = file.metadata()?.len();
        let lost = match &known {
            None => Some("how much of the output this log has is no longer known"),
            Some(position) => (length < position.shortest()).then_some("the end of this log was lost"),
        };
        let mut position = known.unwrap_or_default();
        let mut cut_off = None;
        if let Some(what) = lost {
            // The machine lost power before it reached the disk. Printing the output twice is better than losing it.
            writeln!(file, "\n== {what} (a power cut?); output of jobs follows again from its beginning ==")?;
            position = LogPosition::default();
        } else if let Some(cut) = position.cut(length) {
            file.set_len(position.length)?;
            position.save(&noted)?;
            cut_off = cut.job;
        } else if position.before.is_none() || length > position.length {
            // The next output begins with a header.
            position.tag.clear();
        }
        position.length = file.metadata()?.len();
        let mut last = [b'\n'];
        if position.length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Found { position, line_open: last != [b'\n'], cut_off })
    }

    fn append(&mut self) -> io::Result<()> {
        let known = self.position().length;
        if known > MOST {
            self.note(known, 0);
            return Ok(());
        }
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let mut file = match options.open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.logs.make_folder()?;
                options.open(&self.path)?
            }
            opened => opened?,
        };
        let found = file.metadata()?;
        private::check(&self.path, &found).map_err(io::Error::other)?;
        let length = found.len();
        let mut piece = std::mem::take(&mut self.buffer);
        if self.gap {
            piece.splice(..0, *b"\n== output is missing here: it could not be written ==\n");
        }
        if length + piece.len() as u64 > MOST {
            let mark = format!("\n== the output is longer than {} MiB; the rest is dropped ==\n", MOST >> 20);
            piece.extend_from_slice(mark.as_bytes());
        }
        self.note(length, piece.len() as u64);
        if let Err(error) = file.write_all(&piece) {
            // Half of a piece would count as nothing written.
            file.set_len(length)?;
            self.note(length, 0);
            return Err(error);
        }
        Ok(())
    }
}

/// What an earlier controller left of a log.
#[derive(Default)]
struct Found {
    position: LogPosition,
    line_open: bool,
    cut_off: Option<String>,
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
