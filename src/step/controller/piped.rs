//! A program on the jump box that belongs to no run: its output stays in memory, and it ends with this process. Start
//! at [`run`].

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::HookOutput;
use crate::{
    command::{Command, Exit, Output},
    step::NoEnd,
    transport::{Sink, Stream},
};

/// How long to wait for the output of a program that has ended: one of its children may hold the pipe open for ever.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// Kills the group when the run leaves before the program's end: otherwise a second one would be started beside it.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(pid) = self.0.take() {
            // It may have just ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) async fn run(folder: &Path, command: &Command, log: &mut dyn Sink) -> Result<HookOutput, NoEnd> {
    let deadline = Instant::now() + command.timeout;
    let (program, args) =
        command.argv.split_first().ok_or_else(|| NoEnd::Failed("the command line is empty".to_owned()))?;
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| NoEnd::Failed(format!("{program} cannot be started: {error}")))?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group(pid);
    let (sender, mut pieces) = mpsc::channel(16);
    if let Some(pipe) = child.stdout.take() {
        tokio::spawn(pump(pipe, Stream::Stdout, sender.clone()));
    }
    if let Some(pipe) = child.stderr.take() {
        tokio::spawn(pump(pipe, Stream::Stderr, sender.clone()));
    }
    drop(sender);
    if let Some(mut pipe) = child.stdin.take() {
        let input = command.stdin.clone();
        // It may end without reading its input.
        tokio::spawn(async move { drop(pipe.write_all(&input).await) });
    }
    let mut output = Output { exit: Exit::Code(0), stdout: Vec::new(), stderr: Vec::new(), dropped: 0 };
    let mut status: Option<ExitStatus> = None;
    let mut until = deadline;
    loop {
        tokio::select! {
            piece = pieces.recv() => match piece {
                Some((stream, bytes)) => keep(&mut output, command.keep, stream, &bytes, log),
                None if status.is_some() => break,
                None => status = Some(wait(&mut child, deadline, program, &mut group).await?),
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(|error| NoEnd::Failed(format!("{program}: {error}")))?);
                until = deadline.min(Instant::now() + DRAIN);
            }
            () = sleep_until(until) => {
                if status.is_some() {
                    break;
                }
                group.kill();
                let _ = child.wait().await;
                return Err(NoEnd::Killed { left: Vec::new() });
            }
        }
    }
    // Background processes that it left behind are not our business.
    group.0 = None;
    output.exit = exit(status);
    Ok(HookOutput { output })
}

/// Waits for a program that has closed its output.
async fn wait(
    child: &mut tokio::process::Child,
    deadline: Instant,
    program: &str,
    group: &mut Group,
) -> Result<ExitStatus, NoEnd> {
    match tokio::time::timeout_at(deadline, child.wait()).await {
        Ok(status) => status.map_err(|error| NoEnd::Failed(format!("{program}: {error}"))),
        Err(_) => {
            group.kill();
            let _ = child.wait().await;
            Err(NoEnd::Killed { left: Vec::new() })
        }
    }
}

fn exit(status: Option<ExitStatus>) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    let signal = || status.and_then(|status| status.signal()).unwrap_or(0).to_string();
    match status.and_then(|status| status.code()).and_then(|code| u32::try_from(code).ok()) {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(signal()),
    }
}

pub(super) fn keep(output: &mut Output, most: usize, stream: Stream, bytes: &[u8], log: &mut dyn Sink) {
    log.write(stream, bytes);
    let kept = if stream == Stream::Stdout { &mut output.stdout } else { &mut output.stderr };
    let fits = bytes.len().min(most.saturating_sub(kept.len()));
    kept.extend_from_slice(&bytes[..fits]);
    output.dropped += (bytes.len() - fits) as u64;
}

async fn pump(mut pipe: impl AsyncRead + Unpin, stream: Stream, sender: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        if sender.send((stream, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}
