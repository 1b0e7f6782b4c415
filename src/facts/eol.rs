//! When security support of a release ends: a dated table. A release that is not in it is unknown.

use jiff::civil::Date;

use super::OsRelease;

const TABLE: &str = include_str!("eol.tsv");
/// The date of the table.
const OF: &str = "2026-11-01";

/// The end of support of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfLife {
    /// The last day.
    pub end: Date,
    /// The date of the table that says so; `None`: the inventory says so.
    pub data_of: Option<Date>,
}

impl EndOfLife {
    /// As an inventory says.
    pub fn written(end: Date) -> Self {
        Self { end, data_of: None }
    }
}

/// The end of the distributor's free security support; `None`: not known. A point release has the end of its release.
pub fn end_of_life(os: &OsRelease) -> Option<EndOfLife> {
    let major = os.version_id.split('.').next().unwrap_or_default();
    let of = |release: &str| {
        let mut rows = TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
        rows.find_map(|mut row| {
            let found = row.next() == Some(os.id.as_str()) && row.next() == Some(release);
            found.then(|| row.next()?.parse().ok()).flatten()
        })
    };
    // `3.20.3` is a point of `3.20`, `9.4` one of `9`.
    let point = os.version_id.match_indices('.').nth(1).and_then(|(at, _)| of(&os.version_id[..at]));
    let end = of(&os.version_id).or(point).or_else(|| of(major))?;
    Some(EndOfLife { end, data_of: OF.parse().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(id: &str, version: &str) -> Option<String> {
        let os = OsRelease { id: id.to_owned(), version_id: version.to_owned(), ..OsRelease::default() };
        end_of_life(&os).map(|eol| eol.end.to_string())
    }

    #[test]
    fn what_is_not_in_the_table_is_unknown() {
        assert_eq!(end("debian", "12").as_deref(), Some("2026-06-10"));
        assert_eq!(end("alpine", "3.20.3").as_deref(), Some("2026-04-01"));
        assert_eq!(end("rocky", "9.4").as_deref(), Some("2032-05-31"));
        assert_eq!(end("ubuntu", "24.04").as_deref(), Some("2029-05-31"));
        // The releases of Ubuntu are not points of one release.
        assert_eq!(end("ubuntu", "24.11"), None);
        for (id, version) in [("debian", ""), ("", ""), ("debian", "99"), ("", "12"), ("arch", "")] {
            assert_eq!(end(id, version), None, "{id} {version}");
        }
    }

    #[test]
    fn every_row_of_the_table_can_be_read() {
        let rows: Vec<Vec<&str>> =
            TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
        assert!(rows.len() > 30);
        for row in rows {
            let [id, release, date] = row[..] else { panic!("{row:?}") };
            assert!(!id.is_empty() && !release.is_empty() && date.parse::<Date>().is_ok(), "{row:?}");
        }
        assert!(OF.parse::<Date>().is_ok() && TABLE.contains(&format!("Data of {OF}")));
    }
}
