//! One host's connection for all its steps: opened when first needed, reopened when it was lost.
//! Repeats reading commands after a loss; a changing command is never sent twice.

use std::sync::Arc;

use tokio::time::Instant;

use secrecy::ExposeSecret as _;

use super::{
    Class, ConnectError, ExecError, Session, Sink, Stream, Transport,
    machine::{self, Known},
    retry::Retries,
};
use crate::{
    command::{Command, Effect, Output, Query, Unreadable},
    event::Machine,
    facts::HostFacts,
    mask::{Masker, Secrets},
    target::Target,
};

/// How often a reading command is sent again after its connection was lost.
const READ_TRIES: u32 = 5;

/// A host's connection, which is reopened when it is lost.
pub struct Link {
    transport: Arc<dyn Transport>,
    target: Arc<Target>,
    session: Option<Box<dyn Session>>,
    answers: bool,
    /// Whether many commands will follow one another.
    many: bool,
    machine: Known,
    /// The host's facts from this session, and whether they were asked with elevated privileges.
    facts: Option<(bool, HostFacts)>,
}

/// Why a command has no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// No session; the command was not sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The command may have run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The answer arrived but could not be parsed.
    #[error("{label}: {unreadable}")]
    Unreadable {
        /// [`Command::label`].
        label: &'static str,
        /// What is wrong.
        unreadable: Unreadable,
    },
}

impl LinkError {
    /// The kind of failure, for grouping.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Connect(error) => error.class.as_str(),
            Self::Exec(error) => error.class.as_str(),
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// What to type next, if there is something to type.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Connect(error) => error.help.as_deref(),
            Self::Exec(error) => error.help.as_deref(),
            Self::Unreadable { .. } => None,
        }
    }

    /// True when the host could not be reached (rather than answered badly or locally refused).
    pub fn unreachable(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Exec(error) => matches!(error.class, Class::Lost | Class::Closed | Class::TimedOut),
            Self::Unreadable { .. } => false,
        }
    }

    /// True when the connection was lost during a command that may have changed the host.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Exec(error) if error.sent)
    }
}

impl Link {
    /// A link that is not connected yet.
    pub fn new(transport: Arc<dyn Transport>, target: Arc<Target>) -> Self {
        for password in [&target.password, &target.escalation.password].into_iter().flatten() {
            target.secrets.add(password.expose_secret());
        }
        Self { transport, target, session: None, answers: false, many: false, machine: Known::default(), facts: None }
    }

    /// The same, for many commands one after the other.
    #[must_use]
    pub fn for_many(self) -> Self {
        Self { many: true, ..self }
    }

    /// Accepts only this machine from now on: the one that an earlier controller saw here.
    pub fn stay_on(&mut self, machine: Machine) {
        self.machine.stay_on(machine);
    }

    /// What is known about the machine and has not been recorded yet.
    pub fn take_news(&mut self) -> Option<Machine> {
        self.machine.take_news()
    }

    /// The query for the machine id, unless it was asked already. Every machine has a host key, but not every one has
    /// an id.
    pub fn id_query(&self) -> Option<Query<Option<String>>> {
        self.machine.wants_id().then(machine::id)
    }

    /// Stores the answer to [`Link::id_query`].
    pub fn learn_id(&mut self, id: Option<String>) {
        self.machine.learn_id(id);
    }

    /// The host's facts, if it was asked over this session and, where elevated privileges are wanted, with them. A
    /// reboot ends the session and clears them.
    pub fn facts(&self, raised: bool) -> Option<&HostFacts> {
        self.facts.as_ref().filter(|(with, _)| *with || !raised).map(|(_, facts)| facts)
    }

    /// Stores the host's facts.
    pub fn learn_facts(&mut self, raised: bool, facts: HostFacts) {
        self.facts = self.session.is_some().then_some((raised, facts));
    }

    /// Clears the facts, so that the host is asked again.
    pub fn forget_facts(&mut self) {
        self.facts = None;
    }

    /// The host it connects to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The secrets that were sent to the host; they are masked in everything it returns.
    pub fn secrets(&self) -> &Secrets {
        &self.target.secrets
    }

    /// True once a session was opened, even if it was lost later, until [`Link::give_up`]: waiting for the host makes
    /// sense.
    pub fn has_answered(&self) -> bool {
        self.answers
    }

    /// Whether a session is open now, as far as is known.
    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Notes that the host did not come back while we waited for it.
    pub fn give_up(&mut self) {
        self.answers = false;
    }

    /// Opens a session if there is none.
    ///
    /// # Errors
    /// The last [`ConnectError`]. A peer that hangs up before authentication (`MaxStartups`) is tried again with a
    /// growing, jittered pause; refused keys, logins and time-outs are not.
    pub async fn open(&mut self) -> Result<(), ConnectError> {
        let mut retries = Retries::new(&self.target.limits);
        while self.session.is_none() {
            match self.transport.connect(Arc::clone(&self.target)).await {
                Ok(mut session) => {
                    if self.many {
                        session.expect_more();
                    }
                    if let Err(error) = self.machine.check(&mut *session, &self.target.address).await {
                        session.close().await;
                        return Err(error);
                    }
                    self.session = Some(session);
                    self.answers = true;
                }
                Err(error) => match retries.after(&error) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => {
                        let help = error.help.map(|help| self.secrets().hide(&help).into_owned());
                        return Err(ConnectError { message: self.unnamed(error.message), help, ..error });
                    }
                },
            }
        }
        Ok(())
    }

    /// Removes the host's name, which transports put first: callers show it already, and group hosts with equal errors.
    /// Masks secrets, because the message quotes the host.
    fn unnamed(&self, message: String) -> String {
        let rest = message.strip_prefix(self.target.name.as_str()).and_then(|rest| rest.strip_prefix(": "));
        self.secrets().hide(rest.unwrap_or(&message)).into_owned()
    }

    /// Drops the session; the next command opens a new one, with a new login.
    pub async fn close(&mut self) {
        self.facts = None;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// Drops the session without closing it, for a host that no longer answers: closing takes time there.
    pub fn abandon(&mut self) {
        self.facts = None;
        self.session = None;
    }

    /// Runs a reading command over the session that is open, and over no other: nothing is opened, nothing sent again.
    /// `None`: there is none, or it was lost; then it is abandoned. Whoever does not wait for the end abandons it, too.
    pub async fn exec_here(&mut self, command: &Command, sink: &mut dyn Sink) -> Option<Output> {
        let session = self.session.as_mut()?;
        let mut hiding = Hiding::new(&self.target.secrets, &mut *sink);
        let ended = session.exec(command, &mut hiding).await;
        hiding.finish();
        if ended.is_err() {
            self.abandon();
        }
        ended.ok()
    }

    /// Runs a command. A reading command whose connection is lost is sent again over a new one, within its timeout.
    /// `sink` gets no secrets. The returned output is not masked, for parsing; what is shown to people must go through
    /// [`Link::secrets`].
    ///
    /// # Errors
    /// [`LinkError::Connect`] before, [`LinkError::Exec`] after the command was sent.
    pub async fn exec(&mut self, command: &Command, sink: &mut dyn Sink) -> Result<Output, LinkError> {
        let deadline = Instant::now() + command.timeout;
        let mut tries = 0;
        loop {
            tries += 1;
            self.open().await?;
            let session = self.session.as_mut().expect("opened above");
            let mut hiding = Hiding::new(&self.target.secrets, &mut *sink);
            let ended = session.exec(command, &mut hiding).await;
            hiding.finish();
            match ended {
                Ok(output) => return Ok(output),
                Err(error) => {
                    let again = !error.sent || command.effect == Effect::Reads;
                    let lost = matches!(error.class, Class::Lost | Class::Closed | Class::TimedOut);
                    // A session that failed in any way is not used again.
                    self.close().await;
                    if !(again && lost && tries < READ_TRIES && Instant::now() < deadline) {
                        let help = error.help.map(|help| self.secrets().hide(&help).into_owned());
                        return Err(ExecError { message: self.unnamed(error.message), help, ..error }.into());
                    }
                }
            }
        }
    }

    /// Runs commands that only look, none of which has input, together: what is lost is not sent again. There may be
    /// fewer outputs than commands. They are not masked.
    ///
    /// # Errors
    /// As [`Link::exec`].
    pub async fn exec_all(&mut self, commands: &[Command]) -> Result<Vec<Output>, LinkError> {
        self.open().await?;
        let session = self.session.as_mut().expect("opened above");
        match session.exec_all(commands).await {
            Ok(outputs) => Ok(outputs),
            Err(error) => {
                self.close().await;
                Err(error.into())
            }
        }
    }

    /// Runs a query and parses its answer.
    ///
    /// # Errors
    /// As [`Link::exec`], and [`LinkError::Unreadable`].
    pub async fn ask<T>(&mut self, query: &Query<T>, sink: &mut dyn Sink) -> Result<T, LinkError> {
        let output = self.exec(&query.command, sink).await?;
        query.read(&output).map_err(|unreadable| LinkError::Unreadable { label: query.command.label, unreadable })
    }
}

/// Masks secrets on their way to a sink.
struct Hiding<'a> {
    sink: &'a mut dyn Sink,
    stdout: Masker,
    stderr: Masker,
}

impl<'a> Hiding<'a> {
    fn new(secrets: &Secrets, sink: &'a mut dyn Sink) -> Self {
        Self { sink, stdout: secrets.masker(), stderr: secrets.masker() }
    }

    fn finish(&mut self) {
        for (stream, masker) in [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)] {
            let (rest, _) = masker.finish();
            if !rest.is_empty() {
                self.sink.write(stream, &rest);
            }
        }
    }
}

impl Sink for Hiding<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let masker = if stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
        let (said, _) = masker.take(bytes);
        if !said.is_empty() {
            self.sink.write(stream, &said);
        }
    }
}
