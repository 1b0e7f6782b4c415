//! One command on a simulated host: `/bin/sh -c LINE`, its streams with backpressure, its end.
//! Behaves like sshd without a terminal: when the client goes away the process stays, and its next write fails.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus, sync::Arc};

use russh::{
    Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig,
    server::{Handle, Msg},
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin},
};
use tokio_util::sync::CancellationToken;

use super::machine::Machine;

/// SSH's number for the stream of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// One command that a client asked for.
pub(super) struct Call {
    pub(super) machine: Arc<Machine>,
    pub(super) handle: Handle,
    /// Ends the connection.
    pub(super) cut: CancellationToken,
    pub(super) line: Vec<u8>,
}

impl Call {
    /// Runs it until it ends or the client has gone.
    pub(super) async fn run(self, channel: Channel<Msg>) {
        let (from_client, to_client) = channel.split();
        self.machine.count_command();
        if let Some([stdout, stderr]) = self.machine.answer_without_a_process(&self.line) {
            if !stdout.is_empty() {
                let _ = to_client.data_bytes(stdout).await;
                let _ = to_client.extended_data_bytes(STDERR, stderr).await;
            }
            self.finish(&to_client, Some(ExitStatus::from_raw(0))).await;
            return;
        }
        match self.machine.spawn(&self.line) {
            Ok(child) => {
                if self.machine.drops_during(&self.line) {
                    self.cut.cancel();
                }
                self.attend(child, from_client, to_client).await;
            }
            Err(why) => {
                let _ = to_client.extended_data_bytes(STDERR, format!("the simulated host: {why}\n")).await;
                self.finish(&to_client, Some(ExitStatus::from_raw(126 << 8))).await;
            }
        }
    }

    async fn attend(&self, mut child: Child, from_client: ChannelReadHalf, to_client: ChannelWriteHalf<Msg>) {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let outcome = async {
            let ((), (), status) =
                tokio::join!(pump(stdout, &to_client, None), pump(stderr, &to_client, Some(STDERR)), child.wait());
            self.finish(&to_client, status.ok()).await;
        };
        tokio::select! {
            () = outcome => {}
            () = listen(from_client, stdin, group) => {}
            () = self.cut.cancelled() => {}
        }
        // A process that is still running is left alone, with its streams closed; tokio reaps it.
    }

    /// End of output, exit status or signal, close. If a send fails, the client has gone.
    async fn finish(&self, to_client: &ChannelWriteHalf<Msg>, status: Option<ExitStatus>) {
        let _ = to_client.eof().await;
        match status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => {
                let _ = to_client.exit_status(code.unsigned_abs()).await;
            }
            Some((None, Some(signal))) => {
                let id = to_client.id();
                let _ = self.handle.exit_signal_request(id, name_of(signal), false, String::new(), String::new()).await;
            }
            _ => {}
        }
        let _ = to_client.close().await;
    }
}

/// Copies one stream of the process to the client, no faster than the client reads.
async fn pump<R: AsyncRead + Unpin>(from: Option<R>, to_client: &ChannelWriteHalf<Msg>, stream: Option<u32>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(many @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer[..many].to_vec();
        let sent = match stream {
            None => to_client.data_bytes(bytes).await,
            Some(stream) => to_client.extended_data_bytes(stream, bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Passes the client's input and signals on; ends when the client closes the channel or goes away.
async fn listen(mut from_client: ChannelReadHalf, mut stdin: Option<ChildStdin>, group: Option<Pid>) {
    while let Some(message) = from_client.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&data).await.is_err()
                {
                    // The process has stopped reading; the rest is read and dropped.
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Signal { signal } => {
                if let (Some(group), Some(signal)) = (group, number_of(&signal)) {
                    let _ = kill_process_group(group, signal);
                }
            }
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

/// The signals that SSH has names for and that end processes.
const SIGNALS: [(Signal, Sig); 11] = [
    (Signal::ABORT, Sig::ABRT),
    (Signal::ALARM, Sig::ALRM),
    (Signal::FPE, Sig::FPE),
    (Signal::HUP, Sig::HUP),
    (Signal::ILL, Sig::ILL),
    (Signal::INT, Sig::INT),
    (Signal::KILL, Sig::KILL),
    (Signal::PIPE, Sig::PIPE),
    (Signal::QUIT, Sig::QUIT),
    (Signal::SEGV, Sig::SEGV),
    (Signal::TERM, Sig::TERM),
];

fn name_of(number: i32) -> Sig {
    SIGNALS
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(|| Sig::Custom(format!("{number}@patchwave")), |(_, name)| name.clone())
}

fn number_of(name: &Sig) -> Option<Signal> {
    let wanted = format!("{name:?}");
    SIGNALS.iter().find(|(_, known)| format!("{known:?}") == wanted).map(|(signal, _)| *signal)
}
