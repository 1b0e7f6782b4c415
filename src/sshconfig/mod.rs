//! `ssh_config` as OpenSSH reads it: files to directives, directives and a host to settings.
//! Opens no connection, reads no file and starts no program itself: all of that comes through [`Outside`]. Start at
//! [`SshConfig`], then `evaluate` (which blocks hold for a host) and `resolve` (what follows from them).
//!
//! Source of the rules: ssh_config(5) of OpenSSH 9.2, and what `ssh -G` answers (`tests/it/ssh_config.rs` compares).

mod algorithms;
mod block;
mod config;
mod dump;
mod environment;
mod error;
mod evaluate;
mod facts;
mod forward;
mod gather;
mod glob;
mod jump;
mod keyword;
mod line;
mod load;
mod login;
mod matching;
mod network;
mod outside;
mod page;
mod pattern;
mod refuse;
mod resolve;
mod resolved;
mod table;
mod token;
mod value;

pub use algorithms::{AlgorithmList, USUAL_AUTHORITIES};
pub use config::{Query, SshConfig};
pub use error::{Place, Problem, SshConfigError};
pub use jump::{Destination, Hop};
pub use outside::{FileText, Outside, Person, Sources};
pub use page::keywords_in_markdown;
pub use resolved::{AddressFamily, AgentSocket, HostKeyChecking, KeyPath, Proxy, Refused, Resolved};
