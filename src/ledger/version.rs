//! Runs of another version of patchwave. The record of an older one is read with defaults. The record of a newer one
//! may mean more than this program understands: it is shown as far as it can be read, but never resumed and never
//! called damaged.

use rusqlite::{Connection, params};

use super::LedgerError;
use crate::event::RunId;

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether this version is newer than this program's. A text that is not a version is not newer.
pub fn is_newer(version: &str) -> bool {
    matches!((numbers(version), numbers(VERSION)), (Some(other), Some(own)) if other > own)
}

/// The numbers of `1.2.3`. A suffix (`-rc.1`, `+build`) does not count.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let plain = version.split(['-', '+']).next()?;
    let mut parts = plain.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// The error for an event `seq` that cannot be read: `error`, unless a newer program had run it before that event.
pub(super) fn explain(db: &Connection, no: i64, run: &RunId, seq: u64, error: LedgerError) -> LedgerError {
    let sql = "SELECT json_extract(kind, '$.version') FROM events
               WHERE no = ? AND seq <= ? AND json_valid(kind)
                 AND json_extract(kind, '$.event') IN ('run_started', 'run_resumed')
               ORDER BY seq DESC LIMIT 1000";
    let versions = || -> rusqlite::Result<Vec<Option<String>>> {
        let mut statement = db.prepare(sql)?;
        statement.query_map(params![no, i64::try_from(seq).unwrap_or(i64::MAX)], |row| row.get(0))?.collect()
    };
    let newest = versions().unwrap_or_default().into_iter().flatten().filter(|version| is_newer(version));
    match newest.max_by_key(|version| numbers(version)) {
        Some(version) => LedgerError::NewerRun { run: run.clone(), version, seq },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let [major, minor, patch] = numbers(VERSION).unwrap();
        for (version, newer) in [
            (VERSION.to_owned(), false),
            (format!("{major}.{minor}.{}", patch + 1), true),
            (format!("{major}.{}.0", minor + 1), true),
            (format!("{}.0.0-rc.1", major + 1), true),
            (format!("{major}.{minor}.{patch}+build.7"), false),
            ("0.0.1".to_owned(), false),
            (String::new(), false),
            ("99".to_owned(), false),
            ("99.1.1.1".to_owned(), false),
            ("x.y.z".to_owned(), false),
        ] {
            assert_eq!(is_newer(&version), newer, "{version:?}");
        }
    }
}
