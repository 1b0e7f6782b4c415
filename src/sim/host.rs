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

/// What a host says to a command, and when.
pub(super) enum Reply {
    Now(Output),
    After(Duration, Output),
    /// It is silent for so long; then the answer is another one.
    AskAgain(Duration),
}

pub(super) struct SimHost {
    /// Makes its boot ids different from those of others.
    number: u64,
    pub(super) faults: Faults,
    pub(super) boot: u64,
    pub(super) reboots: u32,
    asked_to_reboot: bool,
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
            number: name.as_str().bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))),
            faults,
            boot: 1,
            reboots: 0,
            asked_to_reboot: false,
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
        self.asked_to_reboot = false;
        self.down_until = Some(Instant::now() + DOWN);
    }

    fn boot_id(&self) -> String {
        boot_id(self.number, self.boot)
    }

    /// What it says to a command.
    pub(super) fn answer(&mut self, command: &Command) -> Reply {
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
            "host-facts" => format!("kernel sim\nuid 0\nboot {}\nend\n", self.boot_id()),
            "baseline" => format!("boot {}\nnow 0\nend\n", self.boot_id()),
            "system-state" => "state none\nkernel sim\n".to_owned(),
            "reboot-ask" => self.reboot_ask(&args),
            "reboot-mark" => if self.asked_to_reboot { "there\n" } else { "gone\n" }.to_owned(),
            "exec" | "command" => "fine\n".to_owned(),
            label => return Reply::Now(output(127, format!("the simulated host does not know {label}\n"))),
        };
        Reply::Now(output(0, text))
    }

    fn reboot_ask(&mut self, args: &[&str]) -> String {
        if args[0] != self.boot_id() {
            return "other-boot\n".to_owned();
        }
        self.asked_to_reboot = true;
        if !self.faults.has(Fault::NeverGoesDown) {
            self.reboots += 1;
            self.boot_anew();
            self.gone = self.faults.has(Fault::NeverComesBack);
        }
        "asked\n".to_owned()
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

    fn job_poll(&mut self, args: &[&str]) -> Reply {
        let now = self.boot_id();
        let Some(job) = self.jobs.get(args[0]) else {
            return Reply::Now(output(0, format!("patchwave-job absent - 0 - {now}\n")));
        };
        let age = job.began.elapsed();
        let then = boot_id(self.number, job.boot);
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
                return Reply::AskAgain(left);
            }
            return Reply::After(wait, output(0, format!("patchwave-job alive - 0 {then} {now}\n")));
        };
        Reply::Now(output(0, text))
    }
}

/// A boot id in the form of the kernel's: a UUID.
fn boot_id(host: u64, boot: u64) -> String {
    format!("{:08x}-0000-4000-8000-{:012x}", host & 0xffff_ffff, boot)
}

fn output(code: u32, text: String) -> Output {
    let (stdout, stderr) = if code == 0 { (text, String::new()) } else { (String::new(), text) };
    Output { exit: Exit::Code(code), stdout: stdout.into_bytes(), stderr: stderr.into_bytes(), dropped: 0 }
}
