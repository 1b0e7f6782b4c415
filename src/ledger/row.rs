//! One stored row of a chain: its hash, and its text as an event. Knows no database.
//!
//! `hash = SHA-256(hash before ‖ seq as 8 bytes, big-endian ‖ at ‖ 0x00 ‖ kind)`, with `at` and `kind` as stored. For
//! the first event of a run, the hash before is the SHA-256 of the run's id.

use sha2::{Digest, Sha256};

use super::{Damage, LedgerError};
use crate::event::{Event, RunId};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// The hash before the first event of `run`.
pub(super) fn origin(run: &RunId) -> Hash {
    Sha256::digest(run.0.as_bytes()).into()
}

/// The hash of an event whose predecessor has the hash `before`.
pub(super) fn link(before: &[u8], seq: u64, at: &str, kind: &str) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.as_bytes());
    hasher.update([0]);
    hasher.update(kind.as_bytes());
    hasher.finalize().into()
}

/// Bytes as they are printed.
pub(super) use base16ct::lower::encode_string as hex;

/// The event in a stored row.
pub(super) fn parse(run: &RunId, seq: u64, at: &str, kind: &str) -> Result<Event, LedgerError> {
    let damaged = |why: String| LedgerError::Damaged { run: run.clone(), damage: Damage { seq, why } };
    let at = at.parse().map_err(|e| damaged(format!("its time cannot be read: {e}")))?;
    let kind = serde_json::from_str(kind).map_err(|e| damaged(format!("it cannot be read: {e}")))?;
    Ok(Event::read_back(seq, at, kind))
}
