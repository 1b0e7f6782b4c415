//! Where a record differs from what was written.

/// Where a run's record differs from what was written.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the record is damaged at event {seq}: {why}")]
pub struct Damage {
    /// The first event that is wrong; every event before it is as it was written.
    pub seq: u64,
    /// What is wrong.
    pub why: String,
}
