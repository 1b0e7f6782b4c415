//! Finding out what happened to a guard, over new connections, for longer than the host may need to roll back.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{
    answer::{self, Settled, State},
    commands::{self, Wish},
};
use crate::{
    playbook::Guard,
    step::StepCx,
    transport::{NoSink, Stream},
};

/// How long one look waits on the host for something new.
const WAIT: Duration = Duration::from_secs(10);
/// How long a watchdog may be seen neither alive nor acting. After that it is disabled, so that what is reported about
/// it stays true after the next boot.
const IDLE: Duration = Duration::from_secs(45);

/// What happened to a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is confirmed: it will never roll back.
    Confirmed,
    /// It rolled back.
    RolledBack { code: u32, tail: Vec<u8> },
    /// The host ended it because it took too long; `left`: a process of it that could not be ended.
    Ended { left: Option<u32>, tail: Vec<u8> },
    /// Its rollback began and did not end.
    Cut { tail: Vec<u8> },
    /// The host does not watch any more; nothing was rolled back and nothing will be.
    Lost,
    /// The host has no such guard.
    Absent,
    /// It is still rolling back after all that time, in this process.
    Rolling { process: Option<u32> },
    /// In all that time the host could not be asked, or did not finish.
    Open { last: String },
}

/// Asks for a verdict until there is one. The connection over which the change was made proves nothing and is closed.
pub(super) async fn find(cx: &mut StepCx<'_>, guard: &Guard, id: &str, wish: Wish) -> Fate {
    let end = Instant::now() + guard.longest_time();
    cx.link.close().await;
    let (mut last, mut tail, mut losses) = (String::new(), Vec::new(), 0);
    // Since when the host has done nothing about it, and what it was last seen doing.
    let (mut idle, mut rolling) = (None, None);
    let mut wish = wish;
    loop {
        let wait = if wish == Wish::Confirm { Duration::ZERO } else { WAIT };
        let offset = cx.log.job_offset(id);
        let command = commands::settle(id, wish, offset, wait);
        let output = match timeout_at(end, cx.link.exec(&command, &mut NoSink)).await {
            Ok(Ok(output)) => Some(output),
            Ok(Err(error)) => {
                last = error.to_string();
                rolling = None;
                None
            }
            Err(_) => None,
        };
        let seen = output.as_ref().map(answer::settled).transpose();
        match seen {
            Ok(Some(seen)) => {
                losses = 0;
                let whole = take(cx, id, offset, &seen, &mut tail);
                rolling = (seen.state == State::Rolling).then_some(seen.process);
                idle = match seen.state {
                    State::Dead | State::Armed => Some(idle.unwrap_or_else(Instant::now)),
                    _ => None,
                };
                if idle.is_some_and(|since| since.elapsed() >= IDLE) {
                    wish = Wish::GiveUp;
                }
                match fate(&seen, whole, &tail) {
                    Ok(fate) => return fate,
                    Err(news) => {
                        cx.journal.progress(&news);
                        last = news;
                    }
                }
            }
            Ok(None) => cx.journal.progress(&waiting(guard, wish, &last)),
            Err(unreadable) => last = unreadable.to_string(),
        }
        if Instant::now() >= end {
            cx.link.close().await;
            return rolling.map_or(Fate::Open { last }, |process| Fate::Rolling { process });
        }
        if output.is_none() {
            cx.link.close().await;
        }
        pause(losses, end).await;
        losses += 1;
    }
}

fn waiting(guard: &Guard, wish: Wish, last: &str) -> String {
    match wish {
        Wish::Confirm => {
            format!(
                "cannot confirm yet; unless confirmed, the host rolls back {} s after the change: {last}",
                guard.within.as_secs()
            )
        }
        Wish::RollBack | Wish::GiveUp => format!("waiting for the host to roll back: {last}"),
    }
}

/// What a state means once the wish has reached the host; `Err`: it is not final yet.
fn fate(seen: &Settled<'_>, whole: bool, tail: &[u8]) -> Result<Fate, String> {
    match seen.state {
        State::Confirmed => Ok(Fate::Confirmed),
        State::Absent => Ok(Fate::Absent),
        State::Lost => Ok(Fate::Lost),
        State::Dead => Err("the guard's watchdog is gone; restarting it".to_owned()),
        State::Armed => Err("the host is about to roll back".to_owned()),
        State::Held => Err("the host rolls back once a job or an installation on it ends".to_owned()),
        State::Rolling => match seen.process {
            Some(process) => Err(format!("the host rolls back (process {process})")),
            None => Err("the host rolls back".to_owned()),
        },
        State::RolledBack(_) | State::Ended | State::Cut if !whole => {
            Err("reading the output of the rollback".to_owned())
        }
        State::RolledBack(code) => Ok(Fate::RolledBack { code, tail: tail.to_vec() }),
        State::Ended => Ok(Fate::Ended { left: seen.process, tail: tail.to_vec() }),
        State::Cut => Ok(Fate::Cut { tail: tail.to_vec() }),
    }
}

/// Writes the rollback's output to the log; true when all of it is there.
fn take(cx: &mut StepCx<'_>, id: &str, offset: u64, seen: &Settled<'_>, tail: &mut Vec<u8>) -> bool {
    if !seen.chunk.is_empty() {
        cx.log.write_job(id, seen.chunk);
        tail.extend_from_slice(seen.chunk);
        tail.drain(..tail.len().saturating_sub(commands::CHUNK));
    }
    let whole = offset + seen.chunk.len() as u64 >= seen.size;
    if let (State::RolledBack(code), true) = (seen.state, whole) {
        cx.log.write(Stream::Stdout, format!("the rollback ended with exit code {code}\n").as_bytes());
    }
    whole
}

/// Grows to 5 s; the length is random so that a thousand hosts do not come back at once.
async fn pause(losses: u32, end: Instant) {
    let most = 500u64 << losses.min(3);
    let long = Duration::from_millis(fastrand::u64(most / 2..=most + most / 4));
    tokio::time::sleep(long.min(end.saturating_duration_since(Instant::now()))).await;
}
