//! A run as a document for those who were not there: Markdown for a ticket, JSON for machines.
//! Reads the folded state and nothing else; what a host said is escaped. Start at [`markdown`] and [`json`].

mod json;
mod markdown;

pub use json::json;
pub use markdown::markdown;
