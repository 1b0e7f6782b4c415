use super::*;
use crate::yaml::{self, Source, agree::Agreement};

static DATES: Table =
    Table::new("dates", &[&[Key::new("calendars", CALENDARS, "x"), Key::new("freezes", FREEZES, "x")]]);

fn said(text: &str) -> (Said, String) {
    let node = yaml::parse(Source::new("patchwave.yml", text)).unwrap();
    let mut problems = Problems::default();
    let mut map = MapReader::new(&node, &DATES, &mut problems).unwrap();
    let said = Said::read(&mut map, Path::new("/project"));
    (said, problems.to_string())
}

const FREEZE: &str = "from: 2026-12-18 18:00, to: 2027-01-07 06:00, timezone: Europe/Berlin";

#[test]
fn freezes_and_calendars_are_read_and_what_is_wrong_has_its_place() {
    let (found, problems) = said(&format!(
        "calendars: {{ holidays: cal/de.ics, patching: {{ file: p.ics, timezone: UTC }} }}\nfreezes:\n  year-end: {{ {FREEZE}, \
         reason: closing, owner: anna }}\n  days-off: {{ calendar: holidays, summary: Christmas }}\n"
    ));
    assert_eq!(problems, "");
    assert_eq!(found.calendars["holidays"].path, Path::new("/project/cal/de.ics"));
    assert_eq!(found.calendars["patching"].timezone.as_deref(), Some("UTC"));
    assert_eq!(found.freezes["year-end"].owner.as_deref(), Some("anna"));
    for (text, expected) in [
        ("x: { from: 2026-12-18, to: 2027-01-07 06:00, timezone: UTC }", "`2026-12-18` is not a date with a time"),
        ("x: { from: 2026-12-18 18:00, to: 2026-12-18 18:00, timezone: UTC }", "a freeze ends after it begins"),
        ("x: { from: 2026-12-18 18:00, timezone: UTC }", "a freeze needs the key `to`"),
        ("x: { from: 2026-12-18 18:00, to: 2027-01-07 06:00 }", "a freeze needs the key `timezone`"),
        ("x: { from: 2026-12-18 18:00, to: 2027-01-07 06:00, timezon: UTC }", "did you mean `timezone`?"),
        ("x: { calendar: holydays }", "`calendars` does not have `holydays`; did you mean `holidays`?"),
        ("x: { calender: holidays }", "unknown key `calender` in a freeze; did you mean `calendar`?"),
        ("holidays: { calendar: holidays }", "`holidays` is the name of a calendar, too"),
        ("'a b': { calendar: holidays }", "`a b` cannot be a name"),
        ("x: 5", "expected a mapping (a freeze)"),
    ] {
        let (_, problems) = said(&format!("calendars: {{ holidays: x.ics }}\nfreezes: {{ {text} }}\n"));
        assert!(problems.contains(expected) && problems.starts_with("patchwave.yml:2:"), "{text}: {problems}");
    }
}

#[test]
fn a_calendar_that_cannot_be_read_says_where_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let load = |bytes: &[u8]| {
        std::fs::write(folder.path().join("x.ics"), bytes).unwrap();
        let file = File { path: folder.path().join("x.ics"), timezone: None };
        file.load("x.ics").unwrap_err()
    };
    assert_eq!(load(b"\xff"), "x.ics is not text in UTF-8");
    assert_eq!(load(&vec![b' '; 5 << 20]), "x.ics is larger than 4 MiB");
    assert_eq!(
        load(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n"),
        "x.ics:3: this time has no time zone; name one where the calendar is named: `{ file: …, timezone: Europe/Berlin \
         }` (and 1 more)"
    );
    let missing = File { path: folder.path().join("y.ics"), timezone: None }.load("y.ics").unwrap_err();
    assert!(missing.starts_with("y.ics cannot be read: "), "{missing}");
}

#[test]
fn the_schema_for_editors_refuses_what_the_reader_refuses() {
    let whole = format!(
        "calendars: {{ a: a.ics, b: {{ file: b.ics, timezone: UTC }} }}\nfreezes: {{ x: {{ {FREEZE}, reason: r, owner: o }}, y: \
         {{ calendar: a, summary: s, reason: r, owner: o }} }}\n"
    );
    Agreement::of(&Shape::Map(&DATES)).vary(&[&whole], |text| {
        let node = yaml::parse(Source::new("patchwave.yml", text))?;
        let mut problems = Problems::default();
        if let Some(mut map) = MapReader::new(&node, &DATES, &mut problems) {
            let _ = Said::read(&mut map, Path::new("/project"));
            map.finish();
        }
        problems.or(())
    });
}
