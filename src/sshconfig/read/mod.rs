//! The words of a configuration: a line to words, a word to a checked argument, and the table of all keywords.
//! Knows no host and opens no file. Start at `setting` (a keyword with its argument) and `table`.

pub(super) mod algorithms;
pub(super) mod forward;
pub(super) mod glob;
pub(super) mod jump;
pub(super) mod keyword;
pub(super) mod line;
pub(super) mod pattern;
pub(super) mod setting;
pub(super) mod table;
pub(super) mod token;
pub(super) mod value;
