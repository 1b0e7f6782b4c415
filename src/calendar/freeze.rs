//! What a project says about dates: its freezes and calendars. A freeze is a time in which nothing is started, whatever
//! the windows say. Start at [`Dates`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Serialize};

use super::{Around, Calendar, Form, Windows, civil::moment, openings};

/// The freezes and calendars of a project, by their names. A plan has those that its hosts use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// No name is one of a calendar, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub freezes: BTreeMap<String, Freeze>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calendars: BTreeMap<String, Calendar>,
}

/// A time in which nothing is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// When.
    #[serde(flatten)]
    pub when: Frozen,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who can tell more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// When a freeze holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frozen {
    /// From one time to another.
    Between {
        /// On the clock of the zone.
        from: DateTime,
        /// Later than `from`.
        to: DateTime,
        /// IANA name.
        timezone: String,
    },
    /// During the events of a calendar.
    Calendar {
        /// Its name.
        calendar: String,
        /// Only events with this summary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
}

/// The most events that follow each other and are taken as one freeze.
const MOST_JOINED: usize = 400;

/// A freeze that holds at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub name: String,
    /// Until when, as far as it is known.
    pub until: Option<Timestamp>,
    /// The name of the zone in which it is written.
    pub timezone: String,
    /// Why, for people; also why it cannot be read.
    pub reason: Option<String>,
    /// Who can tell more.
    pub owner: Option<String>,
}

impl fmt::Display for Hold {
    /// `freeze year-end until 2027-01-07 06:00 CET (year-end closing; ask anna)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "freeze {}", self.name)?;
        match self.until {
            Some(until) => {
                let zone = TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC);
                write!(f, " until {}", until.to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z"))?;
            }
            None => f.write_str(" without a known end")?,
        }
        let owner = self.owner.as_ref().map(|owner| format!("ask {owner}"));
        let why: Vec<String> = self.reason.iter().cloned().chain(owner).collect();
        if why.is_empty() { Ok(()) } else { write!(f, " ({})", why.join("; ")) }
    }
}

impl Dates {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.freezes.is_empty() && self.calendars.is_empty()
    }

    /// Whether a group may name this as a freeze.
    pub fn knows(&self, freeze: &str) -> bool {
        self.freezes.contains_key(freeze) || self.calendars.contains_key(freeze)
    }

    /// What these freezes and windows use.
    #[must_use]
    pub fn used_by<'a>(&self, freezes: &BTreeSet<&str>, windows: impl Iterator<Item = &'a Windows>) -> Self {
        let chosen = self.freezes.iter().filter(|(name, _)| freezes.contains(name.as_str()));
        let chosen: BTreeMap<String, Freeze> = chosen.map(|(name, freeze)| (name.clone(), freeze.clone())).collect();
        let mut names: BTreeSet<String> = freezes.iter().map(|name| (*name).to_owned()).collect();
        for freeze in chosen.values() {
            if let Frozen::Calendar { calendar, .. } = &freeze.when {
                names.insert(calendar.clone());
            }
        }
        names.extend(windows.flat_map(Windows::calendars));
        let calendars = self.calendars.iter().filter(|(name, _)| names.contains(name.as_str()));
        Self { freezes: chosen, calendars: calendars.map(|(name, one)| (name.clone(), one.clone())).collect() }
    }

    /// Why a calendar cannot be used.
    pub(super) fn unusable(&self, calendar: &str, summary: Option<&str>) -> Option<String> {
        match (self.calendars.get(calendar), summary) {
            (None, _) => Some(format!("there is no calendar `{calendar}`")),
            (Some(Calendar { unreadable: Some(why), .. }), _) => Some(why.clone()),
            (Some(found), Some(summary)) if !found.has(summary) => {
                Some(format!("no event of the calendar `{calendar}` is called `{summary}`"))
            }
            (Some(_), _) => None,
        }
    }

    /// The freeze of this name, if it holds at this moment. One that is not known holds, too.
    pub(super) fn held(&self, name: &str, now: Timestamp) -> Option<Hold> {
        let Freeze { when, reason, owner } = self.freeze(name);
        let name = name.to_owned();
        match when {
            Frozen::Between { from, to, timezone } => match between(from, to, &timezone) {
                Some((from, to)) if now < from || to <= now => None,
                Some((_, to)) => Some(Hold { name, until: Some(to), timezone, reason, owner }),
                None => {
                    let reason = Some(format!("there is no time zone `{timezone}`"));
                    Some(Hold { name, until: None, timezone, reason, owner })
                }
            },
            Frozen::Calendar { calendar, summary } => {
                if let Some(why) = self.unusable(&calendar, summary.as_deref()) {
                    return Some(Hold { name, until: None, timezone: "UTC".to_owned(), reason: Some(why), owner });
                }
                let found = self.calendars.get(&calendar)?;
                let called = found.called(summary.as_deref(), now).map(str::to_owned);
                let timezone = found.events.first().map_or("UTC", |event| &event.zone).to_owned();
                let form = Form::Calendar { calendar, summary };
                let mut until = openings::open_until(&form, self, now)?;
                // Days off follow each other.
                for _ in 0..MOST_JOINED {
                    match openings::open_until(&form, self, until) {
                        Some(later) if later > until => until = later,
                        _ => break,
                    }
                }
                Some(Hold { name, until: Some(until), timezone, reason: reason.or(called), owner })
            }
        }
    }

    /// When the freeze next begins, after this moment; `None`: never, or it is not known.
    pub(super) fn next_freeze(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        match self.freeze(name).when {
            Frozen::Between { from, to, timezone } => {
                between(from, to, &timezone).map(|(from, _)| from).filter(|at| *at > now)
            }
            Frozen::Calendar { calendar, summary } => {
                openings::next_start(&Form::Calendar { calendar, summary }, self, now)
            }
        }
    }

    /// A calendar is a freeze of its own, during its events.
    fn freeze(&self, name: &str) -> Freeze {
        let whole = || Frozen::Calendar { calendar: name.to_owned(), summary: None };
        let found = self.freezes.get(name).cloned();
        found.unwrap_or_else(|| Freeze { when: whole(), reason: None, owner: None })
    }

    pub(super) fn around(&self, calendar: &str, summary: Option<&str>, now: Timestamp) -> Option<Around> {
        let found = self.calendars.get(calendar).filter(|found| found.unreadable.is_none())?;
        Some(found.around(summary, now))
    }

    /// What tells one version of a calendar from another.
    pub(super) fn stamp(&self, form: &Form) -> Option<&str> {
        match form {
            Form::Calendar { calendar, .. } => self.calendars.get(calendar).map(|found| found.sha256.as_str()),
            _ => None,
        }
    }
}

/// From the first time that the clock shows `from` to the last time that it shows `to`: where a clock change makes a
/// time ambiguous, a freeze is the longer one.
fn between(from: DateTime, to: DateTime, timezone: &str) -> Option<(Timestamp, Timestamp)> {
    let zone = TimeZone::get(timezone).ok()?;
    let ambiguous = zone.to_ambiguous_timestamp(to);
    let to = match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => ambiguous.later().ok()?,
        _ => moment(to, &zone)?,
    };
    Some((moment(from, &zone)?, to))
}
