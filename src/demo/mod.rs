//! The embedded fleet: simulated hosts on loopback, for `patchwave demo` and for the tests.
//!
//! What is real: SSH, the shell, processes, files, exit codes, lost connections. What is simulated: packages, services,
//! kernels and reboots, by shell scripts at the front of `PATH` (`shims/`) that work on a folder per host.
//! Knows nothing of rollouts. Start at [`Fleet::start`]; `machine` is one host, `shims` are its programs.

mod debian;
mod exec;
mod fault;
mod fleet;
mod folder;
mod host_socket;
mod inventory;
mod keys;
mod machine;
mod processes;
mod scenario;
mod shims;
mod spec;
mod ssh_server;

pub use fault::Fault;
pub use fleet::{Fleet, FleetError, Host};
pub use processes::below as processes_below;
pub use scenario::{Demo, DemoError, DemoOptions, MOST_HOSTS};
pub use spec::{FleetSpec, HostSpec, Role};
