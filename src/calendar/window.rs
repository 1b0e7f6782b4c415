//! The forms of a maintenance window, as data: what is written in a file and recorded in a plan. Start at [`Window`].

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Days, Hours};

/// When hosts may be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// How it is written.
    #[serde(flatten)]
    pub form: Form,
    /// How long before it closes the last host is started. `None`: until it closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start: Option<LastStart>,
}

/// How long before a window closes the last host is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastStart {
    /// As long as the host will take.
    Auto,
    /// So long.
    Before(Duration),
}

/// The forms of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Form {
    /// From a start, for a length of real time.
    Cron(Cron),
    /// Between two times of day.
    Weekly(Weekly),
    /// During the events of a calendar.
    Calendar {
        /// Its name in the project's settings.
        calendar: String,
        /// Only events with this summary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// While one of them is open.
    Any {
        /// At least two.
        any: Vec<Window>,
    },
}

/// A start and a length in real time: it is as long as usual in a night with a clock change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cron {
    /// Cron fields with `#` and `L` (`0 2 * * SUN#2`).
    pub start: String,
    /// How long it is open.
    pub duration: Duration,
    /// IANA name.
    pub timezone: String,
}

/// Hours of certain days, by the clock on the wall: it opens and closes when the clock shows these times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekly {
    /// The days on which it opens.
    pub days: Days,
    /// When it opens and closes; after midnight, if the second time is the smaller one.
    pub hours: Hours,
    /// IANA name.
    pub timezone: String,
}

impl From<Cron> for Window {
    fn from(cron: Cron) -> Self {
        Self { form: Form::Cron(cron), last_start: None }
    }
}

impl Window {
    /// A window that is open for `duration` from each start on.
    #[cfg(any(test, feature = "testing"))]
    pub fn cron(start: &str, duration: Duration, timezone: &str) -> Self {
        Cron { start: start.to_owned(), duration, timezone: timezone.to_owned() }.into()
    }

    /// A window that is open while one of `windows` is: at least one.
    #[must_use]
    pub fn any(mut windows: Vec<Self>) -> Self {
        match windows.len() {
            1 => windows.remove(0),
            _ => Self { form: Form::Any { any: windows }, last_start: None },
        }
    }

    fn calendars(&self, names: &mut BTreeSet<String>) {
        match &self.form {
            Form::Calendar { calendar, .. } => drop(names.insert(calendar.clone())),
            Form::Any { any } => any.iter().for_each(|window| window.calendars(names)),
            Form::Cron(_) | Form::Weekly(_) => {}
        }
    }

    /// Whether it asks how long hosts take.
    pub fn asks_for_walks(&self) -> bool {
        let inside = matches!(&self.form, Form::Any { any } if any.iter().any(Self::asks_for_walks));
        inside || self.last_start == Some(LastStart::Auto)
    }

    /// The name of its time zone, unless a calendar has it; the first, if there are several.
    pub fn timezone(&self) -> Option<&str> {
        match &self.form {
            Form::Cron(cron) => Some(&cron.timezone),
            Form::Weekly(weekly) => Some(&weekly.timezone),
            Form::Calendar { .. } => None,
            Form::Any { any } => any.iter().find_map(Self::timezone),
        }
    }
}

impl fmt::Display for Window {
    /// `0 2 * * SUN#2 for 4h Europe/Berlin`, `MON-FRI 09:00-17:00 Europe/Berlin, last start 45m before its end`,
    /// `… or …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Cron(cron) => write!(f, "{} for {} {}", cron.start, Length(cron.duration), cron.timezone)?,
            Form::Weekly(weekly) => write!(f, "{} {} {}", weekly.days, weekly.hours, weekly.timezone)?,
            Form::Calendar { calendar, summary: None } => write!(f, "calendar {calendar}")?,
            Form::Calendar { calendar, summary: Some(summary) } => write!(f, "calendar {calendar} ({summary})")?,
            Form::Any { any } => f.write_str(&any.iter().map(Self::to_string).collect::<Vec<_>>().join(" or "))?,
        }
        match self.last_start {
            None => Ok(()),
            Some(LastStart::Auto) => f.write_str(", last start auto"),
            Some(LastStart::Before(long)) => write!(f, ", last start {} before its end", Length(long)),
        }
    }
}

/// `4h`, `1h30m`.
struct Length(Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        parts.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

/// The windows of one host, which may start while all of them are open: first the inventory's, then the playbook's,
/// which narrows it. Never empty. In JSON a single window is an object, several are a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "OneOrMore", try_from = "OneOrMore")]
pub struct Windows(pub(super) Vec<Window>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Window),
    More(Vec<Window>),
}

impl From<Windows> for OneOrMore {
    fn from(mut windows: Windows) -> Self {
        if windows.0.len() == 1 { Self::One(windows.0.remove(0)) } else { Self::More(windows.0) }
    }
}

impl TryFrom<OneOrMore> for Windows {
    type Error = &'static str;

    fn try_from(windows: OneOrMore) -> Result<Self, Self::Error> {
        match windows {
            OneOrMore::One(window) => Ok(window.into()),
            OneOrMore::More(windows) if windows.is_empty() => Err("a list of windows is not empty"),
            OneOrMore::More(windows) => Ok(Self(windows)),
        }
    }
}

impl From<Window> for Windows {
    fn from(window: Window) -> Self {
        Self(vec![window])
    }
}

impl Windows {
    /// The windows of the inventory and of the playbook together; `None` when there is neither.
    pub fn narrowed(window: Option<&Window>, by: Option<&Window>) -> Option<Self> {
        let mut windows: Vec<Window> = window.into_iter().chain(by).cloned().collect();
        windows.dedup();
        (!windows.is_empty()).then_some(Self(windows))
    }

    /// The names of the calendars in them.
    pub fn calendars(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.iter().for_each(|window| window.calendars(&mut names));
        names
    }

    /// All windows.
    pub fn iter(&self) -> impl Iterator<Item = &Window> {
        self.0.iter()
    }
}
