use std::time::Duration;

use super::*;
use crate::calendar::{Freeze, Frozen, Weekly, ics};

fn alone<T>(windows: &Windows, ask: impl FnOnce(Schedule<'_>) -> T) -> T {
    ask(Schedule { windows: Some(windows), freezes: &[], dates: &Dates::default(), walk: None })
}

fn open_until(windows: &Windows, now: Timestamp) -> Option<Timestamp> {
    alone(windows, |schedule| schedule.open(now).ok())
}

fn next_opening(windows: &Windows, now: Timestamp) -> Option<Timestamp> {
    alone(windows, |schedule| schedule.next(now))
}

fn never_open(windows: &Windows, now: Timestamp) -> bool {
    alone(windows, |schedule| schedule.never_opens(now))
}

fn one_open_until(window: &Window, now: Timestamp) -> Option<Timestamp> {
    open_until(&window.clone().into(), now)
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(start: &str, minutes: u64, timezone: &str) -> Window {
    Window::cron(start, Duration::from_secs(minutes * 60), timezone)
}

fn berlin(start: &str, hours: u64) -> Windows {
    Windows::from(window(start, hours * 60, "Europe/Berlin"))
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
    let next = next_opening(&window, moment("2026-11-08T05:00:00Z"));
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
    let hourly = berlin("0 * * * *", 2);
    let until = open_until(&hourly, "2026-11-08T10:30:00.5Z".parse().unwrap());
    assert_eq!(until, Some("2026-11-08T12:00:00Z".parse().unwrap()), "the latest start counts");
    let now = "2026-11-08T10:30:00Z".parse().unwrap();
    for (start, timezone) in [("never", "UTC"), ("0 2 * * *", "Mars/Base"), ("0 0 30 2 *", "UTC")] {
        let window = Windows::from(window(start, 60, timezone));
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
            let fresh = openings::computed(&window.0[0].form, &Dates::default(), now).2;
            proptest::prop_assert_eq!(open_until(&window, now), fresh, "{} {}", start, now);
        }
    }
}

/// The inventory's window, and the playbook's, which narrows it.
fn both(inventory: Window, playbook: Window) -> Windows {
    Windows::narrowed(Some(&inventory), Some(&playbook)).unwrap()
}

#[test]
fn two_windows_are_open_while_both_are() {
    let nights = window("0 22 * * *", 8 * 60, "Europe/Berlin");
    let sundays = window("0 0 * * SUN", 24 * 60, "UTC");
    let windows = both(nights, sundays);
    // Sunday 8 November 2026: the night ends at 05:00Z, the next begins at 21:00Z.
    for (now, until) in [
        ("2026-11-07T23:59:59Z", None),
        ("2026-11-08T00:00:00Z", Some("2026-11-08T05:00:00Z")),
        ("2026-11-08T05:00:00Z", None),
        ("2026-11-08T20:59:59Z", None),
        ("2026-11-08T21:00:00Z", Some("2026-11-09T00:00:00Z")),
        ("2026-11-09T00:00:00Z", None),
    ] {
        assert_eq!(open_until(&windows, moment(now)), until.map(moment), "{now}");
    }
    for (now, opens) in [
        ("2026-11-08T05:00:00Z", "2026-11-08T21:00:00Z"),
        ("2026-11-09T00:00:00Z", "2026-11-15T00:00:00Z"),
        ("2026-11-08T22:00:00Z", "2026-11-08T22:00:00Z"),
    ] {
        assert_eq!(next_opening(&windows, moment(now)), Some(moment(opens)), "{now}");
    }
}

#[test]
fn windows_that_never_meet_are_known() {
    let now = moment("2026-01-01T00:00:00Z");
    for (inventory, playbook, never) in [
        // They only touch, and a window is closed at its end.
        (window("0 2 * * *", 120, "UTC"), window("0 4 * * *", 60, "UTC"), true),
        (window("0 2 * * *", 121, "UTC"), window("0 4 * * *", 60, "UTC"), false),
        (window("0 2 * * SAT", 60, "UTC"), window("0 2 * * SUN", 60, "UTC"), true),
        (window("0 2 * * MON-FRI", 60, "UTC"), window("30 2 13 * *", 60, "UTC"), false),
        // An hour apart in winter, two hours in summer.
        (window("0 2 * * *", 60, "Europe/Berlin"), window("0 1 * * *", 60, "UTC"), false),
        (window("0 4 * * *", 60, "Europe/Berlin"), window("0 1 * * *", 60, "UTC"), true),
        (window("0 3 * 6 *", 60, "Europe/Berlin"), window("0 1 * * *", 60, "UTC"), false),
        (window("0 2 * 6 *", 60, "Europe/Berlin"), window("0 1 * * *", 60, "UTC"), true),
        // 02:30 does not exist on 29 March, so the window opens at 03:00.
        (window("30 2 29 3 *", 60, "Europe/Berlin"), window("0 3 * * *", 30, "Europe/Berlin"), false),
        (window("30 2 29 3 *", 60, "Europe/Berlin"), window("30 2 28 3 *", 10, "Europe/Berlin"), true),
        (window("0 0 29 2 *", 60, "UTC"), window("0 0 * * *", 60, "UTC"), true),
        // 30 February never comes; the loader refuses it.
        (window("* * * * *", 1, "UTC"), window("0 0 30 2 *", 1, "UTC"), true),
    ] {
        let windows = both(inventory, playbook);
        assert_eq!(never_open(&windows, now), never, "{windows:?}");
        assert_eq!(next_opening(&windows, now).is_none(), never, "{windows:?}");
    }
    let leap_year = Windows::from(window("0 0 29 2 *", 60, "UTC"));
    assert!(!never_open(&leap_year, now), "one window alone is what it is");
    assert_eq!(next_opening(&leap_year, now), Some(moment("2028-02-29T00:00:00Z")));
}

#[test]
fn one_window_is_written_as_ever_and_several_as_a_list() {
    let (one, other) = (window("0 2 * * *", 60, "UTC"), window("0 3 * * *", 60, "UTC"));
    let json = |windows: &Windows| serde_json::to_value(windows).unwrap();
    let alone = Windows::narrowed(None, Some(&one)).unwrap();
    assert_eq!(json(&alone), serde_json::to_value(&one).unwrap());
    assert_eq!(both(one.clone(), one.clone()), alone, "a window narrows itself to itself");
    let two = both(one.clone(), other.clone());
    assert_eq!(json(&two), serde_json::to_value([one, other]).unwrap());
    for windows in [alone, two] {
        assert_eq!(serde_json::from_value::<Windows>(json(&windows)).unwrap(), windows);
    }
    assert!(serde_json::from_value::<Windows>(serde_json::json!([])).is_err());
    assert_eq!(Windows::narrowed(None, None), None);
}

proptest::proptest! {
    #[test]
    fn together_means_each_of_them(
        starts in proptest::collection::vec(
            proptest::sample::select(vec!["30 2 * * *", "0 */5 * * *", "0 2 * * SUN#L", "15 1 25 10 *", "0 0 29 3 *"]), 2
        ),
        lengths in proptest::collection::vec(1..1500_u64, 2),
        minutes in proptest::collection::vec(0..300_000_i64, 1..20),
    ) {
        let zones = ["Europe/Berlin", "America/New_York"];
        let each: Vec<Window> = (0..2).map(|i| window(starts[i], lengths[i], zones[i])).collect();
        let windows = both(each[0].clone(), each[1].clone());
        let origin = moment("2026-03-01T00:00:00Z");
        for minute in minutes {
            let now = origin + SignedDuration::from_mins(minute);
            let ends: Option<Vec<Timestamp>> = each.iter().map(|window| one_open_until(window, now)).collect();
            proptest::prop_assert_eq!(open_until(&windows, now), ends.and_then(|ends| ends.into_iter().min()));
            if let Some(at) = next_opening(&windows, now) {
                proptest::prop_assert!(at >= now && open_until(&windows, at).is_some());
                let before = at - SignedDuration::from_secs(1);
                proptest::prop_assert!(at == now || before < now || open_until(&windows, before).is_none());
            }
        }
    }
}

fn weekly(days: &str, hours: &str, timezone: &str) -> Window {
    let (days, hours) = (days.parse().unwrap(), hours.parse().unwrap());
    Window { form: Form::Weekly(Weekly { days, hours, timezone: timezone.to_owned() }), last_start: None }
}

/// Openings that follow each other from a moment on.
fn openings_of(windows: &Windows, from: &str, number: usize) -> Vec<String> {
    let mut at = moment(from);
    let mut found = Vec::new();
    for _ in 0..number {
        let start = next_opening(windows, at).unwrap();
        let end = open_until(windows, start).unwrap();
        found.push(format!("{start}/{end}"));
        at = end;
    }
    found
}

#[test]
fn hours_of_days_open_and_close_by_the_clock_on_the_wall() {
    for (days, hours, zone, from, expected) in [
        (
            "MON-FRI",
            "09:00-17:00",
            "Europe/Berlin",
            "2026-11-27T17:00:00Z",
            ["2026-11-30T08:00:00Z/2026-11-30T16:00:00Z"],
        ),
        (
            "SUN",
            "22:00-06:00",
            "America/New_York",
            "2026-11-27T17:00:00Z",
            ["2026-11-30T03:00:00Z/2026-11-30T11:00:00Z"],
        ),
        ("SUN", "20:00-00:00", "UTC", "2026-11-27T17:00:00Z", ["2026-11-29T20:00:00Z/2026-11-30T00:00:00Z"]),
        // 03:00 becomes 02:00: it closes at the first 02:30. 02:00 becomes 03:00: it closes when the change comes.
        ("SUN", "01:00-02:30", "Europe/Berlin", "2026-10-24T00:00:00Z", ["2026-10-24T23:00:00Z/2026-10-25T00:30:00Z"]),
        ("SUN", "01:00-02:30", "Europe/Berlin", "2027-03-27T00:00:00Z", ["2027-03-28T00:00:00Z/2027-03-28T01:00:00Z"]),
        ("SUN", "02:30-04:00", "Europe/Berlin", "2027-03-27T00:00:00Z", ["2027-03-28T01:00:00Z/2027-03-28T02:00:00Z"]),
        // Nothing is left of it, so it opens a week later.
        ("SUN", "02:15-02:45", "Europe/Berlin", "2027-03-27T00:00:00Z", ["2027-04-04T00:15:00Z/2027-04-04T00:45:00Z"]),
        // Half an hour is skipped, and half an hour comes twice.
        (
            "SUN",
            "02:15-03:00",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z/2026-10-03T16:00:00Z"],
        ),
        (
            "SUN",
            "01:00-01:45",
            "Australia/Lord_Howe",
            "2027-04-03T00:00:00Z",
            ["2027-04-03T14:00:00Z/2027-04-03T14:45:00Z"],
        ),
        // The clock goes from 24:00 to 01:00.
        ("SUN", "00:00-24:00", "Asia/Beirut", "2027-03-26T00:00:00Z", ["2027-03-27T22:00:00Z/2027-03-28T21:00:00Z"]),
    ] {
        let windows = weekly(days, hours, zone).into();
        assert_eq!(openings_of(&windows, from, 1), expected, "{days} {hours} {zone}");
    }
    let second = moment("2026-10-25T01:15:00Z");
    assert_eq!(open_until(&weekly("SUN", "01:00-02:30", "Europe/Berlin").into(), second), None, "the second 02:15");
}

#[test]
fn a_start_that_is_skipped_opens_after_the_change_for_its_whole_length() {
    for (start, hours, zone, from, expected) in [
        ("30 2 * * SUN#L", 4, "Europe/Berlin", "2027-03-27T00:00:00Z", "2027-03-28T01:00:00Z/2027-03-28T05:00:00Z"),
        ("30 2 * * SUN#L", 4, "Europe/Berlin", "2027-10-30T00:00:00Z", "2027-10-31T00:30:00Z/2027-10-31T04:30:00Z"),
        ("15 2 * * SUN", 1, "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z/2026-10-03T16:30:00Z"),
        ("45 1 * * SUN", 1, "Australia/Lord_Howe", "2027-04-03T00:00:00Z", "2027-04-03T14:45:00Z/2027-04-03T15:45:00Z"),
        ("30 0 * * SUN", 1, "Asia/Beirut", "2027-03-27T00:00:00Z", "2027-03-27T22:00:00Z/2027-03-27T23:00:00Z"),
    ] {
        let windows = window(start, hours * 60, zone).into();
        assert_eq!(openings_of(&windows, from, 1), [expected], "{start} {zone}");
    }
}

#[test]
fn of_several_windows_one_must_be_open_and_a_playbook_narrows_all_of_them() {
    let nights = || Window::any(vec![weekly("SAT", "22:00-06:00", "UTC"), window("0 2 * * SUN", 6 * 60, "UTC")]);
    assert_eq!(
        openings_of(&nights().into(), "2026-11-27T00:00:00Z", 2),
        ["2026-11-28T22:00:00Z/2026-11-29T08:00:00Z", "2026-12-05T22:00:00Z/2026-12-06T08:00:00Z"],
    );
    let narrowed = Windows::narrowed(Some(&nights()), Some(&weekly("MON-SUN", "05:00-07:00", "UTC"))).unwrap();
    assert_eq!(openings_of(&narrowed, "2026-11-27T00:00:00Z", 1), ["2026-11-29T05:00:00Z/2026-11-29T07:00:00Z"]);
    // A whole day every minute does not widen the inventory's.
    let wide = Windows::narrowed(Some(&nights()), Some(&window("0 0 * * *", 24 * 60, "UTC"))).unwrap();
    assert_eq!(openings_of(&wide, "2026-11-27T00:00:00Z", 1)[0][..20], *"2026-11-28T22:00:00Z");
    for windows in [nights().into(), narrowed] {
        let json = serde_json::to_value(&windows).unwrap();
        assert_eq!(serde_json::from_value::<Windows>(json.clone()).unwrap(), windows, "{json}");
    }
    let written = serde_json::to_string(&weekly("MON-FRI", "9:00-17:00", "UTC")).unwrap();
    assert_eq!(written, r#"{"days":"MON-FRI","hours":"09:00-17:00","timezone":"UTC"}"#);
}

fn year_end() -> Freeze {
    let when = Frozen::Between {
        from: "2026-12-18T18:00".parse().unwrap(),
        to: "2027-01-07T06:00".parse().unwrap(),
        timezone: "Europe/Berlin".to_owned(),
    };
    Freeze { when, reason: Some("year-end closing".to_owned()), owner: Some("anna".to_owned()) }
}

fn calendar(events: &str) -> crate::calendar::Calendar {
    let event = |line: &str| format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", line.trim().replace(' ', "\n"));
    let events: String = events.lines().filter(|line| !line.trim().is_empty()).map(event).collect();
    ics::read(&format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n"), Some("Europe/Berlin")).unwrap()
}

fn dates() -> Dates {
    let holidays = calendar(
        "UID:1 SUMMARY:Epiphany DTSTART:20270106 RRULE:FREQ=YEARLY\nUID:2 SUMMARY:Easter DTSTART:20270328\n\
                             UID:3 SUMMARY:Easter DTSTART:20270329",
    );
    let patching =
        calendar("UID:4 SUMMARY:Production DTSTART:20261213T020000 DURATION:PT4H RRULE:FREQ=MONTHLY;BYDAY=2SU");
    let broken = crate::calendar::Calendar { unreadable: Some("x.ics:7: no".to_owned()), ..Default::default() };
    Dates {
        freezes: [("year-end".to_owned(), year_end())].into(),
        calendars: [("holidays", holidays), ("patching", patching), ("broken", broken)]
            .map(|(name, one)| (name.to_owned(), one))
            .into(),
    }
}

#[test]
fn a_freeze_beats_every_window_and_says_when_it_ends() {
    let (dates, windows) = (dates(), Windows::from(window("0 2 * * *", 4 * 60, "Europe/Berlin")));
    let freezes = ["year-end".to_owned(), "holidays".to_owned()];
    let schedule = Schedule { windows: Some(&windows), freezes: &freezes, dates: &dates, walk: None };
    // The window closes at 05:00Z; on the last day the freeze begins first: not here, so the window's end counts.
    assert_eq!(schedule.open(moment("2026-12-18T01:00:00Z")), Ok(moment("2026-12-18T05:00:00Z")));
    let always = Schedule { windows: None, ..schedule };
    assert_eq!(always.open(moment("2026-12-18T16:59:59Z")), Ok(moment("2026-12-18T17:00:00Z")), "until it begins");
    let frozen = |schedule: &Schedule<'_>, now: &str| match schedule.open(moment(now)) {
        Err(Closed::Frozen(hold)) => hold.to_string(),
        other => panic!("{now}: {other:?}"),
    };
    assert_eq!(
        frozen(&schedule, "2026-12-18T17:00:00Z"),
        "freeze year-end until 2027-01-07 06:00 CET (year-end closing; ask anna)"
    );
    // Epiphany ends before it; of several freezes the longest is named.
    assert!(frozen(&schedule, "2027-01-06T12:00:00Z").starts_with("freeze year-end"));
    assert_eq!(frozen(&schedule, "2028-01-06T12:00:00Z"), "freeze holidays until 2028-01-07 00:00 CET (Epiphany)");
    // Two days in a row are one freeze.
    assert_eq!(frozen(&always, "2027-03-28T10:00:00Z"), "freeze holidays until 2027-03-30 00:00 CEST (Easter)");
    assert_eq!(schedule.next(moment("2026-12-18T17:00:00Z")), Some(moment("2027-01-08T01:00:00Z")));
    assert_eq!(always.next(moment("2026-12-18T17:00:00Z")), Some(moment("2027-01-07T05:00:00Z")));
    assert_eq!(always.next(moment("2026-12-18T16:00:00Z")), Some(moment("2026-12-18T16:00:00Z")));
    let openings = schedule.openings(moment("2026-12-17T12:00:00Z"), 3);
    assert_eq!(
        openings.iter().map(|(start, end)| format!("{start}/{end}")).collect::<Vec<_>>(),
        [
            "2026-12-18T01:00:00Z/2026-12-18T05:00:00Z",
            "2027-01-08T01:00:00Z/2027-01-08T05:00:00Z",
            "2027-01-09T01:00:00Z/2027-01-09T05:00:00Z"
        ]
    );
}

#[test]
fn a_freeze_that_cannot_be_read_holds_without_an_end() {
    let dates = dates();
    for (name, why) in [("broken", "x.ics:7: no"), ("nobody", "there is no calendar `nobody`")] {
        let freezes = [name.to_owned()];
        let schedule = Schedule { windows: None, freezes: &freezes, dates: &dates, walk: None };
        let Err(Closed::Frozen(hold)) = schedule.open(moment("2026-11-27T00:00:00Z")) else { panic!("{name}") };
        assert_eq!(hold.to_string(), format!("freeze {name} without a known end ({why})"));
        assert_eq!(schedule.next(moment("2026-11-27T00:00:00Z")), None);
    }
}

#[test]
fn a_window_may_be_in_a_calendar() {
    let dates = dates();
    let of = |calendar: &str, summary: Option<&str>| {
        let summary = summary.map(str::to_owned);
        Windows::from(Window { form: Form::Calendar { calendar: calendar.to_owned(), summary }, last_start: None })
    };
    let ask = |windows: &Windows, now: &str| {
        Schedule { windows: Some(windows), freezes: &[], dates: &dates, walk: None }.open(moment(now))
    };
    let patching = of("patching", Some("production"));
    assert_eq!(ask(&patching, "2026-12-13T02:00:00Z"), Ok(moment("2026-12-13T05:00:00Z")));
    assert_eq!(ask(&patching, "2026-12-13T05:00:00Z"), Err(Closed::Window));
    for (windows, why) in [
        (of("broken", None), "x.ics:7: no"),
        (of("patching", Some("Staging")), "no event of the calendar `patching` is called `Staging`"),
    ] {
        assert_eq!(ask(&windows, "2026-12-13T02:00:00Z"), Err(Closed::Unusable(why.to_owned())));
    }
    let schedule = Schedule { windows: Some(&patching), freezes: &[], dates: &dates, walk: None };
    assert_eq!(schedule.next(moment("2027-01-01T00:00:00Z")), Some(moment("2027-01-10T01:00:00Z")));
    assert_eq!(schedule.zone().iana_name(), Some("Europe/Berlin"));
    let json = serde_json::to_string(&patching).unwrap();
    assert_eq!(json, r#"{"calendar":"patching","summary":"production"}"#);
    assert_eq!(serde_json::from_str::<Windows>(&json).unwrap(), patching);
}

#[test]
fn a_plan_has_what_its_hosts_use_and_reads_it_back() {
    let dates = dates();
    let used = dates.used_by(&["year-end"].into(), std::iter::empty());
    assert_eq!((used.freezes.len(), used.calendars.len()), (1, 0));
    let windows = Windows::from(Window {
        form: Form::Calendar { calendar: "patching".to_owned(), summary: None },
        last_start: None,
    });
    let used = dates.used_by(&["holidays"].into(), [&windows].into_iter());
    assert_eq!(used.calendars.keys().collect::<Vec<_>>(), ["holidays", "patching"]);
    for dates in [used, dates] {
        let json = serde_json::to_string(&dates).unwrap();
        assert_eq!(serde_json::from_str::<Dates>(&json).unwrap(), dates, "{json}");
    }
}

/// What a freeze says where a clock change makes its times ambiguous: the longer one counts.
#[test]
fn a_freeze_is_never_shorter_than_it_is_written() {
    let night = |from: &str, to: &str| {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let when = Frozen::Between { from, to, timezone: "Europe/Berlin".to_owned() };
        Dates { freezes: [("x".to_owned(), Freeze { when, reason: None, owner: None })].into(), ..Dates::default() }
    };
    let until = |dates: &Dates, now: &str| {
        Schedule { windows: None, freezes: &["x".to_owned()], dates, walk: None }
            .hold(moment(now))
            .and_then(|hold| hold.until)
    };
    let autumn = night("2026-10-25T02:15", "2026-10-25T02:45");
    assert_eq!(until(&autumn, "2026-10-25T00:15:00Z"), Some(moment("2026-10-25T01:45:00Z")));
    let spring = night("2027-03-28T01:00", "2027-03-28T02:30");
    assert_eq!(until(&spring, "2027-03-28T00:30:00Z"), Some(moment("2027-03-28T01:00:00Z")));
}
