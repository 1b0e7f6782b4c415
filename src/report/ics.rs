//! Openings of windows as an iCalendar file (RFC 5545), to be sent to the people who want to know when hosts are
//! patched. Start at [`openings_ics`].

use base16ct::lower::encode_string as hex;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    calendar::Dates,
    names,
    plan::Alike,
    view::{clean, count},
};

/// The longest text of a property.
const MOST_CHARS: usize = 2_000;
/// The most octets of a line.
const MOST_OCTETS: usize = 75;

/// An event for each of the next openings, at most this many of each group. Groups that may be started at any time have
/// none. `made`: when the file is made.
pub fn openings_ics(groups: &[Alike], dates: &Dates, (from, most): (Timestamp, usize), made: Timestamp) -> String {
    let mut file =
        String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//patchwave//windows//EN\r\nMETHOD:PUBLISH\r\n");
    let utc = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    for group in groups {
        let hosts = names::fold(&group.hosts);
        let environments: Vec<&str> = group.environments.iter().map(|one| one.as_str()).collect();
        let what = if environments.is_empty() { &*hosts } else { &environments.join(", ") };
        let title = format!("Maintenance window: {} ({})", clean(what, 100), count(group.hosts.len(), "host"));
        let openings = group.schedule(dates).openings(from, most);
        for (start, end) in openings.into_iter().filter(|(_, end)| *end != Timestamp::MAX) {
            // The same opening of the same hosts has the same id, so that a new file replaces the old event.
            let id = hex(&Sha256::digest(format!("{hosts} {end}")));
            let id = id.get(..32).unwrap_or_default();
            let lines = [
                "BEGIN:VEVENT".to_owned(),
                format!("UID:{id}@patchwave"),
                format!("DTSTAMP:{}", utc(made)),
                format!("DTSTART:{}", utc(start)),
                format!("DTEND:{}", utc(end)),
                format!("SUMMARY:{}", escaped(&title)),
                format!("DESCRIPTION:{}", escaped(&clean(&hosts, MOST_CHARS))),
                "TRANSP:TRANSPARENT".to_owned(),
                "END:VEVENT".to_owned(),
            ];
            lines.iter().for_each(|line| folded(line, &mut file));
        }
    }
    file.push_str("END:VCALENDAR\r\n");
    file
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// The line, cut where it is longer than a line may be.
fn folded(line: &str, file: &mut String) {
    let mut octets = 0;
    for c in line.chars() {
        if octets + c.len_utf8() > MOST_OCTETS {
            file.push_str("\r\n ");
            octets = 1;
        }
        file.push(c);
        octets += c.len_utf8();
    }
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calendar::ics, inventory::Inventory, plan};

    #[test]
    fn what_is_written_is_read_back() {
        let text = "all:\n  vars: { patchwave: { environment: \"pro, duction\", window: { start: 0 2 * * SUN#2, duration: 4h, \
                    timezone: Europe/Berlin } } }\n  hosts: { \"web[01:40].shop-äö.example.com\": }\n";
        let inventory = Inventory::from_text("i.yml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let hosts = inventory.hosts().to_vec();
        let dates = Dates::default();
        let groups = plan::alike(&inventory, &hosts, &dates).unwrap();
        let from = "2026-11-27T12:00:00Z".parse().unwrap();
        let file = openings_ics(&groups, &dates, (from, 2), from);
        assert!(file.lines().all(|line| line.len() <= MOST_OCTETS), "{file}");
        let calendar = ics::read(&file, None).unwrap_or_else(|faults| panic!("{faults:?}\n{file}"));
        let starts: Vec<String> = calendar.events.iter().map(|event| event.start.to_string()).collect();
        assert_eq!(starts, ["2026-12-13T01:00:00", "2027-01-10T01:00:00"]);
        assert_eq!(calendar.events[0].summary, "Maintenance window: pro, duction (40 hosts)");
        assert_eq!(calendar.events[0].seconds, 4 * 3600);
    }
}
