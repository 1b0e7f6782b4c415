//! Maintenance windows at one moment: until when they are open, or when they open next. Start at [`Windows`] and
//! [`open_until`].
//!
//! A window has a start (cron), a length in real time and a time zone, so it is as long as usual in a night with a
//! clock change. A start in the hour that is skipped in spring opens when that hour ends (croner's rule).

use std::{cell::RefCell, str::FromStr};

use croner::Cron;
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::policy::Window;

/// How far ahead to look for a moment at which several windows are open.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The most openings to look at: a window may open each minute.
const MOST_OPENINGS: usize = 20_000;

/// The windows of one host, which may start while all of them are open: first the inventory's, then the playbook's,
/// which narrows it. Never empty. In JSON a single window is an object, several are a list.
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
    /// The windows of the inventory and of the playbook together; `None` when there is neither.
    pub fn narrowed(window: Option<&Window>, by: Option<&Window>) -> Option<Self> {
        let mut windows: Vec<Window> = window.into_iter().chain(by).cloned().collect();
        windows.dedup();
        (!windows.is_empty()).then_some(Self(windows))
    }

    /// All windows.
    pub fn iter(&self) -> impl Iterator<Item = &Window> {
        self.0.iter()
    }
}

/// When the first window closes, if all are open at `now`. `None` when one is closed or cannot be read (which the
/// loader has ruled out).
pub fn open_until(windows: &Windows, now: Timestamp) -> Option<Timestamp> {
    windows.iter().try_fold(Timestamp::MAX, |end, window| Some(end.min(one_open_until(window, now)?)))
}

/// When the windows are next open together; `None`: not within a year, or not known.
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

/// Goes from opening to opening: each time to the latest next opening of the windows that are closed.
fn search(windows: &Windows, now: Timestamp) -> Search {
    let end = now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    let mut at = now;
    for _ in 0..MOST_OPENINGS {
        let closed = windows.iter().filter(|window| one_open_until(window, at).is_none());
        let Some(next) = closed.map(|window| next_start(window, at).unwrap_or(Timestamp::MAX)).max() else {
            return Search::Opens(at);
        };
        // A single window may wait for a leap year.
        if next > end && (windows.0.len() > 1 || next == Timestamp::MAX) {
            return Search::NotInAYear;
        }
        at = next;
    }
    Search::Unknown
}

/// [`open_until`] for one window.
///
/// This is called again and again for every waiting host, so an answer is kept for as long as it is valid.
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

/// The most windows whose answer is kept; few fleets have more than a handful.
const MOST_ANSWERS: usize = 64;

thread_local! {
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// The answer of [`one_open_until`] between two moments.
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

/// When the window next opens after `now`.
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
