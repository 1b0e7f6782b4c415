//! What `windows` prints: for each group of hosts with the same windows, whether they may be started, and when next.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::text;
use crate::{
    calendar::{Closed, Dates, Schedule, Window},
    plan::Alike,
    view::count,
};

/// A paragraph for each group: its hosts, what is written, and this many openings from a moment on, in the zone of the
/// window.
pub fn windows_text(groups: &[Alike], dates: &Dates, (from, most): (Timestamp, usize), width: u16) -> String {
    let paragraphs = groups.iter().map(|group| paragraph(group, &group.schedule(dates), (from, most), width));
    paragraphs.collect::<Vec<_>>().join("\n")
}

fn paragraph(group: &Alike, schedule: &Schedule<'_>, (from, most): (Timestamp, usize), width: u16) -> String {
    let mut lines = vec![format!("{} ({})", of(group), text::hosts(group.hosts.iter(), usize::from(width) / 2))];
    if let Some(windows) = &group.windows {
        let written: Vec<String> = windows.iter().map(Window::to_string).collect();
        lines.push(format!("  window: {}", written.join(", and ")));
    }
    if !group.freezes.is_empty() {
        lines.push(format!("  freezes: {}", group.freezes.join(", ")));
    }
    let state = schedule.open(from);
    match &state {
        Ok(end) if *end == Timestamp::MAX => lines.push("  may be started at any time".to_owned()),
        Err(Closed::Frozen(hold)) => lines.push(format!("  frozen: {hold}")),
        Err(Closed::Late(late)) => lines.push(format!("  too late to start another host: {late}")),
        Err(Closed::Unusable(why)) => lines.push(format!("  the window is not known: {why}")),
        Ok(_) | Err(Closed::Window) => {}
    }
    if state != Ok(Timestamp::MAX) {
        let openings = schedule.openings(from, most);
        if openings.is_empty() {
            lines.push("  no opening is known".to_owned());
        }
        let zone = schedule.zone();
        lines.extend(openings.into_iter().map(|opening| format!("  {}", line(opening, from, &zone))));
    }
    let wrapped = lines.iter().map(|line| {
        let indent = if line.starts_with(' ') { "    " } else { "  " };
        text::wrap_behind("", indent, line, width.into()) + "\n"
    });
    wrapped.collect()
}

/// `production, 12 hosts`.
fn of(group: &Alike) -> String {
    let environments: Vec<&str> = group.environments.iter().map(|one| one.as_str()).collect();
    let hosts = count(group.hosts.len(), "host");
    if environments.is_empty() { hosts } else { format!("{}, {hosts}", environments.join(", ")) }
}

/// `Sun 13 Dec 2026, 02:00 to 06:00 CET (+01:00), 4h, in 15d 2h`.
fn line((start, end): (Timestamp, Timestamp), from: Timestamp, zone: &TimeZone) -> String {
    let (begin, close) = (start.to_zoned(zone.clone()), end.to_zoned(zone.clone()));
    let long = |at: &jiff::Zoned| at.strftime("%a %-d %b %Y, %H:%M").to_string();
    let named = |at: &jiff::Zoned| at.strftime("%Z (%:z)").to_string();
    let first =
        if begin.offset() == close.offset() { long(&begin) } else { format!("{} {}", long(&begin), named(&begin)) };
    let last = if end == Timestamp::MAX {
        return format!("from {} {} on", long(&begin), named(&begin));
    } else if begin.date() == close.date() {
        close.strftime("%H:%M").to_string()
    } else {
        long(&close)
    };
    let length = text::duration(end.duration_since(start).unsigned_abs());
    let wait = if start <= from {
        "open now".to_owned()
    } else {
        format!("in {}", coarse(start.duration_since(from).unsigned_abs()))
    };
    format!("{first} to {last} {}, {length}, {wait}", named(&close))
}

/// `15d 2h`, `2h 5m`, `5m`.
pub(super) fn coarse(long: Duration) -> String {
    let minutes = long.as_secs().div_ceil(60);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// A list with an object for each group.
pub fn windows_json(groups: &[Alike], dates: &Dates, (from, most): (Timestamp, usize)) -> Value {
    let one = |group: &Alike| {
        let schedule = group.schedule(dates);
        let open = schedule.open(from);
        let (state, why) = match &open {
            Ok(_) => ("open", None),
            Err(Closed::Window) => ("closed", None),
            Err(Closed::Late(late)) => ("closing", Some(late.to_string())),
            Err(Closed::Frozen(hold)) => ("frozen", Some(hold.to_string())),
            Err(Closed::Unusable(why)) => ("unknown", Some(why.clone())),
        };
        let time = |at: Timestamp| (at != Timestamp::MAX).then(|| at.to_string());
        let opening = |(start, end): (Timestamp, Timestamp)| json!({ "from": time(start), "to": time(end) });
        json!({
            "hosts": group.hosts,
            "environments": group.environments,
            "window": group.windows,
            "freezes": group.freezes,
            "timezone": schedule.zone().iana_name(),
            "state": state,
            "why": why,
            "openings": schedule.openings(from, most).into_iter().map(opening).collect::<Vec<_>>(),
        })
    };
    groups.iter().map(one).collect()
}
