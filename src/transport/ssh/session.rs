//! One open, authenticated connection: runs one command after the other, each on a channel of its own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig, client::Msg};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    super::{Class, ExecError, Session, Sink, Stream},
    ahead::{Ahead, CHANNEL, Halves},
    escalate::{Elevation, Next},
    failure::{sent, span, unsent},
    handshake::{Connection, ConnectionStatus, HowEnded},
    output::Collector,
    output_marker::{OutputMarker, Reached, Unfit},
};
use crate::{
    command::{Command, Effect, Exit, Output},
    target::Target,
};

/// The most time for disconnects and clean-ups.
const BRIEFLY: Duration = Duration::from_secs(2);
/// How long output may take to end by itself after the exit status.
const SETTLE: Duration = Duration::from_secs(1);
/// The longest wait for output after the exit status.
const REST: Duration = Duration::from_secs(60);
/// With fewer bytes than this in one round trip after the exit status, the command's own output has ended.
const LITTLE: u64 = 16 << 10;
/// SSH_EXTENDED_DATA_STDERR (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A session of the real transport.
pub(super) struct SshSession {
    pub(super) connection: Connection,
    pub(super) target: Arc<Target>,
    /// The user who is logged in.
    pub(super) user: String,
    /// The longest allowed silence.
    pub(super) silence: Duration,
    /// The channel for the next command.
    pub(super) ahead: Ahead,
}

impl Session for SshSession {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(self.run(command, sink))
    }

    fn exec_all<'a>(&'a mut self, commands: &'a [Command]) -> BoxFuture<'a, Result<Vec<Output>, ExecError>> {
        Box::pin(self.run_all(commands))
    }

    fn host_key(&self) -> Option<String> {
        self.connection.status.key()
    }

    fn expect_more(&mut self) {
        self.ahead.expect_more();
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut this = *self;
            let farewell = async {
                let _ = this.connection.handle.disconnect(Disconnect::ByApplication, "", "").await;
                let _ = (&mut this.connection.handle).await;
            };
            let _ = timeout(BRIEFLY, farewell).await;
        })
    }
}

impl SshSession {
    pub(super) async fn run(&mut self, command: &Command, sink: &mut dyn Sink) -> Result<Output, ExecError> {
        if let Some(channel) = self.ahead.take().await {
            match self.run_on(channel, command, sink).await {
                // Opened now, it may be another matter.
                Err(error) if !error.sent && error.class == Class::Protocol => self.ahead.give_up(),
                ended => return ended,
            }
        }
        let channel = self.open_channel(command).await?;
        self.run_on(channel, command, sink).await
    }

    async fn run_on(
        &mut self,
        (read, write): Halves,
        command: &Command,
        sink: &mut dyn Sink,
    ) -> Result<Output, ExecError> {
        let ahead = self.ahead.begins();
        let elevation = self.needs_elevation(command).then(|| Elevation::new(&self.target.escalation));
        let marker = OutputMarker::new();
        let words = command.words();
        let words = elevation.iter().fold(words, |words, elevation| elevation.words(words));
        let line = marker.line(&words).map_err(|error| {
            unsent(Class::Local, format!("{} cannot be sent to {}: {error}", command.label, self.target.name))
        })?;
        self.say_variables(&write, command).await?;
        // What cannot be handed to the connection's task was not sent; this blocks when the peer accepts no more data.
        match timeout(CHANNEL, write.exec(true, line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(self.lost(command, false)),
            Err(_) => return Err(self.full(command)),
        }
        let (feed, items) = mpsc::unbounded_channel();
        let mut running = Running {
            command,
            session: self,
            marker,
            elevation,
            read,
            feed: Some(feed),
            out: Collector::new(command.keep, sink),
            exit: None,
            ended: false,
            closed: false,
            // Without escalation, the command counts as sent now; with it, only our go-ahead starts it.
            sent: false,
        };
        let handle = &running.session.connection.handle;
        let opening = async {
            match ahead {
                true => Some(timeout(CHANNEL, handle.channel_open_session()).await.ok().and_then(Result::ok)),
                false => None,
            }
        };
        let (result, opened) = tokio::join!(running.finish(&write, items), opening);
        let open = result.is_err() || !running.closed;
        // Before the channel is closed: with nobody who reads, the connection's task waits for a reader of what a host
        // floods us with, and takes no good-bye from us.
        let result = match result {
            Ok(()) => running.outcome(),
            Err(error) => {
                drop(running);
                Err(error)
            }
        };
        if open {
            let _ = timeout(BRIEFLY, write.close()).await;
        }
        if let Some(channel) = opened {
            self.ahead.opened(channel);
        }
        result
    }

    pub(super) fn needs_elevation(&self, command: &Command) -> bool {
        command.privileged && self.user != self.target.escalation.user.as_deref().unwrap_or("root")
    }

    /// `SetEnv` and `SendEnv`. A host accepts what its `AcceptEnv` names and silently ignores the rest.
    async fn say_variables(&self, write: &ChannelWriteHalf<Msg>, command: &Command) -> Result<(), ExecError> {
        let saying = async {
            for (name, value) in &self.target.ssh.variables.0 {
                write.set_env(false, name.as_str(), value.as_str()).await?;
            }
            Ok::<(), russh::Error>(())
        };
        match timeout(CHANNEL, saying).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.lost(command, false)),
            Err(_) => Err(self.full(command)),
        }
    }

    /// The peer accepts no more data.
    fn full(&self, command: &Command) -> ExecError {
        let (name, label) = (&self.target.name, command.label);
        unsent(Class::TimedOut, format!("{name} accepts no more data; {label} was not sent"))
    }

    pub(super) fn lost(&self, command: &Command, was_sent: bool) -> ExecError {
        let (name, label) = (&self.target.name, command.label);
        let why = why_ended(&self.connection.status, self.silence);
        match was_sent {
            true => sent(Class::Lost, format!("the connection to {name} was lost while {label} ran: {why}")),
            false => unsent(Class::Lost, format!("the connection to {name} was lost before {label} was sent: {why}")),
        }
    }
}

fn why_ended(status: &ConnectionStatus, silence: Duration) -> String {
    match status.end() {
        Some(end) if end.how == HowEnded::Silent => format!("no sign of life for {}", span(silence)),
        Some(end) => end.why,
        None => "the host closed the connection".to_owned(),
    }
}

/// A command under way.
struct Running<'a> {
    command: &'a Command,
    session: &'a SshSession,
    /// Tells the login shell's output from the command's.
    marker: OutputMarker,
    /// For a command that needs escalation.
    elevation: Option<Elevation>,
    read: ChannelReadHalf,
    /// What goes to standard input; dropped after the last.
    feed: Option<UnboundedSender<Bytes>>,
    out: Collector<'a>,
    exit: Option<Exit>,
    /// The command's output has ended.
    ended: bool,
    /// By the host.
    closed: bool,
    sent: bool,
}

impl Running<'_> {
    /// Runs the command to its end. Reading never waits for writing, nor writing for reading.
    async fn finish(
        &mut self,
        write: &ChannelWriteHalf<Msg>,
        mut items: mpsc::UnboundedReceiver<Bytes>,
    ) -> Result<(), ExecError> {
        let mut deadline = Instant::now() + self.session.target.limits.escalate;
        if self.elevation.is_none() {
            deadline = self.start(Bytes::new());
        }
        let mut feeding = std::pin::pin!(async {
            while let Some(bytes) = items.recv().await {
                write.data_bytes(bytes).await?;
            }
            write.eof().await
        });
        let mut fed = false;
        loop {
            tokio::select! {
                message = self.read.wait() => match self.take(message)? {
                    Step::On => {}
                    Step::Started(until) => deadline = until,
                    Step::Exited => return self.rest().await,
                    Step::Done => return Ok(()),
                },
                // A failure to write shows up as the end of reading.
                _ = &mut feeding, if !fed => fed = true,
                () = sleep_until(deadline) => return Err(self.late()),
            }
        }
    }

    /// Takes the rest of the output after the exit status. sshd ends the output when no process holds it open any more,
    /// and a background process of the command may hold it for as long as it runs. So the host is pinged: the reply
    /// comes after everything sent before it. If little output came meanwhile, the command's own output has ended.
    async fn rest(&mut self) -> Result<(), ExecError> {
        let (session, end) = (self.session, Instant::now() + REST);
        let mut pause = SETTLE;
        loop {
            let (before, wait) = (self.out.taken(), pause);
            let mut round = std::pin::pin!(async {
                sleep(wait).await;
                let _ = session.connection.handle.send_ping().await;
            });
            loop {
                tokio::select! {
                    message = self.read.wait() => if let Step::Done = self.take(message)? {
                        return Ok(());
                    },
                    () = &mut round => break,
                    // Without a reply it is unknown whether that was all.
                    () = sleep_until(end) => {
                        self.ended |= self.out.taken() > before;
                        return Ok(());
                    }
                }
            }
            // The end of the connection ends the round, too, and is the next message.
            let lives = session.connection.status.end().is_none() && !session.connection.handle.is_closed();
            if lives && self.out.taken() - before < LITTLE {
                self.ended = true;
                return Ok(());
            }
            pause = SETTLE / 10;
        }
    }

    /// Sends the go-ahead, if one is needed, and the command's input; from now on it counts as sent.
    fn start(&mut self, word: Bytes) -> Instant {
        self.sent = true;
        if let Some(feed) = self.feed.take() {
            for bytes in [word, self.command.stdin.clone()] {
                if !bytes.is_empty() {
                    let _ = feed.send(bytes);
                }
            }
        }
        Instant::now() + self.command.timeout
    }

    fn take(&mut self, message: Option<ChannelMsg>) -> Result<Step, ExecError> {
        match message {
            None | Some(ChannelMsg::Close) => {
                self.closed = message.is_some();
                self.ended |= self.closed;
                return Ok(Step::Done);
            }
            Some(ChannelMsg::Data { data }) => return self.output(Stream::Stdout, &data),
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => return self.output(Stream::Stderr, &data),
            Some(ChannelMsg::Eof) => self.ended = true,
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                self.exit = Some(Exit::Code(exit_status));
                return Ok(Step::Exited);
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(Exit::Signal(crate::command::printable(&signal(signal_name))));
                return Ok(Step::Exited);
            }
            Some(ChannelMsg::Failure) => {
                let name = &self.session.target.name;
                return Err(unsent(Class::Protocol, format!("{name} refused to run {}", self.command.label)));
            }
            Some(_) => {}
        }
        Ok(Step::On)
    }

    fn output(&mut self, stream: Stream, data: &[u8]) -> Result<Step, ExecError> {
        let data = self.marker.observe(stream, data);
        if let Some(unfit) = self.marker.unfit() {
            return Err(self.unfit(unfit));
        }
        let Some(elevation) = &mut self.elevation else {
            self.out.take(stream, &data);
            return Ok(Step::On);
        };
        if !elevation.waits() {
            match stream {
                Stream::Stdout => self.out.take(stream, &data),
                Stream::Stderr => self.out.take(stream, &elevation.follow(&data)),
            }
            return Ok(Step::On);
        }
        if stream == Stream::Stdout && !elevation.prompts_on_stdout() {
            return Ok(Step::On);
        }
        match elevation.observe(&data) {
            Next::Wait => Ok(Step::On),
            Next::Answer(password) => {
                if let Some(feed) = &self.feed {
                    let _ = feed.send(password);
                }
                Ok(Step::On)
            }
            // It has ended meanwhile.
            Next::Go(_) if self.exit.is_some() => {
                Err(not_elevated(&self.session.target, elevation, &elevation.ended()))
            }
            Next::Go(word) => Ok(Step::Started(self.start(word))),
            Next::Refused(why) => Err(not_elevated(&self.session.target, elevation, &why)),
        }
    }

    /// The exit code is the command's only if our /bin/sh has reported that it runs the command.
    fn outcome(mut self) -> Result<Output, ExecError> {
        let waits = self.waits();
        let Some(exit) = self.exit.take().filter(|_| self.ended || waits) else {
            // Ended without a status, or cut off before its last output: the result is unknown.
            return Err(self.session.lost(self.command, self.sent));
        };
        if self.marker.reached() != Reached::Yes {
            return Err(self.not_begun(&format!("ended ({exit})")));
        }
        match self.elevation.as_ref().filter(|elevation| !elevation.runs()) {
            Some(elevation) => Err(not_elevated(&self.session.target, elevation, &elevation.ended())),
            None => Ok(self.out.finish(exit)),
        }
    }

    /// Whether it is certain that nothing of the command has run: the elevated shell did not get the go-ahead.
    fn waits(&self) -> bool {
        self.elevation.as_ref().is_some_and(Elevation::waits)
    }

    /// The login shell did not reach the command, so its own end says nothing about the command.
    fn not_begun(&self, what: &str) -> ExecError {
        let (user, name, label) = (&self.session.user, &self.session.target.name, self.command.label);
        let said = self.marker.said();
        let colon = if said.is_empty() { "" } else { ": " };
        if self.marker.reached() == Reached::Half && !self.waits() {
            let why = format!("the login shell of {user} on {name} redirects part of the output of {label}");
            return ExecError { help: Some(STREAMS.to_owned()), ..sent(Class::LoginShell, why) };
        }
        // No output and no marker: it may have redirected both streams and run the command.
        if said.is_empty() && self.sent && !self.waits() && self.command.effect == Effect::Changes {
            let why = format!(
                "the login shell of {user} on {name} {what} and sent no output; whether {label} ran is unknown"
            );
            return ExecError { help: Some(STREAMS.to_owned()), ..sent(Class::LoginShell, why) };
        }
        let why = format!("the login shell of {user} on {name} {what} before {label} started{colon}{said}");
        let mut error = unsent(Class::LoginShell, why);
        // sshd's own words (session.c); it runs nothing else until then.
        error.help = Some(match said.starts_with("Password change required") {
            true => format!("log in once at a terminal with `ssh {user}@{name}`, and set a new password"),
            false => "try `ssh HOST true`: is it nologin, a shell like rbash, a forced command, or a start-up file that exits?"
                .to_owned(),
        });
        error
    }

    /// Our /bin/sh started, but did not run the command.
    fn unfit(&self, unfit: Unfit) -> ExecError {
        let (user, name, label) = (&self.session.user, &self.session.target.name, self.command.label);
        let (why, help) = match unfit {
            Unfit::Mangled => {
                ("changes the quoted words of a command line", "use a login shell like sh, bash, zsh, fish or tcsh")
            }
            Unfit::Redirected => ("redirects standard output or standard error", STREAMS),
        };
        let why = format!("the login shell of {user} on {name} {why}; {label} was not run");
        ExecError { help: Some(help.to_owned()), ..unsent(Class::LoginShell, why) }
    }

    fn late(&self) -> ExecError {
        let (name, label) = (&self.session.target.name, self.command.label);
        let begun = self.marker.reached() == Reached::Yes;
        if let Some(elevation) = self.elevation.as_ref().filter(|elevation| elevation.waits()) {
            let limit = span(self.session.target.limits.escalate);
            return match begun {
                true => not_elevated(&self.session.target, elevation, &format!("{} within {limit}", elevation.ended())),
                false => self.not_begun(&format!("was still in its start-up files after {limit}")),
            };
        }
        let limit = span(self.command.timeout);
        let shell = if begun { "" } else { " (its login shell has not reached it)" };
        let why = format!("{label} did not finish within {limit} on {name}; it was left running{shell}");
        let mut error = sent(Class::CommandTimeout, why);
        error.help = Some("the step's `timeout` sets how long it may take".to_owned());
        error
    }
}

/// The help for a login shell that redirects its streams.
const STREAMS: &str =
    "look in its start-up files (`.bashrc`, `.zshenv`) for lines like `exec 2>&1`, and run them at terminals only";

/// The escalation failed, so the command was not sent.
fn not_elevated(target: &Target, elevation: &Elevation, why: &str) -> ExecError {
    let mut error = unsent(Class::Escalation, format!("{}: {why}", target.name));
    error.help = Some(elevation.help().to_owned());
    error
}

/// What a message means for the loop.
enum Step {
    On,
    /// The command has started and must end by then.
    Started(Instant),
    /// The command, or what was started for it, has ended. Output may still come.
    Exited,
    Done,
}

/// The protocol's name of a signal, without `SIG`.
fn signal(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => name,
        known => format!("{known:?}"),
    }
}
