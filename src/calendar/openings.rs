//! The openings of one form of a window around a moment. Answers are kept for as long as they are valid, because they
//! are asked for again and again, for every waiting host. Start at [`open_until`].

use std::{cell::RefCell, str::FromStr};

use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned, civil::Date, tz::TimeZone};

use super::{Cron, Dates, Form, Weekly, civil::moment};

/// The most windows whose answer is kept; few fleets have more than a handful.
const MOST_ANSWERS: usize = 64;

thread_local! {
    static ANSWERS: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// Whether a window is open between two moments.
struct Answer {
    form: Form,
    /// Of which version of a calendar.
    stamp: Option<String>,
    from: Timestamp,
    to: Timestamp,
    until: Option<Timestamp>,
}

/// Until when it is open, if it is.
pub(super) fn open_until(form: &Form, dates: &Dates, now: Timestamp) -> Option<Timestamp> {
    let stamp = dates.stamp(form);
    ANSWERS.with_borrow_mut(|answers| {
        let same = |answer: &Answer| answer.form == *form && answer.stamp.as_deref() == stamp;
        let known = |answer: &&Answer| answer.from <= now && now < answer.to && same(answer);
        if let Some(answer) = answers.iter().find(known) {
            return answer.until;
        }
        answers.retain(|answer| !same(answer));
        if answers.len() >= MOST_ANSWERS {
            answers.remove(0);
        }
        let (from, to, until) = computed(form, dates, now);
        answers.push(Answer { form: form.clone(), stamp: stamp.map(str::to_owned), from, to, until });
        until
    })
}

/// From when and to when the answer is valid, and the answer.
pub(super) fn computed(form: &Form, dates: &Dates, now: Timestamp) -> (Timestamp, Timestamp, Option<Timestamp>) {
    let Some(Around { last, next }) = around(form, dates, now) else { return (Timestamp::MIN, Timestamp::MAX, None) };
    let next = next.unwrap_or(Timestamp::MAX);
    match last {
        Some((start, end)) if now < end => (start, end.min(next), Some(end)),
        Some((_, end)) => (end, next, None),
        None => (now, next, None),
    }
}

/// When it next opens after `now`.
pub(super) fn next_start(form: &Form, dates: &Dates, now: Timestamp) -> Option<Timestamp> {
    around(form, dates, now)?.next
}

/// `None`: it never opens, because it cannot be read.
fn around(form: &Form, dates: &Dates, now: Timestamp) -> Option<Around> {
    match form {
        Form::Cron(cron) => of_cron(cron, now),
        Form::Weekly(weekly) => of_weekly(weekly, now),
        Form::Calendar { calendar, summary } => dates.around(calendar, summary.as_deref(), now),
        Form::Any { .. } => None,
    }
}

/// The last opening that began at a moment or before, and the start of the next one.
#[derive(Default)]
pub(super) struct Around {
    pub last: Option<(Timestamp, Timestamp)>,
    pub next: Option<Timestamp>,
}

/// `None` if the window cannot be read. A start in the hour that is skipped in spring opens when that hour ends
/// (croner's rule).
fn of_cron(cron: &Cron, now: Timestamp) -> Option<Around> {
    let zoned = now.to_zoned(TimeZone::get(&cron.timezone).ok()?);
    let starts = croner::Cron::from_str(&cron.start).ok()?;
    let at = |start: Zoned| start.timestamp();
    let next = starts.find_next_occurrence(&zoned, false).ok().map(at);
    let length = SignedDuration::try_from(cron.duration).unwrap_or(SignedDuration::MAX);
    let last = starts.find_previous_occurrence(&zoned, true).ok().map(at);
    let last = last.map(|start| (start, start.saturating_add(length).unwrap_or(Timestamp::MAX)));
    Some(Around { last, next })
}

fn of_weekly(weekly: &Weekly, now: Timestamp) -> Option<Around> {
    let zone = TimeZone::get(&weekly.timezone).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    // The last opening began a week ago at most, and on two days the clock may change.
    let days = (-9..=9_i64).filter_map(|days| today.checked_add(days.days()).ok());
    let openings = days.filter(|day| weekly.days.has(day.weekday())).filter_map(|day| opening(weekly, day, &zone));
    let mut around = Around { last: None, next: None };
    for (start, end) in openings {
        if start <= now {
            around.last = Some((start, end));
        } else {
            around.next = around.next.or(Some(start));
        }
    }
    Some(around)
}

/// The opening that begins on this day; none if the clock change leaves nothing of it.
fn opening(weekly: &Weekly, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let at = |day: Date, minutes: u16| {
        let midnight = day.at(0, 0, 0, 0);
        moment(midnight.checked_add(i64::from(minutes).minutes()).ok()?, zone)
    };
    let last_day = if weekly.hours.pass_midnight() { day.tomorrow().ok()? } else { day };
    let (start, end) = (at(day, weekly.hours.from)?, at(last_day, weekly.hours.to)?);
    (start < end).then_some((start, end))
}
