//! The process: its standard streams as one stream, its end together with the stream, its last output for the error.

use std::{
    io,
    pin::Pin,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    super::{
        super::{Class, ConnectError, Phase},
        failure::connect as failed,
    },
    ProxyCommand,
};

/// How many bytes of its standard error are kept, from the end.
const KEPT: usize = 1024;
/// How long a program may take to end by itself when its streams close.
const GRACE: Duration = Duration::from_millis(200);
/// How often that is checked.
const LOOK: Duration = Duration::from_millis(20);
/// How long an error waits for the process's end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The two standard streams; dropping them ends the process group.
pub(in super::super) struct Pipe {
    output: ChildStdout,
    /// `None` after a shutdown.
    input: Option<ChildStdin>,
    _release: oneshot::Sender<()>,
}

/// What is known about the process apart from its streams.
pub(in super::super) struct ChildReport {
    /// For people: `ProxyCommand nc`.
    name: String,
    tail: Arc<Mutex<Vec<u8>>>,
    /// `None` while it runs.
    ended: watch::Receiver<Option<Ended>>,
}

#[derive(Clone, Copy, Debug)]
struct Ended(Option<ExitStatus>);

impl ProxyCommand {
    /// Starts it.
    pub(in super::super) fn start(&self) -> Result<(Pipe, ChildReport), ConnectError> {
        let name = format!("ProxyCommand {}", self.program);
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("exec {}", self.line)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(Phase::Connect, Class::Local, format!("{name} cannot be started: {error}")))?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Group(child);
        let (Some(input), Some(output), Some(errors)) = streams else {
            return Err(failed(Phase::Connect, Class::Local, format!("{name} has no standard streams")));
        };
        let (release, released) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        let tail = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(supervise(group, errors, released, Arc::clone(&tail), tell));
        Ok((Pipe { output, input: Some(input), _release: release }, ChildReport { name, tail, ended }))
    }
}

impl ChildReport {
    /// The name of the process, in place of an address.
    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds the process's last output and its exit code to a failure of its streams, which are closed by now.
    pub(in super::super) async fn explain(mut self, mut error: ConnectError) -> ConnectError {
        if !matches!(error.class, Class::Closed | Class::TimedOut | Class::Protocol) {
            return error;
        }
        let ended = timeout(LAST_WORDS, self.ended.wait_for(Option::is_some)).await;
        let status = ended.ok().and_then(Result::ok).and_then(|ended| *ended).and_then(|Ended(status)| status);
        if let Some(code) = status.and_then(|status| status.code()).filter(|_| error.class == Class::Closed) {
            error.message = format!("{} ended with exit code {code}", self.name);
            error.help = Some("run the same command in a shell, with the host's address in it, to see more".to_owned());
            // The shell did not find it, or could not run it: a retry does not help.
            if matches!(code, 126 | 127) {
                (error.phase, error.class) = (Phase::Connect, Class::Local);
            }
        }
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail).into_owned();
        if let Some(line) = text.lines().rev().map(crate::command::printable).find(|line| !line.trim().is_empty()) {
            let line: String = line.chars().take(200).collect();
            error.message = format!("{}; it said {line:?}", error.message);
        }
        error
    }
}

/// A process group; killed when dropped before its leader was reaped.
struct Group(Child);

impl Group {
    fn leader(&self) -> Option<Pid> {
        // No id once it was reaped: the number may belong to another process by then.
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// True once the leader has ended; does not reap it.
    fn over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.leader().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    fn kill(&self) {
        if let Some(pid) = self.leader() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn supervise(
    mut group: Group,
    mut errors: ChildStderr,
    mut released: oneshot::Receiver<()>,
    tail: Arc<Mutex<Vec<u8>>>,
    tell: watch::Sender<Option<Ended>>,
) {
    let mut open = true;
    while open {
        tokio::select! {
            _ = &mut released => break,
            more = keep_tail(&mut errors, &tail) => open = more,
        }
    }
    if !open {
        let _ = released.await;
    }
    let grace = async {
        while !group.over() {
            sleep(LOOK).await;
        }
    };
    let _ = timeout(GRACE, grace).await;
    group.kill();
    let _ = timeout(GRACE, async { while open && keep_tail(&mut errors, &tail).await {} }).await;
    let status = timeout(LAST_WORDS, group.0.wait()).await.ok().and_then(Result::ok);
    tell.send_replace(Some(Ended(status)));
}

/// Keeps the last part of the output; false at its end.
async fn keep_tail(errors: &mut ChildStderr, tail: &Mutex<Vec<u8>>) -> bool {
    let mut buffer = [0; 512];
    match errors.read(&mut buffer).await {
        Ok(0) | Err(_) => false,
        Ok(n) => {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.extend_from_slice(&buffer[..n]);
            let over = tail.len().saturating_sub(KEPT);
            tail.drain(..over);
            true
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}
