//! A run as a document for people who were not there: Markdown for a ticket, JSON for programs. Reads only the folded
//! state; what a host said is escaped. Start at [`markdown`] and [`json`].

mod json;
mod markdown;

pub use json::json;
pub use markdown::markdown;
