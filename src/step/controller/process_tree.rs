//! Which processes of this machine belong to a program that was started here, and how to end them. A child that left
//! the program's group is found by the mark in its environment, or as a child of a process that has the mark. Knows
//! nothing about runs.

use std::{collections::HashSet, fs, os::unix::ffi::OsStrExt as _, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::command::printable;

/// The variable that marks a program and everything that it starts.
pub(super) const MARK: &str = "PATCHWAVE_PROGRAM";
/// How long killed processes may take to disappear.
const GONE_WITHIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// In ticks since the machine booted. Process ids are reused, but a pair of id and start time is not.
    pub(super) start: u64,
    pub(super) name: String,
}

impl Process {
    /// The process with this id; `None` if there is none, or only a zombie.
    pub(super) fn find(pid: i32) -> Option<Self> {
        Self::read(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// From `/proc/PID/stat`. The name, the second field, may hold spaces and brackets.
    fn read(pid: i32, stat: &str) -> Option<Self> {
        let (front, rest) = stat.rsplit_once(')')?;
        let name = front.split_once('(').map_or("", |(_, name)| name);
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let (state, parent, start) = (*fields.first()?, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
        (!matches!(state, "Z" | "X")).then(|| Self { pid, parent, start, name: printable(name) })
    }

    fn kill(&self) {
        // It may have ended since, and its id may belong to another process.
        let same = Self::find(self.pid).is_some_and(|now| now.start == self.start);
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| same) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The living processes that carry this mark, and what they have started.
pub(super) fn marked(mark: &Path) -> Vec<Process> {
    let entry = [MARK.as_bytes(), b"=", mark.as_os_str().as_bytes()].concat();
    let own = std::process::id();
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| u32::try_from(*pid).is_ok_and(|pid| pid != own))
        .filter_map(Process::find)
        .collect();
    let carries = |process: &&Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == entry)
    };
    let mut members: HashSet<i32> = all.iter().filter(carries).map(|process| process.pid).collect();
    loop {
        let before = members.len();
        let children = all.iter().filter(|process| members.contains(&process.parent)).map(|process| process.pid);
        let children: Vec<i32> = children.collect();
        members.extend(children);
        if members.len() == before {
            break;
        }
    }
    all.into_iter().filter(|process| members.contains(&process.pid)).collect()
}

/// Kills them all, including those that they start meanwhile; returns the ones that do not end (another user's, or
/// stuck in the kernel).
pub(super) async fn kill(mark: &Path) -> Vec<Process> {
    let until = Instant::now() + GONE_WITHIN;
    let mut known: Vec<Process> = Vec::new();
    loop {
        for process in marked(mark) {
            if !known.contains(&process) {
                known.push(process);
            }
        }
        // A child of a killed process has a new parent now.
        known.retain(|process| Process::find(process.pid).is_some_and(|now| now.start == process.start));
        if known.is_empty() || Instant::now() >= until {
            return known;
        }
        known.iter().for_each(Process::kill);
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let fields = "S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2";
        let read = Process::read(5, &format!("5 (a) b (c)) {fields}")).unwrap();
        assert_eq!(read, Process { pid: 5, parent: 7, start: 4711, name: "a) b (c)".to_owned() });
        for stat in ["", "5 (a", "5 (a) S", "5 (a) S x", &format!("5 (a) {}", fields.replace("S ", "Z "))] {
            assert_eq!(Process::read(5, stat), None, "{stat}");
        }
        assert!(Process::find(i32::try_from(std::process::id()).unwrap()).is_some());
    }
}
