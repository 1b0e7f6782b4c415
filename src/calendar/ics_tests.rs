use super::*;
use crate::calendar::{Dates, Form, Schedule, Window, Windows};

/// As Outlook writes it: its own zone names with a definition that is not read, an alarm, an event that repeats with
/// one date left out, one moved and one cancelled.
const OUTLOOK: &str = r#"BEGIN:VCALENDAR
PRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN
VERSION:2.0
METHOD:PUBLISH
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16011028T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:040000008200E00074C5B7101A82E008
SUMMARY:Production\, second Sunday
DTSTART;TZID="W. Europe Standard Time":20261108T020000
DTEND;TZID="W. Europe Standard Time":20261108T060000
RRULE:FREQ=MONTHLY;BYDAY=2SU
EXDATE;TZID="W. Europe Standard Time":20261213T020000
BEGIN:VALARM
TRIGGER:-PT15M
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:040000008200E00074C5B7101A82E008
SUMMARY:Production\, second Sunday
RECURRENCE-ID;TZID="W. Europe Standard Time":20270110T020000
DTSTART;TZID="W. Europe Standard Time":20270117T030000
DTEND;TZID="W. Europe Standard Time":20270117T0
 70000
END:VEVENT
BEGIN:VEVENT
UID:040000008200E00074C5B7101A82E008
STATUS:CANCELLED
RECURRENCE-ID:20270214T010000Z
DTSTART:20270214T010000Z
DTEND:20270214T050000Z
END:VEVENT
END:VCALENDAR
"#;

fn openings(text: &str, zone: Option<&str>, from: &str, most: usize) -> Vec<String> {
    let calendar = read(&text.replace("\\r", ""), zone).unwrap_or_else(|faults| panic!("{faults:?}"));
    let dates = Dates { calendars: [("c".to_owned(), calendar)].into(), ..Dates::default() };
    let windows =
        Windows::from(Window { form: Form::Calendar { calendar: "c".to_owned(), summary: None }, last_start: None });
    let schedule = Schedule { windows: Some(&windows), freezes: &[], dates: &dates, walk: None };
    let found = schedule.openings(from.parse().unwrap(), most);
    found.iter().map(|(start, end)| format!("{start}/{end}")).collect()
}

#[test]
fn a_calendar_of_outlook_opens_when_outlook_shows_it() {
    assert_eq!(
        openings(OUTLOOK, None, "2026-11-01T00:00:00Z", 5),
        [
            "2026-11-08T01:00:00Z/2026-11-08T05:00:00Z",
            "2027-01-17T02:00:00Z/2027-01-17T06:00:00Z",
            "2027-03-14T01:00:00Z/2027-03-14T05:00:00Z",
            "2027-04-11T00:00:00Z/2027-04-11T04:00:00Z",
            "2027-05-09T00:00:00Z/2027-05-09T04:00:00Z",
        ]
    );
    let calendar = read(&OUTLOOK.replace("\\r", ""), None).unwrap();
    assert_eq!(calendar.events[0].summary, "Production, second Sunday");
}

fn file(event: &str) -> String {
    format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n")
}

#[test]
fn events_begin_and_end_as_they_are_written() {
    for (event, expected) in [
        ("DTSTART:20261225\nDTEND:20261227", "2026-12-24T23:00:00Z/2026-12-26T23:00:00Z"),
        ("DTSTART;VALUE=DATE:20261225", "2026-12-24T23:00:00Z/2026-12-25T23:00:00Z"),
        ("DTSTART:20261225T020000Z\nDURATION:PT1H30M", "2026-12-25T02:00:00Z/2026-12-25T03:30:00Z"),
        ("DTSTART:20261225T020000\nDURATION:P1DT1H", "2026-12-25T01:00:00Z/2026-12-26T02:00:00Z"),
        (
            "DTSTART;TZID=America/New_York:20261225T020000\nDTEND:20261225T100000Z",
            "2026-12-25T07:00:00Z/2026-12-25T10:00:00Z",
        ),
        // A day with a clock change has 25 hours, four hours of real time are four.
        ("DTSTART:20271031", "2027-10-30T22:00:00Z/2027-10-31T23:00:00Z"),
        ("DTSTART:20271031T010000\nDURATION:PT4H", "2027-10-30T23:00:00Z/2027-10-31T03:00:00Z"),
        // The first of the rule does not take place; one more is listed.
        (
            "DTSTART:20261201T020000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=1\nEXDATE:20261201T020000Z\n\
          RDATE:20261203T020000Z,20261204T020000Z",
            "2026-12-03T02:00:00Z/2026-12-03T03:00:00Z",
        ),
    ] {
        let found = openings(&file(event), Some("Europe/Berlin"), "2026-11-27T00:00:00Z", 1);
        assert_eq!(found, [expected], "{event}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line() {
    let start = "DTSTART:20261225T020000Z\nDTEND:20261225T030000Z";
    for (event, line, why) in [
        (
            &*format!("{start}\nRRULE:FREQ=WEEKLY;BYDAY=FR;BYSETPOS=1"),
            5,
            "this rule cannot be used: BYSETPOS is supported",
        ),
        (&format!("{start}\nRRULE:FREQ=WEEKLY;BYDAY=MO"), 5, "(DTSTART) is not one of its rule"),
        (&format!("{start}\nRRULE:FREQ=DAILY\nRRULE:FREQ=DAILY"), 6, "this event has a second RRULE"),
        (&format!("{start}\nEXRULE:FREQ=DAILY"), 5, "EXRULE is not supported"),
        (&format!("{start}\nEXDATE;VALUE=DATE:20261225"), 5, "EXDATE is a date, and the event begins with a time"),
        (&format!("{start}\nRDATE;VALUE=PERIOD:20261225T020000Z/PT1H"), 5, "VALUE=PERIOD is not supported"),
        (&format!("{start}\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261225T020000Z"), 5, "RANGE=THISANDFUTURE"),
        ("SUMMARY:x", 2, "this event has no DTSTART"),
        ("DTSTART:20261225T020000Z", 2, "this event has no end"),
        ("DTSTART:20261225T020000", 3, "this time has no time zone"),
        ("DTSTART:20261225", 3, "this time has no time zone"),
        ("DTSTART;TZID=Mars/Base:20261225T020000\nDURATION:PT1H", 3, "there is no time zone `Mars/Base`"),
        ("DTSTART:20261325T020000Z", 3, "`20261325T020000Z` is not a date or a time"),
        ("DTSTART:20261225T020000Z\nDTEND:20261225T010000Z", 4, "ends before it begins"),
        ("DTSTART:20261225T020000Z\nDTEND:20361225T010000Z", 4, "longer than four years"),
        ("DTSTART:20261225T020000Z\nDTEND:20261226", 4, "not both dates or both times"),
        ("DTSTART:20261225T020000Z\nDURATION:PT0S", 4, "ends before it begins"),
        ("DTSTART:20261225T020000Z\nDURATION:1h", 4, "`1h` cannot be used as a length"),
        ("no colon", 3, "this is not NAME:VALUE"),
        ("END:VTODO", 3, "END:VTODO without its BEGIN"),
    ] {
        let faults = read(&file(event), None).unwrap_err();
        assert!(faults[0].what.contains(why) && faults[0].line == line, "{event}: {faults:?}");
    }
    for (text, why) in [
        ("", "this file is empty"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "this file is cut: its last END is missing"),
        ("DTSTART:20261225\n", "this is not an iCalendar file"),
        ("BEGIN:VCALENDAR\nMETHOD:CANCEL\nEND:VCALENDAR\n", "METHOD:CANCEL"),
    ] {
        let faults = read(text, None).unwrap_err();
        assert!(faults[0].what.contains(why), "{text}: {faults:?}");
    }
    let twice = file(
        "UID:1\nDTSTART:20261225T020000Z\nDURATION:PT1H\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nDTSTART:20261226T020000Z\nDURATION:PT1H",
    );
    assert!(read(&twice, None).unwrap_err()[0].what.contains("the same UID"));
}

#[test]
fn a_file_is_bounded() {
    let event = "BEGIN:VEVENT\nDTSTART:20261225T020000Z\nDURATION:PT1H\nEND:VEVENT\n";
    let many = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", event.repeat(MOST_EVENTS + 1));
    assert_eq!(read(&many, None).unwrap_err()[0].what, "this file has more than 5000 events");
    let dates = vec!["20261225T020000Z"; MOST_EXCEPT + 1].join(",");
    let text = file(&format!("DTSTART:20261225T020000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE:{dates}"));
    assert_eq!(read(&text, None).unwrap_err()[0].what, "too many dates");
    let wrong = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", "BEGIN:VEVENT\nEND:VEVENT\n".repeat(100));
    assert_eq!(read(&wrong, None).unwrap_err().len(), MOST_FAULTS);
}
