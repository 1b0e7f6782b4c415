//! One simulated host: a boot, jobs, a lease, packages, and an answer for each command's label.
//!
//! The answers have the form that the scripts in `step/` and the programs of a host print. An unknown label is an error
//! of the fleet, so that a new command cannot go unnoticed; a host of a rehearsal answers it with nothing.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    asked::Asked,
    debian::{DISK_FULL, FACTS, KERNEL, LOCK, Packages},
    fault::{Fault, Faults, Strike},
    guard::Guard,
    job::{Job, JobState, Work},
    lease::Holder,
};
use crate::{
    command::{Command, Exit, Output},
    host::HostName,
    pkg,
};

/// How long a reboot is down.
const DOWN: Duration = Duration::from_secs(20);
pub(super) const FULL: &str = "cannot be written (is the disk full?)";

/// A host's answer to a command, and when it comes.
pub(super) enum Reply {
    Now(Output),
    After(Duration, Output),
    /// The host is silent for this long; then it is asked for its answer again.
    AskAgain(Duration),
}

pub(super) struct SimHost {
    /// Makes its boot ids different from those of others.
    number: u64,
    pub(super) faults: Faults,
    pub(super) boot: u64,
    /// Connections with a lower number are cut.
    pub(super) line: u64,
    pub(super) reboots: u32,
    asked_to_reboot: bool,
    /// When it answers again; `None` while it is up.
    down_until: Option<Instant>,
    gone: bool,
    off: bool,
    pub(super) disk_full: bool,
    commands: u32,
    pub(super) jobs: HashMap<String, Job>,
    pub(super) lease: Option<Holder>,
    /// Who took the lease from which run.
    pub(super) lost: HashMap<String, Holder>,
    /// `None`: a host without a package manager.
    pub(super) packages: Option<Packages>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Units that are not active.
    pub(super) stopped: Vec<String>,
    /// How often each short change was made.
    pub(super) effects: BTreeMap<String, u32>,
    pub(super) guards: HashMap<String, Guard>,
    /// When the last job or the last boot ended: guards count from here.
    pub(super) idle_since: Instant,
    /// No login works until a rollback.
    pub(super) locked_out: bool,
    /// What a person asked to go wrong.
    pub(super) asked: Asked,
    /// It is part of a rehearsal: what a playbook runs on it says nothing, and a reboot is due until the first one.
    pub(super) rehearses: bool,
}

impl SimHost {
    pub(super) fn new(name: &HostName, faults: Faults) -> Self {
        Self {
            number: name.as_str().bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))),
            faults,
            boot: 1,
            line: 0,
            reboots: 0,
            asked_to_reboot: false,
            down_until: None,
            gone: false,
            off: false,
            disk_full: false,
            commands: 0,
            jobs: HashMap::new(),
            lease: None,
            lost: HashMap::new(),
            packages: None,
            files: BTreeMap::new(),
            stopped: Vec::new(),
            effects: BTreeMap::new(),
            guards: HashMap::new(),
            idle_since: Instant::now(),
            locked_out: false,
            asked: Asked::default(),
            rehearses: false,
        }
    }

    /// How often each job was begun, by its id.
    pub(super) fn jobs_begun(&self) -> Vec<(String, u32)> {
        let mut found: Vec<_> = self.jobs.iter().map(|(id, job)| (id.clone(), job.starts)).collect();
        found.sort();
        found
    }

    pub(super) fn is_busy(&mut self) -> bool {
        self.settle();
        self.jobs.values().any(|job| job.state == JobState::Runs)
    }

    /// Nothing comes back from it, not even a refusal.
    pub(super) fn is_silent(&self) -> bool {
        self.off || self.asked.cut_off
    }

    pub(super) fn is_down(&self) -> bool {
        self.gone || self.down_until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn on_connect(&mut self) -> Strike {
        self.settle();
        if self.is_silent() || self.faults.has(Fault::Silent) {
            Strike::Hang
        } else if self.faults.has(Fault::Refuses) || self.is_down() || self.locked_out {
            Strike::Refuse
        } else if self.faults.has(Fault::NewKeyAfterReboot) && self.reboots > 0 {
            Strike::NewKey
        } else {
            Strike::None
        }
    }

    pub(super) fn on_exec(&mut self, command: &Command) -> Strike {
        if let Some(strike) = self.asked.loss(command) {
            return strike;
        }
        let n = self.commands;
        self.commands += 1;
        match self.faults.at(n) {
            Some(Fault::DropsBefore(_)) => return Strike::DropBefore,
            Some(Fault::DropsAfter(_)) => return Strike::DropAfter,
            Some(Fault::Hangs(_)) => return Strike::Hang,
            Some(Fault::KillsJobs(_)) => self.kill_jobs(None),
            Some(Fault::RebootsItself(_)) => {
                self.boot_anew();
                return Strike::DropBefore;
            }
            Some(Fault::PowersOff(_)) => {
                self.power_off();
                return Strike::Hang;
            }
            Some(Fault::DiskFull(_)) => self.disk_full = true,
            _ => {}
        }
        Strike::None
    }

    /// It goes down at once, and comes up after a while.
    pub(super) fn boot_anew(&mut self) {
        self.kill_jobs(None);
        self.boot += 1;
        self.asked_to_reboot = false;
        self.down_until = Some(Instant::now() + DOWN);
        self.idle_since = Instant::now() + DOWN;
        self.guards.values_mut().for_each(|guard| guard.boots += 1);
    }

    pub(super) fn power_off(&mut self) {
        self.kill_jobs(None);
        self.off = true;
    }

    /// Comes back from a power loss, or from a reboot that did not come back.
    pub(super) fn power_on(&mut self) {
        if self.off || self.gone {
            (self.off, self.gone, self.idle_since) = (false, false, Instant::now());
            self.boot_anew();
        }
    }

    /// Kills everything that runs detached, in the middle of its work. `None` leaves no exit code.
    pub(super) fn kill_jobs(&mut self, code: Option<u32>) {
        self.settle();
        let running: Vec<String> =
            self.jobs.iter().filter(|(_, job)| job.state == JobState::Runs).map(|(id, _)| id.clone()).collect();
        for id in running {
            self.idle_since = Instant::now();
            self.end(&id, code.map_or(JobState::Lost, JobState::Done), true);
        }
    }

    /// Ends the jobs whose time has come.
    pub(super) fn settle(&mut self) {
        let now = Instant::now();
        let due = |(_, job): &(&String, &Job)| job.state == JobState::Runs && job.ends_at() <= now;
        let due: Vec<(String, bool, bool)> =
            self.jobs.iter().filter(due).map(|(id, job)| (id.clone(), job.doomed, job.fails)).collect();
        for (id, doomed, fails) in due {
            self.idle_since = self.jobs.get(&id).map_or(self.idle_since, |job| self.idle_since.max(job.ends_at()));
            let no_room = self.disk_full && self.jobs.get(&id).is_some_and(|job| job.work.locks());
            match (doomed, fails, no_room) {
                (true, ..) => self.end(&id, JobState::Lost, true),
                (_, true, _) => self.end(&id, JobState::Done(1), true),
                (.., true) => self.end(&id, JobState::Done(100), true),
                _ => self.end(&id, JobState::Done(0), false),
            }
        }
        let busy = self.jobs.values().any(|job| job.state == JobState::Runs);
        if !(busy || self.off || self.is_down()) {
            self.watch();
        }
    }

    /// Ends a job with its effect, or with half of it.
    fn end(&mut self, id: &str, state: JobState, half: bool) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.state = state;
        job.output += match state {
            JobState::Done(0) if self.rehearses => super::asked::output(id),
            JobState::Done(1) if self.rehearses => super::asked::WHY,
            JobState::Done(0) => "all done\n",
            JobState::Done(100) => DISK_FULL,
            _ => "half done\n",
        };
        match (&job.work, &mut self.packages) {
            (Work::Packages(change), Some(packages)) => change.apply(packages, half),
            (Work::Service { units, active }, _) => {
                self.stopped.retain(|unit| !units.contains(unit));
                if half || !active {
                    self.stopped.extend(units.iter().cloned());
                }
            }
            (Work::LockOut, _) => self.locked_out = true,
            _ => {}
        }
    }

    fn boot_id(&self) -> String {
        boot_id(self.number, self.boot)
    }

    pub(super) fn did(&mut self, what: impl Into<String>) {
        *self.effects.entry(what.into()).or_default() += 1;
    }

    /// Its answer to a command.
    pub(super) fn answer(&mut self, command: &Command) -> Reply {
        self.settle();
        let args: Vec<&str> = command.argv.iter().skip(4).map(String::as_str).collect();
        if let Some(kept) = self.kept_from(command) {
            return kept;
        }
        if self.asked.refuses(command) {
            return refuse(1, super::asked::WHY.trim_end());
        }
        let text = match command.label {
            "boot-id" => format!("{}\n", self.boot_id()),
            "lease-acquire" => self.lease_acquire(&args),
            "lease-release" => self.lease_release(args[0]),
            "job-start" => match self.job_start(&args, &command.stdin) {
                Some(refusal) => refusal,
                None => return self.job_look(&args),
            },
            "job-poll" => return self.job_look(&args),
            "job-cancel" => if self.jobs.contains_key(args[0]) { "begun\n" } else { "cancelled\n" }.to_owned(),
            "host-facts" => self.facts(),
            "host-details" => {
                "arch x86_64\ncpus 2\nmemory 2034512 kB\ndisks\ndisk vda 41943040\nguest\nservices\nend\n".to_owned()
            }
            "baseline" => format!("boot {}\nnow 0\njournal\nend\n", self.boot_id()),
            "system-state" if self.packages.is_some() => {
                format!("boot {}\nstate running\nkernel {KERNEL}\n", self.boot_id())
            }
            "system-state" => format!("boot {}\nstate none\nkernel sim\n", self.boot_id()),
            "guard-arm" => self.guard_arm(&args),
            "guard-settle" => self.guard_settle(&args),
            "guard-clean" => self.guard_clean(&args),
            "reboot-ask" => self.reboot_ask(&args),
            // It is silent meanwhile.
            "reboot-watch" => {
                let looks = args.get(2).and_then(|looks| looks.parse().ok()).unwrap_or(0);
                return Reply::After(Duration::from_millis(500) * looks, output(0, "up\n".to_owned()));
            }
            "reboot-refused" => "end\n".to_owned(),
            "package-locks" => if self.is_locked() { LOCK } else { "" }.to_owned() + &"end\n".repeat(pkg::ALL.len()),
            "reboot-mark" => if self.asked_to_reboot { "there\n" } else { "gone\n" }.to_owned(),
            "reboot-warn" | "staged-clear" => String::new(),
            "holds-write" if self.disk_full => return refuse(1, "holds.new: No space left on device"),
            "holds-write" => String::new(),
            "script" if self.disk_full => return refuse(1, "mktemp: No space left on device"),
            "exec" | "command" | "script" if self.rehearses => String::new(),
            "exec" | "command" | "script" => "fine\n".to_owned(),
            "disk-free" => args.iter().map(|_| self.df_line()).collect::<String>() + "end\n",
            "boot-room" => format!("{}8000000\n40000000\nend\n", self.df_line()),
            "room" => format!("path /\nspace {0}inodes {0}end\n", self.df_line()),
            "stale-look" | "stale-users" => "systemd\nend\n".to_owned(),
            "load" => "0.10 0.10 0.10 1/100 1234\n".to_owned(),
            "service-states" => args.iter().map(|unit| self.unit_state(unit)).collect::<String>() + "end\n",
            "path-exists" => String::new(),
            "copy-look" => self.copy_look(args[0]),
            "copy-put" if self.disk_full => return refuse(1, &format!("{} {FULL}", args[0])),
            "copy-put" => {
                self.did(format!("copy {}", args[0]));
                self.files.insert(args[0].to_owned(), command.stdin.to_vec());
                String::new()
            }
            label => return self.packages_answer(label, command),
        };
        Reply::Now(output(0, text))
    }

    /// A short change does nothing without its lease, or once its guard has its verdict: the check in front of its
    /// script says so (`lease/lost.sh`, `guard::unless_over`).
    fn kept_from(&self, command: &Command) -> Option<Reply> {
        let script = command.argv.get(2)?;
        // Most scripts have no such line, and looking at every line of them takes long.
        if script.contains("run_of_lease=")
            && let Some(run) = script.lines().find_map(|line| line.strip_prefix("run_of_lease="))
            && !self.is_of(run)
        {
            let (run, owner) = self.thief_of(run).map_or_else(Default::default, |thief| {
                thief.split_once(' ').map_or_else(Default::default, |(run, owner)| (run.to_owned(), owner.to_owned()))
            });
            let lost = output(0, format!("patchwave-lease\nlost\n{run}\n{owner}\n"));
            return Some(Reply::Now(Output { exit: Exit::Code(114), ..lost }));
        }
        let over = |(id, guard): (&String, &super::guard::Guard)| {
            guard.is_over() && script.contains(&format!("/guards/{id}/verdict"))
        };
        self.guards.iter().any(over).then(|| refuse(113, "the guard of this change is over"))
    }

    fn packages_answer(&mut self, label: &str, command: &Command) -> Reply {
        let Some(packages) = &mut self.packages else {
            return refuse(127, &format!("the simulated host does not know {label}"));
        };
        match packages.answer(command, self.disk_full) {
            Ok(text) if label.ends_with("-boot") && self.rehearses && self.boot == 1 => {
                Reply::Now(output(0, format!("flag\n{text}")))
            }
            Err((127, _)) if self.rehearses => Reply::Now(output(0, String::new())),
            Ok(text) => {
                if label.ends_with("-clean") {
                    self.did("clean");
                }
                Reply::Now(output(0, text))
            }
            Err((code, why)) => refuse(code, &why),
        }
    }

    /// Whether a job works on the packages.
    fn is_locked(&self) -> bool {
        self.jobs.values().any(|job| job.state == JobState::Runs && job.work.locks())
    }

    fn facts(&self) -> String {
        let boot = self.boot_id();
        if self.packages.is_none() {
            return format!("kernel sim\nuid 0\nboot {boot}\nend\n");
        }
        format!("{FACTS}kernel {KERNEL}\nuid 0\nboot {boot}\nsystemd\nend\n")
    }

    fn df_line(&self) -> String {
        let free = if self.disk_full { 0 } else { 30_000_000 };
        format!("/dev/sda1 41152736 9000000 {free} 24% /\n")
    }

    fn unit_state(&self, unit: &str) -> String {
        let stopped = self.stopped.iter().any(|stopped| stopped == unit);
        if stopped { "inactive\n" } else { "active\n" }.to_owned()
    }

    fn copy_look(&self, path: &str) -> String {
        match self.files.get(path) {
            None => "absent\n".to_owned(),
            Some(bytes) => {
                let sum = base16ct::lower::encode_string(&Sha256::digest(bytes));
                format!("file {sum} 644 root root\n")
            }
        }
    }

    fn reboot_ask(&mut self, args: &[&str]) -> String {
        if args[0] != self.boot_id() {
            return "other-boot\n".to_owned();
        }
        if self.is_locked() {
            return format!("locked\n{LOCK}end\n");
        }
        self.did("reboot asked");
        self.asked_to_reboot = true;
        if !self.faults.has(Fault::NeverGoesDown) && !self.asked.fails() {
            self.reboots += 1;
            self.boot_anew();
            self.gone = self.faults.has(Fault::NeverComesBack);
        }
        "asked\n".to_owned()
    }

    /// `id offset most wait gather run own wrapper program lines script-size`, and the program on standard input if it
    /// is not among them. `None`: it has begun.
    fn job_start(&mut self, args: &[&str], input: &[u8]) -> Option<String> {
        let (id, run, own, size) = (args[0], args[5], args[6], args[10].parse::<usize>().unwrap_or(0));
        if self.jobs.contains_key(id) {
            return None;
        }
        let others = |(id, job): (&String, &Job)| job.state == JobState::Runs && !id.starts_with(own);
        if !own.is_empty() && (!self.is_of(run) || self.jobs.iter().any(others)) {
            return Some("patchwave-job ask \n".to_owned());
        }
        if !run.is_empty() && !self.is_of(run) {
            return Some(format!("patchwave-job lost {}\n", self.thief_of(run).unwrap_or_else(|| "- ".to_owned())));
        }
        if self.disk_full {
            return Some(format!("patchwave-job refused /var/lib/patchwave/jobs/{id}/run {FULL}\n"));
        }
        let program = if args[8].is_empty() { &input[..input.len() - size] } else { args[8].as_bytes() };
        let job = Job {
            began: Instant::now(),
            boot: self.boot,
            starts: 1,
            work: Work::read(program),
            state: JobState::Runs,
            output: if self.rehearses { "" } else { "begun\n" }.to_owned(),
            doomed: self.faults.has(Fault::TransactionKilled),
            fails: self.faults.has(Fault::TransactionFails) || self.asked.fails(),
        };
        self.jobs.insert(id.to_owned(), job);
        if self.is_too_late(program)
            && let Some(job) = self.jobs.get_mut(id)
        {
            (job.state, job.output) = (JobState::Done(113), "the guard of this change is over\n".to_owned());
        }
        None
    }

    /// `id offset most wait gather run`, the times in hundredths of a second.
    fn job_look(&mut self, args: &[&str]) -> Reply {
        let now = self.boot_id();
        let Some(job) = self.jobs.get(args[0]) else {
            return Reply::Now(output(0, format!("patchwave-job absent - - {now}\n")));
        };
        let then = boot_id(self.number, job.boot);
        let offset = args[1].parse().unwrap_or(0);
        let news = job.output.get(offset..).unwrap_or_default();
        let (state, code) = match job.state {
            JobState::Done(code) => ("done", code.to_string()),
            JobState::Lost => ("gone", "-".to_owned()),
            JobState::Runs => ("alive", "-".to_owned()),
        };
        let lost = self.thief_of(args[5]).unwrap_or_default();
        let answer = output(0, format!("patchwave-job {state} {code} {then} {now} {lost}\n{news}"));
        let time = |word: &str| word.parse().map_or(Duration::ZERO, |n: u64| Duration::from_millis(10 * n));
        let left = job.ends_at().saturating_duration_since(Instant::now());
        let wait = if news.is_empty() { time(args[3]) } else { time(args[4]).min(time(args[3])) };
        match state {
            "alive" if left <= wait => Reply::AskAgain(left),
            "alive" => Reply::After(wait, answer),
            _ => Reply::Now(answer),
        }
    }
}

/// A boot id in the form of the kernel's: a UUID.
fn boot_id(host: u64, boot: u64) -> String {
    format!("{:08x}-0000-4000-8000-{:012x}", host & 0xffff_ffff, boot)
}

fn refuse(code: u32, why: &str) -> Reply {
    Reply::Now(output(code, format!("{why}\n")))
}

fn output(code: u32, text: String) -> Output {
    let (stdout, stderr) = if code == 0 { (text, String::new()) } else { (String::new(), text) };
    Output { exit: Exit::Code(code), stdout: stdout.into_bytes(), stderr: stderr.into_bytes(), dropped: 0 }
}
