//! Maintenance windows at a moment: open until when, or open next when.
//!
//! A window is a cron start, a real (not civil) length and a time zone, so that a night with a clock change is as long
//! as any other. A start inside a spring gap opens when the gap ends (croner's rule).

use std::{cell::RefCell, str::FromStr};

use croner::Cron;
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use crate::policy::Window;

/// When the window that is open at `now` closes; `None` when it is closed, or cannot be read (a loader checked it).
///
/// Asked for every waiting host again and again, so an answer is remembered for as long as it holds.
pub fn open_until(window: &Window, now: Timestamp) -> Option<Timestamp> {
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

/// What [`open_until`] says from one moment until before another one.
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
pub fn next_opening(window: &Window, now: Timestamp) -> Option<Timestamp> {
    let (cron, now) = prepare(window, now)?;
    cron.find_next_occurrence(&now, false).ok().map(|start| start.timestamp())
}

fn prepare(window: &Window, now: Timestamp) -> Option<(Cron, Zoned)> {
    let zone = TimeZone::get(&window.timezone).ok()?;
    Some((Cron::from_str(&window.start).ok()?, now.to_zoned(zone)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn berlin(start: &str, hours: u64) -> Window {
        Window {
            start: start.to_owned(),
            duration: Duration::from_secs(hours * 3600),
            timezone: "Europe/Berlin".to_owned(),
        }
    }

    #[test]
    fn a_window_is_open_from_its_start_to_before_its_end() {
        let window = berlin("0 2 * * SUN#2", 4);
        for (now, until) in [
            ("2026-11-08T00:59:59Z", None),
            ("2026-11-08T01:00:00Z", Some("2026-11-08T05:00:00Z")),
            ("2026-11-08T04:59:59Z", Some("2026-11-08T05:00:00Z")),
            ("2026-11-08T05:00:00Z", None),
            ("2026-11-15T02:00:00Z", None),
        ] {
            let until: Option<Timestamp> = until.map(|t: &str| t.parse().unwrap());
            assert_eq!(open_until(&window, now.parse().unwrap()), until, "{now}");
        }
        let next = next_opening(&window, "2026-11-08T01:00:00Z".parse().unwrap());
        assert_eq!(next, Some("2026-12-13T01:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_clock_change_does_not_shorten_a_window() {
        // 2026-03-29: 02:00 becomes 03:00 in Berlin.
        let window = berlin("30 2 29 3 *", 4);
        let until = open_until(&window, "2026-03-29T01:00:00Z".parse().unwrap());
        assert_eq!(until, Some("2026-03-29T05:00:00Z".parse().unwrap()));
        assert_eq!(open_until(&window, "2026-03-29T00:59:59Z".parse().unwrap()), None);
    }

    #[test]
    fn an_hour_that_comes_twice_opens_once() {
        // 2026-10-25: 03:00 becomes 02:00 in Berlin; 02:30 is 00:30Z, and again 01:30Z.
        let window = berlin("30 2 * * *", 2);
        for (now, until) in [
            ("2026-10-25T00:29:59Z", None),
            ("2026-10-25T00:30:00Z", Some("2026-10-25T02:30:00Z")),
            ("2026-10-25T01:30:00Z", Some("2026-10-25T02:30:00Z")),
            ("2026-10-25T02:30:00Z", None),
        ] {
            let until: Option<Timestamp> = until.map(|t: &str| t.parse().unwrap());
            assert_eq!(open_until(&window, now.parse().unwrap()), until, "{now}");
        }
    }

    #[test]
    fn starts_that_overlap_keep_it_open_and_nonsense_keeps_it_closed() {
        let window = berlin("0 * * * *", 2);
        let until = open_until(&window, "2026-11-08T10:30:00.5Z".parse().unwrap());
        assert_eq!(until, Some("2026-11-08T12:00:00Z".parse().unwrap()), "the latest start counts");
        let now = "2026-11-08T10:30:00Z".parse().unwrap();
        for (start, timezone) in [("never", "UTC"), ("0 2 * * *", "Mars/Base"), ("0 0 30 2 *", "UTC")] {
            let window = Window { start: start.into(), timezone: timezone.into(), ..berlin("", 1) };
            assert_eq!((open_until(&window, now), next_opening(&window, now)), (None, None), "{start} {timezone}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_computed(
            hours in proptest::collection::vec(0..400_i64, 1..40),
            start in proptest::sample::select(vec!["30 2 * * *", "0 * * * *", "0 2 * * SUN#L", "15 1 25 10 *", "never"]),
            length in 1..30_u64,
        ) {
            let window = berlin(start, length);
            let origin: Timestamp = "2026-10-20T00:00:00Z".parse().unwrap();
            for hour in hours {
                let now = origin + SignedDuration::from_mins(hour * 17);
                let fresh = answer(&window, now).until;
                proptest::prop_assert_eq!(open_until(&window, now), fresh, "{} {}", start, now);
            }
        }
    }
}
