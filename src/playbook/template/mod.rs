//! Jinja templates, `when:` expressions and command lines over one host's variables.
//! The only module that imports the template crate; its messages name variables and never show a value.
//! Start at [`Scope`]; what a loader needs is in [`check`] and [`used`].

mod calls;
pub mod check;
mod error;
mod filters;
mod jinja;
mod scope;
mod tags;
mod trace;
pub mod used;
mod vars;
mod words;

pub use error::TemplateError;
pub use scope::Scope;
