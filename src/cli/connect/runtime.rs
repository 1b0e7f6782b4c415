//! The async runtime of a command that talks to hosts or programs.

use crate::cli::Failure;

/// The async runtime of a command. A few threads are enough: only cryptography takes processor time.
pub(in crate::cli) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(4))
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("the async runtime cannot be started: {error}")))
}
