//! Days of the week and hours of a day, as they are written: `MON-FRI`, `22:00-06:00`. Start at [`Days`] and [`Hours`].

use std::{fmt, str::FromStr, time::Duration};

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

const NAMES: [(&str, &str); 7] = [
    ("MON", "MONDAY"),
    ("TUE", "TUESDAY"),
    ("WED", "WEDNESDAY"),
    ("THU", "THURSDAY"),
    ("FRI", "FRIDAY"),
    ("SAT", "SATURDAY"),
    ("SUN", "SUNDAY"),
];
const DAY: u16 = 24 * 60;

/// Some days of the week, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Days([bool; 7]);

impl Days {
    /// Every day.
    pub const ALL: Self = Self([true; 7]);

    /// Whether this day is one of them.
    pub fn has(self, day: Weekday) -> bool {
        self.0[usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()]
    }

    /// The days of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|day| self.0[day] || other.0[day]))
    }
}

impl FromStr for Days {
    type Err = String;

    /// Reads `MON-FRI`, `SAT,SUN`, `FRI-MON`, in any case, with names in full or as three letters.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut days = [false; 7];
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut at, last) = (day(first)?, day(last)?);
            days[at] = true;
            while at != last {
                at = (at + 1) % 7;
                days[at] = true;
            }
        }
        Ok(Self(days))
    }
}

fn day(text: &str) -> Result<usize, String> {
    let word = text.trim().to_uppercase();
    let found = NAMES.iter().position(|(short, long)| word == *short || word == *long);
    found.ok_or_else(|| format!("`{}` is not a day of the week", text.trim().chars().take(20).collect::<String>()))
}

impl fmt::Display for Days {
    /// `MON-FRI`, `SAT,SUN`, `MON-SUN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut at = 0;
        while at < 7 {
            let long = self.0[at..].iter().take_while(|there| **there).count();
            match long {
                0 => {}
                1 | 2 => parts.extend(NAMES[at..at + long].iter().map(|(short, _)| (*short).to_owned())),
                _ => parts.push(format!("{}-{}", NAMES[at].0, NAMES[at + long - 1].0)),
            }
            at += long.max(1);
        }
        f.write_str(&parts.join(","))
    }
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.to_string()
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// From one time of day to another, in minutes since midnight; if the second is not later, it is one of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hours {
    /// Below 24 hours.
    pub from: u16,
    /// Up to and including 24 hours.
    pub to: u16,
}

impl Hours {
    /// From the first to the second, on a day without a clock change.
    pub fn length(self) -> Duration {
        let minutes = if self.pass_midnight() { self.to + DAY - self.from } else { self.to - self.from };
        Duration::from_secs(u64::from(minutes) * 60)
    }

    /// Whether they go on into the next day.
    pub fn pass_midnight(self) -> bool {
        self.to < self.from
    }
}

impl FromStr for Hours {
    type Err = String;

    /// Reads `09:00-17:00`, `22:00-06:00`, `00:00-24:00`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "hours are written as HH:MM-HH:MM".to_owned();
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (minutes(from).ok_or_else(wrong)?, minutes(to).ok_or_else(wrong)?);
        if from == DAY {
            return Err("hours begin before 24:00".to_owned());
        }
        if from == to {
            return Err("these hours begin and end at the same time".to_owned());
        }
        Ok(Self { from, to })
    }
}

/// `9:05`, `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |digits: &str, most: usize| {
        let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| fits)
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2).filter(|_| minutes.len() == 2)?);
    (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for (text, shown) in [
            ("MON-FRI", Ok("MON-FRI")),
            ("sat, Sunday", Ok("SAT,SUN")),
            ("FRI-MON", Ok("MON,FRI-SUN")),
            ("mon,tue,wed", Ok("MON-WED")),
            ("MON-SUN", Ok("MON-SUN")),
            ("TUE", Ok("TUE")),
            ("", Err("`` is not a day of the week")),
            ("MON-", Err("`` is not a day of the week")),
            ("FREITAG", Err("`FREITAG` is not a day of the week")),
            ("MON-TUE-WED", Err("`TUE-WED` is not a day of the week")),
        ] {
            let read: Result<Days, String> = text.parse();
            assert_eq!(read.clone().map(|days| days.to_string()), shown.map(str::to_owned).map_err(str::to_owned));
            if let Ok(days) = read {
                assert_eq!(days.to_string().parse(), Ok(days));
            }
        }
        assert_eq!("MON-SUN".parse(), Ok(Days::ALL));
        let weekend: Days = "SAT,SUN".parse().unwrap();
        assert!(weekend.has(Weekday::Sunday) && !weekend.has(Weekday::Monday));
        assert_eq!(weekend.and("MON-FRI".parse().unwrap()), Days::ALL);
    }

    #[test]
    fn hours_are_read_and_written() {
        for (text, shown) in [
            ("09:00-17:00", Ok("09:00-17:00")),
            ("9:05 - 17:30", Ok("09:05-17:30")),
            ("22:00-06:00", Ok("22:00-06:00")),
            ("00:00-24:00", Ok("00:00-24:00")),
            ("22:00-00:00", Ok("22:00-00:00")),
            ("02:00-02:00", Err("these hours begin and end at the same time")),
            ("24:00-06:00", Err("hours begin before 24:00")),
            ("9-17", Err("hours are written as HH:MM-HH:MM")),
            ("09:00", Err("hours are written as HH:MM-HH:MM")),
            ("09:60-10:00", Err("hours are written as HH:MM-HH:MM")),
            ("23:00-24:01", Err("hours are written as HH:MM-HH:MM")),
            ("+9:00-10:00", Err("hours are written as HH:MM-HH:MM")),
            ("09:0-10:00", Err("hours are written as HH:MM-HH:MM")),
        ] {
            let read: Result<Hours, String> = text.parse();
            assert_eq!(read.clone().map(|hours| hours.to_string()), shown.map(str::to_owned).map_err(str::to_owned));
        }
        assert!(Hours { from: 1320, to: 0 }.pass_midnight() && !Hours { from: 0, to: 1440 }.pass_midnight());
    }
}
