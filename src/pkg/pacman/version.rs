//! The order of pacman's versions: `[epoch:]version[-release]`. It is not rpm's: the length of separators counts, `~`
//! and `^` mean nothing, and `1.0a` comes before `1.0`.

use std::cmp::Ordering;

/// No version of any archive is longer.
const LONGEST: usize = 256;

/// Compares as `vercmp` does: the releases count only if both have one.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a_version, a_release), (b_epoch, b_version, b_release)) = (split(a), split(b));
    let releases = || match (a_release, b_release) {
        (Some(a), Some(b)) => segments(a, b),
        _ => Ordering::Equal,
    };
    segments(a_epoch, b_epoch).then_with(|| segments(a_version, b_version)).then_with(releases)
}

/// Whether `text` can be a version, and the name of a file.
pub(super) fn is_version(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._+~^:-".contains(&b))
}

fn split(text: &str) -> (&str, &str, Option<&str>) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (if epoch.is_empty() { "0" } else { epoch }, rest)
        }
        _ => ("0", text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Segments of digits and of letters, with separators between them.
fn segments(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    if a == b {
        return Ordering::Equal;
    }
    while !a.is_empty() && !b.is_empty() {
        let (a_gap, b_gap) = (gap(a), gap(b));
        (a, b) = (&a[a_gap..], &b[b_gap..]);
        let Some(first) = a.first().filter(|_| !b.is_empty()) else { break };
        if a_gap != b_gap {
            return a_gap.cmp(&b_gap);
        }
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
    // What is left wins, unless it begins with a letter.
    match (a.first(), b.first()) {
        (None, None) => Ordering::Equal,
        (Some(left), _) => {
            if left.is_ascii_alphabetic() {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (None, Some(left)) => {
            if left.is_ascii_alphabetic() {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

fn gap(text: &[u8]) -> usize {
    text.iter().position(u8::is_ascii_alphanumeric).unwrap_or(text.len())
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

    #[test]
    fn the_order_is_that_of_vercmp() {
        use Ordering::{Equal, Greater, Less};
        // Each line is what `vercmp` of pacman 6.0.2 answered.
        for (a, b, order) in [
            ("1.5.0", "1.5.0", Equal),
            ("1.5.1", "1.5.0", Greater),
            ("1.5.0-1", "1.5.0-2", Less),
            ("1.5-1", "1.5", Equal),
            ("1.5", "1.5-2", Equal),
            ("1.1-1", "1.0", Greater),
            ("1.5b-1", "1.5-1", Less),
            ("1.5b", "1.5", Less),
            ("1.5b", "1.5.b", Less),
            ("1.5.b", "1.5", Greater),
            ("2.0.a", "2.0.1", Less),
            ("3.0rc1", "3.0", Less),
            ("1:1.0", "2.0", Greater),
            ("0:1.0", "1.0", Equal),
            ("1:1.0-1", "1:1.0-2", Less),
            ("12:1.0", "3:9", Greater),
            ("1.0.", "1.0", Greater),
            ("1.0..", "1.0", Greater),
            ("1..0", "1.0", Greater),
            ("1..0", "1.1", Greater),
            ("1.0~rc1", "1.0", Greater),
            ("1.0^1", "1.0", Greater),
            ("1.0_1", "1.0.1", Equal),
            ("001a", "1a", Equal),
            ("1.010", "1.10", Equal),
            ("6.6.2.arch1-1", "6.6.10.arch1-1", Less),
            ("20240101", "1.0", Greater),
            ("a", "b", Less),
            ("1.0.a2", "1.0.a10", Less),
            ("r100.abc", "r99.abd", Greater),
            ("1.a", "1", Greater),
            (":1", "1", Equal),
        ] {
            assert_eq!(compare(a, b), order, "{a} and {b}");
            assert_eq!(compare(b, a), order.reverse(), "{b} and {a}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_path_is_no_version() {
        for good in ["1:2.0-1", "6.6.2.arch1-1", "r123.abc-1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "-1", "../x", "1/2", "1 2", "*", "é", &"1".repeat(300)] {
            assert!(!is_version(bad), "{bad}");
        }
        assert_eq!(compare("", ""), Ordering::Equal);
    }
}
