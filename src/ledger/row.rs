//! One stored row of a chain: its hash, and the event that its text is. Knows no database.
//!
//! `hash = SHA-256(hash before ‖ seq as 8 bytes, big-endian ‖ at ‖ 0x00 ‖ kind)`, `at` and `kind` as stored; before the
//! first event of a run stands the SHA-256 of its id.

use sha2::{Digest, Sha256};

use super::{Damage, LedgerError};
use crate::event::{Event, RunId};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What stands before the first event of `run`.
pub(super) fn origin(run: &RunId) -> Hash {
    Sha256::digest(run.0.as_bytes()).into()
}

/// The hash of one event after `before`.
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

/// A stored row as the event it was.
pub(super) fn parse(run: &RunId, seq: u64, at: &str, kind: &str) -> Result<Event, LedgerError> {
    let damaged = |why: String| LedgerError::Damaged { run: run.clone(), damage: Damage { seq, why } };
    let at = at.parse().map_err(|e| damaged(format!("its time cannot be read: {e}")))?;
    let kind = serde_json::from_str(kind).map_err(|e| damaged(format!("it cannot be read: {e}")))?;
    Ok(Event::read_back(seq, at, kind))
}
