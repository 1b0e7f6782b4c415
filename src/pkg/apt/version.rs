//! The order of Debian versions (deb-version(7)).

use std::cmp::Ordering;

/// No version of any archive is longer; comparing numbers of unbounded length is not free.
pub(super) const LONGEST: usize = 256;

/// Compares as dpkg does. Texts that are not versions come first, ordered as texts.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, None) => a.cmp(b),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
    }
}

/// Whether `text` may follow `=` on apt's command line.
pub(super) fn is_version(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<debversion::Version> {
    // The parser accepts a leading `-`. dpkg wants a digit there, and the text must never become an option.
    let digit_first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !digit_first || text.len() > LONGEST {
        return None;
    }
    debversion::Version::parse_lenient(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_dpkg() {
        // Each line was checked with `dpkg --compare-versions`.
        let rising = [
            "0~~",
            "0~",
            "0.9",
            "1.0~rc1-1",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1ubuntu0.1",
            "1.0-1+b1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0-2",
            "1.0-9",
            "1.0-10",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.10-1",
            "1:0.1-1",
            "1:0.1-1a",
            "10:0",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(compare("1.0", "0:1.0-0"), Ordering::Equal);
        assert_eq!(compare(&"9".repeat(200), &"9".repeat(201)), Ordering::Less);
    }

    #[test]
    fn what_is_no_version_never_wins_and_never_panics() {
        for bad in ["", "-1", "--force", "1.0 2", "1.0;id", "é", "$(id)", &"1".repeat(300)] {
            assert_eq!(compare(bad, "0"), Ordering::Less, "{bad:?}");
            assert!(!is_version(bad), "{bad:?}");
        }
        assert_eq!(compare("", ""), Ordering::Equal);
    }
}
