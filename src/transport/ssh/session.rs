//! One open, authenticated connection: runs one command after the other, each on a channel of its own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig, client::Msg};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep_until, timeout},
};

use super::{
    super::{Class, ExecError, Session, Sink, Stream},
    begin::Beginning,
    escalate::{Next, Raise},
    failure::{sent, span, unsent},
    handshake::{Connection, HowEnded, News},
    output::Collector,
};
use crate::{
    command::{Command, Exit, Output},
    target::Target,
};

/// A healthy host opens a channel at once.
const CHANNEL: Duration = Duration::from_secs(10);
/// Good-byes and clean-ups that nobody waits for longer.
const BRIEFLY: Duration = Duration::from_secs(2);
/// SSH_EXTENDED_DATA_STDERR (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// A session of the real transport.
pub(super) struct SshSession {
    pub(super) connection: Connection,
    pub(super) target: Arc<Target>,
    /// Who is logged in.
    pub(super) user: String,
    /// The longest silence that is borne.
    pub(super) silence: Duration,
}

impl Session for SshSession {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(self.run(command, sink))
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
    async fn run(&mut self, command: &Command, sink: &mut dyn Sink) -> Result<Output, ExecError> {
        let mut line = command.shell_line().map_err(|error| {
            unsent(Class::Local, format!("{} cannot be sent to {}: {error}", command.label, self.target.name))
        })?;
        let raise = self.needs_raising(command).then(|| Raise::new(&self.target.escalation));
        let beginning = Beginning::new();
        if let Some(raise) = &raise {
            line = raise.line(&line).map_err(|error| {
                unsent(Class::Local, format!("{} cannot be raised on {}: {error}", command.label, self.target.name))
            })?;
        } else {
            line = beginning.line(&line);
        }
        let (read, write) = self.open_channel(command).await?;
        self.say_variables(&write, command).await?;
        // What cannot be handed to the connection's task was not sent; it hangs when the peer takes no more bytes.
        match timeout(CHANNEL, write.exec(true, line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(self.lost(command, false)),
            Err(_) => return Err(self.full(command)),
        }
        let (feed, items) = mpsc::unbounded_channel();
        let running = Running {
            command,
            session: self,
            beginning: raise.is_none().then_some(beginning),
            raise,
            read,
            feed: Some(feed),
            out: Collector::new(command.keep, sink),
            exit: None,
            ended: false,
            // Without raising, the command is on its way now; with it, only our word starts it.
            sent: false,
        };
        let result = running.finish(&write, items).await;
        if result.is_err() {
            let _ = timeout(BRIEFLY, write.close()).await;
        }
        result
    }

    fn needs_raising(&self, command: &Command) -> bool {
        command.privileged && self.user != self.target.escalation.user.as_deref().unwrap_or("root")
    }

    async fn open_channel(&self, command: &Command) -> Result<(ChannelReadHalf, ChannelWriteHalf<Msg>), ExecError> {
        let name = &self.target.name;
        match timeout(CHANNEL, self.connection.handle.channel_open_session()).await {
            Ok(Ok(channel)) => Ok(channel.split()),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                Err(unsent(Class::Protocol, format!("{name} refused a channel for {} ({reason:?})", command.label)))
            }
            Ok(Err(_)) => Err(self.lost(command, false)),
            Err(_) => Err(unsent(
                Class::TimedOut,
                format!("{name} did not open a channel for {} within {}", command.label, span(CHANNEL)),
            )),
        }
    }

    /// `SetEnv` and `SendEnv`. A host takes what its `AcceptEnv` names and passes over the rest, without an answer.
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

    /// The peer takes no more bytes.
    fn full(&self, command: &Command) -> ExecError {
        let (name, label) = (&self.target.name, command.label);
        unsent(Class::TimedOut, format!("{name} takes no more bytes; {label} was not sent"))
    }

    fn lost(&self, command: &Command, was_sent: bool) -> ExecError {
        let (name, label) = (&self.target.name, command.label);
        let why = why_ended(&self.connection.news, self.silence);
        match was_sent {
            true => sent(Class::Lost, format!("the connection to {name} was lost while {label} ran: {why}")),
            false => unsent(Class::Lost, format!("the connection to {name} was lost before {label} was sent: {why}")),
        }
    }
}

fn why_ended(news: &News, silence: Duration) -> String {
    match news.end() {
        Some(end) if end.how == HowEnded::Silent => format!("no sign of life for {}", span(silence)),
        Some(end) => end.why,
        None => "the host closed the connection".to_owned(),
    }
}

/// A command under way.
struct Running<'a> {
    command: &'a Command,
    session: &'a SshSession,
    /// Present until the raised shell is there.
    raise: Option<Raise>,
    /// For a command that needs no raising, whose shell says no word of ours otherwise.
    beginning: Option<Beginning>,
    read: ChannelReadHalf,
    /// What goes to standard input; dropped after the last.
    feed: Option<UnboundedSender<Bytes>>,
    out: Collector<'a>,
    exit: Option<Exit>,
    /// No more output comes.
    ended: bool,
    sent: bool,
}

impl Running<'_> {
    /// Drives the command to its end. Reading never waits for writing, nor writing for reading.
    async fn finish(
        mut self,
        write: &ChannelWriteHalf<Msg>,
        mut items: mpsc::UnboundedReceiver<Bytes>,
    ) -> Result<Output, ExecError> {
        let mut deadline = Instant::now() + self.session.target.limits.escalate;
        if self.raise.is_none() {
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
                message = self.read.wait() => match self.take(message) {
                    Ok(Step::On) => {}
                    Ok(Step::Started(until)) => deadline = until,
                    Ok(Step::Done) => break self.outcome(),
                    Err(error) => break Err(error),
                },
                // A failure to write shows up as the end of reading.
                _ = &mut feeding, if !fed => fed = true,
                () = sleep_until(deadline) => break Err(self.late()),
            }
        }
    }

    /// Gives the word, if one is needed, and the command's input; from now on it counts as sent.
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
                self.ended |= message.is_some();
                return Ok(Step::Done);
            }
            Some(ChannelMsg::Data { data }) => return self.output(Stream::Stdout, &data),
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => return self.output(Stream::Stderr, &data),
            Some(ChannelMsg::Eof) => self.ended = true,
            Some(ChannelMsg::ExitStatus { exit_status }) => self.exit = Some(Exit::Code(exit_status)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                self.exit = Some(Exit::Signal(crate::command::printable(&signal(signal_name))));
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
        let Some(raise) = &mut self.raise else {
            match &mut self.beginning {
                Some(beginning) => self.out.take(stream, &beginning.hear(stream, data)),
                None => self.out.take(stream, data),
            }
            return Ok(Step::On);
        };
        if stream == Stream::Stdout && !raise.prompts_on_stdout() {
            return Ok(Step::On);
        }
        match raise.hear(data) {
            Next::Wait => Ok(Step::On),
            Next::Answer(password) => {
                if let Some(feed) = &self.feed {
                    let _ = feed.send(password);
                }
                Ok(Step::On)
            }
            Next::Go(word) => {
                self.raise = None;
                Ok(Step::Started(self.start(word)))
            }
            Next::Refused(why) => Err(self.not_raised(why)),
        }
    }

    fn outcome(mut self) -> Result<Output, ExecError> {
        match (self.exit.take(), self.ended, &self.raise) {
            (Some(_), _, Some(raise)) => {
                let why = raise.ended();
                Err(self.not_raised(why))
            }
            (Some(exit), true, None) => match &self.beginning {
                Some(beginning) if !beginning.begun() => Err(self.not_begun(&exit, &beginning.said())),
                _ => Ok(self.out.finish(exit)),
            },
            // Ended without a status, or cut before its last output: nobody knows.
            _ => Err(self.session.lost(self.command, self.sent)),
        }
    }

    fn not_raised(&self, why: String) -> ExecError {
        let mut error = unsent(Class::Escalation, format!("{}: {why}", self.session.target.name));
        error.help = self.raise.as_ref().map(|raise| raise.help().to_owned());
        error
    }

    /// The login shell ended by itself, so that its exit code says nothing about the command.
    fn not_begun(&self, exit: &Exit, said: &str) -> ExecError {
        let (user, name, label) = (&self.session.user, &self.session.target.name, self.command.label);
        let colon = if said.is_empty() { "" } else { ": " };
        let why = format!("the login shell of {user} on {name} ended ({exit}) before {label} began{colon}{said}");
        let mut error = unsent(Class::LoginShell, why);
        // sshd's own words (session.c); it runs nothing else until then.
        error.help = Some(match said.starts_with("Password change required") {
            true => format!("log in once at a terminal, like `ssh {user}@{name}`, and give {user} a new password"),
            false => {
                "look at `ssh HOST true`: a shell like nologin, a forced command, or start-up files that end it?".into()
            }
        });
        error
    }

    fn late(&self) -> ExecError {
        let name = &self.session.target.name;
        match &self.raise {
            Some(raise) => {
                let limit = span(self.session.target.limits.escalate);
                self.not_raised(format!("{} within {limit}", raise.ended()))
            }
            None => {
                let (label, limit) = (self.command.label, span(self.command.timeout));
                let mut error = sent(
                    Class::CommandTimeout,
                    format!("{label} did not end within {limit} on {name}; it was left running"),
                );
                error.help = Some("the step's `timeout` sets how long it may take".to_owned());
                error
            }
        }
    }
}

/// What a message means for the loop.
enum Step {
    On,
    /// The command has started and must be over by then.
    Started(Instant),
    Done,
}

/// The protocol's name of a signal, without `SIG`.
fn signal(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => name,
        known => format!("{known:?}"),
    }
}
