//! How far a record goes, and the hash that speaks for all of it.

/// The end of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How many events there are.
    pub events: u64,
    /// The hash of the last one, in hexadecimal digits. Noted elsewhere, it finds a record that was rewritten.
    pub head: String,
}

impl Record {
    /// Enough of the hash to be compared.
    pub fn short(&self) -> &str {
        self.head.get(..16).unwrap_or(&self.head)
    }
}
