//! All that a step may touch while it runs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::guard::Known;
use crate::{
    clock::Clock,
    command::Command,
    event::{LostLease, RunId, StepPhase, StepRef},
    host::HostName,
    pkg::Undo,
    playbook::{StepSpec, TemplateScope},
    transport::{Link, NoSink, Sink},
};

/// One attempt of one step on one host.
pub struct StepCx<'a> {
    /// The run; part of job names on the host.
    pub run: &'a RunId,
    /// The host.
    pub host: &'a HostName,
    /// Who runs this, `account@jumpbox (login person)`: shown to those whom the host's lease keeps out.
    pub owner: &'a str,
    /// Which step it is.
    pub step: StepRef,
    /// From 1. An attempt that continues an interrupted one keeps its number.
    pub attempt: u32,
    /// The stage and the wave whose gate this step is part of.
    pub gate: Option<(usize, usize)>,
    /// What is asked for.
    pub spec: &'a StepSpec,
    /// Change nothing on any host (`--check`).
    pub check: bool,
    /// The host's variables, with those of earlier steps.
    pub scope: &'a TemplateScope,
    /// The host's connection.
    pub link: &'a mut Link,
    /// When this attempt must be over. A step that has changed the host and cannot finish in time ends `Unknown`.
    pub deadline: Instant,
    /// What earlier attempts of this very step noted, interrupted ones included.
    pub notes: &'a Map<String, Value>,
    /// What is known of the guard that this attempt armed or goes on with. Begins as nothing.
    pub guard: Known,
    /// Another run took the host's lease while this attempt worked. Begins as nothing.
    pub lost_lease: Option<LostLease>,
    /// This walk asked for the host's lease before this attempt.
    pub leased: bool,
    /// This attempt asked for the host's lease and has it. Begins as false.
    pub holds_lease: bool,
    /// Answers that were asked for ahead, and the package lists that questions use. Begins as none.
    pub heard: super::Heard,
    /// What a `rollback` undoes: what the upgrades of this walk changed, and what the plan has for this host.
    pub undo: &'a Undo,
    /// True when this attempt continues one that was interrupted by the end of a controller.
    pub resumed: bool,
    /// Durable notes and chatter.
    pub journal: &'a mut dyn StepJournal,
    /// Where remote output goes (the host's log file).
    pub log: &'a mut dyn StepLog,
    /// The jump box.
    pub controller: &'a dyn Controller,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

impl StepCx<'_> {
    /// The name on the host of something that belongs to this walk: `RUN.HOST.REST`, of letters, digits, `.` and `-`
    /// only, for it becomes a folder and a systemd unit. HOST is a hash of the inventory's name: names may be too long
    /// for a unit, and two names of one machine must not take each other's jobs for their own.
    pub(super) fn named(&self, rest: &str) -> String {
        let host = base16ct::lower::encode_string(&Sha256::digest(self.host.as_str())[..4]);
        let name = format!("{}.{host}.{rest}", self.run);
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
    }

    /// The step's name in names of what belongs to it: `s3` is the third of `steps:`, `g2.1.1` the first of the gate
    /// after the first wave of the second stage.
    pub(super) fn step_name(&self) -> String {
        let phase = match self.step.phase {
            StepPhase::Main => "s".to_owned(),
            StepPhase::OnFailure => "f".to_owned(),
            StepPhase::Always => "a".to_owned(),
            StepPhase::Gate => {
                self.gate.map_or("g".to_owned(), |(stage, wave)| format!("g{}.{}.", stage + 1, wave + 1))
            }
        };
        format!("{phase}{}", self.step.index + 1)
    }

    /// How the names of what belongs to this step begin: `RUN.HOST.PHASE-INDEX.`.
    pub(super) fn names_of_step(&self) -> String {
        self.named(&format!("{}.", self.step_name()))
    }

    /// The name of something that belongs to this attempt: `RUN.HOST.PHASE-INDEX.ATTEMPT.REST`.
    pub(super) fn named_attempt(&self, rest: &str) -> String {
        self.named(&format!("{}.{}.{rest}", self.step_name(), self.attempt))
    }
}

/// Where a step's remote output goes. What comes in through [`Sink`] is appended.
pub trait StepLog: Sink {
    /// Bytes of this job's output that are in the log, also those of an earlier controller.
    fn job_offset(&mut self, job: &str) -> u64;

    /// Appends output of a job: what follows the bytes that [`StepLog::job_offset`] counts.
    fn write_job(&mut self, job: &str, bytes: &[u8]);

    /// Writes what is gathered: the end of this process does not lose it after that.
    fn flush(&mut self);
}

impl StepLog for NoSink {
    fn job_offset(&mut self, _: &str) -> u64 {
        0
    }

    fn write_job(&mut self, _: &str, _: &[u8]) {}

    fn flush(&mut self) {}
}

/// What a step notes and says.
pub trait StepJournal: Send + Sync {
    /// Records a fact before the step acts on it; durable when it returns.
    ///
    /// # Errors
    /// [`Interrupted`]: the ledger is lost or the run detaches; the step returns at once and starts nothing new.
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>>;

    /// Says what is going on; may be dropped.
    fn progress(&mut self, text: &str);
}

/// The run is leaving; begin nothing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the run is leaving")]
pub struct Interrupted;

/// The jump box's side of a step.
pub trait Controller: Send + Sync {
    /// Runs a program here, in the playbook's folder, or goes on with the one that an earlier controller started under
    /// this claim. It is killed at the deadline, with all that it started. Standard input is `command.stdin`; output is
    /// bounded by `command.keep` and copied to `log`.
    ///
    /// # Errors
    /// Why it has no end of its own, or none that is known.
    fn run<'a>(&'a self, command: &'a Command, claim: &'a Claim, log: &'a mut dyn Sink) -> Ran<'a>;

    /// A request over HTTP. No more of the answer is waited for than is asked for.
    ///
    /// # Errors
    /// Why there is no answer, for people.
    fn http<'a>(
        &'a self,
        url: &'a str,
        ask: Ask<'a>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>>;

    /// Whether a TCP connect to `address:port` succeeds in time.
    fn connects<'a>(&'a self, address: &'a str, port: u16, timeout: Duration) -> BoxFuture<'a, Result<(), String>>;

    /// The folder of the playbook: hooks, scripts and files are looked up there, then in its parents up to the
    /// project's root.
    fn find(&self, relative: &str) -> Option<PathBuf>;

    /// The SHA-256 that the file at this path must have, if the run was agreed with one.
    fn agreed(&self, _path: &Path) -> Option<&str> {
        None
    }

    /// Which file is not as the run was agreed with, in words: one that this command line runs, or any without one.
    fn changed<'a>(&'a self, _argv: Option<&'a [String]>) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }
}

/// What is asked of an HTTP server. What is expected is for a stand-in that gives the answer instead.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// To take this JSON (POST). Only the status is waited for.
    Post(&'a Value),
    /// For its status (GET). This one is expected.
    Status(u16),
    /// For its text as well (GET), of which at most 1 MiB is kept. This status is expected, and this in the text.
    Text(u16, &'a str),
}

/// The end of a program that [`Controller::run`] runs.
pub type Ran<'a> = BoxFuture<'a, Result<HookOutput, NoEnd>>;

/// Which program of a run is meant, and what to do with what an earlier controller may have started. One that still
/// runs is waited for in any case: there are never two at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Names it in the run; letters, digits, `.` and `-`.
    pub id: String,
    /// It may have been begun before, by another controller.
    pub begun: bool,
    /// One that has ended is not run again: its exit code counts.
    pub keeps_end: bool,
    /// One whose end cannot be known is not run again.
    pub once: bool,
}

/// Why a program on the jump box has no end of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEnd {
    /// It was not started, or could not be followed, for this reason.
    Failed(String),
    /// It did not end in time and was killed.
    Killed {
        /// What it had started and what could not be killed, for people.
        left: Vec<String>,
    },
    /// Nobody can know whether it did its work, for this reason.
    Unknown(String),
}

impl std::fmt::Display for NoEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(why) | Self::Unknown(why) => f.write_str(why),
            Self::Killed { left } if left.is_empty() => f.write_str("it did not end in time and was killed"),
            Self::Killed { left } => write!(
                f,
                "it did not end in time and was killed, but what it had started still runs: process {}",
                left.join(", ")
            ),
        }
    }
}

/// What a program on the jump box did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookOutput {
    /// How it ended, and its output.
    pub output: crate::command::Output,
}
