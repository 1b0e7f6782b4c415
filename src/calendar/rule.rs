//! Rules of repetition (`RRULE`, RFC 5545 3.3.10) and the dates that they give. A rule with a part that is not
//! supported is refused: a date too many is as bad as one too few. Start at [`Rule`].

use std::{collections::BTreeSet, str::FromStr};

use jiff::{
    Span, Timestamp, ToSpan as _,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::civil::moment;

/// The most occurrences that a rule may count.
const MOST_COUNTED: u32 = 10_000;
/// The most days, weeks, months or years to look through for the next date.
const MOST_PERIODS: i64 = 20_000;

/// How an event repeats. In JSON as in the file: `FREQ=MONTHLY;BYDAY=2SU`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rule {
    text: String,
    every: Every,
    interval: i64,
    count: Option<u32>,
    until: Option<Until>,
    /// With the number of the day in its month; 0: all of them, -1: the last.
    days: Vec<(i8, Weekday)>,
    month_days: Vec<i8>,
    months: Vec<i8>,
    positions: Vec<i16>,
    week_start: Weekday,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Day,
    Week,
    Month,
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Moment(Timestamp),
    Clock(DateTime),
    Day(Date),
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.text
    }
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self {
            text: text.to_owned(),
            every: Every::Day,
            interval: 1,
            count: None,
            until: None,
            days: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut seen = BTreeSet::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
            if !seen.insert(name) {
                return Err(format!("{name} is there twice"));
            }
            rule.read(name, value)?;
        }
        if !seen.contains("FREQ") {
            return Err("FREQ is missing".to_owned());
        }
        rule.supported()
    }
}

impl Rule {
    fn read(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{name}={value} is not supported");
        match name {
            "FREQ" => {
                self.every = match value {
                    "DAILY" => Every::Day,
                    "WEEKLY" => Every::Week,
                    "MONTHLY" => Every::Month,
                    "YEARLY" => Every::Year,
                    _ => return Err(wrong()),
                }
            }
            "INTERVAL" => self.interval = number(value, 1, 1000).ok_or_else(wrong)?,
            "COUNT" => self.count = Some(number(value, 1, i64::from(MOST_COUNTED)).ok_or_else(wrong)?),
            "UNTIL" => self.until = Some(until(value).ok_or_else(wrong)?),
            "BYDAY" => self.days = list(value, day_of_month).ok_or_else(wrong)?,
            "BYMONTHDAY" => self.month_days = list(value, |text| number_or_from_end(text, 31)).ok_or_else(wrong)?,
            "BYMONTH" => self.months = list(value, |text| number(text, 1, 12)).ok_or_else(wrong)?,
            "BYSETPOS" => self.positions = list(value, |text| number_or_from_end(text, 366)).ok_or_else(wrong)?,
            "WKST" => self.week_start = weekday(value).ok_or_else(wrong)?,
            _ => return Err(format!("{name} is not supported")),
        }
        Ok(())
    }

    fn supported(self) -> Result<Self, String> {
        let refuse = |why: &str| Err(why.to_owned());
        let numbered = self.days.iter().any(|(number, _)| *number != 0);
        match self.every {
            _ if self.count.is_some() && self.until.is_some() => refuse("COUNT and UNTIL exclude each other"),
            Every::Day | Every::Week if !self.positions.is_empty() => {
                refuse("BYSETPOS is supported with FREQ=MONTHLY and FREQ=YEARLY only")
            }
            Every::Day | Every::Week if numbered => refuse("numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY"),
            Every::Week if !self.month_days.is_empty() => refuse("BYMONTHDAY is not supported with FREQ=WEEKLY"),
            Every::Year if !self.days.is_empty() && self.months.is_empty() => {
                refuse("BYDAY with FREQ=YEARLY is supported with BYMONTH only")
            }
            Every::Month | Every::Year if numbered && !self.month_days.is_empty() => {
                refuse("numbers in BYDAY are not supported together with BYMONTHDAY")
            }
            _ => Ok(self),
        }
    }

    /// Calls `see` for each start from `from` on, in order, until it says `false`. `first` is the first of all.
    pub(super) fn starts(
        &self,
        first: DateTime,
        zone: &TimeZone,
        from: DateTime,
        mut see: impl FnMut(DateTime) -> bool,
    ) {
        // What is counted is counted from the beginning.
        let begin = if self.count.is_some() { 0 } else { self.periods_before(first.date(), from.date()) };
        let mut counted = 0;
        for period in begin..begin.saturating_add(MOST_PERIODS) {
            let Some(dates) = self.dates(first.date(), period) else { return };
            for date in dates {
                let start = date.to_datetime(first.time());
                if start < first {
                    continue;
                }
                counted += 1;
                if self.count.is_some_and(|count| counted > count) || self.is_over(start, zone) {
                    return;
                }
                if start >= from && !see(start) {
                    return;
                }
            }
        }
    }

    /// Whether its first date follows the rule.
    pub(super) fn begins_at(&self, first: DateTime, zone: &TimeZone) -> bool {
        let mut found = None;
        self.starts(first, zone, first, |start| {
            found = Some(start);
            false
        });
        found == Some(first)
    }

    fn is_over(&self, start: DateTime, zone: &TimeZone) -> bool {
        match self.until {
            None => false,
            Some(Until::Moment(last)) => moment(start, zone).is_none_or(|start| start > last),
            Some(Until::Clock(last)) => start > last,
            Some(Until::Day(last)) => start.date() > last,
        }
    }

    /// How many periods after the first one surely end before `date`.
    fn periods_before(&self, first: Date, date: Date) -> i64 {
        let days = (date - first).get_days().max(0);
        let months = (i64::from(date.year()) - i64::from(first.year())) * 12 + i64::from(date.month())
            - i64::from(first.month());
        let periods = match self.every {
            Every::Day => i64::from(days),
            Every::Week => i64::from(days) / 7,
            Every::Month => months,
            Every::Year => i64::from(date.year()) - i64::from(first.year()),
        };
        (periods / self.interval - 1).max(0)
    }

    /// The dates of a period in their order, those before the first one included. `None`: past the end of time.
    fn dates(&self, first: Date, period: i64) -> Option<Vec<Date>> {
        let steps = period.checked_mul(self.interval)?;
        match self.every {
            Every::Day => {
                let date = first.checked_add(Span::new().try_days(steps).ok()?).ok()?;
                Some(if self.takes(date) { vec![date] } else { Vec::new() })
            }
            Every::Week => {
                let back = i64::from(first.weekday().since(self.week_start));
                let monday = first.checked_add(Span::new().try_days(steps.checked_mul(7)? - back).ok()?).ok()?;
                let week = (0..7_i64).map(|day| monday.checked_add(day.days()).ok()).collect::<Option<Vec<Date>>>()?;
                let wanted = |date: &Date| match self.days.is_empty() {
                    true => date.weekday() == first.weekday(),
                    false => self.days.iter().any(|(_, day)| *day == date.weekday()),
                };
                Some(week.into_iter().filter(|date| wanted(date) && self.in_month(date.month())).collect())
            }
            Every::Month => {
                let months = i64::from(first.year()) * 12 + i64::from(first.month()) - 1 + steps;
                let (year, month) = (i16::try_from(months / 12).ok()?, i8::try_from(months % 12 + 1).ok()?);
                let dates = if self.in_month(month) { self.of_month(first, year, month)? } else { BTreeSet::new() };
                Some(self.picked(dates))
            }
            Every::Year => {
                let year = i16::try_from(i64::from(first.year()).checked_add(steps)?).ok()?;
                let months: Vec<i8> = match () {
                    () if !self.months.is_empty() => self.months.clone(),
                    () if !self.month_days.is_empty() => (1..=12).collect(),
                    () => vec![first.month()],
                };
                let mut dates = BTreeSet::new();
                for month in months {
                    dates.extend(self.of_month(first, year, month)?);
                }
                Some(self.picked(dates))
            }
        }
    }

    /// For a daily rule: what the other parts leave.
    fn takes(&self, date: Date) -> bool {
        let last = date.days_in_month();
        self.in_month(date.month())
            && (self.days.is_empty() || self.days.iter().any(|(_, day)| *day == date.weekday()))
            && (self.month_days.is_empty()
                || self.month_days.iter().any(|day| in_month(*day, last) == Some(date.day())))
    }

    fn in_month(&self, month: i8) -> bool {
        self.months.is_empty() || self.months.contains(&month)
    }

    fn of_month(&self, first: Date, year: i16, month: i8) -> Option<BTreeSet<Date>> {
        let begin = Date::new(year, month, 1).ok()?;
        let last = begin.days_in_month();
        let on = |day: i8| Date::new(year, month, day).ok();
        if !self.month_days.is_empty() {
            let days = self.month_days.iter().filter_map(|day| on(in_month(*day, last)?));
            let fits = |date: &Date| self.days.is_empty() || self.days.iter().any(|(_, day)| *day == date.weekday());
            return Some(days.filter(fits).collect());
        }
        if self.days.is_empty() {
            // A month without this day is left out.
            return Some(on(first.day()).into_iter().collect());
        }
        let mut found = BTreeSet::new();
        for (number, weekday) in &self.days {
            let all: Vec<Date> = (1..=last).filter_map(on).filter(|date| date.weekday() == *weekday).collect();
            match number {
                0 => found.extend(all),
                1.. => found.extend(usize::try_from(*number).ok().and_then(|n| all.get(n - 1))),
                _ => found
                    .extend(usize::from(number.unsigned_abs()).checked_sub(1).and_then(|n| all.iter().rev().nth(n))),
            }
        }
        Some(found)
    }

    fn picked(&self, dates: BTreeSet<Date>) -> Vec<Date> {
        let dates: Vec<Date> = dates.into_iter().collect();
        if self.positions.is_empty() {
            return dates;
        }
        let at = |position: &i16| {
            let number = usize::from(position.unsigned_abs());
            if *position > 0 { number.checked_sub(1) } else { dates.len().checked_sub(number) }
        };
        let wanted: BTreeSet<usize> = self.positions.iter().filter_map(at).collect();
        wanted.into_iter().filter_map(|at| dates.get(at).copied()).collect()
    }
}

/// The day that -1 (the last one) and so on mean in a month of this many days.
fn in_month(day: i8, last: i8) -> Option<i8> {
    let day = if day < 0 { last + 1 + day } else { day };
    (1..=last).contains(&day).then_some(day)
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    // No list of days, months or positions is longer.
    (text.len() < 2000).then(|| text.split(',').map(read).collect())?
}

fn number<T: TryFrom<i64>>(text: &str, least: i64, most: i64) -> Option<T> {
    let plain = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = text.parse().ok().filter(|number| plain && (least..=most).contains(number))?;
    T::try_from(number).ok()
}

fn number_or_from_end<T: TryFrom<i64>>(text: &str, most: i64) -> Option<T> {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    T::try_from(number::<i64>(digits, 1, most)? * sign).ok()
}

/// `SU`, `2SU`, `-1FR`.
fn day_of_month(text: &str) -> Option<(i8, Weekday)> {
    let (number, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let number = if number.is_empty() { 0 } else { number_or_from_end(number, 5)? };
    Some((number, weekday(day)?))
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

fn until(text: &str) -> Option<Until> {
    if let Some(utc) = text.strip_suffix('Z') {
        return Some(Until::Moment(moment(clock(utc)?, &TimeZone::UTC)?));
    }
    match clock(text) {
        Some(time) => Some(Until::Clock(time)),
        None => date(text).map(Until::Day),
    }
}

/// `20261213`.
pub(super) fn date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

/// `20261213T020000`.
pub(super) fn clock(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    if time.len() != 6 || !time.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| time[range].parse::<i8>().ok();
    // A leap second is the last second of its minute.
    let (hour, minute, second) = (part(0..2)?, part(2..4)?, part(4..6)?.min(59));
    date(day)?.at(0, 0, 0, 0).with().hour(hour).minute(minute).second(second).build().ok()
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
