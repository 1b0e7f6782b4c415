//! Starts a job and follows it to its end, over as many connections as it takes.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    JobEnd, JobSpec, JobTrouble,
    answer::{self, Ear, Poll, Start, State},
    memory::Memory,
    payload::{self, Look},
    tell::{Lines, OwnLines, Tell},
};
use crate::{
    command::{Command, Exit, Output, Unreadable},
    event::StepResult,
    step::{
        StepCx,
        guard::{self, Armed, Outlives},
        lease,
        remote::{self, Patience},
    },
    transport::{Class, LinkError, NoSink},
};

/// How long a look at a job waits on the host for its end; shorter than any idle timeout of a connection.
const WAIT: Duration = Duration::from_secs(20);
/// The same for the first look, with which it is started.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// A change that prints something and ends soon needs no second look.
const FIRST_GATHER: Duration = FIRST_WAIT;
/// Most bytes of the output's end that are kept.
const TAIL: usize = 64 << 10;
/// Answers in a row that may be unreadable.
const BAD_ANSWERS: u32 = 5;
/// A job that was started and has not begun after this time is started again (which is safe), twice.
const BEGINS_WITHIN: Duration = Duration::from_secs(20);
/// How long the host gathers output for an answer; for a talking job it grows to [`LONG_GATHER`]. Each answer starts
/// programs on a host that is at work.
const GATHER: Duration = Duration::from_secs(1);
const LONG_GATHER: Duration = Duration::from_secs(4);
/// Even at the deadline a look at the job gets so much time.
const LEAST: Duration = Duration::from_secs(5);
/// The answer to a look needs so much time after the host's wait; else the connection is cut at the deadline.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// A job that begins and is not over by then is noted as begun while its start still looks at it. Most are over.
const NOTED_AFTER: Duration = Duration::from_secs(1);

/// Runs `spec` detached on the host and follows it to its end, or goes on following it if it has begun before.
///
/// # Errors
/// [`JobTrouble`], which says whether anything was changed.
pub async fn run(cx: &mut StepCx<'_>, spec: &JobSpec) -> Result<JobEnd, JobTrouble> {
    run_told(cx, spec, &mut OwnLines).await
}

/// [`run`], with words of `tell` on the screen in place of the job's own lines.
///
/// # Errors
/// As [`run`].
pub async fn run_told(cx: &mut StepCx<'_>, spec: &JobSpec, tell: &mut dyn Tell) -> Result<JobEnd, JobTrouble> {
    cx.heard.forget();
    let memory = Memory::recall(cx, &spec.name);
    let logged = if memory.recalled { cx.log.job_offset(&memory.id) } else { 0 };
    let mut job = Job {
        spec,
        asked: memory.begun || memory.recalled,
        asked_in: None,
        logged,
        // What was logged last is read again: a failure is explained by the end of the output.
        read: logged.saturating_sub(TAIL as u64),
        memory,
        tail: Vec::new(),
        gather: GATHER,
        bad_answers: 0,
        losses: 0,
        patience: Patience::new(cx, LEAST),
        guard: None,
        refused: None,
        began_in: None,
        tell,
        lines: Lines::default(),
    };
    job.memory.keep(cx, &spec.name).await?;
    // Armed by an earlier job or step, the guard is about what that one did.
    let armed_before = cx.guard == guard::Known::Armed;
    let ended = job.run_to_end(cx).await;
    if matches!(ended, Err(JobTrouble::Lease(_))) && !armed_before {
        guard::not_begun(cx);
    }
    ended
}

struct Job<'a> {
    spec: &'a JobSpec,
    memory: Memory,
    /// Whether a start was ever sent. Then the job may run, whatever the answer is.
    asked: bool,
    /// The boot in which the first start was sent, if the host's facts were known then.
    asked_in: Option<String>,
    /// Bytes of its output that are in the log.
    logged: u64,
    /// Bytes of its output that were read or passed over.
    read: u64,
    tail: Vec<u8>,
    gather: Duration,
    bad_answers: u32,
    losses: u32,
    /// For a host that goes away before the job may have begun.
    patience: Patience,
    /// The guard that was armed for it.
    guard: Option<Armed>,
    /// Why this run did not get the lease again when it resumed the job.
    refused: Option<Box<StepResult>>,
    /// The boot in which it began, from the line that a start prints before its answer.
    began_in: Option<String>,
    /// What the screen says about it.
    tell: &'a mut dyn Tell,
    lines: Lines,
}

impl Job<'_> {
    /// Starts it, unless it has begun before, and follows it to its end.
    async fn run_to_end(&mut self, cx: &mut StepCx<'_>) -> Result<JobEnd, JobTrouble> {
        let mut first = None;
        if !self.memory.begun {
            self.guard = guard::arm(cx, Outlives::Nothing).await.map_err(JobTrouble::Guard)?;
            if !self.memory.recalled && self.is_too_late() {
                return Err(JobTrouble::Guard(guard::over()));
            }
            // One that may have begun is found again; one that has not finds its guard's verdict and does not begin.
            first = self.start(cx).await?;
        }
        let too_late = self.is_too_late();
        match self.follow(cx, first).await {
            Ok(end) if too_late && end.exit == payload::OVER => Err(JobTrouble::Guard(guard::over())),
            ended => ended,
        }
    }

    fn is_too_late(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.over)
    }

    /// Asks for the lease, because the host is not as this run left it. A refusal ends the step, unless the job may
    /// have begun before: then its next start finds out. True if the run had lost the lease and took it again.
    async fn ask_for_lease(&mut self, cx: &mut StepCx<'_>) -> Result<bool, JobTrouble> {
        match lease::acquire(cx).await {
            Ok(taken) => Ok(taken),
            // A host that does not answer is dealt with later, too.
            Err(result) if self.asked => {
                self.refused = Some(result).filter(|result| result.class.starts_with("lease"));
                Ok(false)
            }
            Err(result) => Err(JobTrouble::Lease(result)),
        }
    }

    /// Sends the start until there is an answer. The claim on the host makes that safe. Returns the first look at the
    /// job, or `None` if all that is known is that it has begun.
    async fn start(&mut self, cx: &mut StepCx<'_>) -> Result<Option<Output>, JobTrouble> {
        let guard = self.guard.as_ref().map(|guard| guard.id.clone());
        // If the lease was taken just now, the host checks only the lease itself again.
        let mut own = if cx.holds_lease { String::new() } else { cx.names_of_step() };
        // The host no longer has the lease of this run. It may have lost the folder of a job that began, too.
        let mut forgot = self.memory.recalled && self.guard.as_ref().is_some_and(|guard| guard.forgot);
        loop {
            let (wait, gather) = (wait_within(cx, FIRST_WAIT), FIRST_GATHER);
            let look = Look { id: &self.memory.id, run: lease_of(cx), offset: self.read, wait, gather };
            let command = match forgot {
                true => payload::poll(look, self.spec.command.privileged),
                false => {
                    let before = self.asked.then_some(self.asked_in.as_deref().unwrap_or("-"));
                    payload::start(look, &own, before, self.spec, guard.as_deref(), cx.link.secrets())?
                }
            };
            if !self.asked {
                self.asked_in = cx.link.facts(false).and_then(|facts| facts.boot_id.clone());
            }
            let output = match self.exec_and_hear(cx, &command).await {
                Ok(output) if answer::poll(&output).is_ok() => {
                    self.asked = true;
                    return Ok(Some(output));
                }
                sent => sent,
            };
            if self.began_in.is_some() {
                // Noted first: the host may lose its folder.
                (self.asked, self.memory.begun) = (true, true);
                self.memory.keep(cx, &self.spec.name).await?;
                if let Err(error) = output {
                    self.reconnect(cx, error).await?;
                }
                return Ok(None);
            }
            let output = match output {
                Ok(output) => output,
                Err(error) => {
                    self.asked |= error.outcome_unknown();
                    self.reconnect(cx, error).await?;
                    continue;
                }
            };
            match answer::start(&output) {
                Ok(Start::Ask) if !own.is_empty() => {
                    forgot = self.ask_for_lease(cx).await? && self.asked;
                    own.clear();
                }
                Ok(Start::Ask) => self.bad_answer(unreadable(&command, "the host asks for its lease again"))?,
                // An earlier start whose answer was lost may still be at work.
                Ok(Start::Refused(_)) if self.asked && !self.cancel(cx).await? => return Ok(None),
                Ok(Start::Refused(why)) => return Err(JobTrouble::Refused { why }),
                // No other run took the lease; its file is gone, and a job's folder may be gone with it.
                Ok(Start::Lost(lost)) if self.asked && self.refused.is_none() && lost.run.is_empty() => {
                    return Err(JobTrouble::Lost { id: self.memory.id.clone(), tail: std::mem::take(&mut self.tail) });
                }
                Ok(Start::Lost(lost)) => {
                    return Err(JobTrouble::Lease(self.refused.take().unwrap_or_else(|| lease::lost_before(&lost))));
                }
                Err(unreadable) => {
                    self.asked = true;
                    self.bad_answer(LinkError::Unreadable { label: command.label, unreadable })?;
                }
            }
        }
    }

    /// Sends a start. The host says that the job has begun before it answers; that is noted if the answer takes long.
    async fn exec_and_hear(&mut self, cx: &mut StepCx<'_>, command: &Command) -> Result<Output, LinkError> {
        let command = command.clone().timeout(timeout_within(cx, command));
        let (mut ear, heard) = Ear::new();
        let note = Memory { begun: true, ..self.memory.clone() };
        let noting = async {
            if heard.await.is_ok() {
                tokio::time::sleep(NOTED_AFTER).await;
                // A run that is leaving finds out with the next note.
                let _ = note.write(&mut *cx.journal, &self.spec.name).await;
            }
            std::future::pending::<()>().await;
        };
        let exec = cx.link.exec(&command, &mut ear);
        let output = tokio::select! {
            output = exec => output,
            () = noting => unreachable!("it stays pending"),
        };
        self.began_in = ear.begun().map(str::to_owned);
        output
    }

    /// Looks at it, `first` with the answer to its start, until it is over.
    async fn follow(&mut self, cx: &mut StepCx<'_>, mut first: Option<Output>) -> Result<JobEnd, JobTrouble> {
        let (mut since, mut starts) = (Instant::now(), 1);
        loop {
            let output = match first.take() {
                Some(output) => output,
                None => match self.look(cx).await {
                    Ok(output) => output,
                    Err(error) => {
                        self.reconnect(cx, error).await?;
                        continue;
                    }
                },
            };
            let poll = match answer::poll(&output) {
                Ok(poll) => poll,
                Err(unreadable) => {
                    self.bad_answer(LinkError::Unreadable { label: "job-poll", unreadable })?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            (self.bad_answers, self.losses) = (0, 0);
            self.take(cx, &poll).await?;
            let heard_all = poll.chunk.len() < payload::CHUNK;
            match poll.state {
                State::Done(code) if heard_all => return self.end(cx, code).await,
                State::Gone if heard_all => return Err(self.gone(&poll)),
                State::Done(_) | State::Gone => continue,
                // The host had the folder before: it was removed, or the disk is another one.
                State::Absent => return Err(self.gone(&poll)),
                State::Cancelled => {
                    return Err(cx
                        .lost_lease
                        .as_ref()
                        .map_or_else(never_began, |lost| JobTrouble::Lease(lease::lost_before(lost))));
                }
                State::Alive if cx.remaining().is_zero() => {
                    return Err(JobTrouble::Stuck { id: self.memory.id.clone(), tail: self.tail.clone() });
                }
                State::Claimed if cx.remaining().is_zero() || starts > 3 => self.give_up_unless_begun(cx).await?,
                State::Claimed if since.elapsed() >= BEGINS_WITHIN => {
                    (since, starts) = (Instant::now(), starts + 1);
                    first = self.start(cx).await?;
                }
                _ => {}
            }
            self.gather = match poll.chunk.len() {
                0 => GATHER,
                // Output comes in small pieces: a talking job is looked at less and less often.
                some if some < payload::CHUNK => (self.gather * 2).min(LONG_GATHER),
                _ => self.gather,
            };
        }
    }

    async fn look(&mut self, cx: &mut StepCx<'_>) -> Result<Output, LinkError> {
        let (wait, gather) = (wait_within(cx, WAIT), self.gather);
        let look = Look { id: &self.memory.id, run: lease_of(cx), offset: self.read, wait, gather };
        let command = payload::poll(look, self.spec.command.privileged);
        cx.link.exec(&command.clone().timeout(timeout_within(cx, &command)), &mut NoSink).await
    }

    /// Puts the new output into the log; notes that the job has begun.
    async fn take(&mut self, cx: &mut StepCx<'_>, poll: &Poll<'_>) -> Result<(), JobTrouble> {
        if let (Some(lost), None) = (&poll.lost, &cx.lost_lease) {
            cx.journal.progress(&format!("{lost}; the job continues"));
            cx.lost_lease = Some(lost.clone());
        }
        if !self.memory.begun && !matches!(poll.state, State::Absent | State::Claimed) {
            self.memory.begun = true;
            // One that is over is noted with its code.
            if !matches!(poll.state, State::Done(_)) {
                self.memory.keep(cx, &self.spec.name).await?;
            }
        }
        if poll.chunk.is_empty() {
            return Ok(());
        }
        let known = usize::try_from(self.logged - self.read).unwrap_or(usize::MAX).min(poll.chunk.len());
        let fresh = &poll.chunk[known..];
        if !fresh.is_empty() {
            cx.log.write_job(&self.memory.id, fresh);
        }
        self.read += poll.chunk.len() as u64;
        self.logged = self.logged.max(self.read);
        let most = TAIL.min(self.spec.command.keep);
        self.tail.extend_from_slice(&poll.chunk[poll.chunk.len().saturating_sub(most)..]);
        self.tail.drain(..self.tail.len().saturating_sub(most));
        if let Some(said) = self.lines.tell(poll.chunk, self.tell) {
            cx.journal.progress(&said);
        }
        Ok(())
    }

    /// The exit code is consumed once: it is recorded here. The host hears of it at the end of the walk.
    async fn end(&mut self, cx: &mut StepCx<'_>, code: u32) -> Result<JobEnd, JobTrouble> {
        // With the code known, the output need not be read again.
        cx.log.flush();
        self.memory.code = Some(code);
        self.memory.keep(cx, &self.spec.name).await?;
        Ok(JobEnd { id: self.memory.id.clone(), exit: Exit::Code(code), tail: std::mem::take(&mut self.tail) })
    }

    fn gone(&mut self, poll: &Poll<'_>) -> JobTrouble {
        let (id, tail) = (self.memory.id.clone(), std::mem::take(&mut self.tail));
        match (poll.began_in.as_ref().or(self.began_in.as_ref()), &poll.boot) {
            (Some(then), Some(now)) if then != now => JobTrouble::Rebooted { id, tail },
            _ => JobTrouble::Lost { id, tail },
        }
    }

    /// Ends the wait for a job that does not begin. If it begins just now, the next look finds it.
    async fn give_up_unless_begun(&mut self, cx: &mut StepCx<'_>) -> Result<(), JobTrouble> {
        if self.cancel(cx).await? { Err(never_began()) } else { Ok(()) }
    }

    /// Makes sure that a job which has not begun never will. False: it has begun.
    async fn cancel(&mut self, cx: &mut StepCx<'_>) -> Result<bool, JobTrouble> {
        let command = payload::cancel(&self.memory.id, self.spec.command.privileged).timeout(Duration::from_secs(20));
        let error = match cx.link.exec(&command, &mut NoSink).await {
            Ok(output) => match output.text().trim() {
                "cancelled" => return Ok(true),
                "begun" => return Ok(false),
                _ => unreadable(&command, "the host does not say whether the job has begun"),
            },
            Err(error) => error,
        };
        Err(JobTrouble::Link { error, begun: Some(self.memory.id.clone()) })
    }

    /// After a loss: waits a little and lets the caller try again, or gives up.
    async fn reconnect(&mut self, cx: &mut StepCx<'_>, error: LinkError) -> Result<(), JobTrouble> {
        if !self.asked {
            // Nothing can have happened: an ordinary host that is away.
            return match self.patience.again(cx, &error).await {
                true => Ok(()),
                false => Err(JobTrouble::Link { error, begun: None }),
            };
        }
        let give_up = cx.remaining().is_zero() || !remote::may_pass(&error);
        if give_up {
            return Err(JobTrouble::Link { error, begun: Some(self.memory.id.clone()) });
        }
        // While a system is upgraded, logins and sudo may be refused for moments.
        let refused = matches!(&error, LinkError::Connect(error) if error.class == Class::Auth);
        cx.journal.progress(if refused {
            "login refused; the job continues"
        } else {
            "connection lost; the job continues"
        });
        remote::pause(cx, self.losses).await;
        self.losses += 1;
        Ok(())
    }

    fn bad_answer(&mut self, error: LinkError) -> Result<(), JobTrouble> {
        self.bad_answers += 1;
        if self.bad_answers < BAD_ANSWERS {
            return Ok(());
        }
        Err(JobTrouble::Link { error, begun: self.asked.then(|| self.memory.id.clone()) })
    }
}

/// The run whose lease a job's host must be; a mere check changes nothing and has none.
fn lease_of<'a>(cx: &StepCx<'a>) -> &'a str {
    if cx.check { "" } else { &cx.run.0 }
}

/// How long the host may wait so that its answer comes before the command's time is up.
fn wait_within(cx: &StepCx<'_>, most: Duration) -> Duration {
    let left = cx.remaining();
    most.min(left).min(left.max(LEAST).saturating_sub(ANSWERS_WITHIN))
}

fn timeout_within(cx: &StepCx<'_>, command: &Command) -> Duration {
    command.timeout.min(cx.remaining()).max(LEAST)
}

fn unreadable(command: &Command, why: &str) -> LinkError {
    LinkError::Unreadable { label: command.label, unreadable: Unreadable::new(why) }
}

fn never_began() -> JobTrouble {
    JobTrouble::Refused { why: "the host did not start it in time".to_owned() }
}
