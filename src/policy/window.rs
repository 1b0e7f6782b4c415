//! Reads `window:` of an inventory or a playbook. Start at [`read`].

use std::{str::FromStr, time::Duration};

use croner::Cron;
use jiff::{civil::date, tz::TimeZone};

use crate::{
    calendar::{self, Days, Form, Hours, LastStart, Weekly, Window},
    yaml::{
        MapReader, Node, Problems, Value, nearest, read,
        shape::{DEADLINE, Key, Number, Shape, Table},
    },
};

/// A window, or a list of them.
pub(super) const SHAPE: Shape = Shape::Either(&[ONE, Shape::filled(&ONE)]);
const ONE: Shape =
    Shape::Named("window", &Shape::Either(&[Shape::Map(&CRON), Shape::Map(&HOURS), Shape::Map(&CALENDAR)]));

const ZONE: Key = Key::needed("timezone", Shape::Word, "The name of a time zone, like Europe/Berlin.");

const LAST_START: Key = Key::new(
    "last_start",
    Shape::Either(&[DEADLINE, Shape::Words(&["auto"])]),
    "How long before its end the last host is started; `auto`: as long as the host took before.",
);

static CRON: Table = Table::new(
    "`window` with `start`",
    &[&[
        Key::needed(
            "start",
            Shape::Like(r"^\s*\S+(\s+\S+){4}\s*$", Number::No),
            "When it opens, as five cron fields: `0 2 * * SUN#2` is 02:00 on the second Sunday of the month.",
        ),
        Key::needed("duration", DEADLINE, "How long it is open."),
        ZONE,
        LAST_START,
    ]],
);

static HOURS: Table = Table::new(
    "`window` with `hours`",
    &[&[
        Key::new(
            "days",
            Shape::Either(&[Shape::Word, Shape::filled(&Shape::Word)]),
            "The days on which it opens: `MON-FRI`, or a list. Default: every day.",
        ),
        Key::needed(
            "hours",
            Shape::Like(r"^\s*[0-9]{1,2}:[0-9]{2}\s*-\s*[0-9]{1,2}:[0-9]{2}\s*$", Number::No),
            "From when to when, by the clock on the wall: `09:00-17:00`; `22:00-06:00` ends on the next day.",
        ),
        ZONE,
        LAST_START,
    ]],
);

static CALENDAR: Table = Table::new(
    "`window` with `calendar`",
    &[&[
        Key::needed("calendar", Shape::Word, "The name of a calendar in patchwave.yml: it is open during its events."),
        Key::new("summary", Shape::Word, "Only during events with this summary."),
        LAST_START,
    ]],
);

/// A window, or a list of windows of which one must be open.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Window> {
    match &node.value {
        Value::Seq(items) if node.tag.is_none() && items.is_empty() => {
            problems.expected("a window, or a list of windows", node);
            None
        }
        Value::Seq(_) => read::list(node, "windows", problems, one).map(Window::any),
        _ => one(node, problems),
    }
}

/// How a window is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cron,
    Hours,
    Calendar,
}

impl Kind {
    fn like(self) -> &'static str {
        match self {
            Self::Cron => r#"like `window: { start: "0 2 * * SUN#2", duration: 4h, timezone: Europe/Berlin }`"#,
            Self::Hours => r#"like `window: { days: MON-FRI, hours: "09:00-17:00", timezone: Europe/Berlin }`"#,
            Self::Calendar => "like `window: { calendar: patching, summary: Production }`",
        }
    }
}

fn one(node: &Node, problems: &mut Problems) -> Option<Window> {
    let before = problems.0.len();
    let kind = kind(node);
    let window = match kind {
        Kind::Cron => of_cron(node, problems),
        Kind::Hours => of_hours(node, problems),
        Kind::Calendar => of_calendar(node, problems),
    };
    // Keys that are missing, or a text where they belong: shown once, it says more than each of them.
    if let Some(first) = problems.0[before..].iter_mut().find(|problem| problem.span.as_ref() == Some(&node.span)) {
        first.help(kind.like());
    }
    window
}

/// How it is written, with typos or without.
fn kind(node: &Node) -> Kind {
    let Value::Map(entries) = &node.value else { return Kind::Cron };
    let known = || [&CRON, &HOURS, &CALENDAR].into_iter().flat_map(Table::all).map(|key| key.name);
    let meant: Vec<&str> = entries.iter().filter_map(|(key, _)| nearest(&key.text, known())).collect();
    let has = |names: &[&str]| meant.iter().any(|key| names.contains(key));
    match () {
        () if has(&["start"]) => Kind::Cron,
        () if has(&["hours", "days"]) => Kind::Hours,
        () if has(&["calendar", "summary"]) => Kind::Calendar,
        () => Kind::Cron,
    }
}

/// The keys of the two other forms.
fn elsewhere(key: &str, own: &Table) -> Option<String> {
    let others = [&CRON, &HOURS, &CALENDAR].into_iter().filter(|table| !std::ptr::eq(*table, own));
    let mut names = others.flat_map(Table::all).map(|key| key.name);
    names.any(|name| name == key).then(|| {
        "a window has either `start` and `duration`, or `days` and `hours`, or `calendar`; a list may have windows of \
         all kinds"
            .to_owned()
    })
}

fn of_cron(node: &Node, problems: &mut Problems) -> Option<Window> {
    let mut map = MapReader::named(node, "`window`", &CRON, problems)?;
    let start = map.need("start", cron);
    let duration = map.need("duration", read::deadline);
    let timezone = map.need("timezone", timezone);
    let last_start = map.read("last_start", |node, problems| last_start(node, duration, problems));
    map.finish_with(|key| elsewhere(key, &CRON));
    let form = Form::Cron(calendar::Cron { start: start?, duration: duration?, timezone: timezone? });
    Some(Window { form, last_start })
}

fn of_hours(node: &Node, problems: &mut Problems) -> Option<Window> {
    let mut map = MapReader::named(node, "`window`", &HOURS, problems)?;
    let days = map.take("days").map(|node| days(node, map.problems));
    let hours = map.need("hours", hours);
    let timezone = map.need("timezone", timezone);
    let length = hours.map(Hours::length);
    let last_start = map.read("last_start", |node, problems| last_start(node, length, problems));
    map.finish_with(|key| elsewhere(key, &HOURS));
    let weekly = Weekly { days: days.unwrap_or(Some(Days::ALL))?, hours: hours?, timezone: timezone? };
    Some(Window { form: Form::Weekly(weekly), last_start })
}

fn of_calendar(node: &Node, problems: &mut Problems) -> Option<Window> {
    let mut map = MapReader::named(node, "`window`", &CALENDAR, problems)?;
    let calendar = map.need("calendar", read::name);
    let summary = map.read("summary", read::name);
    let last_start = map.read("last_start", |node, problems| last_start(node, None, problems));
    map.finish_with(|key| elsewhere(key, &CALENDAR));
    Some(Window { form: Form::Calendar { calendar: calendar?, summary }, last_start })
}

/// `45m`, or `auto`; shorter than the window is open.
fn last_start(node: &Node, open: Option<Duration>, problems: &mut Problems) -> Option<LastStart> {
    if node.text() == Some("auto") && node.tag.is_none() {
        return Some(LastStart::Auto);
    }
    let long = read::deadline(node, problems).or_else(|| {
        let last = problems.0.last_mut()?;
        last.help.get_or_insert_with(|| "a length of time like 45m, or auto".to_owned());
        None
    })?;
    if open.is_some_and(|open| long >= open) {
        problems
            .at(&node.span, "with this `last_start`, no host could ever be started")
            .help("it is counted back from the end of the window, so it is shorter than the window is open");
        return None;
    }
    Some(LastStart::Before(long))
}

fn days(node: &Node, problems: &mut Problems) -> Option<Days> {
    let days = read::list_or_single(node, "days of the week, like MON-FRI", problems, |node, problems| {
        let text = read::text(node, "days of the week, like MON-FRI", problems)?;
        match text.parse::<Days>() {
            Ok(days) => Some(days),
            Err(why) => {
                problems.at(&node.span, why).help("MON-FRI, SAT, or [MON, WED]");
                None
            }
        }
    })?;
    let all = days.into_iter().reduce(Days::and);
    if all.is_none() {
        problems.expected("days of the week, like MON-FRI", node);
    }
    all
}

fn hours(node: &Node, problems: &mut Problems) -> Option<Hours> {
    let text = read::text(node, "hours in quotes, like \"09:00-17:00\"", problems)?;
    match text.parse() {
        Ok(hours) => Some(hours),
        Err(why) => {
            problems
                .at(&node.span, why)
                .help("\"09:00-17:00\"; \"22:00-06:00\" ends on the next day, and \"00:00-24:00\" is a whole day");
            None
        }
    }
}

fn cron(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = read::text(node, "a cron expression in quotes", problems)?;
    let fields = text.split_whitespace().count();
    let why = if fields != 5 {
        format!("`start` needs five cron fields (minute hour day month weekday), found {fields}")
    } else {
        match Cron::from_str(text) {
            // The start time does not matter: this finds dates like 30 February, which never come.
            Ok(cron) if cron.find_next_occurrence(&date(2024, 1, 1).at(0, 0, 0, 0), true).is_ok() => {
                return Some(text.to_owned());
            }
            Ok(_) => "this window never opens".to_owned(),
            Err(error) => format!("this is not a valid cron expression: {error}"),
        }
    };
    problems.at(&node.span, why).help("\"0 2 * * SUN#2\" is 02:00 on the second Sunday of the month");
    None
}

/// The name of a time zone that there is.
pub(crate) fn timezone(node: &Node, problems: &mut Problems) -> Option<String> {
    let name = read::text(node, "the name of a time zone", problems)?;
    if TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    let message = format!("there is no time zone `{}`", name.chars().take(60).collect::<String>());
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => problems.at(&node.span, format!("{message}; did you mean `{near}`?")),
        None => problems.at(&node.span, message),
    }
    .help("names look like Europe/Berlin or UTC");
    None
}
