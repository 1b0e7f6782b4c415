//! Opening the database: folder and file modes, pragmas, schema versions.
//!
//! The schema is public: people query it with `sqlite3 ledger.db`. An event's row is its [`Kind`](crate::event::Kind)
//! as JSON, so `json_extract(kind, '$.host')` and the like work.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    LedgerError,
    error::BUSY,
    private::{self, private_folder},
};

/// `PRAGMA application_id`: "PWVE".
const APPLICATION: i64 = 0x5057_5645;

/// One schema change per entry; an entry never changes after its release.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE runs (
        no            INTEGER PRIMARY KEY,    -- rises with each run
        run           TEXT NOT NULL UNIQUE,   -- 20261122-020003-kxfa
        playbook      TEXT NOT NULL,          -- its name
        playbook_path TEXT NOT NULL,          -- absolute
        check_only    INTEGER NOT NULL,       -- 1: --check
        hosts         INTEGER NOT NULL,       -- in the plan
        started_at    TEXT NOT NULL,          -- RFC 3339, UTC
        last_at       TEXT NOT NULL,          -- of the newest event
        last_seq      INTEGER NOT NULL,       -- of the newest event
        head          BLOB NOT NULL           -- hash of the newest event
    ) STRICT;
    CREATE INDEX runs_by_playbook ON runs (playbook_path, no);
    CREATE TABLE events (
        no   INTEGER NOT NULL REFERENCES runs,
        seq  INTEGER NOT NULL,                -- from 1, without gaps
        at   TEXT NOT NULL,                   -- RFC 3339, UTC
        kind TEXT NOT NULL,                   -- what happened, JSON with the tag `event`
        hash BLOB NOT NULL,                   -- SHA-256 of: hash before, seq, at, kind (see chain.rs)
        PRIMARY KEY (no, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE requests (
        id   INTEGER PRIMARY KEY,
        no   INTEGER NOT NULL REFERENCES runs,
        at   TEXT NOT NULL,
        by   TEXT NOT NULL,
        what TEXT NOT NULL                    -- JSON
    ) STRICT;
",
    "
    CREATE TABLE history (
        n    INTEGER PRIMARY KEY,             -- from 1, without gaps
        at   TEXT NOT NULL,                   -- RFC 3339, UTC
        what TEXT NOT NULL,                   -- what happened to the ledger itself, JSON with the tag `event`
        hash BLOB NOT NULL                    -- SHA-256 of: hash before, n, at, what (see chain.rs)
    ) STRICT;
",
    "
    CREATE TABLE records (
        seq  INTEGER PRIMARY KEY,             -- from 1, without gaps
        at   TEXT NOT NULL,                   -- RFC 3339, UTC
        kind TEXT NOT NULL,                   -- what was found outside runs, JSON with the tag `record`
        hash BLOB NOT NULL                    -- SHA-256 of: hash before, seq, at, kind (see chain.rs)
    ) STRICT;
    CREATE INDEX records_by_kind ON records (json_extract(kind, '$.record'), seq);
    CREATE TABLE documents (
        sha256 BLOB PRIMARY KEY,              -- of the text; records name it in hexadecimal digits
        text   TEXT NOT NULL                  -- JSON
    ) STRICT;
    CREATE TABLE scanned_hosts (              -- computed from the records
        host     TEXT PRIMARY KEY,
        seq      INTEGER,                     -- record of its newest scan that has an answer
        previous INTEGER,                     -- of the one before
        first    INTEGER,                     -- of the first one
        failed   INTEGER,                     -- of a newer scan that it did not answer
        since    TEXT NOT NULL                -- since when each update is pending, JSON
    ) STRICT;
",
];

/// Opens for reading and writing; creates folder, file and schema if they are missing.
pub(super) fn writable(folder: &Path) -> Result<(PathBuf, Connection), LedgerError> {
    private_folder(folder)?;
    let path = folder.join("ledger.db");
    let failed = |e: std::io::Error| LedgerError::io(&path, &e);
    // SQLite would create it with mode 0644, and its journal files copy the mode of the database.
    let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
    private::check(&path, &file.metadata().map_err(failed)?)?;
    are_private(folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(&path, flags).map_err(|e| LedgerError::sqlite(&path, &e))?;
    prepare(&path, &mut db)?;
    Ok((path, db))
}

fn prepare(path: &Path, db: &mut Connection) -> Result<(), LedgerError> {
    let failed = |e: rusqlite::Error| LedgerError::sqlite(path, &e);
    db.busy_timeout(BUSY).map_err(failed)?;
    db.set_prepared_statement_cache_capacity(32);
    let version = version(path, db, MIGRATIONS.len())?;
    // Changing the journal mode needs exclusive access and does not always call the busy handler.
    let mut tries = 0;
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(_) => break,
            Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(e) => return Err(failed(e)),
        }
    }
    // Every commit reaches the disk: what a step does next relies on it.
    db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    db.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    if version < MIGRATIONS.len() as i64 { migrate(path, db, MIGRATIONS) } else { Ok(()) }
}

/// Brings the schema up to the last of `steps`, or leaves it unchanged.
pub(super) fn migrate(path: &Path, db: &mut Connection, steps: &[&str]) -> Result<(), LedgerError> {
    let failed = |e: rusqlite::Error| LedgerError::sqlite(path, &e);
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have been first.
    let from = version(path, &tx, steps.len())?;
    for step in steps.iter().skip(from as usize) {
        tx.execute_batch(step).map_err(failed)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    tx.pragma_update(None, "user_version", steps.len() as i64).map_err(failed)?;
    tx.commit().map_err(failed)
}

/// The schema version: 0 for a new file; a file that is not a ledger, or a newer one, is an error.
fn version(path: &Path, db: &Connection, known: usize) -> Result<i64, LedgerError> {
    // One statement, because another process may be creating the schema now.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id),
                      (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
    let (application, found, tables): (i64, i64, i64) = db
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .map_err(|e| LedgerError::sqlite(path, &e))?;
    if application != APPLICATION {
        // A file without any table has not been written yet.
        return if application == 0 && found == 0 && tables == 0 {
            Ok(0)
        } else {
            Err(LedgerError::NotALedger { path: path.to_owned() })
        };
    }
    let known = known as i64;
    if found > known {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// The files beside the database that are trusted as they are.
fn are_private(folder: &Path) -> Result<(), LedgerError> {
    ["ledger.db-wal", "ledger.db-shm", "logs"].iter().try_for_each(|name| private::check_if_there(&folder.join(name)))
}

/// Opens for reading. Writes nothing, and also works in a folder that cannot be written.
pub(super) fn readable(folder: &Path) -> Result<(PathBuf, Connection), LedgerError> {
    let path = folder.join("ledger.db");
    if !path.exists() {
        return Err(LedgerError::Absent { path });
    }
    private::check_if_there(folder)?;
    private::check_if_there(&path)?;
    are_private(folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(&path, flags).map_err(|e| LedgerError::sqlite(&path, &e))?;
    db.busy_timeout(BUSY).map_err(|e| LedgerError::sqlite(&path, &e))?;
    let known = MIGRATIONS.len();
    let db = match version(&path, &db, known) {
        Ok(_) => db,
        // In WAL mode even a reader needs the -shm file. If it cannot be created, and there is no -wal with newer
        // transactions, the database file alone is complete.
        Err(LedgerError::NotWritable { .. }) if !has_wal(folder) => {
            let db =
                Connection::open_with_flags(immutable_uri(&path), flags).map_err(|e| LedgerError::sqlite(&path, &e))?;
            version(&path, &db, known)?;
            db
        }
        Err(error) => return Err(error),
    };
    // A file that was created and never written (the process was killed) holds no run.
    match version(&path, &db, known)? {
        0 => Err(LedgerError::Absent { path }),
        _ => Ok((path, db)),
    }
}

fn has_wal(folder: &Path) -> bool {
    fs::metadata(folder.join("ledger.db-wal")).is_ok_and(|wal| wal.len() > 0)
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_schema_is_brought_up_to_date_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut db) = writable(folder.path()).unwrap();
        let known = MIGRATIONS.len();
        let with = |step| [MIGRATIONS, &[step]].concat();
        let broken = with("ALTER TABLE runs ADD COLUMN ticket TEXT; SELECT nonsense");
        assert!(migrate(&path, &mut db, &broken).is_err());
        assert_eq!(version(&path, &db, known).unwrap(), known as i64);
        db.prepare("SELECT ticket FROM runs").unwrap_err();
        let newer = with("ALTER TABLE runs ADD COLUMN ticket TEXT");
        migrate(&path, &mut db, &newer).unwrap();
        migrate(&path, &mut db, &newer).unwrap();
        assert_eq!(version(&path, &db, known + 1).unwrap(), known as i64 + 1);
        db.prepare("SELECT ticket FROM runs").unwrap();
        drop(db);
        // Now this program is the older one.
        let expected = LedgerError::Newer { path, found: known as i64 + 1, known: known as i64 };
        assert_eq!(writable(folder.path()).unwrap_err(), expected);
        assert_eq!(readable(folder.path()).unwrap_err(), expected);
    }
}
