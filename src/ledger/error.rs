//! What can be wrong with a ledger, for the person who has to put it right at night.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::ErrorCode;

use super::{Damage, Holder};
use crate::{event::RunId, hint::Hint};

/// How long a statement waits for another process.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Why the ledger did not do what was asked. Displays one line; [`LedgerError::help`] says what to type next.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LedgerError {
    /// There is no ledger where one was to be read.
    #[error("{}: no run has been recorded here", path.display())]
    Absent {
        /// The database.
        path: PathBuf,
    },
    /// The disk, or the quota, is full.
    #[error("{}: the disk is full", path.display())]
    Full {
        /// The database or the folder.
        path: PathBuf,
    },
    /// It may be read but not written, or not even opened.
    #[error("{}: cannot be written: {why}", path.display())]
    NotWritable {
        /// The database or the folder.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// It belongs to another account.
    #[error("{}: it belongs to {owner}, and this is {me}: what it says cannot be trusted", path.display())]
    Foreign {
        /// The folder or the file.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who this process is.
        me: String,
    },
    /// Others may write it.
    #[error("{}: others may write there (mode {mode:04o}), and so could change the record or approve in your name", path.display())]
    Open {
        /// The folder or the file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is something else.
    #[error("{}: this file is not a patchwave ledger", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged on disk.
    #[error("{}: the ledger is damaged on disk: {why}", path.display())]
    Corrupted {
        /// The database.
        path: PathBuf,
        /// SQLite's reason.
        why: String,
    },
    /// Nothing of the database can be read, not even with another header.
    #[error("{}: not one event can be read; the file begins with {begins:?} and is left as it was", path.display())]
    Hopeless {
        /// The database.
        path: PathBuf,
        /// Its first bytes, as far as they can be shown.
        begins: String,
    },
    /// Another process kept the database locked for longer than the busy timeout.
    #[error("{}: another process has kept the ledger locked for {waited_s} s", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// How long this process waited, in seconds.
        waited_s: u64,
    },
    /// A newer patchwave wrote it.
    #[error("{}: a newer patchwave wrote this ledger (schema {found}, this one knows up to {known})", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A newer patchwave recorded the run, and this one does not understand it.
    #[error("run {run} was recorded by patchwave {version}, this is {}: event {seq} cannot be read", super::VERSION)]
    NewerRun {
        /// The run.
        run: RunId,
        /// The newest version that drove it before that event.
        version: String,
        /// The first event that is not understood.
        seq: u64,
    },
    /// Whether a controller is running a run cannot be seen.
    #[error("whether a controller is running a run cannot be seen from here: {why}")]
    Doubt {
        /// The lock, and why it cannot be read.
        why: String,
    },
    /// Another controller is running the run.
    #[error("run {run} is driven by {holder}")]
    Locked {
        /// The run.
        run: RunId,
        /// Who.
        holder: Holder,
    },
    /// No run has this id or this beginning of an id.
    #[error("there is no run {asked:?} in this ledger")]
    UnknownRun {
        /// As typed.
        asked: String,
    },
    /// Several runs begin like this.
    #[error("{asked:?} may be {}", join(candidates))]
    Ambiguous {
        /// As typed.
        asked: String,
        /// The runs that begin so, newest first; at most ten.
        candidates: Vec<RunId>,
    },
    /// The run's id is taken.
    #[error("run {run} is in the ledger already")]
    Exists {
        /// The run.
        run: RunId,
    },
    /// An event that is not the next one: a fault of this program, or a second writer.
    #[error("run {run}: event {found} cannot be recorded, {expected} is next")]
    Gap {
        /// The run.
        run: RunId,
        /// The number that is next.
        expected: u64,
        /// The number that was given.
        found: u64,
    },
    /// A record of a run does not say what it said when it was written, or cannot follow the one before.
    #[error("run {run}: {damage}")]
    Damaged {
        /// The run.
        run: RunId,
        /// Where and how.
        damage: Damage,
    },
    /// The ledger's own history is not as it was written, or does not fit the runs that are there.
    #[error("{}: the ledger's history does not fit, at entry {n}: {why}", path.display())]
    History {
        /// The database.
        path: PathBuf,
        /// The entry.
        n: u64,
        /// What is wrong.
        why: String,
    },
    /// A hash that somebody has noted is in no record.
    #[error("no event{} has the hash {head}", run.as_ref().map_or_else(String::new, |run| format!(" of run {run}")))]
    HeadMissing {
        /// As typed.
        head: String,
        /// Where it was looked for; `None`: everywhere.
        run: Option<RunId>,
    },
    /// A hash that somebody has noted was the last one of a run that was pruned.
    #[error("run {run} ended with it, and was forgotten by {by} at {at}")]
    HeadForgotten {
        /// The run.
        run: RunId,
        /// Who.
        by: String,
        /// When.
        at: String,
    },
    /// Anything else the system or SQLite said.
    #[error("{}: {why}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

/// Whether the file system of `path` has no room left for a page of the database.
fn full(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < 64 << 10)
}

fn join(candidates: &[RunId]) -> String {
    candidates.iter().map(|run| run.0.as_str()).collect::<Vec<_>>().join(" or ")
}

impl LedgerError {
    /// What to do about it, in one sentence.
    // long: one sentence per error, in one table.
    pub fn help(&self) -> Option<Hint> {
        let typed = |path: &Path| {
            let path = path.display().to_string();
            crate::command::quote(&path).unwrap_or(path)
        };
        Some(match self {
            Self::Foreign { path, .. } => Hint::words(format!(
                "run it as that account (`sudo -u ACCOUNT -H patchwave …`), or name another state folder with \
                 `--state-dir DIR`; if it is meant to be yours: `chown \"$(id -un)\" {}`, after a look at what is in it",
                typed(path)
            )),
            Self::Open { path, .. } => {
                Hint::words(format!("`chmod go-w {}`, after a look at what is in it (", typed(path)))
                    .and_command("ledger", &["verify"])
                    .and(", ")
                    .and_command("runs", &[])
                    .and("); or name another state folder with `--state-dir DIR`")
            }
            Self::Absent { .. } => {
                Hint::command("run", &[]).and(" records one; `--state-dir DIR` names another state folder")
            }
            Self::Full { .. } => Hint::words("make room on that disk"),
            Self::NotWritable { .. } => Hint::words(
                "check owner and mount of that folder, or name another one with `--state-dir DIR`; no host was touched \
                 without a record",
            ),
            Self::NotALedger { .. } => {
                Hint::words("move it away, or name another state folder with `--state-dir DIR`")
            }
            Self::Corrupted { .. } => Hint::command("ledger", &["verify"])
                .and(" says which runs are hurt; ")
                .and_command("ledger", &["salvage"])
                .and(" makes a new ledger of the good events of each run and keeps the old file as a copy"),
            Self::Hopeless { .. } => Hint::words(
                "take it from a backup, or move it away and start with an empty one: the logs of earlier runs are whole \
                 in `logs` beside it, and what ran on a host is listed by ",
            )
            .and_command("exec", &["HOSTS", "--", "ls", "/var/lib/patchwave/jobs"]),
            Self::Busy { .. } => Hint::words("find it with `fuser -v` on that file; try again when it is gone"),
            Self::Newer { .. } => {
                Hint::words("use the newer patchwave, or another state folder with `--state-dir DIR`")
            }
            Self::NewerRun { .. } => Hint::words("nothing is wrong with the record: use that patchwave for this run; ")
                .and_command("show", &["RUN", "--json"])
                .and(" prints it as it was written"),
            Self::Doubt { .. } => Hint::words("run it as the account that owns the state folder"),
            Self::Locked { .. } => Hint::command("status", &["RUN"])
                .and(" shows how far it is; ")
                .and_command("stop", &["RUN"])
                .and(" asks it to drain"),
            Self::UnknownRun { .. } | Self::Ambiguous { .. } => {
                Hint::command("runs", &[]).and(" lists them; the four letters at the end are enough")
            }
            Self::Damaged { .. } => Hint::words("do not resume this run: look at its hosts with ")
                .and_command("exec", &[])
                .and(", then start a new one; ")
                .and_command("ledger", &["salvage"])
                .and(" keeps its good events"),
            Self::History { .. } => Hint::words(
                "a run that is gone can only come from a copy of the file (a backup, `ledger.db.damaged-…`); ",
            )
            .and_command("ledger", &["salvage"])
            .and(" goes on with the runs that are there, says so in the history, and keeps this file"),
            Self::HeadMissing { .. } => Hint::words(
                "the record was cut or rewritten since that hash was noted, or it is another ledger's (",
            )
            .and_command("ledger", &["path"])
            .and("): compare it with a copy"),
            Self::HeadForgotten { .. } | Self::Exists { .. } | Self::Gap { .. } | Self::Io { .. } => return None,
        })
    }

    /// Tells what SQLite said about `path` in the words above.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            // Making its shared memory fails in this way.
            Some(ErrorCode::SystemIoFailure) if full(&path) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, why }
            }
            Some(ErrorCode::NotADatabase) => Self::Corrupted {
                path,
                why: "it does not begin as a database does (damaged, or another file)".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupted { path, why },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Self::Busy { path, waited_s: BUSY.as_secs() }
            }
            _ => Self::Io { path, why },
        }
    }

    /// Tells what the system said about `path` in the words above.
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let path = path.to_owned();
        match error.kind() {
            K::StorageFull | K::QuotaExceeded => Self::Full { path },
            K::NotADirectory | K::AlreadyExists => Self::NotWritable { path, why: "it is not a folder".to_owned() },
            K::PermissionDenied | K::ReadOnlyFilesystem => Self::NotWritable { path, why: error.to_string() },
            _ => Self::Io { path, why: error.to_string() },
        }
    }
}
