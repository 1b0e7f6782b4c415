//! The freezes and calendars of `patchwave.yml`, as they are written. A calendar's file is read when a command
//! needs it. Start at [`Said`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::civil::DateTime;

use crate::{
    calendar::{Calendar, Dates, Freeze, Frozen, ics},
    policy::timezone,
    regular,
    yaml::{
        MapReader, Node, Problems, Value, nearest, read,
        shape::{Key, Number, Shape, Table},
    },
};

/// Names of calendars and freezes.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";

/// A calendar's file, or the file with the zone of its events that have none.
pub(in crate::cli) const CALENDARS: Shape =
    Shape::Entries { name: NAME, of: &Shape::Either(&[Shape::Word, Shape::Map(&CALENDAR)]), null: true };
/// Freezes by name.
pub(in crate::cli) const FREEZES: Shape =
    Shape::Entries { name: NAME, of: &Shape::Either(&[Shape::Map(&BETWEEN), Shape::Map(&DURING)]), null: true };

static CALENDAR: Table = Table::new(
    "a calendar",
    &[&[
        Key::needed("file", Shape::Word, "An iCalendar file (.ics). Relative to this file."),
        Key::new("timezone", Shape::Word, "The time zone of whole days, and of times without one."),
    ]],
);

const TIME: Shape = Shape::Like(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?\s*$", Number::No);
const REASON: Key = Key::new("reason", Shape::Word, "Why; it is in every refusal.");
const OWNER: Key = Key::new("owner", Shape::Word, "Who can tell more.");

static BETWEEN: Table = Table::new(
    "a freeze from and to",
    &[&[
        Key::needed("from", TIME, "When it begins: `2026-12-18 18:00`."),
        Key::needed("to", TIME, "When it ends."),
        Key::needed("timezone", Shape::Word, "The name of a time zone, like Europe/Berlin."),
        REASON,
        OWNER,
    ]],
);
static DURING: Table = Table::new(
    "a freeze of a calendar",
    &[&[
        Key::needed("calendar", Shape::Word, "A name under `calendars`: it holds during its events."),
        Key::new("summary", Shape::Word, "Only during events with this summary."),
        REASON,
        OWNER,
    ]],
);

/// What is written; files are not read yet.
#[derive(Clone, Debug, Default)]
pub struct Said {
    freezes: BTreeMap<String, Freeze>,
    calendars: BTreeMap<String, File>,
}

/// A calendar's file.
#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    timezone: Option<String>,
}

impl Said {
    /// Takes `calendars` and `freezes` out of `patchwave.yml`.
    pub(in crate::cli) fn read(map: &mut MapReader<'_, '_>, folder: &Path) -> Self {
        let file = |node: &Node, problems: &mut Problems| File::read(node, folder, problems);
        let calendars: BTreeMap<String, File> =
            map.read("calendars", |node, problems| Some(entries(node, problems, file))).unwrap_or_default();
        let freezes = map.read("freezes", |node, problems| {
            let freeze = |node: &Node, problems: &mut Problems| {
                let freeze = freeze(node, problems)?;
                known_calendar(&freeze, node, &calendars, problems)?;
                Some(freeze)
            };
            let freezes: BTreeMap<String, Freeze> = entries(node, problems, freeze);
            if let Value::Map(written) = &node.value {
                for (key, _) in written.iter().filter(|(key, _)| calendars.contains_key(&key.text)) {
                    problems.at(&key.span, format!("`{}` is the name of a calendar, too", key.text));
                }
            }
            Some(freezes)
        });
        Self { freezes: freezes.unwrap_or_default(), calendars }
    }

    /// With the calendars' files as they are now. One that cannot be read says so to everybody who needs it.
    pub(in crate::cli) fn load(&self, shown: impl Fn(&Path) -> String) -> Dates {
        let load = |(name, file): (&String, &File)| {
            let calendar = file.load(&shown(&file.path));
            let calendar = calendar.unwrap_or_else(|why| Calendar { unreadable: Some(why), ..Calendar::default() });
            (name.clone(), calendar)
        };
        Dates { freezes: self.freezes.clone(), calendars: self.calendars.iter().map(load).collect() }
    }
}

impl File {
    fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            return path_of(node, folder, problems).map(|path| Self { path, timezone: None });
        }
        let mut map = MapReader::new(node, &CALENDAR, problems)?;
        let path = map.need("file", |node, problems| path_of(node, folder, problems));
        let zone = map.take("timezone").map(|node| timezone(node, map.problems));
        map.finish();
        Some(Self { path: path?, timezone: zone.map_or(Some(None), |zone| zone.map(Some))? })
    }

    fn load(&self, shown: &str) -> Result<Calendar, String> {
        let bytes =
            regular::read(&self.path, ics::MOST_BYTES).map_err(|why| format!("{shown} cannot be read: {why}"))?;
        if bytes.len() as u64 > ics::MOST_BYTES {
            return Err(format!("{shown} is larger than {} MiB", ics::MOST_BYTES / 1024 / 1024));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not text in UTF-8"))?;
        ics::read(&text, self.timezone.as_deref()).map_err(|faults| {
            let more = faults.len().saturating_sub(1);
            let first = faults.first().map(|fault| {
                let help = fault.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
                format!("{shown}:{}: {}{help}", fault.line, fault.what)
            });
            let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            first.unwrap_or_else(|| shown.to_owned()) + &rest
        })
    }
}

fn path_of(node: &Node, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    read::name(node, problems).map(|name| folder.join(name))
}

/// A mapping of names to values; those that are wrong are left out.
fn entries<T>(
    node: &Node,
    problems: &mut Problems,
    read: impl Fn(&Node, &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let Value::Map(entries) = &node.value else {
        if !node.is_null() {
            problems.expected("a mapping (names and what they stand for)", node);
        }
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (key, node) in entries {
        let mut bytes = key.text.bytes();
        let fits = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if !fits {
            problems.at(&key.span, format!("`{}` cannot be a name", key.text)).help("use letters, digits, _ and -");
        } else if let Some(value) = read(node, problems) {
            found.insert(key.text.clone(), value);
        }
    }
    found
}

fn freeze(node: &Node, problems: &mut Problems) -> Option<Freeze> {
    let of_calendar = matches!(&node.value, Value::Map(entries)
        if entries.iter().any(|(key, _)| nearest(&key.text, ["calendar", "summary", "from", "to"]) == Some("calendar")));
    if of_calendar {
        let mut map = MapReader::named(node, "a freeze", &DURING, problems)?;
        let calendar = map.need("calendar", read::name);
        let summary = map.read("summary", read::name);
        let (reason, owner) = (map.read("reason", read::name), map.read("owner", read::name));
        map.finish();
        return Some(Freeze { when: Frozen::Calendar { calendar: calendar?, summary }, reason, owner });
    }
    let mut map = MapReader::named(node, "a freeze", &BETWEEN, problems)?;
    let (from, to) = (map.need("from", time), map.take("to"));
    let to_time = match to {
        Some(node) => time(node, map.problems),
        None => {
            map.problems.at(&node.span, "a freeze needs the key `to`");
            None
        }
    };
    let zone = map.need("timezone", timezone);
    let (reason, owner) = (map.read("reason", read::name), map.read("owner", read::name));
    map.finish();
    let (from, to_time) = (from?, to_time?);
    if to_time <= from {
        problems.at(&to?.span, "a freeze ends after it begins");
        return None;
    }
    Some(Freeze { when: Frozen::Between { from, to: to_time, timezone: zone? }, reason, owner })
}

fn known_calendar(
    freeze: &Freeze,
    node: &Node,
    calendars: &BTreeMap<String, File>,
    problems: &mut Problems,
) -> Option<()> {
    let Frozen::Calendar { calendar, .. } = &freeze.when else { return Some(()) };
    if calendars.contains_key(calendar) {
        return Some(());
    }
    let near = nearest(calendar, calendars.keys().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    problems.at(&node.span, format!("`calendars` does not have `{calendar}`{near}"));
    None
}

/// A date with a time: with a date alone, nobody knows whether the last day counts.
fn time(node: &Node, problems: &mut Problems) -> Option<DateTime> {
    let text = read::text(node, "a time like 2026-12-18 18:00", problems)?.trim();
    let whole = text.len() >= 16 && !text.ends_with('Z');
    match text.parse::<DateTime>() {
        Ok(time) if whole => Some(time),
        _ => {
            let said: String = text.chars().take(40).collect();
            problems
                .at(&node.span, format!("`{said}` is not a date with a time"))
                .help("like `2026-12-18 18:00`; the time zone has its own key");
            None
        }
    }
}

#[cfg(test)]
#[path = "project_dates_tests.rs"]
mod tests;
