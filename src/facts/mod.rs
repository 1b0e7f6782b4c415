//! What a host is, whatever its packages: distribution, kernel, boot, user, container; hardware, running containers,
//! services. Pure; knows no package manager: the caller says which programs to look for. Start at [`host_facts`] and
//! [`details`].

mod ask;
mod details;
mod eol;
mod host;
mod hypervisor;

pub use ask::host_facts;
pub use details::{Container, Details, Disk, Runtime, StaleService, details};
pub use eol::{EndOfLife, end_of_life};
pub use host::{HostFacts, OsRelease};
pub use hypervisor::Platform;
