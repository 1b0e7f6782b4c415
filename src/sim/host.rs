//! One simulated host: a boot, jobs, a lease, and an answer for each command's label.
//!
//! The answers have the form that the scripts in `step/` print; a label that is not known is an error of the fleet, so
//! that a new command cannot pass by unnoticed.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::fault::{Fault, Faults, Strike};
use crate::{
    command::{Command, Exit, Output},
    host::HostName,
};

/// How long a transaction takes.
const JOB: Duration = Duration::from_secs(40);
/// How long a reboot is down.
const DOWN: Duration = Duration::from_secs(20);

pub(super) struct SimHost {
    name: String,
    pub(super) faults: Faults,
    pub(super) boot: u64,
    pub(super) reboots: u32,
    /// When it answers again; `None` while it is up.
    down_until: Option<Instant>,
    gone: bool,
    commands: u32,
    jobs: HashMap<String, Job>,
    lease: Option<(String, String)>,
}

struct Job {
    began: Instant,
    boot: u64,
    starts: u32,
    killed: bool,
}

impl SimHost {
    pub(super) fn new(name: &HostName, faults: Faults) -> Self {
        Self {
            name: name.to_string(),
            faults,
            boot: 1,
            reboots: 0,
            down_until: None,
            gone: false,
            commands: 0,
            jobs: HashMap::new(),
            lease: None,
        }
    }

    /// How often each transaction was begun, by its step (the part of a job's id before the attempt).
    pub(super) fn transactions(&self) -> Vec<(String, u32)> {
        let mut found: Vec<_> = self.jobs.iter().map(|(id, job)| (id.clone(), job.starts)).collect();
        found.sort();
        found
    }

    pub(super) fn is_down(&self) -> bool {
        self.gone || self.down_until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn on_connect(&mut self) -> Strike {
        if self.faults.has(Fault::Refuses) || self.is_down() {
            Strike::Refuse
        } else if self.faults.has(Fault::Silent) {
            Strike::Hang
        } else if self.faults.has(Fault::NewKeyAfterReboot) && self.reboots > 0 {
            Strike::NewKey
        } else {
            Strike::None
        }
    }

    pub(super) fn on_exec(&mut self) -> Strike {
        let n = self.commands;
        self.commands += 1;
        match self.faults.at(n) {
            Some(Fault::DropsBefore(_)) => Strike::DropBefore,
            Some(Fault::DropsAfter(_)) => Strike::DropAfter,
            Some(Fault::Hangs(_)) => Strike::Hang,
            Some(Fault::RebootsItself(_)) => {
                self.boot_anew();
                Strike::DropBefore
            }
            _ => Strike::None,
        }
    }

    fn boot_anew(&mut self) {
        self.boot += 1;
        self.down_until = Some(Instant::now() + DOWN);
    }

    fn boot_id(&self) -> String {
        format!("{}-boot-{}", self.name, self.boot)
    }

    /// The answer, or how long the host is silent before it is asked again.
    pub(super) fn answer(&mut self, command: &Command) -> (Output, Option<Duration>) {
        let args: Vec<&str> = command.argv.iter().skip(4).map(String::as_str).collect();
        let text = match command.label {
            "boot-id" => format!("{}\n", self.boot_id()),
            "lease-acquire" => self.lease_acquire(&args),
            "lease-release" => {
                self.lease = None;
                String::new()
            }
            "job-start" => self.job_start(&args),
            "job-poll" => return self.job_poll(&args),
            "job-ack" => String::new(),
            "job-cancel" => if self.jobs.contains_key(args[0]) { "begun\n" } else { "cancelled\n" }.to_owned(),
            "reboot" => {
                if !self.faults.has(Fault::NeverGoesDown) {
                    self.reboots += 1;
                    self.boot_anew();
                    self.gone = self.faults.has(Fault::NeverComesBack);
                }
                String::new()
            }
            "exec" | "command" => "fine\n".to_owned(),
            label => return (output(127, format!("the simulated host does not know {label}\n")), None),
        };
        (output(0, text), None)
    }

    fn lease_acquire(&mut self, args: &[&str]) -> String {
        let (run, owner) = (args[0], args[1]);
        match &self.lease {
            Some((holder, name)) if holder != run => format!("patchwave-lease\nother\n{holder}\n{name}\n0\n1\n"),
            _ => {
                self.lease = Some((run.to_owned(), owner.to_owned()));
                "patchwave-lease\ntaken\n".to_owned()
            }
        }
    }

    fn job_start(&mut self, args: &[&str]) -> String {
        let boot = self.boot;
        let killed = self.faults.has(Fault::TransactionKilled);
        let mut word = "attached";
        let job = self.jobs.entry(args[0].to_owned()).or_insert_with(|| {
            word = "started setsid";
            Job { began: Instant::now(), boot, starts: 0, killed }
        });
        if word != "attached" {
            job.starts += 1;
        }
        format!("patchwave-job {word}\n")
    }

    fn job_poll(&mut self, args: &[&str]) -> (Output, Option<Duration>) {
        let now = self.boot_id();
        let Some(job) = self.jobs.get(args[0]) else {
            return (output(0, format!("patchwave-job absent - 0 - {now}\n")), None);
        };
        let age = job.began.elapsed();
        let then = format!("{}-boot-{}", self.name, job.boot);
        let lost = job.boot != self.boot || (job.killed && age >= JOB / 2);
        let text = if lost {
            format!("patchwave-job gone - 0 {then} {now}\n")
        } else if age >= JOB {
            let code = u32::from(self.faults.has(Fault::TransactionFails));
            format!("patchwave-job done {code} 0 {then} {now}\n")
        } else {
            let wait = args[3].parse().map_or(Duration::ZERO, Duration::from_secs);
            let left = if job.killed { JOB / 2 - age } else { JOB - age };
            if left <= wait {
                return (output(0, String::new()), Some(left));
            }
            format!("patchwave-job alive - 0 {then} {now}\n")
        };
        (output(0, text), None)
    }
}

fn output(code: u32, text: String) -> Output {
    let (stdout, stderr) = if code == 0 { (text, String::new()) } else { (String::new(), text) };
    Output { exit: Exit::Code(code), stdout: stdout.into_bytes(), stderr: stderr.into_bytes(), dropped: 0 }
}
