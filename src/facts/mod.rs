//! What a host is, whatever its packages: distribution, kernel, boot, user, container. Pure; knows no package manager:
//! the caller says which programs to look for. Start at [`host_facts`].

mod ask;
mod host;

pub use ask::host_facts;
pub use host::{HostFacts, OsRelease};
