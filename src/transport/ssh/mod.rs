//! The real transport: OpenSSH's protocol through russh, which stays inside this folder.
//! Knows addresses, host keys, logins and privilege escalation; must not know steps, retries, or the process
//! environment. Start at [`SshTransport`]; a connection goes through `throttle`, `dial` (or `bastion`, or
//! `proxy_command`), `handshake`, `login`, then `session`.

mod abortable;
mod agent;
mod ahead;
mod algorithms;
mod args;
mod bastion;
mod byte_stream;
mod connect_limit;
mod connector;
mod dial;
mod escalate;
mod failure;
mod handshake;
mod host_key;
mod key_file;
pub mod known_hosts;
mod login;
mod login_shell;
mod options;
mod output;
mod output_marker;
mod prompter;
mod proxy_command;
mod server_keys;
mod session;
mod throttle;
mod together;
mod transport;

pub use options::SshOptions;
pub use server_keys::{ServerKeys, ServerKeysError, first_shown};
pub use transport::{SshTransport, StartError};
