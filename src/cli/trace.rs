//! The program's own log file: what happened inside, for bug reports.

use std::{
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Mutex,
};

use crate::ledger::private_folder;

/// Writes `tracing` to `patchwave.log` in the state folder. A log that cannot be written does not stop the command.
pub(super) fn to_file(state_dir: &Path, verbose: u8) {
    let level = match verbose {
        0 => "patchwave=info,warn",
        1 => "patchwave=debug,info",
        _ => "trace",
    };
    let open = || {
        // The ledger refuses a folder that others may write, with a message. Nothing is written there before that.
        private_folder(state_dir).map_err(std::io::Error::other)?;
        let path = state_dir.join("patchwave.log");
        let options = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).clone();
        let file = options.open(path)?;
        // The file may exist with a wider mode.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        Ok::<_, std::io::Error>(file)
    };
    if let Ok(file) = open() {
        let filter = tracing_subscriber::EnvFilter::new(level);
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            // The ledger reports a full disk, once.
            .log_internal_errors(false)
            .try_init();
    }
}
