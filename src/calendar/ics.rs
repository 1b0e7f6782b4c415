//! Reads iCalendar files (RFC 5545) as Outlook, Google and others write them. Zones come from their names alone: what a
//! file says about a zone by itself (`VTIMEZONE`) is not read, so that there is one source of clock changes. Whatever
//! is not supported is refused with its line. Start at [`read`].

use std::collections::HashMap;

use base16ct::lower::encode_string as hex;
use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use sha2::{Digest as _, Sha256};

use super::{
    Calendar, Event,
    civil::moment,
    line::{Line, lines, unescaped},
    rule::{Rule, clock, date},
    zones,
};

/// The largest file that is read, in bytes.
pub const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// The most events of a file, moved occurrences included.
const MOST_EVENTS: usize = 5_000;
/// The most occurrences of a file that do not take place.
const MOST_EXCEPT: usize = 20_000;
/// The most faults that are reported.
const MOST_FAULTS: usize = 20;
/// The longest event, in seconds: four years.
const LONGEST: i64 = 4 * 366 * 86_400;

/// What is wrong with a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What.
    pub what: String,
    /// What helps.
    pub help: Option<String>,
}

type Found<T> = Result<T, Fault>;

fn fault<T>(line: usize, what: impl Into<String>) -> Found<T> {
    Err(Fault { line, what: what.into(), help: None })
}

/// Reads a file. Events without a zone (whole days among them) take place in `zone`.
///
/// # Errors
/// Lines that cannot be read or that are not supported: at least one, the first of them.
pub fn read(text: &str, zone: Option<&str>) -> Result<Calendar, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut drafts = Vec::new();
    let mut draft: Option<Draft> = None;
    let mut zone = zone.map(str::to_owned);
    // Names of the components around the line; those inside of an event (alarms) do not count.
    let mut open: Vec<String> = Vec::new();
    let text = text.trim_start_matches('\u{feff}');
    for line in lines(text) {
        let line = match line {
            Ok(line) => line,
            Err(number) => {
                faults.push(Fault { line: number, what: "this is not NAME:VALUE".to_owned(), help: None });
                break;
            }
        };
        let result = match (line.name.as_str(), open.as_slice()) {
            ("BEGIN", _) if open.len() >= 8 => fault(line.number, "too many components inside of each other"),
            ("BEGIN", around) => {
                if line.value.eq_ignore_ascii_case("VEVENT") && around.len() == 1 {
                    draft = Some(Draft { line: line.number, ..Draft::default() });
                }
                open.push(line.value.trim().to_owned());
                Ok(())
            }
            ("END", _) => match open.pop() {
                Some(begun) if begun.eq_ignore_ascii_case(line.value.trim()) => {
                    if open.len() == 1 {
                        drafts.extend(draft.take());
                    }
                    Ok(())
                }
                _ => fault(line.number, format!("END:{} without its BEGIN", short(&line.value))),
            },
            (_, []) => fault(line.number, "this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR"),
            ("METHOD", [_]) if line.value.eq_ignore_ascii_case("CANCEL") => {
                fault(line.number, "this file cancels events (METHOD:CANCEL)")
            }
            ("X-WR-TIMEZONE", [_]) => {
                zone = zone.or_else(|| zones::known(&line.value));
                Ok(())
            }
            (_, [_, _]) => draft.as_mut().map_or(Ok(()), |draft| draft.take(line)),
            _ => Ok(()),
        };
        if let Err(fault) = result {
            faults.push(fault);
        }
        if drafts.len() > MOST_EVENTS {
            faults.push(Fault { line: 1, what: format!("this file has more than {MOST_EVENTS} events"), help: None });
        }
        if faults.len() >= MOST_FAULTS || drafts.len() > MOST_EVENTS {
            break;
        }
    }
    if faults.is_empty() && (!open.is_empty() || text.trim().is_empty()) {
        let what = if open.is_empty() { "this file is empty" } else { "this file is cut: its last END is missing" };
        faults.push(Fault { line: text.lines().count().max(1), what: what.to_owned(), help: None });
    }
    let events = if faults.is_empty() { joined(&drafts, zone.as_deref(), &mut faults) } else { Vec::new() };
    faults.truncate(MOST_FAULTS);
    let sha256 = hex(&Sha256::digest(text.as_bytes()));
    if faults.is_empty() { Ok(Calendar { events, sha256, unreadable: None }) } else { Err(faults) }
}

/// What an event of the file says.
#[derive(Default)]
struct Draft {
    /// Of its BEGIN.
    line: usize,
    uid: String,
    summary: String,
    cancelled: bool,
    start: Option<Line>,
    end: Option<Line>,
    duration: Option<Line>,
    rule: Option<Line>,
    instead_of: Option<Line>,
    except: Vec<Line>,
    also: Vec<Line>,
}

impl Draft {
    fn take(&mut self, line: Line) -> Found<()> {
        let number = line.number;
        let slot = match line.name.as_str() {
            "UID" => {
                self.uid = line.value.trim().to_owned();
                return Ok(());
            }
            "SUMMARY" => {
                self.summary = unescaped(&line.value).chars().take(200).collect();
                return Ok(());
            }
            "STATUS" => {
                self.cancelled = line.value.trim().eq_ignore_ascii_case("CANCELLED");
                return Ok(());
            }
            "EXDATE" => {
                self.except.push(line);
                return Ok(());
            }
            "RDATE" => {
                self.also.push(line);
                return Ok(());
            }
            "EXRULE" => return fault(number, "EXRULE is not supported"),
            "DTSTART" => &mut self.start,
            "DTEND" => &mut self.end,
            "DURATION" => &mut self.duration,
            "RRULE" => &mut self.rule,
            "RECURRENCE-ID" => {
                if line.parameter("RANGE").is_some() {
                    return fault(number, "RANGE=THISANDFUTURE is not supported");
                }
                &mut self.instead_of
            }
            _ => return Ok(()),
        };
        if slot.is_some() {
            return fault(number, format!("this event has a second {}", line.name));
        }
        *slot = Some(line);
        Ok(())
    }
}

/// A time of the file, on the clock of a zone.
struct At {
    time: DateTime,
    zone: String,
    whole_day: bool,
}

fn joined(drafts: &[Draft], zone: Option<&str>, faults: &mut Vec<Fault>) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut by_uid: HashMap<&str, (usize, bool)> = HashMap::new();
    for draft in drafts.iter().filter(|draft| draft.instead_of.is_none() && !draft.cancelled) {
        match event(draft, zone) {
            Ok((event, whole_day, also)) => {
                if by_uid.insert(&draft.uid, (events.len(), whole_day)).is_some() && !draft.uid.is_empty() {
                    let what = "another event of this file has the same UID".to_owned();
                    faults.push(Fault { line: draft.line, what, help: None });
                }
                events.push(event);
                events.extend(also);
            }
            Err(fault) => faults.push(fault),
        }
    }
    for draft in drafts {
        let Some(id) = &draft.instead_of else { continue };
        if let Some((at, whole_day)) = by_uid.get(draft.uid.as_str()) {
            match occurrence(id, &id.value, &events[*at], *whole_day) {
                Ok(time) => events[*at].except.push(time),
                Err(fault) => faults.push(fault),
            }
        }
        if !draft.cancelled {
            match event(draft, zone) {
                Ok((event, _, _)) => events.push(event),
                Err(fault) => faults.push(fault),
            }
        }
    }
    let except: usize = events.iter().map(|event| event.except.len()).sum();
    if events.len() > MOST_EVENTS || except > MOST_EXCEPT {
        faults.push(Fault { line: 1, what: "this file has too many events".to_owned(), help: None });
    }
    for event in &mut events {
        event.except.sort_unstable();
        event.except.dedup();
    }
    events
}

/// The event, whether it takes whole days, and the occurrences that are listed besides its rule.
fn event(draft: &Draft, zone: Option<&str>) -> Found<(Event, bool, Vec<Event>)> {
    let Some(start_line) = &draft.start else { return fault(draft.line, "this event has no DTSTART") };
    let start = at(start_line, &start_line.value, zone)?;
    let (days, seconds) = length(draft, &start)?;
    let mut event = Event {
        summary: draft.summary.clone(),
        start: start.time,
        zone: start.zone,
        days,
        seconds,
        rule: None,
        except: Vec::new(),
    };
    let mut also = Vec::new();
    for line in &draft.also {
        for value in line.value.split(',') {
            if also.len() >= MOST_EVENTS {
                return fault(line.number, "too many dates");
            }
            let time = occurrence(line, value, &event, start.whole_day)?;
            also.push(Event { start: time, ..event.clone() });
        }
    }
    for line in &draft.except {
        for value in line.value.split(',') {
            if event.except.len() >= MOST_EXCEPT {
                return fault(line.number, "too many dates");
            }
            let time = occurrence(line, value, &event, start.whole_day)?;
            event.except.push(time);
        }
    }
    if let Some(line) = &draft.rule {
        let text = line.value.trim().to_ascii_uppercase();
        let rule: Rule = match text.parse() {
            Ok(rule) => rule,
            Err(why) => return fault(line.number, format!("this rule cannot be used: {why}")),
        };
        let zone = TimeZone::get(&event.zone).unwrap_or(TimeZone::UTC);
        if !rule.begins_at(event.start, &zone) {
            return fault(line.number, "the first date of this event (DTSTART) is not one of its rule");
        }
        event.rule = Some(rule);
    }
    also.retain(|one| !event.except.contains(&one.start));
    Ok((event, start.whole_day, also))
}

/// A time in `line`: with a zone, in UTC, or without either, which needs `zone`.
fn at(line: &Line, value: &str, zone: Option<&str>) -> Found<At> {
    let value = value.trim();
    let wrong = || fault(line.number, format!("`{}` is not a date or a time", short(value)));
    if line.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("PERIOD")) {
        return fault(line.number, "VALUE=PERIOD is not supported");
    }
    let default = || match zone {
        Some(zone) => Ok(zone.to_owned()),
        None => Err(Fault {
            line: line.number,
            what: "this time has no time zone".to_owned(),
            help: Some("name one where the calendar is named: `{ file: …, timezone: Europe/Berlin }`".to_owned()),
        }),
    };
    if let Some(day) = date(value) {
        return Ok(At { time: day.at(0, 0, 0, 0), zone: default()?, whole_day: true });
    }
    if let Some(utc) = value.strip_suffix('Z') {
        return match clock(utc) {
            Some(time) => Ok(At { time, zone: "UTC".to_owned(), whole_day: false }),
            None => wrong(),
        };
    }
    let Some(time) = clock(value) else { return wrong() };
    let zone = match line.parameter("TZID") {
        None => default()?,
        Some(name) => match zones::known(name) {
            Some(zone) => zone,
            None => {
                let help = "names of IANA (Europe/Berlin) and of Windows (W. Europe Standard Time) are known";
                let what = format!("there is no time zone `{}`", short(name));
                return Err(Fault { line: line.number, what, help: Some(help.to_owned()) });
            }
        },
    };
    Ok(At { time, zone, whole_day: false })
}

/// A time in the zone of the event that it is about, which it has without a zone of its own, too.
fn occurrence(line: &Line, value: &str, event: &Event, whole_day: bool) -> Found<DateTime> {
    let found = at(line, value, Some(&event.zone))?;
    if found.whole_day != whole_day {
        let (this, that) = if whole_day { ("a time", "a date") } else { ("a date", "a time") };
        return fault(line.number, format!("{} is {this}, and the event begins with {that}", line.name));
    }
    if found.zone == event.zone || whole_day {
        return Ok(found.time);
    }
    let moved = || {
        let (from, to) = (TimeZone::get(&found.zone).ok()?, TimeZone::get(&event.zone).ok()?);
        Some(moment(found.time, &from)?.to_zoned(to).datetime())
    };
    moved().map_or_else(|| fault(line.number, "this time is out of range"), Ok)
}

/// Days by the calendar, and seconds of real time after them.
fn length(draft: &Draft, start: &At) -> Found<(u32, u32)> {
    let (line, days, seconds) = match (&draft.end, &draft.duration) {
        (Some(line), None) => {
            let end = at(line, &line.value, Some(&start.zone))?;
            if end.whole_day != start.whole_day {
                return fault(line.number, "DTSTART and DTEND are not both dates or both times");
            }
            let real = || {
                let (from, to) = (TimeZone::get(&start.zone).ok()?, TimeZone::get(&end.zone).ok()?);
                Some(moment(end.time, &to)?.duration_since(moment(start.time, &from)?).as_secs())
            };
            match start.whole_day {
                true => (line, i64::from(days_between(start.time.date(), end.time.date())), 0),
                false => (line, 0, real().unwrap_or(0)),
            }
        }
        (None, Some(line)) => match duration(line.value.trim()) {
            Some((days, real)) if !start.whole_day || real.is_zero() => (line, days, real.as_secs()),
            _ => return fault(line.number, format!("`{}` cannot be used as a length", short(&line.value))),
        },
        (Some(_), Some(line)) => return fault(line.number, "this event has DTEND and DURATION"),
        (None, None) if start.whole_day => return Ok((1, 0)),
        (None, None) => return fault(draft.line, "this event has no end (DTEND or DURATION)"),
    };
    let fits = days >= 0 && seconds >= 0 && days + seconds > 0 && days.saturating_mul(86_400) + seconds <= LONGEST;
    match (u32::try_from(days), u32::try_from(seconds)) {
        (Ok(days), Ok(seconds)) if fits => Ok((days, seconds)),
        _ => fault(line.number, "this event ends before it begins, or takes longer than four years"),
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}

/// `P1W`, `P2D`, `PT1H30M`, `P1DT2H`: days, and real time.
fn duration(text: &str) -> Option<(i64, SignedDuration)> {
    let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (days_part, time_part) = rest.split_once('T').map_or((rest, None), |(days, time)| (days, Some(time)));
    let mut days = 0;
    for (number, unit) in parts(days_part)? {
        days += number
            * if unit == 'W' {
                7
            } else if unit == 'D' {
                1
            } else {
                return None;
            };
    }
    let mut seconds = 0;
    for (number, unit) in parts(time_part.unwrap_or(""))? {
        seconds += number
            * match unit {
                'H' => 3600,
                'M' => 60,
                'S' => 1,
                _ => return None,
            };
    }
    Some((days, SignedDuration::from_secs(seconds)))
}

fn parts(text: &str) -> Option<Vec<(i64, char)>> {
    let mut found = Vec::new();
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() && digits.len() < 7 {
            digits.push(c);
        } else {
            found.push((digits.parse().ok()?, c));
            digits.clear();
        }
    }
    (digits.is_empty() && found.len() <= 4).then_some(found)
}

/// So much of a text that a message may show.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
#[path = "ics_tests.rs"]
mod tests;
