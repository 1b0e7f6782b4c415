//! Inventories that are programs: each is run on this machine, with a deadline and a bound on what it prints. Start at
//! [`InventoryPrograms`].

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    cli::{World, connect::runtime::runtime},
    command::Command,
    inventory::{Printed, Programs},
    step::JumpBox,
    transport::NoSink,
};

/// How long the programs of one command may take together: a cloud's own interface is slow.
const LIMIT: Duration = Duration::from_secs(300);
/// The most that a program may print, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// Runs inventory programs in the current folder, without input.
pub(in crate::cli) struct InventoryPrograms {
    folder: PathBuf,
    until: Instant,
}

impl InventoryPrograms {
    pub(in crate::cli) fn new(world: &World) -> Self {
        Self { folder: world.folder.clone(), until: Instant::now() + LIMIT }
    }
}

impl Programs for InventoryPrograms {
    fn output(&self, program: &Path, arguments: &[&str]) -> Result<Printed, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("the inventory programs took more than {} s together", LIMIT.as_secs()));
        }
        let path = self.folder.join(program).display().to_string();
        let words = std::iter::once(path).chain(arguments.iter().map(|word| (*word).to_owned()));
        let mut command = Command::reads("inventory", words).timeout(left);
        command.keep = MOST_BYTES;
        let jump_box = JumpBox::new(self.folder.clone(), self.folder.clone());
        let runtime = runtime().map_err(|failure| failure.to_string())?;
        let ran = runtime.block_on(async { jump_box.run_piped(&command, &mut NoSink).await });
        let output = ran.map_err(|no_end| no_end.to_string())?.output;
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.success() {
            let said = err.trim();
            let said = if said.is_empty() { String::new() } else { format!("; it says:\n{said}") };
            return Err(format!("ended with {}{said}", output.exit));
        }
        if output.dropped > 0 {
            return Err(format!("printed more than {} MiB", MOST_BYTES >> 20));
        }
        Ok(Printed { out: output.stdout, err })
    }
}
