//! Times on a wall clock to moments, by one rule for all clock changes. Start at [`moment`].

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// The moment at which the clock of this zone shows this time. A time that comes twice (the hour is repeated) is the
/// first of the two; a time that is skipped is the moment of the change. So a window never closes later than it is
/// written. `None`: outside the range of dates.
pub(super) fn moment(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset it lies before the change, and the change comes next.
            let before = after.to_timestamp(time).ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_skipped_is_the_change_and_one_that_comes_twice_is_the_first() {
        for (zone, time, expected) in [
            ("Europe/Berlin", "2026-11-08T02:00", "2026-11-08T01:00:00Z"),
            // 02:00 becomes 03:00.
            ("Europe/Berlin", "2027-03-28T01:59", "2027-03-28T00:59:00Z"),
            ("Europe/Berlin", "2027-03-28T02:00", "2027-03-28T01:00:00Z"),
            ("Europe/Berlin", "2027-03-28T02:59", "2027-03-28T01:00:00Z"),
            ("Europe/Berlin", "2027-03-28T03:00", "2027-03-28T01:00:00Z"),
            // 03:00 becomes 02:00.
            ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            // By half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
            ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z"),
            ("Australia/Lord_Howe", "2027-04-04T01:45", "2027-04-03T14:45:00Z"),
            // At midnight: a date without its first hour.
            ("Asia/Beirut", "2027-03-28T00:30", "2027-03-27T22:00:00Z"),
            // A date that does not exist at all.
            ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00:00Z"),
        ] {
            let zone_there = TimeZone::get(zone).unwrap();
            let moment = moment(time.parse().unwrap(), &zone_there);
            assert_eq!(moment, Some(expected.parse().unwrap()), "{zone} {time}");
        }
        assert_eq!(moment(DateTime::MAX, &TimeZone::get("Pacific/Honolulu").unwrap()), None);
    }
}
