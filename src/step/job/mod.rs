//! Changes that take time, run detached on the host: they outlive a lost connection and a killed controller.
//! Knows nothing of packages or of what is run; never runs a job twice and never kills one.
//! Start at [`run`]; what happens on the host is in `start.sh`, `wrapper.sh` and `look.sh`.
//!
//! Command lines on the host, all through `/bin/sh -c`: `mkdir [-p]`, `chmod 700`, `head -c N`, `wc -c`, `mv -f`, `rm
//! -f`, `ln`, `sync FILE…`, `touch -c`, `sleep N`, `tail -c +N`, `tail -n 1`, `cat`, `setsid -f /bin/sh WRAPPER FOLDER
//! N`; as root where `/run/systemd/system` is: `systemd-run --quiet --unit=patchwave-ID -p KillMode=process -p
//! TimeoutStopSec=infinity /bin/sh WRAPPER FOLDER N`, `systemctl is-active --quiet patchwave-ID`; for the lease: `flock
//! -w 10 9`, `stat -c %a|%u`, `find`, `tr`. Files: `/proc/self/status`, `/proc/PID/stat`, `/proc/uptime`,
//! `/proc/sys/kernel/random/boot_id`.

mod answer;
mod end;
mod follow;
#[cfg(test)]
mod interleavings;
mod memory;
mod payload;
mod tell;
#[cfg(test)]
mod tests;

pub use end::{JobEnd, JobTrouble};
pub use follow::{run, run_told};
pub(super) use payload::{program_text, run_file};
pub use tell::Tell;

use std::borrow::Cow;

use super::StepCx;
use crate::command::{Command, Output};

/// A change to run detached.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// Tells the jobs of one step apart (`install`, `repair`); lower-case letters, digits and `-`.
    pub name: Cow<'static, str>,
    /// What to run: arguments, environment and rights. Its standard input must be empty (a job reads `/dev/null`), its
    /// time limit does not count (a job is never killed), and the bytes it keeps are those of [`JobEnd::tail`].
    pub command: Command,
    /// A file for the job, which it finds as `$PATCHWAVE_JOB/script`; removed when the job ends.
    pub script: Option<Vec<u8>>,
}

impl JobSpec {
    /// A job without a file.
    pub fn new(name: impl Into<Cow<'static, str>>, command: Command) -> Self {
        Self { name: name.into(), command, script: None }
    }
}

/// How many readers of the job scripts' answers understand this output.
#[cfg(feature = "testing")]
pub(super) fn answers_understood(output: &Output) -> usize {
    usize::from(answer::start(output).is_ok()) + usize::from(answer::poll(output).is_ok())
}

/// Whether an earlier controller was about to start any job of this step, or had started one.
pub(super) fn is_noted(cx: &StepCx<'_>) -> bool {
    cx.resumed && cx.notes.keys().any(|key| key.starts_with(memory::PREFIX))
}

/// Whether an earlier controller, in this very attempt, was about to start this job or had started it. Then [`run`]
/// finds it again.
pub fn is_recalled(cx: &StepCx<'_>, name: &str) -> bool {
    memory::Memory::recall(cx, name).recalled
}
