//! Reads what is under the keyword of a step: one reader per kind. Start at the table.

mod actions;
mod changes;
mod checks;
mod limits;
mod table;
mod upgrade;

pub(super) use actions::{ARGV, argv};
pub(super) use table::{ALL, KEYS, KEYWORDS, read};
pub use upgrade::is_cve;
