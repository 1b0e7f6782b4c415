//! How a detached job ended, or why its end is not known, and what that means for the host.

use crate::{
    command::{Exit, Unquotable, printable},
    event::StepResult,
    hint::Hint,
    step::Interrupted,
    transport::{Class, LinkError},
};

/// A job that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// The job's id on the host.
    pub id: String,
    /// Its exit code; 128 and more stand for a signal, as in a shell.
    pub exit: Exit,
    /// The end of its output, both streams together; at most 64 KiB and what the command keeps.
    pub tail: Vec<u8>,
}

impl JobEnd {
    /// Exit code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// The last `n` non-empty lines of output, for people.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        last_lines(&self.tail, n)
    }
}

/// Why a job's end is not known.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum JobTrouble {
    /// The host refused it before anything was changed.
    #[error("the job could not be started: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// It cannot be written as a shell line.
    #[error(transparent)]
    Unquotable(#[from] Unquotable),
    /// It was killed (or its folder removed): it does not run, left no exit code, and the host did not reboot.
    #[error("the job was killed on the host before it ended")]
    Lost {
        /// The job.
        id: String,
        /// The end of its output.
        tail: Vec<u8>,
    },
    /// The host rebooted while it ran.
    #[error("the host rebooted while the job ran")]
    Rebooted {
        /// The job.
        id: String,
        /// The end of its output.
        tail: Vec<u8>,
    },
    /// It still runs at the step's deadline, and is not stopped.
    #[error("still running on the host as unit patchwave-{id}; it keeps running")]
    Stuck {
        /// The job.
        id: String,
        /// The end of its output.
        tail: Vec<u8>,
    },
    /// The guard of its step could not be armed, or is over; the job was not started.
    #[error("{}", .0.summary)]
    Guard(Box<StepResult>),
    /// The host's lease is not this run's (class `lease` or `lease-lost`); the job was not started.
    #[error("{}", .0.summary)]
    Lease(Box<StepResult>),
    /// The host cannot be reached.
    #[error("{error}")]
    Link {
        /// Why.
        error: LinkError,
        /// The job, if it has begun or may have.
        begun: Option<String>,
    },
    /// The run is leaving; the job, if it has begun, goes on.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl JobTrouble {
    /// The end of the output, as far as it is known.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        match self {
            Self::Lost { tail, .. } | Self::Rebooted { tail, .. } | Self::Stuck { tail, .. } => last_lines(tail, n),
            _ => Vec::new(),
        }
    }
}

impl From<JobTrouble> for Box<StepResult> {
    /// For a job of which nothing more can be found out than its end.
    fn from(trouble: JobTrouble) -> Self {
        let summary = trouble.to_string();
        let detail = trouble.last_lines(5);
        let result = match trouble {
            JobTrouble::Refused { .. } => StepResult::failed("job-refused", summary)
                .help("the job did not start: fix the cause on the host, then run again with --limit @failed"),
            JobTrouble::Unquotable(_) => StepResult::failed("bad-command", summary),
            JobTrouble::Lost { .. } => StepResult::unknown("job-lost", summary).changed(true),
            JobTrouble::Rebooted { .. } => StepResult::unknown("job-rebooted", summary).changed(true),
            JobTrouble::Stuck { id, .. } => StepResult::unknown("stuck", summary)
                .changed(true)
                .help(format!("check it on the host: systemctl status 'patchwave-{id}'")),
            JobTrouble::Link { error, begun: None } => return error.into(),
            JobTrouble::Link { error, begun: Some(id) } => {
                // The error itself says what another machine means.
                let help = error.help().filter(|_| error.class() == Class::OtherMachine.as_str());
                StepResult::unknown(error.class(), format!("lost while job {id} ran: {error}")).changed(true).help(
                    help.map_or_else(|| Hint::command("resume", &[]).and(" (it finds the job again)"), Hint::from),
                )
            }
            JobTrouble::Guard(result) | JobTrouble::Lease(result) => return result,
            JobTrouble::Interrupted(interrupted) => return interrupted.into(),
        };
        Box::new(result.detail(detail))
    }
}

fn last_lines(tail: &[u8], n: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(tail);
    // A progress bar rewrites its line with carriage returns; its last state is what counts.
    let lines: Vec<String> = text
        .lines()
        .map(|line| printable(line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(line)))
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(n)..].to_vec()
}
