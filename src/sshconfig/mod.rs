//! `ssh_config` as OpenSSH reads it: files to directives, directives and a host to settings.
//! Opens no connection, reads no file and starts no program itself: all of that comes through [`LocalMachine`].
//! Start at [`SshConfig`], then `load` (files to blocks), `matching/` (which blocks apply to a host) and `resolve/`
//! (what follows from them).
//!
//! Source of the rules: ssh_config(5) of OpenSSH 9.2, and what `ssh -G` answers (`tests/it/ssh_config/` compares).

mod config;
mod error;
mod load;
mod local_machine;
mod matching;
mod read;
mod resolve;
mod show;

pub use config::{Query, SshConfig};
pub use error::{Place, Problem, SshConfigError};
pub use local_machine::{FileText, LocalMachine, Person, Sources};
pub use read::{
    algorithms::{AlgorithmList, USUAL_AUTHORITIES},
    jump::{Destination, Hop},
};
pub use resolve::resolved::{AddressFamily, AgentSocket, HostKeyChecking, KeyPath, Proxy, Refused, Resolved};
#[cfg(feature = "testing")]
pub use show::keywords_in_markdown;
