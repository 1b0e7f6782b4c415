//! Events of a calendar: one time, or again and again by a rule. Start at [`Calendar::around`] and [`Event`].

use jiff::{SignedDuration, Span, Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Around, civil::moment, rule::Rule};

/// The events of one iCalendar file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// In the order of the file. Occurrences that were moved are events of their own.
    pub events: Vec<Event>,
    /// The SHA-256 of the file, 64 hex characters.
    pub sha256: String,
    /// Why the file cannot be used: what it allows is not allowed then, and what it forbids is forbidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Something that begins at a time on the clock of a zone, perhaps more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it is called.
    pub summary: String,
    /// When it begins the first time, on the clock of its zone.
    pub start: DateTime,
    /// IANA name.
    pub zone: String,
    /// How many days it takes by the calendar…
    #[serde(default, skip_serializing_if = "is_zero")]
    pub days: u32,
    /// …and how many seconds of real time after them. One of the two is not 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: u32,
    /// How it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Occurrences that do not take place, or at another time. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<DateTime>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Calendar {
    /// What takes place at this moment, and what comes next, of all events or of those with this summary.
    pub(super) fn around(&self, summary: Option<&str>, now: Timestamp) -> Around {
        let mut all = Around::default();
        for event in self.events.iter().filter(|event| event.is_called(summary)) {
            let one = event.around(now);
            if let Some((start, end)) = one.last
                && all.last.is_none_or(|(_, later)| later < end)
            {
                all.last = Some((start, end));
            }
            all.next = [all.next, one.next].into_iter().flatten().min();
        }
        all
    }

    /// The summary of an event that takes place at this moment.
    pub(super) fn called(&self, summary: Option<&str>, now: Timestamp) -> Option<&str> {
        let running = |event: &&Event| event.around(now).last.is_some();
        let mut events = self.events.iter().filter(|event| event.is_called(summary));
        events.find(running).map(|event| event.summary.as_str())
    }

    /// Whether some event has this summary.
    pub fn has(&self, summary: &str) -> bool {
        self.events.iter().any(|event| event.is_called(Some(summary)))
    }
}

impl Event {
    fn is_called(&self, summary: Option<&str>) -> bool {
        summary.is_none_or(|summary| summary.trim().to_lowercase() == self.summary.trim().to_lowercase())
    }

    /// `last` only if it takes place at this moment.
    fn around(&self, now: Timestamp) -> Around {
        let mut around = Around::default();
        let Ok(zone) = TimeZone::get(&self.zone) else { return around };
        let mut see = |start: DateTime| {
            if self.except.binary_search(&start).is_ok() {
                return true;
            }
            match self.span(start, &zone) {
                Some((start, _)) if start > now => {
                    around.next = Some(start);
                    return false;
                }
                Some((start, end)) if now < end && around.last.is_none_or(|(_, later)| later < end) => {
                    around.last = Some((start, end));
                }
                _ => {}
            }
            true
        };
        match &self.rule {
            None => drop(see(self.start)),
            Some(rule) => {
                // An occurrence that began before this has ended, whatever the clock did.
                let long = Span::new().days(self.days + 2).seconds(self.seconds);
                let from = now.to_zoned(zone.clone()).datetime().checked_sub(long).unwrap_or(DateTime::MIN);
                rule.starts(self.start, &zone, from, see);
            }
        }
        around
    }

    /// From when to when the occurrence lasts.
    pub(super) fn span(&self, start: DateTime, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let begin = moment(start, zone)?;
        let last_day = start.checked_add(Span::new().days(self.days)).ok()?;
        let days_over = if self.days > 0 { moment(last_day, zone)? } else { begin };
        let end = days_over.checked_add(SignedDuration::from_secs(self.seconds.into())).ok()?;
        (begin < end).then_some((begin, end))
    }
}
