//! YAML text in, nodes with positions out; problems that point at a line and a column.
//! Knows no key of any file format; the only module that imports the YAML crate.
//! Start at [`Node`] and [`Problems`].

mod problem;

pub use problem::{Problem, Problems, Source, Span};
