//! Finds and ends the processes of a simulated host, detached ones included. A process belongs to a host when its
//! environment says so or when its working directory is in the host's folder.

use std::{fs, os::unix::ffi::OsStrExt as _, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// The processes below `root`: a host's folder, or the fleet's. Empty where there is no `/proc`.
pub fn below(root: &Path) -> Vec<u32> {
    let marker = [b"PATCHWAVE_ROOT=", root.as_os_str().as_bytes()].concat();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id() && belongs(*pid, root, &marker))
        .collect()
}

fn belongs(pid: u32, root: &Path, marker: &[u8]) -> bool {
    let marked = fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        // `/…/host-a` must not match `/…/host-ab`: the value ends there, or continues below it.
        environment
            .split(|b| *b == 0)
            .any(|variable| variable.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
    });
    marked || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root))
}

/// How long a killed process gets before the next look.
const PAUSE: Duration = Duration::from_millis(2);

/// Kills them until none is left, for about `limit`; returns those that remain (zombies do not count).
pub(super) fn end_all(root: &Path, limit: Duration) -> Vec<u32> {
    // Counted, not timed: it runs on plain threads, and a test may have paused its clock.
    for _ in 0..limit.as_millis() / PAUSE.as_millis() {
        let alive = below(root);
        if alive.is_empty() {
            return alive;
        }
        for pid in alive {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        std::thread::sleep(PAUSE);
    }
    below(root)
}
