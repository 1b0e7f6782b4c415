//! Which keys a host may show: known_hosts files, parsed once into an index, as sshd(8) describes their format.
//! Must not know connections, targets or prompts; a line it cannot read names no key, and never causes a panic.
//! Start at [`TrustStore::check`]; [`line`] reads one line, [`name`] is what a line is matched against.

mod file;
mod krl;
mod line;
mod name;
mod record;
mod revoked;
mod store;

pub use file::{KnownHostsError, TrustFile};
pub use name::KnownName;
pub use revoked::RevokedKeys;
pub use store::{Certified, OfferedKey, Place, TrustStore, Verdict};
