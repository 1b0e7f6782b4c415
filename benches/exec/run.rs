//! One run of a client, and what it needed.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::meter::{self, ms};

/// No client may run longer.
const LONGEST: Duration = Duration::from_secs(300);

/// What one run of a client needed.
#[derive(Clone, Copy)]
pub struct Run {
    /// User and system time, with all its processes, in milliseconds.
    pub cpu: f64,
    /// Peak memory of its first process, in KiB.
    pub peak: u64,
    pub wall: Duration,
}

/// Starts `command`, waits for its end, and returns what it needed, or how it failed.
pub fn run(command: &mut Command) -> Result<Run, String> {
    let (before, began) = (meter::children_cpu(), Instant::now());
    let mut child = command.env_remove("SSH_AUTH_SOCK").spawn().map_err(|error| error.to_string())?;
    let mut peak = 0;
    let status = loop {
        peak = meter::peak_kib(&child.id().to_string()).unwrap_or(peak);
        match child.try_wait().expect("our own child") {
            Some(status) => break status,
            None if began.elapsed() > LONGEST => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end after {} s", LONGEST.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    match status.success() {
        true => Ok(Run { cpu: ms(meter::children_cpu() - before), peak, wall: began.elapsed() }),
        false => Err(status.to_string()),
    }
}

/// Whether a program can be started.
pub fn installed(program: &str, words: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// A file to read standard input from.
pub fn open(path: &Path) -> std::fs::File {
    std::fs::File::open(path).expect("it was just written")
}

/// The median.
pub fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
