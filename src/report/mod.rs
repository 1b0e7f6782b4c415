//! A run as a document for people who were not there: Markdown for a ticket, JSON for programs; and the openings of
//! windows as a calendar. Reads only the folded state; what a host said is escaped. Start at [`markdown`] and [`json`].

mod ics;
mod json;
mod markdown;

pub use ics::openings_ics;
pub use json::json;
pub use markdown::markdown;
