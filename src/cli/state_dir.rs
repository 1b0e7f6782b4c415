//! Where the ledger and the logs are.

use std::path::{Path, PathBuf};

use super::{Failure, World};

/// The state folder: `--state-dir`, `PATCHWAVE_STATE_DIR`, else the XDG state folder.
pub(super) fn state_dir(given: Option<&Path>, world: &World) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return Ok(world.absolute(given));
    }
    if let Some(dir) = world.var("PATCHWAVE_STATE_DIR") {
        return Ok(world.absolute(Path::new(dir)));
    }
    if let Some(dir) = world.var("XDG_STATE_HOME") {
        return Ok(Path::new(dir).join("patchwave"));
    }
    let home = world.var("HOME").ok_or_else(|| {
        Failure::usage("no folder for the ledger: neither XDG_STATE_HOME nor HOME is set").help("give --state-dir DIR")
    })?;
    Ok(Path::new(home).join(".local/state/patchwave"))
}
