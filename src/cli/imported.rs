//! The advisories that were imported: the newest import of each file.

use jiff::Timestamp;

use super::Failure;
use crate::{
    ledger::Ledger,
    record::{AdvisoriesImported, Digest, Kind},
    view::{ImportedFeed, Knowledge},
};

/// The newest import of each file and format, oldest first, with the document of its problems.
pub(super) fn imports(ledger: &Ledger) -> Result<Vec<(ImportedFeed, Digest)>, Failure> {
    let mut found: Vec<(ImportedFeed, Digest)> = Vec::new();
    for record in ledger.imports()? {
        let Kind::AdvisoriesImported(import) = record.kind else { continue };
        let AdvisoriesImported { file, format, sha256, count, problems, .. } = import;
        found.retain(|(known, _)| (&known.file, known.format) != (&file, format));
        found.push((ImportedFeed { file, format, at: record.at, sha256, count }, problems));
    }
    Ok(found)
}

/// Everything that fresh imports say.
pub(super) fn knowledge(ledger: &Ledger, now: Timestamp) -> Result<Knowledge, Failure> {
    let mut knowledge = Knowledge::default();
    for (import, problems) in imports(ledger)? {
        // Reading an old one takes long, and nothing of it would be used.
        let feed = if import.is_fresh(now) { ledger.document(&problems)? } else { Default::default() };
        knowledge.add(&import, feed, now);
    }
    Ok(knowledge)
}
