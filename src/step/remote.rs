//! Short commands of a step on its host, within the step's deadline, over as many connections as it takes.
//! Reading commands are repeated after a loss; changing ones never (`change.rs`). Start at [`read`], [`ask_ahead`] and
//! [`repeat`].

use std::time::Duration;

use tokio::time::Instant;

use super::{StepCx, kinds, result::unseen};
use crate::{
    command::{Command, Output, Query},
    event::StepResult,
    transport::{Class, LinkError, NoSink},
};

/// Even at the deadline a command gets so much time.
pub(super) const LEAST: Duration = Duration::from_secs(1);

impl StepCx<'_> {
    /// Time left of this attempt.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the commands of this step run with raised rights: see [`kinds::wants_rights`].
    pub fn rights(&self) -> bool {
        kinds::wants_rights(self.spec, self.link.target())
    }
}

/// How long a host may be away while nothing of ours runs on it.
const AWAY: Duration = Duration::from_secs(300);

/// How long a lost host is waited for: up to 5 minutes within the deadline. One that could not be reached in the first
/// place is not waited for, unless this step did something on it before its controller ended.
pub(super) struct Patience {
    was_open: bool,
    losses: u32,
    end: Instant,
}

impl Patience {
    /// For a command that may take `long`.
    pub(super) fn new(cx: &StepCx<'_>, long: Duration) -> Self {
        let was_open = cx.link.has_answered() || (cx.resumed && !cx.notes.is_empty());
        Self { was_open, losses: 0, end: cx.deadline.min(Instant::now() + AWAY + long) }
    }

    /// Whether to try again; then it has waited a little.
    pub(super) async fn again(&mut self, cx: &mut StepCx<'_>, error: &LinkError) -> bool {
        self.was_open |= error.outcome_unknown();
        let again = self.was_open && error.unreachable() && may_pass(error) && Instant::now() < self.end;
        if again {
            cx.journal.progress("connection lost; trying again");
            pause(cx, self.losses).await;
            self.losses += 1;
        } else if error.unreachable() {
            cx.link.give_up();
        }
        again
    }
}

/// Runs a reading command. A connection that was up before and is lost is opened again, for up to 5 minutes within the
/// deadline; a host that could not be reached in the first place is not waited for.
///
/// # Errors
/// The last [`LinkError`].
pub async fn read(cx: &mut StepCx<'_>, command: &Command) -> Result<Output, LinkError> {
    if let Some(output) = cx.heard.take(command) {
        return Ok(output);
    }
    let mut patience = Patience::new(cx, command.timeout);
    loop {
        let timed = command.clone().timeout(command.timeout.min(cx.remaining()).max(LEAST));
        let error = match cx.link.exec(&timed, &mut NoSink).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        if !patience.again(cx, &error).await {
            return Err(error);
        }
    }
}

/// Asks all of this together. What goes wrong on the host shows when the question is asked by itself.
///
/// # Errors
/// As [`read`], for a host that cannot be reached: it is not tried once more for each question.
pub(super) async fn ask_ahead(cx: &mut StepCx<'_>, mut commands: Vec<Command>) -> Result<(), LinkError> {
    commands.retain(|command| !cx.heard.knows(command));
    if commands.len() < 2 {
        return Ok(());
    }
    let longest = cx.remaining().max(LEAST);
    for command in &mut commands {
        command.timeout = command.timeout.min(longest);
    }
    let mut patience = Patience::new(cx, Duration::ZERO);
    loop {
        match cx.link.exec_all(&commands).await {
            Ok(outputs) => {
                cx.heard.learn(commands.into_iter().zip(outputs));
                return Ok(());
            }
            Err(error @ LinkError::Connect(_)) => {
                if !patience.again(cx, &error).await {
                    return Err(error);
                }
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Runs a change that may be sent again after a lost connection, because doing it twice is doing it once; else as
/// [`read`]. True beside the output: it was sent before this time, with an end that is not known.
///
/// # Errors
/// A result that is `Unknown` if it was sent and its end is not known; `what` begins its sentence.
pub async fn repeat(cx: &mut StepCx<'_>, what: &str, command: Command) -> Result<(Output, bool), Box<StepResult>> {
    cx.heard.forget();
    // The link must not send it again by itself: then it would not be known here that it was sent at all.
    let command = command.changing();
    let (mut patience, mut sent) = (Patience::new(cx, command.timeout), false);
    loop {
        let timed = command.clone().timeout(command.timeout.min(cx.remaining()).max(LEAST));
        let error = match cx.link.exec(&timed, &mut NoSink).await {
            Ok(output) => return Ok((output, sent)),
            Err(error) => error,
        };
        sent |= error.outcome_unknown();
        if !patience.again(cx, &error).await {
            return Err(if sent { unseen(what, error.into()) } else { error.into() });
        }
    }
}

/// Runs a query and reads its answer; as [`read`].
///
/// # Errors
/// As [`read`], and [`LinkError::Unreadable`].
pub async fn ask<T>(cx: &mut StepCx<'_>, query: &Query<T>) -> Result<T, LinkError> {
    let output = read(cx, &query.command).await?;
    query.read(&output).map_err(|unreadable| LinkError::Unreadable { label: query.command.label, unreadable })
}

/// Whether waiting may help: all but a wrong key of the host and faults of this machine.
pub(super) fn may_pass(error: &LinkError) -> bool {
    let class = match error {
        LinkError::Connect(error) => error.class,
        LinkError::Exec(error) => error.class,
        LinkError::Unreadable { .. } => return false,
    };
    !matches!(
        class,
        Class::HostKeyUnknown | Class::HostKeyChanged | Class::HostKeyRevoked | Class::OtherMachine | Class::Local
    )
}

/// The pause before the next try after `losses` others: growing to 8 s, of random length so that a thousand hosts do
/// not come back at once, never past the deadline.
pub(super) async fn pause(cx: &StepCx<'_>, losses: u32) {
    let most = 400u64 << losses.min(4);
    let long = Duration::from_millis(fastrand::u64(most / 2..=most + most / 4));
    tokio::time::sleep(long.min(cx.remaining())).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        playbook::{Pause, StepKind},
        step::testing::{Bench, Fault},
    };

    fn say(word: &str) -> Command {
        Command::sh("say", "echo \"$1\"", [word])
    }

    fn bench() -> Bench {
        Bench::new(StepKind::Pause(Pause { duration: Duration::ZERO }))
    }

    async fn asked(bench: &mut Bench, words: &[&str]) -> Vec<String> {
        let mut cx = bench.cx();
        ask_ahead(&mut cx, words.iter().map(|word| say(word)).collect()).await.unwrap();
        let mut said = Vec::new();
        for word in ["one", "two", "two"] {
            said.push(read(&mut cx, &say(word)).await.unwrap().text());
        }
        said
    }

    #[tokio::test]
    async fn an_answer_is_used_once_and_a_question_without_one_is_asked() {
        let mut bench = bench();
        assert_eq!(asked(&mut bench, &["one", "two"]).await, ["one\n", "two\n", "two\n"]);
        assert_eq!(bench.count("say"), 3, "the second question for two is a new one");
        bench.faults("say", [Fault::NotSent]);
        assert_eq!(asked(&mut bench, &["one", "two"]).await, ["one\n", "two\n", "two\n"]);
        assert_eq!(bench.count("say"), 6);
    }

    #[tokio::test]
    async fn a_host_that_is_away_is_tried_once() {
        let mut bench = bench();
        bench.transport.refuse.lock().unwrap().extend([Class::TimedOut, Class::TimedOut]);
        let mut cx = bench.cx();
        assert!(ask_ahead(&mut cx, vec![say("one"), say("two")]).await.is_err());
        assert_eq!(bench.transport.refuse.lock().unwrap().len(), 1);
    }
}
