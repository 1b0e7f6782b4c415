//! The order of RPM versions: `[epoch:]version[-release]`, where no epoch means 0.

use std::cmp::Ordering;

/// No version of any archive is longer.
const LONGEST: usize = 256;

/// Compares epochs, then versions, then releases, as rpm does.
pub(in crate::pkg) fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a_version, a_release), (b_epoch, b_version, b_release)) = (split(a), split(b));
    segments(a_epoch, b_epoch).then_with(|| segments(a_version, b_version)).then_with(|| segments(a_release, b_release))
}

/// Whether `text` can be a version on a command line: it never begins like an option, and has no pattern in it.
pub(in crate::pkg) fn is_version(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._+~^:-".contains(&b))
}

/// The version without an epoch of 0, which many programs leave out.
pub(in crate::pkg) fn without_zero(version: &str) -> &str {
    version.strip_prefix("0:").unwrap_or(version)
}

fn split(text: &str) -> (&str, &str, &str) {
    let digits = |epoch: &str| epoch.bytes().all(|b| b.is_ascii_digit());
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if digits(epoch) => (if epoch.is_empty() { "0" } else { epoch }, rest),
        _ => ("0", text),
    };
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, version, release)
}

/// rpm's own comparison of two versions or two releases (`rpmvercmp`): segments of digits and of letters; `~` comes
/// before the end of the text, `^` right after it.
pub(in crate::pkg) fn segments(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        (a, b) = (at_segment(a), at_segment(b));
        match (rank(a), rank(b)) {
            (Some(x), Some(y)) if x == y => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (None, None) => {}
            (x, y) => return x.unwrap_or(place(a)).cmp(&y.unwrap_or(place(b))),
        }
        let (Some(first), Some(_)) = (a.first(), b.first()) else { return a.len().cmp(&b.len()) };
        let digits = first.is_ascii_digit();
        let (x, a_rest) = take(a, digits);
        let (y, b_rest) = take(b, digits);
        // Digits are newer than letters.
        if y.is_empty() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let order =
            if digits { number(x).len().cmp(&number(y).len()).then(number(x).cmp(number(y))) } else { x.cmp(y) };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// Where a mark stands among what may follow the same beginning: `~`, the end, `^`, anything else.
fn rank(text: &[u8]) -> Option<u8> {
    match text.first() {
        Some(b'~') => Some(0),
        Some(b'^') => Some(2),
        _ => None,
    }
}

fn place(text: &[u8]) -> u8 {
    if text.is_empty() { 1 } else { 3 }
}

fn at_segment(text: &[u8]) -> &[u8] {
    let at = text.iter().position(|b| b.is_ascii_alphanumeric() || b"~^".contains(b));
    &text[at.unwrap_or(text.len())..]
}

fn take(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let own = |b: &u8| if digits { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
    text.split_at(text.iter().position(|b| !own(b)).unwrap_or(text.len()))
}

fn number(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|b| **b == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of rpm's own test suite (tests/rpmvercmp.at), without those that its authors call known mistakes.
    const RPM: [(&str, &str, Ordering); 103] = {
        use Ordering::{Equal, Greater, Less};
        [
            ("1.0", "1.0", Equal),
            ("1.0", "2.0", Less),
            ("2.0", "1.0", Greater),
            ("2.0.1", "2.0.1", Equal),
            ("2.0", "2.0.1", Less),
            ("2.0.1", "2.0", Greater),
            ("2.0.1a", "2.0.1a", Equal),
            ("2.0.1a", "2.0.1", Greater),
            ("2.0.1", "2.0.1a", Less),
            ("5.5p1", "5.5p1", Equal),
            ("5.5p1", "5.5p2", Less),
            ("5.5p2", "5.5p1", Greater),
            ("5.5p10", "5.5p10", Equal),
            ("5.5p1", "5.5p10", Less),
            ("5.5p10", "5.5p1", Greater),
            ("10xyz", "10.1xyz", Less),
            ("10.1xyz", "10xyz", Greater),
            ("xyz10", "xyz10", Equal),
            ("xyz10", "xyz10.1", Less),
            ("xyz10.1", "xyz10", Greater),
            ("xyz.4", "xyz.4", Equal),
            ("xyz.4", "8", Less),
            ("8", "xyz.4", Greater),
            ("xyz.4", "2", Less),
            ("2", "xyz.4", Greater),
            ("5.5p2", "5.6p1", Less),
            ("5.6p1", "5.5p2", Greater),
            ("5.6p1", "6.5p1", Less),
            ("6.5p1", "5.6p1", Greater),
            ("6.0.rc1", "6.0", Greater),
            ("6.0", "6.0.rc1", Less),
            ("10b2", "10a1", Greater),
            ("10a2", "10b2", Less),
            ("1.0aa", "1.0aa", Equal),
            ("1.0a", "1.0aa", Less),
            ("1.0aa", "1.0a", Greater),
            ("10.0001", "10.0001", Equal),
            ("10.0001", "10.1", Equal),
            ("10.1", "10.0001", Equal),
            ("10.0001", "10.0039", Less),
            ("10.0039", "10.0001", Greater),
            ("4.999.9", "5.0", Less),
            ("5.0", "4.999.9", Greater),
            ("20101121", "20101121", Equal),
            ("20101121", "20101122", Less),
            ("20101122", "20101121", Greater),
            ("2_0", "2_0", Equal),
            ("2.0", "2_0", Equal),
            ("2_0", "2.0", Equal),
            ("a", "a", Equal),
            ("a+", "a+", Equal),
            ("a+", "a_", Equal),
            ("a_", "a+", Equal),
            ("+a", "+a", Equal),
            ("+a", "_a", Equal),
            ("_a", "+a", Equal),
            ("+_", "+_", Equal),
            ("_+", "+_", Equal),
            ("_+", "_+", Equal),
            ("+", "_", Equal),
            ("_", "+", Equal),
            ("1.0~rc1", "1.0~rc1", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0", "1.0~rc1", Greater),
            ("1.0~rc1", "1.0~rc2", Less),
            ("1.0~rc2", "1.0~rc1", Greater),
            ("1.0~rc1~git123", "1.0~rc1~git123", Equal),
            ("1.0~rc1~git123", "1.0~rc1", Less),
            ("1.0~rc1", "1.0~rc1~git123", Greater),
            ("1.0^", "1.0^", Equal),
            ("1.0^", "1.0", Greater),
            ("1.0", "1.0^", Less),
            ("1.0^git1", "1.0^git1", Equal),
            ("1.0^git1", "1.0", Greater),
            ("1.0", "1.0^git1", Less),
            ("1.0^git1", "1.0^git2", Less),
            ("1.0^git2", "1.0^git1", Greater),
            ("1.0^git1", "1.01", Less),
            ("1.01", "1.0^git1", Greater),
            ("1.0^20160101", "1.0^20160101", Equal),
            ("1.0^20160101", "1.0.1", Less),
            ("1.0.1", "1.0^20160101", Greater),
            ("1.0^20160101^git1", "1.0^20160101^git1", Equal),
            ("1.0^20160102", "1.0^20160101^git1", Greater),
            ("1.0^20160101^git1", "1.0^20160102", Less),
            ("1.0~rc1^git1", "1.0~rc1^git1", Equal),
            ("1.0~rc1^git1", "1.0~rc1", Greater),
            ("1.0~rc1", "1.0~rc1^git1", Less),
            ("1.0^git1~pre", "1.0^git1~pre", Equal),
            ("1.0^git1", "1.0^git1~pre", Greater),
            ("1.0^git1~pre", "1.0^git1", Less),
            ("1b.fc17", "1b.fc17", Equal),
            ("1b.fc17", "1.fc17", Less),
            ("1.fc17", "1b.fc17", Greater),
            ("1g.fc17", "1g.fc17", Equal),
            ("1g.fc17", "1.fc17", Greater),
            ("1.fc17", "1g.fc17", Less),
            ("1.1.α", "1.1.α", Equal),
            ("1.1.α", "1.1.β", Equal),
            ("1.1.β", "1.1.α", Equal),
            ("1.1.αα", "1.1.α", Equal),
            ("1.1.α", "1.1.ββ", Equal),
            ("1.1.ββ", "1.1.αα", Equal),
        ]
    };

    #[test]
    fn the_order_is_that_of_rpm() {
        for (a, b, order) in RPM {
            assert_eq!(segments(a, b), order, "{a} and {b}");
            assert_eq!(segments(b, a), order.reverse(), "{b} and {a}");
        }
    }

    #[test]
    fn the_epoch_comes_first_and_the_release_last() {
        let rising = ["1.0~rc1-9", "1.0-1", "1.0-1.1", "1.0-10.el9", "1.0^1-1", "1.1-0", "1:0.1-1", "2:0-0", "10:0-0"];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in [("0:1.0-1", "1.0-1"), (":1-1", "1-1"), ("1-1", "01-1")] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} and {b}");
        }
        assert_eq!(compare(&"9".repeat(200), &"9".repeat(201)), Ordering::Less);
    }

    #[test]
    fn what_could_be_an_option_or_a_pattern_is_no_version() {
        for good in ["1.0-1.el9", "1:2.34~rc1^git-5", "5.14.0-427.13.1.el9_4"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "-1", "--setopt", "1 2", "1*", "$(id)", "1;2", "é", &"1".repeat(300)] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
