//! The SQLite journal of events.
