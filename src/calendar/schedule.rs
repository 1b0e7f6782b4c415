//! Whether a host may be started at a moment: its windows and freezes together. Start at [`Schedule`].

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Dates, Form, Hold, LastStart, Window, Windows, openings};

/// How far ahead to look for a moment at which several windows are open.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The most openings to look at: a window may open each minute.
const MOST_OPENINGS: usize = 20_000;
/// The most openings that follow each other and are taken as one.
const MOST_JOINED: usize = 64;

/// When one host, or several alike, may be started.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    /// All of them must be open. `None`: at any time.
    pub windows: Option<&'a Windows>,
    /// Names of freezes, of which none must hold.
    pub freezes: &'a [String],
    /// What the names mean.
    pub dates: &'a Dates,
    /// How long the host takes, for `last_start: auto`. `None`: not known, so [`GUESSED_WALK`] counts.
    pub walk: Option<Duration>,
}

/// How long a host is assumed to need if nothing is known.
pub const GUESSED_WALK: Duration = Duration::from_secs(30 * 60);

/// Why a host may not be started at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// A freeze holds. It counts before the windows.
    Frozen(Hold),
    /// A window is not open.
    Window,
    /// A window is open, but closes before the host would be done.
    Late(Late),
    /// A window is in a calendar that cannot be used, and why.
    Unusable(String),
}

/// A window that closes too soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// When it closes.
    pub closes: Timestamp,
    /// The name of the zone in which that is shown.
    pub timezone: String,
    /// How long before that the last host is started.
    pub needs: Duration,
    /// Whether that is a guess.
    pub guessed: bool,
}

impl fmt::Display for Late {
    /// `its window closes at 2026-12-13 06:00 CET, and `last_start` is 48m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC);
        let closes = self.closes.to_zoned(zone);
        let needs = self.needs.as_secs().div_ceil(60);
        let guess = if self.guessed { ", which is a guess" } else { "" };
        write!(f, "its window closes at {}, and `last_start` is {needs}m{guess}", closes.strftime("%Y-%m-%d %H:%M %Z"))
    }
}

impl Schedule<'_> {
    /// Until when hosts may be started, if they may at `now`: until the first window closes or a freeze begins, or as
    /// long before as `last_start` says. [`Timestamp::MAX`] if there is neither.
    ///
    /// # Errors
    /// Why they may not.
    pub fn open(&self, now: Timestamp) -> Result<Timestamp, Closed> {
        let mut until = self.lets_in(now)?;
        for window in self.all() {
            let Some((needs, guessed)) = self.needs(window, now) else { continue };
            let closes = self.closes(window, now);
            let last = closes.saturating_sub(SignedDuration::try_from(needs).unwrap_or(SignedDuration::MAX));
            let last = last.unwrap_or(Timestamp::MIN);
            if now > last {
                let timezone = self.zone().iana_name().unwrap_or("UTC").to_owned();
                return Err(Closed::Late(Late { closes, timezone, needs, guessed }));
            }
            until = until.min(last);
        }
        Ok(until)
    }

    /// How long before its end the last host is started, and whether that is a guess. Of a list, the window that is
    /// open longest counts.
    fn needs(&self, window: &Window, now: Timestamp) -> Option<(Duration, bool)> {
        match (window.last_start, &window.form) {
            (Some(LastStart::Before(long)), _) => Some((long, false)),
            (Some(LastStart::Auto), _) => Some((self.walk.unwrap_or(GUESSED_WALK), self.walk.is_none())),
            (None, Form::Any { any }) => {
                let open = any.iter().filter_map(|window| Some((self.window_open(window, now)?, window)));
                self.needs(open.max_by_key(|(until, _)| *until)?.1, now)
            }
            (None, _) => None,
        }
    }

    /// Until when hosts are started in the next opening, if a window has `last_start`: the moment, how long that is
    /// before its end, and whether that is a guess.
    pub fn last_start(&self, now: Timestamp) -> Option<(Timestamp, Duration, bool)> {
        let (start, end) = self.openings(now, 1).pop()?;
        let all = self.all().filter_map(|window| self.needs(window, start));
        let (needs, guessed) = all.max_by_key(|(needs, _)| *needs)?;
        Some((end.checked_sub(SignedDuration::try_from(needs).ok()?).ok()?, needs, guessed))
    }

    /// When a window that is open closes, openings that follow each other taken as one.
    fn closes(&self, window: &Window, now: Timestamp) -> Timestamp {
        let mut until = now;
        for _ in 0..MOST_JOINED {
            match self.window_open(window, until) {
                Some(later) if later > until => until = later,
                _ => break,
            }
        }
        until
    }

    /// As [`Schedule::open`], without `last_start`.
    fn lets_in(&self, now: Timestamp) -> Result<Timestamp, Closed> {
        if let Some(hold) = self.hold(now) {
            return Err(Closed::Frozen(hold));
        }
        let mut until = Timestamp::MAX;
        for window in self.all() {
            match self.window_open(window, now) {
                Some(end) => until = until.min(end),
                None => return Err(self.unusable(window).map_or(Closed::Window, Closed::Unusable)),
            }
        }
        let freeze = self.freezes.iter().filter_map(|name| self.dates.next_freeze(name, now)).min();
        Ok(freeze.map_or(until, |at| at.min(until)))
    }

    /// The freeze that holds for longest.
    pub fn hold(&self, now: Timestamp) -> Option<Hold> {
        let held = self.freezes.iter().filter_map(|name| self.dates.held(name, now));
        held.max_by_key(|hold| hold.until.unwrap_or(Timestamp::MAX))
    }

    /// When hosts may next be started, now included; `None`: not within a year, or not known.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..MOST_JOINED {
            at = self.next_opening(at)?;
            match self.open(at) {
                Err(Closed::Late(late)) if late.closes > at => at = late.closes,
                _ => return Some(at),
            }
        }
        None
    }

    fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        match self.search(now) {
            Search::Opens(at) => Some(at),
            Search::NotInAYear | Search::Unknown => None,
        }
    }

    /// The next openings, at most this many, each with its end; the first may have begun.
    pub fn openings(&self, from: Timestamp, most: usize) -> Vec<(Timestamp, Timestamp)> {
        let mut found = Vec::new();
        let mut at = from;
        while found.len() < most {
            let Some(start) = self.next_opening(at) else { break };
            let Ok(mut end) = self.lets_in(start) else { break };
            for _ in 0..MOST_JOINED {
                match self.lets_in(end) {
                    Ok(later) if later > end => end = later,
                    _ => break,
                }
            }
            found.push((start, end));
            if end == Timestamp::MAX {
                break;
            }
            at = end;
        }
        found
    }

    /// True when it is certain that the windows are not open together within a year, whatever the freezes say.
    pub fn never_opens(&self, now: Timestamp) -> bool {
        Schedule { freezes: &[], ..*self }.search(now) == Search::NotInAYear
    }

    /// The zone in which its times are shown.
    pub fn zone(&self) -> TimeZone {
        let of_calendar = || {
            let event = self.dates.calendars.values().find_map(|calendar| calendar.events.first())?;
            Some(event.zone.as_str())
        };
        let named = self.all().find_map(Window::timezone).or_else(of_calendar);
        named.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
    }

    fn all(&self) -> impl Iterator<Item = &Window> {
        self.windows.into_iter().flat_map(Windows::iter)
    }

    /// Goes from opening to opening: each time to the latest next opening of the windows that are closed, and to the
    /// end of the freezes that hold.
    fn search(&self, now: Timestamp) -> Search {
        let end = now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
        let several = self.all().count() > 1;
        let mut at = now;
        for _ in 0..MOST_OPENINGS {
            let closed = self.all().filter(|window| self.window_open(window, at).is_none());
            let opens = closed.map(|window| self.next_start(window, at).unwrap_or(Timestamp::MAX)).max();
            let thaws = self.hold(at).map(|hold| hold.until.unwrap_or(Timestamp::MAX));
            let Some(next) = opens.max(thaws) else { return Search::Opens(at) };
            // A single window may wait for a leap year.
            if next > end && (several || next == Timestamp::MAX) {
                return Search::NotInAYear;
            }
            at = next;
        }
        Search::Unknown
    }

    /// Until when one window is open.
    fn window_open(&self, window: &Window, now: Timestamp) -> Option<Timestamp> {
        match &window.form {
            Form::Any { any } => {
                let latest = |at| any.iter().filter_map(|window| self.window_open(window, at)).max();
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
            form => openings::open_until(form, self.dates, now),
        }
    }

    /// When one window next opens after `now`.
    fn next_start(&self, window: &Window, now: Timestamp) -> Option<Timestamp> {
        match &window.form {
            Form::Any { any } => any.iter().filter_map(|window| self.next_start(window, now)).min(),
            form => openings::next_start(form, self.dates, now),
        }
    }

    fn unusable(&self, window: &Window) -> Option<String> {
        match &window.form {
            Form::Calendar { calendar, summary } => self.dates.unusable(calendar, summary.as_deref()),
            Form::Any { any } => any.iter().find_map(|window| self.unusable(window)),
            Form::Cron(_) | Form::Weekly(_) => None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Search {
    Opens(Timestamp),
    NotInAYear,
    /// There were too many openings to look at.
    Unknown,
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
