//! How long a record is, and the hash that covers all of it.

/// The end of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How many events there are.
    pub events: u64,
    /// The hash of the last one, in hexadecimal digits. If it is noted elsewhere, it shows whether the record was
    /// rewritten.
    pub head: String,
}

impl Record {
    /// Enough of the hash to compare.
    pub fn short(&self) -> &str {
        self.head.get(..16).unwrap_or(&self.head)
    }
}
