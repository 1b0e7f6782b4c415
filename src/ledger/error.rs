//! What can be wrong with a ledger, for the person who has to repair it at night.

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
    /// It can be read but not written, or not even opened.
    #[error("{}: cannot be written: {why}", path.display())]
    NotWritable {
        /// The database or the folder.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// It belongs to another account.
    #[error("{}: it belongs to {owner}, but this process runs as {me}: its contents cannot be trusted", path.display())]
    Foreign {
        /// The folder or the file.
        path: PathBuf,
        /// The account that owns it.
        owner: String,
        /// The account of this process.
        me: String,
    },
    /// Other accounts may write it.
    #[error("{}: other accounts may write there (mode {mode:04o}), and could change the record or approve in your name", path.display())]
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
    /// A record outside runs, or a document that it names, is not what was written.
    #[error("{}: {what}: {why}", path.display())]
    Record {
        /// The database.
        path: PathBuf,
        /// The record or the document.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// Nothing in the database can be read, not even with a new header.
    #[error("{}: no event can be read; the file begins with {begins:?} and was not changed", path.display())]
    Unreadable {
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
        /// The newest version that ran it before that event.
        version: String,
        /// The first event that is not understood.
        seq: u64,
    },
    /// It cannot be found out whether a controller is running a run.
    #[error("cannot find out whether a controller is running a run: {why}")]
    Doubt {
        /// The lock, and why it cannot be read.
        why: String,
    },
    /// Another controller is running the run.
    #[error("another controller is running run {run}: {holder}")]
    Locked {
        /// The run.
        run: RunId,
        /// Who.
        holder: Holder,
    },
    /// No run has this id or an id that begins with it.
    #[error("there is no run {asked:?} in this ledger")]
    UnknownRun {
        /// As typed.
        asked: String,
    },
    /// Several runs begin with this.
    #[error("{asked:?} may be {}", join(candidates))]
    Ambiguous {
        /// As typed.
        asked: String,
        /// The runs that begin with it, newest first; at most ten.
        candidates: Vec<RunId>,
    },
    /// The run's id is taken.
    #[error("run {run} is in the ledger already")]
    Exists {
        /// The run.
        run: RunId,
    },
    /// An event that is not the next one: a bug of this program, or a second writer.
    #[error("run {run}: event {found} cannot be recorded, {expected} is next")]
    Gap {
        /// The run.
        run: RunId,
        /// The number that is next.
        expected: u64,
        /// The number that was given.
        found: u64,
    },
    /// A record of a run is not what was written, or cannot follow the one before.
    #[error("run {run}: {damage}")]
    Damaged {
        /// The run.
        run: RunId,
        /// Where and how.
        damage: Damage,
    },
    /// The ledger's own history is not what was written, or does not fit the runs in the ledger.
    #[error("{}: the ledger's history does not fit, at entry {n}: {why}", path.display())]
    History {
        /// The database.
        path: PathBuf,
        /// The entry.
        n: u64,
        /// What is wrong.
        why: String,
    },
    /// A hash that was noted elsewhere is in no record.
    #[error("no event{} has the hash {head}", run.as_ref().map_or_else(String::new, |run| format!(" of run {run}")))]
    HeadMissing {
        /// As typed.
        head: String,
        /// Where it was looked for; `None`: everywhere.
        run: Option<RunId>,
    },
    /// A hash that was noted elsewhere was the last one of a run that was pruned.
    #[error("this is the last hash of run {run}, which {by} pruned at {at}")]
    HeadForgotten {
        /// The run.
        run: RunId,
        /// Who.
        by: String,
        /// When.
        at: String,
    },
    /// Any other error from the system or from SQLite.
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
                "run patchwave as that account (`sudo -u ACCOUNT -H patchwave …`), or name another state folder with \
                 `--state-dir DIR`; if it should be yours: look at what is in it, then `chown \"$(id -un)\" {}`",
                typed(path)
            )),
            Self::Open { path, .. } => {
                Hint::words("look at what is in it (")
                    .and_command("ledger", &["verify"])
                    .and(", ")
                    .and_command("runs", &[])
                    .and(format!(
                        "), then `chmod go-w {}`; or name another state folder with `--state-dir DIR`",
                        typed(path)
                    ))
            }
            Self::Absent { .. } => {
                Hint::command("run", &[]).and(" records one; `--state-dir DIR` names another state folder")
            }
            Self::Full { .. } => Hint::words("make room on that disk"),
            Self::NotWritable { .. } => Hint::words(
                "check the owner and the mount of that folder, or name another one with `--state-dir DIR`; no host was touched \
                 without a record",
            ),
            Self::NotALedger { .. } => {
                Hint::words("move it away, or name another state folder with `--state-dir DIR`")
            }
            Self::Corrupted { .. } => Hint::command("ledger", &["verify"])
                .and(" says which runs are damaged; ")
                .and_command("ledger", &["salvage"])
                .and(" makes a new ledger from the good events of each run and keeps the old file as a copy"),
            Self::Unreadable { .. } => Hint::words(
                "restore it from a backup, or move it away and start with an empty one: the logs of earlier runs are complete \
                 in `logs` beside it, and the jobs that ran on a host are listed by ",
            )
            .and_command("exec", &["HOSTS", "--", "ls", "/var/lib/patchwave/jobs"]),
            Self::Busy { .. } => Hint::words("find that process with `fuser -v` on the file; try again when it is gone"),
            Self::Newer { .. } => {
                Hint::words("use the newer patchwave, or another state folder with `--state-dir DIR`")
            }
            Self::NewerRun { .. } => Hint::words("the record is fine: use that version for this run; ")
                .and_command("show", &["RUN", "--json"])
                .and(" prints the record as it was written"),
            Self::Doubt { .. } => Hint::words("run it as the account that owns the state folder"),
            Self::Locked { .. } => Hint::command("status", &["RUN"])
                .and(" shows how far it is; ")
                .and_command("stop", &["RUN"])
                .and(" drains it"),
            Self::UnknownRun { .. } | Self::Ambiguous { .. } => {
                Hint::command("runs", &[]).and(" lists them; the four letters at the end are enough")
            }
            Self::Damaged { .. } => Hint::words("do not resume this run: look at its hosts with ")
                .and_command("exec", &[])
                .and(", then start a new one; ")
                .and_command("ledger", &["salvage"])
                .and(" keeps its good events"),
            Self::History { .. } => Hint::words(
                "a missing run can only be restored from a copy of the file (a backup, `ledger.db.damaged-…`); ",
            )
            .and_command("ledger", &["salvage"])
            .and(" makes a new ledger from the runs that are left, notes that in its history, and keeps this file"),
            Self::Record { .. } => Hint::command("ledger", &["salvage"])
                .and(" makes a new ledger with the records before this one, and keeps this file; scan the hosts again"),
            Self::HeadMissing { .. } => Hint::words(
                "the record was cut or rewritten since that hash was noted, or the hash is from another ledger (",
            )
            .and_command("ledger", &["path"])
            .and(" says which one this is): compare the ledger with a copy"),
            Self::HeadForgotten { .. } | Self::Exists { .. } | Self::Gap { .. } | Self::Io { .. } => return None,
        })
    }

    /// Turns an error of SQLite about `path` into one of the errors above.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            // Creating its shared memory fails like this.
            Some(ErrorCode::SystemIoFailure) if full(&path) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, why }
            }
            Some(ErrorCode::NotADatabase) => Self::Corrupted {
                path,
                why: "it does not begin like a database (damaged, or another kind of file)".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupted { path, why },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Self::Busy { path, waited_s: BUSY.as_secs() }
            }
            _ => Self::Io { path, why },
        }
    }

    /// Turns an error of the system about `path` into one of the errors above.
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
