//! A program of a run on the jump box. It outlives its controller and is started once: a resumed run waits for it, or
//! reads how it ended. Knows no step. Start at [`run`]; what happens around the program is in `wrapper.sh`.

use std::{path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::Child,
    time::{Instant, sleep},
};

use super::{
    HookOutput,
    piped::{DRAIN, keep},
    process_tree::{self, Process},
    record::{Found, Record},
};
use crate::{
    command::{Command, Exit, Output},
    step::{Claim, NoEnd},
    transport::{Sink, Stream},
};

/// The most bytes of each stream that a program can leave on the disk.
const MOST: usize = 8 << 20;
/// The unit of `ulimit -f` (POSIX).
const BLOCK: usize = 512;
/// The pause between two looks; it grows to the longer one.
const PAUSE: Duration = Duration::from_millis(3);
const LONG_PAUSE: Duration = Duration::from_millis(100);

/// Runs the program in its record, or continues with what an earlier controller started.
pub(super) async fn run(
    folder: &Path,
    records: &Path,
    command: &Command,
    claim: &Claim,
    log: &mut dyn Sink,
) -> Result<HookOutput, NoEnd> {
    let record = Record::newest(records, &claim.id);
    let deadline = Instant::now() + command.timeout;
    let mut found = record.find();
    if found == Found::Claimed && !record.cancel().map_err(|error| unusable(&record, &error))? {
        found = Found::Alive;
    }
    match found {
        Found::Alive => {
            // Its time limit began when the program did.
            let deadline = deadline - record.age().unwrap_or_default().min(command.timeout);
            Running { record, child: None, command, deadline }.follow(log).await
        }
        Found::Ended(_) if claim.keeps_end => Running { record, child: None, command, deadline }.follow(log).await,
        Found::Lost if claim.once => Err(NoEnd::Unknown(
            "the controller ended while a program ran on the jump box; the program is gone and left no exit code"
                .to_owned(),
        )),
        Found::Elsewhere(machine) if claim.once || claim.keeps_end => Err(NoEnd::Unknown(format!(
            "a program was started on {machine}; whether it is still running cannot be seen from here"
        ))),
        Found::Nothing if claim.begun && claim.once => Err(NoEnd::Unknown(
            "the controller ended in this step, and there is no record of what it started on the jump box".to_owned(),
        )),
        _ => {
            let (record, child) = start(folder, &record, command)?;
            Running { record, child: Some(child), command, deadline }.follow(log).await
        }
    }
}

fn unusable(record: &Record, error: &std::io::Error) -> NoEnd {
    NoEnd::Failed(format!("cannot create its record ({}): {error}", record.folder.display()))
}

fn start(folder: &Path, before: &Record, command: &Command) -> Result<(Record, Child), NoEnd> {
    let (program, args) =
        command.argv.split_first().ok_or_else(|| NoEnd::Failed("the command line is empty".into()))?;
    if program.contains('/') {
        rustix::fs::access(folder.join(program), rustix::fs::Access::EXEC_OK)
            .map_err(|error| NoEnd::Failed(format!("{program} cannot be started: {}", std::io::Error::from(error))))?;
    }
    let record = before.make().map_err(|error| unusable(before, &error))?;
    let input = input(&command.stdin).map_err(|error| unusable(&record, &error))?;
    let child = tokio::process::Command::new("/bin/sh")
        .arg(record.folder.join("run"))
        .arg(&record.folder)
        .arg(command.keep.max(MOST).div_ceil(BLOCK).to_string())
        .arg(program)
        .args(args)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| NoEnd::Failed(format!("/bin/sh cannot be started: {error}")))?;
    Ok((record, child))
}

/// The whole input at once, in memory: it may be secret, and a program must not see only half of it when its controller
/// dies.
fn input(bytes: &[u8]) -> std::io::Result<Stdio> {
    use std::io::{Seek as _, Write as _};
    if bytes.is_empty() {
        return Ok(Stdio::null());
    }
    let file = rustix::fs::memfd_create("patchwave-input", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

struct Running<'a> {
    record: Record,
    /// `None`: an earlier controller started it.
    child: Option<Child>,
    command: &'a Command,
    deadline: Instant,
}

impl Running<'_> {
    async fn follow(mut self, log: &mut dyn Sink) -> Result<HookOutput, NoEnd> {
        let mut output = Output { exit: Exit::Code(0), stdout: Vec::new(), stderr: Vec::new(), dropped: 0 };
        let (mut at, mut pause, mut ended) = ([0; 2], PAUSE, None);
        loop {
            // Read before the output: once the program has ended, the output that follows is complete.
            let (code, rest) = (self.record.code(), self.record.rest());
            let lives = code.is_some() || self.lives();
            let more = self.take_output(&mut at, &mut output, log);
            if more {
                pause = PAUSE;
                continue;
            }
            match code {
                Some(code) => {
                    let since = *ended.get_or_insert_with(Instant::now);
                    if rest.is_some() || since.elapsed() >= DRAIN {
                        output.dropped += rest.unwrap_or_default();
                        output.exit = Exit::Code(code);
                        return Ok(HookOutput { output });
                    }
                }
                None if !lives && self.record.code().is_none() => return Err(self.lost()),
                None if Instant::now() >= self.deadline => return Err(self.kill(&mut at, &mut output, log).await),
                None => {}
            }
            sleep(pause.min(self.deadline.saturating_duration_since(Instant::now())).max(PAUSE)).await;
            pause = (pause * 2).min(LONG_PAUSE);
        }
    }

    /// Reads what is new in both streams; true if there may be more at once.
    fn take_output(&self, at: &mut [u64; 2], output: &mut Output, log: &mut dyn Sink) -> bool {
        let mut any = false;
        for (i, (name, stream)) in [("out", Stream::Stdout), ("err", Stream::Stderr)].into_iter().enumerate() {
            let piece = self.record.read(name, at[i]);
            at[i] += piece.len() as u64;
            any |= !piece.is_empty();
            if !piece.is_empty() {
                keep(output, self.command.keep, stream, &piece, log);
            }
        }
        any
    }

    fn lives(&mut self) -> bool {
        let gone = match &mut self.child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => self.record.wrapper().is_none(),
        };
        !gone || !process_tree::marked(&self.record.folder).is_empty()
    }

    /// None of its processes is alive, and it left no exit code.
    fn lost(&self) -> NoEnd {
        let program = self.shown();
        if self.record.is_missing() {
            let error = std::io::Error::from(rustix::io::Errno::NOENT);
            return NoEnd::Failed(format!("{program} cannot be started: {error}"));
        }
        // If it has not begun, it must not begin from now on.
        if !self.record.has_begun() && self.record.cancel().is_ok_and(|cancelled| cancelled) {
            let folder = self.record.folder.display();
            return NoEnd::Failed(format!("{program} was not started: {folder} cannot be written (is the disk full?)"));
        }
        NoEnd::Unknown(format!("{program} was killed on the jump box before it ended"))
    }

    fn shown(&self) -> &str {
        self.command.argv.first().map_or("the program", String::as_str)
    }

    /// Kills the program with everything that it started; its readers and wrapper then end by themselves.
    async fn kill(&mut self, at: &mut [u64; 2], output: &mut Output, log: &mut dyn Sink) -> NoEnd {
        let left = process_tree::kill(&self.record.folder).await;
        let until = Instant::now() + DRAIN;
        while self.record.rest().is_none() && Instant::now() < until {
            sleep(PAUSE).await;
        }
        while self.take_output(at, output, log) {}
        let wrapper = self.child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        let wrapper = wrapper.or_else(|| self.record.wrapper().map(|process| process.pid));
        if let Some(group) = wrapper.and_then(Pid::from_raw).filter(|_| self.record.rest().is_none()) {
            // The wrapper leads its group; it may have just ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        if let Some(child) = &mut self.child {
            let _ = tokio::time::timeout(DRAIN, child.wait()).await;
        }
        NoEnd::Killed { left: left.iter().map(shown).collect() }
    }
}

fn shown(process: &Process) -> String {
    format!("{} ({})", process.pid, process.name)
}
