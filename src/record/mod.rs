//! What is recorded outside runs: what a scan found on a host, which advisories were imported. The words of it, and
//! what is computed from several of them. Pure; knows no database and no run. Start at [`Kind`].

mod advisories;
mod digest;
mod feeds;
mod host;
mod kind;
mod since;

pub use advisories::{AdvisoriesImported, Affected, Feed, Format, Problem};
pub use digest::{Digest, Document};
pub use feeds::{BadFeed, read_feed};
pub use host::{HostDocument, InstalledPackage, KernelFacts, Packages};
pub use kind::{HostNotScanned, HostScanned, Kind, NewRecord};
pub use since::Since;
