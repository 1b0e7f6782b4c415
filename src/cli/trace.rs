//! The program's own log file: what happened inside, for the person who reports a fault.

use std::{path::Path, sync::Mutex};

/// Writes `tracing` to `patchwave.log` in the state folder. A log that cannot be written stops nothing.
pub(super) fn to_file(state_dir: &Path, verbose: u8) {
    let level = match verbose {
        0 => "patchwave=info,warn",
        1 => "patchwave=debug,info",
        _ => "trace",
    };
    let open = || {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
        std::fs::OpenOptions::new().create(true).append(true).open(state_dir.join("patchwave.log"))
    };
    if let Ok(file) = open() {
        let filter = tracing_subscriber::EnvFilter::new(level);
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            // A full disk is told by the ledger, once.
            .log_internal_errors(false)
            .try_init();
    }
}
