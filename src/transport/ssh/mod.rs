//! The real transport: OpenSSH's protocol by way of russh, which stays inside this folder.
//! Knows addresses, host keys, logins and raised rights; must not know steps, retries, or the process environment.
//! Start at [`SshTransport`]; a connection goes through `pace`, `dial` (or `bastion`, or `proxy_command`), `handshake`,
//! `login`, then `session`.

mod agent;
mod algorithms;
mod args;
mod ask_key;
mod bastion;
mod begin;
mod connector;
mod dial;
mod escalate;
mod failure;
mod gate;
mod handshake;
mod host_key;
mod key_file;
pub mod known_hosts;
mod line;
mod login;
mod login_shell;
mod options;
mod output;
mod pace;
mod proxy_command;
mod session;
mod transport;
mod verdict;
mod wire;

pub use options::SshOptions;
pub use transport::{SshTransport, StartError};
pub use verdict::{ServerKeys, ServerKeysError, first_shown};
