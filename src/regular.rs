//! Reads whole files that a person names. Anything that is not a regular file is refused before it is opened, because a
//! named pipe or a device could block. Knows no format and no folder. Start at [`read`].
//!
//! `/dev/null` is an empty file. Standard input and a shell's process substitution (`/dev/stdin`, `/dev/fd/63`) are
//! read as well, for at most [`STREAM_LIMIT`].

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};
use tokio::time::Instant;

/// How long standard input, or a program whose output is used as a file, may take.
const STREAM_LIMIT: Duration = Duration::from_secs(60);

/// The content of a file: at most one byte more than `most`, so that the caller can tell that it is larger.
///
/// # Errors
/// The system's error, and [`ErrorKind::InvalidInput`] for a named pipe, a device or a socket.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = opened(path, is_stream(path))?;
    let mut bytes = Vec::new();
    let mut limited = WithDeadline { file, until: Instant::now() + STREAM_LIMIT }.take(most.saturating_add(1));
    limited.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file for reading.
///
/// # Errors
/// As [`read`]; a stream is not a file here.
pub fn open(path: &Path) -> io::Result<File> {
    opened(path, false)
}

fn opened(path: &Path, streams: bool) -> io::Result<File> {
    check_kind(&fs::metadata(path)?, streams)?;
    // Something else may have replaced the file since then; it must not block us either.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    check_kind(&file.metadata()?, streams)?;
    Ok(file)
}

/// Checks that the path, if it exists, may be opened as a file.
///
/// # Errors
/// As [`read`], but a missing file is fine.
pub fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) => check_kind(&found, false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the path names a stream that this process was started with.
fn is_stream(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder))
}

fn check_kind(found: &Metadata, streams: bool) -> io::Result<()> {
    let kind = found.file_type();
    // Linux's `/dev/null` is the character device 1:3.
    let is_null = kind.is_char_device() && found.rdev() == rustix::fs::makedev(1, 3);
    let what = match () {
        () if kind.is_file() || is_null => return Ok(()),
        () if kind.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        () if streams && (kind.is_fifo() || kind.is_char_device()) => return Ok(()),
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("is {what}, not a file")))
}

/// Reads until a deadline; a file on a disk is always ready.
struct WithDeadline {
    file: File,
    until: Instant,
}

impl Read for WithDeadline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            let limit = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&limit)) {
                Ok(0) => {
                    let message = format!("sent nothing more for {} s, and did not end", STREAM_LIMIT.as_secs());
                    return Err(io::Error::new(ErrorKind::TimedOut, message));
                }
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                done => return done,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, sync::mpsc, thread};

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let (told, heard) = mpsc::channel();
        let paths =
            [at("pipe"), at("link"), at("socket"), "/dev/zero".into(), "/dev/tty".into(), dir.path().to_owned()];
        let expected = ["a named pipe", "a named pipe", "a socket", "a device", "a device", "directory"];
        thread::spawn(move || {
            for path in paths {
                let said = (read(&path, 10).map(|_| ()), check(&path));
                let _ = told.send([said.0, said.1].map(|error| error.unwrap_err().to_string()));
            }
        });
        for expected in expected {
            for said in heard.recv_timeout(Duration::from_secs(20)).unwrap() {
                assert!(said.contains(expected), "{said}");
            }
        }
        assert_eq!(read(&at("file"), 10).unwrap(), b"12345");
        assert_eq!(read(&at("file"), 2).unwrap(), b"123", "one byte more, to tell");
        assert_eq!(read(Path::new("/dev/null"), 10).unwrap(), b"");
        assert_eq!(read(&at("none"), 10).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(check(&at("none")).is_ok() && check(&at("file")).is_ok());
    }

    #[test]
    fn a_stream_of_this_process_is_read_to_its_end() {
        use std::os::fd::AsRawFd;
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let write = thread::spawn(move || {
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(20));
                io::Write::write_all(&mut writer, b"ab").unwrap();
            }
        });
        assert_eq!(read(Path::new(&path), 10).unwrap(), b"ababab");
        write.join().unwrap();
    }
}
