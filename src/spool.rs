//! The bytes of one stream: a small part in memory, the rest in a file, all of it readable while more arrives.
//! Knows neither hosts nor what the bytes mean. Start at [`Spool`].

use std::{
    fs::{File, OpenOptions},
    io::{self, Cursor, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

/// Bytes that are collected before they go to the file; a shorter stream never touches the disk.
const MEMORY: usize = 32 << 10;

/// Where a stream's bytes are. Clones are the same stream.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Everything goes to the file at the end, even a few bytes.
    keep: bool,
    most: u64,
    file: Option<File>,
    /// Bytes in the file; those in memory follow them.
    filed: u64,
    memory: Vec<u8>,
    hash: Sha256,
    dropped: u64,
    trouble: Option<String>,
}

impl Spool {
    /// An empty stream. The file is made when it is needed, and with `keep` at the latest when the stream is closed.
    /// Bytes beyond `most` are counted and dropped.
    pub fn new(path: PathBuf, keep: bool, most: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            path,
            keep,
            most,
            file: None,
            filed: 0,
            memory: Vec::new(),
            hash: Sha256::new(),
            dropped: 0,
            trouble: None,
        })))
    }

    /// A stream in memory.
    #[cfg(feature = "testing")]
    pub fn of(bytes: &[u8]) -> Self {
        let this = Self::new(PathBuf::new(), false, u64::MAX);
        let mut inner = this.lock();
        inner.hash.update(bytes);
        inner.memory = bytes.to_vec();
        drop(inner);
        this
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends. If the file cannot be written, the bytes are dropped and counted; the writer is never stopped.
    pub fn write(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        let room = inner.most.saturating_sub(inner.length());
        let (kept, beyond) = bytes.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
        inner.dropped += beyond.len() as u64;
        for piece in kept.chunks(MEMORY) {
            if inner.trouble.is_some() {
                inner.dropped += piece.len() as u64;
                continue;
            }
            if inner.memory.len() + piece.len() > MEMORY {
                inner.flush();
            }
            inner.hash.update(piece);
            inner.memory.extend_from_slice(piece);
        }
    }

    /// Ends the stream: the file is written, if there is one, and its descriptor closed.
    pub fn close(&self) {
        let mut inner = self.lock();
        if inner.file.is_some() || (inner.keep && !inner.memory.is_empty()) {
            inner.flush();
        }
        inner.file = None;
    }

    /// Bytes that were kept.
    pub fn length(&self) -> u64 {
        self.lock().length()
    }

    /// Bytes that were dropped.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Why bytes were dropped, if the file could not be written.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Two streams with the same digest have the same bytes.
    pub fn digest(&self) -> [u8; 32] {
        self.lock().hash.clone().finalize().into()
    }

    /// Reads from `offset`; 0 bytes: no more have arrived yet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = self.lock();
        let mut read = 0;
        if offset < inner.filed {
            let most = usize::try_from(inner.filed - offset).unwrap_or(usize::MAX).min(buffer.len());
            read = match &inner.file {
                Some(file) => file.read_at(&mut buffer[..most], offset)?,
                None => File::open(&inner.path)?.read_at(&mut buffer[..most], offset)?,
            };
        }
        // Goes on from the file into memory, so that a piece is not split there.
        let from = (offset + read as u64).checked_sub(inner.filed).and_then(|from| usize::try_from(from).ok());
        if let Some(rest) = from.and_then(|from| inner.memory.get(from..)) {
            let n = rest.len().min(buffer.len() - read);
            buffer[read..read + n].copy_from_slice(&rest[..n]);
            read += n;
        }
        Ok(read)
    }

    /// All bytes so far.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        let inner = self.lock();
        let memory = Cursor::new(inner.memory.clone());
        if inner.filed == 0 {
            return Ok(Box::new(memory));
        }
        Ok(Box::new(File::open(&inner.path)?.take(inner.filed).chain(memory)))
    }

    /// The first `most` bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn head(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Drops its own bytes and uses those of a stream with the same content.
    pub fn share(&self, same: &Self) {
        if Arc::ptr_eq(&self.0, &same.0) || self.digest() != same.digest() {
            return;
        }
        let (path, filed, memory) = {
            let other = same.lock();
            (other.path.clone(), other.filed, other.memory.clone())
        };
        let mut inner = self.lock();
        if inner.filed > 0 && !inner.keep && inner.file.is_none() {
            let _ = std::fs::remove_file(&inner.path);
            (inner.path, inner.filed, inner.memory) = (path, filed, memory);
        }
    }
}

impl Inner {
    fn length(&self) -> u64 {
        self.filed + self.memory.len() as u64
    }

    fn flush(&mut self) {
        if let Err(error) = self.append() {
            // Only the end of the stream is lost; there are no gaps.
            self.dropped += self.memory.len() as u64;
            self.trouble = Some(format!("{}: {error}", self.path.display()));
        }
        self.memory.clear();
    }

    fn append(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path)?),
        };
        file.write_all(&self.memory)?;
        self.filed += self.memory.len() as u64;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    // An older file is replaced, not written through: it may be a link.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n % 251) as u8).collect()
    }

    fn all(spool: &Spool) -> Vec<u8> {
        spool.head(u64::MAX).unwrap()
    }

    #[test]
    fn every_byte_can_be_read_while_more_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = noise(300_000);
        let spool = Spool::new(dir.path().join("out"), false, u64::MAX);
        let mut seen = Vec::new();
        for piece in bytes.chunks(7_001) {
            spool.write(piece);
            let mut buffer = vec![0; 5_000];
            let n = spool.read_at(seen.len() as u64, &mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..n]);
        }
        spool.close();
        loop {
            let mut buffer = vec![0; 5_000];
            let n = spool.read_at(seen.len() as u64, &mut buffer).unwrap();
            if n == 0 {
                break;
            }
            seen.extend_from_slice(&buffer[..n]);
        }
        assert!(seen == bytes && all(&spool) == bytes);
        assert_eq!((spool.length(), spool.dropped()), (300_000, 0));
        assert_eq!(spool.digest(), Spool::of(&bytes).digest());
    }

    #[test]
    fn few_bytes_stay_in_memory_unless_they_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for keep in [false, true] {
            let path = dir.path().join("out");
            let spool = Spool::new(path.clone(), keep, u64::MAX);
            spool.write(b"few");
            spool.close();
            assert_eq!(path.exists(), keep);
            assert_eq!(all(&spool), b"few");
        }
    }

    #[test]
    fn what_is_too_much_or_cannot_be_written_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().join("out"), false, 100_000);
        spool.write(&noise(150_000));
        assert_eq!((spool.length(), spool.dropped(), spool.trouble()), (100_000, 50_000, None));
        let spool = Spool::new(dir.path().join("absent/out"), false, u64::MAX);
        spool.write(&noise(10));
        spool.write(&noise(150_000));
        spool.close();
        assert_eq!(spool.length() + spool.dropped(), 150_010);
        assert!(spool.trouble().is_some());
    }

    #[test]
    fn the_same_bytes_are_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| {
            let spool = Spool::new(dir.path().join(name), false, u64::MAX);
            spool.write(&noise(100_000));
            spool.close();
            spool
        });
        b.share(&a);
        assert!(!dir.path().join("b").exists());
        assert!(all(&b) == noise(100_000));
    }

    #[test]
    fn a_link_that_lies_in_wait_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("precious"), "precious").unwrap();
        std::os::unix::fs::symlink(dir.path().join("precious"), dir.path().join("out")).unwrap();
        let spool = Spool::new(dir.path().join("out"), true, u64::MAX);
        spool.write(b"x");
        spool.close();
        assert_eq!(std::fs::read(dir.path().join("precious")).unwrap(), b"precious");
    }
}
