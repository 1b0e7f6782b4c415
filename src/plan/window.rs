//! Maintenance windows at a moment: open until when, or open next when. Start at [`Windows`] and [`open_until`].
//!
//! A window is a cron start, a real (not civil) length and a time zone, so that a night with a clock change is as long
//! as any other. A start inside a spring gap opens when the gap ends (croner's rule).

use std::{cell::RefCell, str::FromStr};

use croner::Cron;
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::policy::Window;

/// How far ahead it is looked for a moment at which several windows are open.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Most openings that are looked at on the way there: a window may open each minute.
const MOST_OPENINGS: usize = 20_000;

/// The windows of one host, which may start while all of them are open: the inventory's first, then the one by which
/// the playbook narrows it. Never empty. In JSON one window is itself, several are a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "OneOrMore", try_from = "OneOrMore")]
pub struct Windows(Vec<Window>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Window),
    More(Vec<Window>),
}

impl From<Windows> for OneOrMore {
    fn from(mut windows: Windows) -> Self {
        if windows.0.len() == 1 { Self::One(windows.0.remove(0)) } else { Self::More(windows.0) }
    }
}

impl TryFrom<OneOrMore> for Windows {
    type Error = &'static str;

    fn try_from(windows: OneOrMore) -> Result<Self, Self::Error> {
        match windows {
            OneOrMore::One(window) => Ok(window.into()),
            OneOrMore::More(windows) if windows.is_empty() => Err("a list of windows is not empty"),
            OneOrMore::More(windows) => Ok(Self(windows)),
        }
    }
}

impl From<Window> for Windows {
    fn from(window: Window) -> Self {
        Self(vec![window])
    }
}

impl Windows {
    /// What is left when one may narrow the other; `None` when there is neither.
    pub fn narrowed(window: Option<&Window>, by: Option<&Window>) -> Option<Self> {
        let mut windows: Vec<Window> = window.into_iter().chain(by).cloned().collect();
        windows.dedup();
        (!windows.is_empty()).then_some(Self(windows))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Window> {
        self.0.iter()
    }
}

/// When the first of the windows closes that are all open at `now`; `None` when one is closed, or cannot be read (a
/// loader checked it).
pub fn open_until(windows: &Windows, now: Timestamp) -> Option<Timestamp> {
    windows.iter().try_fold(Timestamp::MAX, |end, window| Some(end.min(one_open_until(window, now)?)))
}

/// When the windows are open together next; `None`: not within a year, or nobody can tell.
pub fn next_opening(windows: &Windows, now: Timestamp) -> Option<Timestamp> {
    match search(windows, now) {
        Search::Opens(at) => Some(at),
        Search::NotInAYear | Search::Unknown => None,
    }
}

/// True when it is certain that the windows are not open together within a year.
pub fn never_open(windows: &Windows, now: Timestamp) -> bool {
    search(windows, now) == Search::NotInAYear
}

#[derive(Debug, PartialEq, Eq)]
enum Search {
    Opens(Timestamp),
    NotInAYear,
    /// There were too many openings to look at.
    Unknown,
}

/// Goes from opening to opening: at each moment that is looked at, to the latest opening of a window that is closed.
fn search(windows: &Windows, now: Timestamp) -> Search {
    let end = now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    let mut at = now;
    for _ in 0..MOST_OPENINGS {
        let closed = windows.iter().filter(|window| one_open_until(window, at).is_none());
        let Some(next) = closed.map(|window| next_start(window, at).unwrap_or(Timestamp::MAX)).max() else {
            return Search::Opens(at);
        };
        // One window alone may wait for a leap year.
        if next > end && (windows.0.len() > 1 || next == Timestamp::MAX) {
            return Search::NotInAYear;
        }
        at = next;
    }
    Search::Unknown
}

/// [`open_until`] for one window.
///
/// Asked for every waiting host again and again, so an answer is remembered for as long as it holds.
fn one_open_until(window: &Window, now: Timestamp) -> Option<Timestamp> {
    ANSWERS.with_borrow_mut(|answers| {
        let known = |answer: &&Answer| answer.from <= now && now < answer.to && answer.window == *window;
        if let Some(answer) = answers.iter().find(known) {
            return answer.until;
        }
        answers.retain(|answer| answer.window != *window);
        if answers.len() >= MOST_ANSWERS {
            answers.remove(0);
        }
        let answer = answer(window, now);
        let until = answer.until;
        answers.push(answer);
        until
    })
}

/// Most windows whose answer is remembered; few fleets have more than a handful.
const MOST_ANSWERS: usize = 64;

thread_local! {
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// What [`one_open_until`] says from one moment until before another one.
struct Answer {
    window: Window,
    from: Timestamp,
    to: Timestamp,
    until: Option<Timestamp>,
}

fn answer(window: &Window, now: Timestamp) -> Answer {
    let closed = |from, to| Answer { window: window.clone(), from, to, until: None };
    let Some((cron, zoned)) = prepare(window, now) else { return closed(Timestamp::MIN, Timestamp::MAX) };
    let next = cron.find_next_occurrence(&zoned, false).map_or(Timestamp::MAX, |start| start.timestamp());
    let Ok(start) = cron.find_previous_occurrence(&zoned, true).map(|start| start.timestamp()) else {
        return closed(now, next);
    };
    let length = SignedDuration::try_from(window.duration).unwrap_or(SignedDuration::MAX);
    let end = start.saturating_add(length).unwrap_or(Timestamp::MAX);
    if now < end {
        Answer { window: window.clone(), from: start, to: end.min(next), until: Some(end) }
    } else {
        closed(end, next)
    }
}

/// When the window opens next after `now`.
fn next_start(window: &Window, now: Timestamp) -> Option<Timestamp> {
    let (cron, now) = prepare(window, now)?;
    cron.find_next_occurrence(&now, false).ok().map(|start| start.timestamp())
}

fn prepare(window: &Window, now: Timestamp) -> Option<(Cron, Zoned)> {
    let zone = TimeZone::get(&window.timezone).ok()?;
    Some((Cron::from_str(&window.start).ok()?, now.to_zoned(zone)))
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
