//! One read-only visit of a host: what it is, what is installed, what is pending. It takes no lease and leaves nothing
//! on the host. Knows no step, no other host and no ledger. Start at [`look`].

mod ask;
mod visit;

pub use visit::{Asked, Found, look};
