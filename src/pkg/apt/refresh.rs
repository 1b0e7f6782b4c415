//! Reads `apt-refresh`. Old apt ignores the strict option and returns 0, so the text is read as well.

use super::lines::complaints;
use crate::{
    command::{Output, Unreadable},
    pkg::Refresh,
};

pub(super) fn read(output: &Output) -> Result<Refresh, Unreadable> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = output.text();
    let mut lines = stderr.lines().chain(stdout.lines());
    let unfetched = lines.clone().any(|l| l.starts_with("W: Failed to fetch") || l.starts_with("E: Failed to fetch"));
    if output.success() && !unfetched {
        return Ok(Refresh::Fresh);
    }
    if let Some(line) = lines.find(|line| line.starts_with("E: Could not get lock") && line.contains("/lists/lock")) {
        return Ok(Refresh::Locked { pid: holder(line) });
    }
    Ok(Refresh::Failed { lines: complaints(output) })
}

/// `… It is held by process 812 (apt-get)`.
fn holder(line: &str) -> Option<u32> {
    line.split_once("held by process ")?.1.split(' ').next()?.parse().ok()
}
