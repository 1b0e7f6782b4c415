//! Whether windows are open at a moment, and when they open next. Start at [`open_until`] and [`next_opening`].

use jiff::{SignedDuration, Timestamp};

use super::{Form, Window, Windows, openings};

/// How far ahead to look for a moment at which several windows are open.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The most openings to look at: a window may open each minute.
const MOST_OPENINGS: usize = 20_000;
/// The most openings of a list that are shown as one.
const MOST_JOINED: usize = 16;

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
fn one_open_until(window: &Window, now: Timestamp) -> Option<Timestamp> {
    match &window.form {
        Form::Any { any } => {
            let latest = |at| any.iter().filter_map(|window| one_open_until(window, at)).max();
            // Where one ends, another may be open.
            let mut until = latest(now)?;
            for _ in 0..MOST_JOINED {
                match latest(until) {
                    Some(later) if later > until => until = later,
                    _ => break,
                }
            }
            Some(until)
        }
        form => openings::open_until(form, now),
    }
}

/// When the window next opens after `now`.
fn next_start(window: &Window, now: Timestamp) -> Option<Timestamp> {
    match &window.form {
        Form::Any { any } => any.iter().filter_map(|window| next_start(window, now)).min(),
        form => openings::next_start(form, now),
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
