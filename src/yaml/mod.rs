//! YAML text in, nodes with positions out; problems that point at a line and a column.
//! Knows no key of any file format; the only module that imports the YAML crate.
//! Start at [`parse`], [`MapReader`] and [`Problems`]; at [`shape`] for what mappings may hold.

#[cfg(test)]
pub mod agree;
mod decrypt;
mod excerpt;
mod map;
mod node;
mod parse;
mod problem;
pub mod read;
mod scalar;
mod schema;
pub mod shape;
mod source;
mod span;
mod units;

pub use map::{MapReader, nearest, nearest_within};
pub use node::{CANNOT_DECRYPT, Key, Node, VAULT, Value, holds_vault};
pub use parse::parse;
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use span::{Source, Span};
pub use units::{parse_bytes, parse_duration};
