//! How a command that is not detached is found again on its host, and ended: before it begins, it says which process it
//! is. Knows scripts and their answers; decides nothing. Start at [`Process::telling`] and [`Process::end`].
//!
//! Command lines on the host: `kill -TERM -GROUP`, `kill -KILL -GROUP`, `sleep 0.2`. Files: `/proc/PID/stat`.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use crate::command::{Command, Output};

/// A process on a host. Its number may be given again to another one, and its start cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its process group.
    pub group: u32,
    /// When it started, in the kernel's ticks since boot (field 22 of `/proc/PID/stat`, proc(5)).
    pub start: u64,
}

/// What became of a command that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// It ended after SIGTERM.
    Terminated,
    /// It ended only after SIGKILL.
    Killed,
    /// It had ended before; nothing was signalled.
    Over,
    /// Processes of its group are still there after SIGKILL.
    Stays,
    /// It has no process group of its own, so a signal could reach something else. Nothing was signalled.
    Shared,
}

/// Begins the line in which a command says which process it is.
const MARK: &[u8] = b"\x01patchwave-process ";
/// The longest such line.
const LONGEST: usize = 1 << 10;
const TELL: &str = r#"IFS= read -r _patchwave 2>/dev/null </proc/$$/stat; printf '\001patchwave-process %s\n' "$_patchwave" >&2; exec "$@""#;
const END: &str = include_str!("end_process.sh");

impl Process {
    /// The same command, which first says on standard error which process it is. [`ProcessLine`] takes that out again.
    #[must_use]
    pub fn telling(mut command: Command) -> Command {
        let told = Command::sh(command.label, TELL, command.argv.iter().cloned());
        command.argv = told.argv;
        command
    }

    /// Ends the whole process group: SIGTERM, and SIGKILL after 5 s. It does nothing if the process is another one by
    /// now. It needs the rights of the command. [`Ending::read`] has the answer.
    pub fn end(self) -> Command {
        let words = [u64::from(self.pid), u64::from(self.group), self.start].map(|n| n.to_string());
        Command::sh("end-process", END, words).changing().timeout(Duration::from_secs(30))
    }

    /// From the text of `/proc/PID/stat`. The second field is the program's name in brackets, with whatever is in it.
    fn read(stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let pid = before.split_once(" (")?.0.parse().ok()?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let (group, start) = (fields.get(2)?.parse().ok()?, fields.get(19)?.parse().ok()?);
        (group > 1).then_some(Self { pid, group, start })
    }
}

impl Ending {
    /// From the answer of [`Process::end`].
    pub fn read(output: &Output) -> Option<Self> {
        Some(match output.text().trim() {
            "TERM" => Self::Terminated,
            "KILL" => Self::Killed,
            "over" => Self::Over,
            "stays" => Self::Stays,
            "shared" => Self::Shared,
            _ => return None,
        })
    }
}

/// Takes the line of [`Process::telling`] out of the beginning of a stream.
#[derive(Debug)]
pub struct ProcessLine {
    /// The beginning, until the line is whole, or until it is clear that it does not come.
    held: Option<Vec<u8>>,
}

impl Default for ProcessLine {
    fn default() -> Self {
        Self { held: Some(Vec::new()) }
    }
}

impl ProcessLine {
    /// The process, once its line is whole, and the bytes that are the command's own.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> (Option<Process>, Cow<'a, [u8]>) {
        let Some(held) = &mut self.held else { return (None, bytes.into()) };
        held.extend_from_slice(bytes);
        let common = held.len().min(MARK.len());
        if held[..common] != MARK[..common] {
            return (None, self.rest().into());
        }
        let Some(end) = held.iter().position(|b| *b == b'\n') else {
            return if held.len() > LONGEST { (None, self.rest().into()) } else { (None, Cow::default()) };
        };
        let stat = String::from_utf8_lossy(&held[MARK.len().min(end)..end]).into_owned();
        let own = held.split_off(end + 1);
        self.held = None;
        (Process::read(&stat), own.into())
    }

    /// What is still held when the stream ends: the command's own output after all.
    pub fn rest(&mut self) -> Vec<u8> {
        self.held.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command as Local, Stdio};

    use super::*;

    const STAT: &str = "4711 (a (b) c) S 1 4700 4700 0 -1 4194560 90 0 0 0 0 0 0 0 20 0 1 0 8812345 2764800 220 1";

    #[test]
    fn the_line_is_taken_out_however_it_comes() {
        let line = format!("\x01patchwave-process {STAT}\nerr\n");
        let expected = Process { pid: 4711, group: 4700, start: 8_812_345 };
        for piece in [1, 7, 1000] {
            let (mut first, mut found, mut own) = (ProcessLine::default(), None, Vec::new());
            for bytes in line.as_bytes().chunks(piece) {
                let (process, rest) = first.take(bytes);
                found = found.or(process);
                own.extend_from_slice(&rest);
            }
            assert_eq!((found, own.as_slice()), (Some(expected), &b"err\n"[..]), "{piece}");
        }
    }

    #[test]
    fn what_is_not_that_line_is_the_commands_own() {
        let long = [MARK, &[b'x'; 2000]].concat();
        for text in [&b"plain\n"[..], b"\x01pat", b"\x01patchwave-procesS 1\n", b"\n", &long] {
            let mut first = ProcessLine::default();
            let (process, own) = first.take(text);
            let mut own = own.into_owned();
            own.extend(first.rest());
            assert_eq!((process, own.as_slice()), (None, text));
        }
        // A host without /proc.
        let (process, own) = ProcessLine::default().take(b"\x01patchwave-process \nx").clone();
        assert_eq!((process, &*own), (None, &b"x"[..]));
        assert_eq!(
            Process::read("1 (init) S 0 1 1 0 -1 4194560 9 0 0 0 0 0 0 0 20 0 1 0 2 3 4"),
            None,
            "never group 1"
        );
    }

    /// A command as sshd starts it, in a session of its own; its shell ignores `signals`.
    fn started(line: &str) -> (std::process::Child, Process) {
        let command = Process::telling(Command::sh("test", line, [""; 0]));
        let mut child = Local::new("setsid")
            .args(command.argv.iter())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let stderr = child.stderr.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut text).unwrap();
        (child, ProcessLine::default().take(text.as_bytes()).0.unwrap())
    }

    fn ended(process: Process) -> Option<Ending> {
        let command = process.end();
        let output = Local::new("setsid").arg("-w").args(command.argv.iter()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&output.stderr), "");
        let exit = crate::command::Exit::Code(0);
        Ending::read(&Output { exit, stdout: output.stdout, stderr: Vec::new(), dropped: 0 })
    }

    #[test]
    fn a_group_is_ended_and_nothing_else() {
        let (mut bystander, other) = started("sleep 600");
        let (mut child, process) = started("sleep 600 & sleep 601; :");
        assert_eq!(ended(Process { start: process.start + 1, ..process }), Some(Ending::Over), "another process");
        assert!(child.try_wait().unwrap().is_none(), "nothing was signalled");
        assert_eq!(ended(process), Some(Ending::Terminated));
        assert!(child.wait().unwrap().code().is_none_or(|code| code > 128));
        assert_eq!(ended(process), Some(Ending::Over));
        let (mut stubborn, process) = started("trap '' TERM; while :; do sleep 1; done");
        assert_eq!(ended(process), Some(Ending::Killed));
        stubborn.wait().unwrap();
        assert!(bystander.try_wait().unwrap().is_none(), "the other command still runs");
        assert_eq!(ended(other), Some(Ending::Terminated));
        bystander.wait().unwrap();
    }
}
