//! The folder of one program on the jump box: what an earlier controller, which may be gone, has started, and how it
//! ended. A claim can be taken only once; see `wrapper.sh`. Start at [`Record::newest`].

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::process_tree::{self, Process};

const WRAPPER: &str = include_str!("wrapper.sh");
/// Linux counts start times in this many ticks per second, whatever its own clock (USER_HZ).
const TICKS: u64 = 100;
/// How much of one stream is read at a time.
const PIECE: u64 = 256 << 10;

/// The state of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no record of it.
    Nothing,
    /// It has a folder but has not begun.
    Claimed,
    /// It is running, or a process that it started is.
    Alive,
    /// It ended with this exit code.
    Ended(u32),
    /// It began, is not running, and left no exit code.
    Lost,
    /// Its processes are on another machine or in another container: they cannot be seen from here.
    Elsewhere(String),
}

/// The folder of one program. Each start has its own number, so that a late wrapper cannot take the place of a newer
/// one.
#[derive(Clone, Debug)]
pub(super) struct Record {
    above: PathBuf,
    number: u64,
    pub(super) folder: PathBuf,
}

impl Record {
    /// The newest record with this id.
    pub(super) fn newest(records: &Path, id: &str) -> Self {
        let above = records.join(id);
        let numbers = fs::read_dir(&above).into_iter().flatten();
        let number = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).max().unwrap_or(0);
        Self { folder: above.join(number.to_string()), above, number }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Looks at the folder and at the processes of this machine.
    pub(super) fn find(&self) -> Found {
        if !self.folder.is_dir() {
            return Found::Nothing;
        }
        if let Some(code) = self.code() {
            return Found::Ended(code);
        }
        if !self.has_begun() {
            return Found::Claimed;
        }
        let place = fs::read_to_string(self.file("place")).unwrap_or_default();
        let (then, now) = (Place::read(&place), Place::here());
        if then.boot != now.boot && then.machine == now.machine {
            return Found::Lost;
        }
        if then.boot != now.boot || then.namespace != now.namespace {
            return Found::Elsewhere(if then.machine.is_empty() { "another machine".to_owned() } else { then.machine });
        }
        match self.wrapper() {
            None if process_tree::marked(&self.folder).is_empty() => match self.code() {
                Some(code) => Found::Ended(code),
                None => Found::Lost,
            },
            _ => Found::Alive,
        }
    }

    /// Whether its claim was taken.
    pub(super) fn has_begun(&self) -> bool {
        self.file("pid").exists()
    }

    /// Whether its wrapper did not find the program.
    pub(super) fn is_missing(&self) -> bool {
        self.file("missing").exists()
    }

    /// The wrapper, while it is alive.
    pub(super) fn wrapper(&self) -> Option<Process> {
        let (pid, start) = self.claimed_by()?;
        Process::find(pid).filter(|process| process.start == start)
    }

    fn claimed_by(&self) -> Option<(i32, u64)> {
        let text = fs::read_to_string(self.file("pid")).ok()?;
        let mut words = text.split_ascii_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    }

    /// How long ago it began, measured in the machine's own ticks.
    pub(super) fn age(&self) -> Option<Duration> {
        let (_, start) = self.claimed_by()?;
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        let began = Duration::from_millis(start.saturating_mul(1000 / TICKS));
        Some(Duration::try_from_secs_f64(uptime).ok()?.saturating_sub(began))
    }

    /// Its exit code. The file gets this name only when it is complete.
    pub(super) fn code(&self) -> Option<u32> {
        fs::read_to_string(self.file("rc")).ok()?.trim().parse().ok()
    }

    /// `None` until both streams have ended; then how many of their bytes were not kept.
    pub(super) fn rest(&self) -> Option<u64> {
        let more = |name: &str| fs::read_to_string(self.file(name)).ok()?.trim().parse::<u64>().ok();
        Some(more("out.more")?.saturating_add(more("err.more")?))
    }

    /// Makes sure that a program which has not begun never will: takes the place of its `pid`. False: it has already
    /// begun.
    pub(super) fn cancel(&self) -> io::Result<bool> {
        let own = self.file("cancelled");
        fs::File::create(&own)?;
        match fs::hard_link(&own, self.file("pid")) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A new folder, for a program that no one else can start; older folders are removed.
    pub(super) fn make(&self) -> io::Result<Self> {
        let mut private = fs::DirBuilder::new();
        private.mode(0o700).recursive(true).create(&self.above)?;
        let number = self.number + 1;
        let new = Self { above: self.above.clone(), number, folder: self.above.join(number.to_string()) };
        private.recursive(false).create(&new.folder)?;
        for (name, text) in [("place", Place::here().text().as_str()), ("run", WRAPPER)] {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(new.file(name))?.write_all(text.as_bytes())?;
        }
        // It has been read, or is not needed any more.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(new)
    }

    /// A piece of a stream (`out`, `err`) from an offset on; empty if there is nothing new.
    pub(super) fn read(&self, stream: &str, from: u64) -> Vec<u8> {
        let mut piece = Vec::new();
        // A file that cannot be read does not exist yet.
        if let Ok(mut file) = fs::File::open(self.file(stream))
            && file.seek(SeekFrom::Start(from)).is_ok()
        {
            let _ = file.take(PIECE).read_to_end(&mut piece);
        }
        piece
    }
}

/// Where processes can be seen: a machine since its boot, and a container in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    machine: String,
    boot: String,
    namespace: String,
}

impl Place {
    fn here() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
        Self {
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: boot.trim().to_owned(),
            namespace: namespace.unwrap_or_default(),
        }
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.machine, self.boot, self.namespace)
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(crate::command::printable);
        let mut next = || lines.next().unwrap_or_default();
        Self { machine: next(), boot: next(), namespace: next() }
    }
}
