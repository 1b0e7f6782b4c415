//! The order of apk's versions: `number{.number}letter{_suffix number}-rRELEASE`, as in Gentoo. A suffix like `_rc`
//! comes before the version without it, one like `_p` after it.

use std::cmp::Ordering;

/// No version of any archive is longer.
const LONGEST: usize = 256;
/// A number has fewer digits than this.
const DIGITS: usize = 18;

/// Suffixes of what comes before a version, oldest first.
const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
/// Suffixes of what comes after it.
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// Parts of a version, in the order in which they may follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Invalid,
    DigitOrZero,
    Digit,
    Letter,
    Suffix,
    SuffixNumber,
    Release,
    End,
}

/// A version that is being read.
struct Reader<'a> {
    rest: &'a [u8],
    part: Part,
}

/// Compares as `apk version --test` does.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let read = |text| Reader { rest: text, part: Part::Digit };
    let (mut a, mut b) = (read(a.as_bytes()), read(b.as_bytes()));
    let (mut x, mut y) = (0, 0);
    while a.part == b.part && !matches!(a.part, Part::End | Part::Invalid) && x == y {
        (x, y) = (a.take(), b.take());
    }
    if x != y {
        return x.cmp(&y);
    }
    if a.part == b.part {
        return Ordering::Equal;
    }
    // All that both have is equal: the longer one is newer, unless it goes on with a suffix of what comes before.
    let (next_a, next_b) = (a.part, b.part);
    if next_a == Part::Suffix && a.take() < 0 {
        return Ordering::Less;
    }
    if next_b == Part::Suffix && b.take() < 0 {
        return Ordering::Greater;
    }
    next_b.cmp(&next_a)
}

/// Whether `text` can be a version, and part of the name of a file.
pub(super) fn is_version(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b))
}

impl Reader<'_> {
    /// The value of the part that is next. What cannot be read is -1, and ends the version.
    fn take(&mut self) -> i64 {
        if self.rest.is_empty() {
            self.part = Part::End;
            return 0;
        }
        let zeros = || self.rest.iter().take_while(|b| **b == b'0').count();
        let (value, length, then) = match self.part {
            // Zeros after a point: the more of them, the older.
            Part::DigitOrZero if self.rest[0] == b'0' => {
                let more = zeros() - 1;
                (-i64::try_from(more).unwrap_or(i64::MAX), more, Some(Part::Digit))
            }
            Part::DigitOrZero | Part::Digit | Part::SuffixNumber | Part::Release => {
                let length = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
                if length >= DIGITS {
                    return self.invalid();
                }
                let value = self.rest[..length].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
                (value, length, None)
            }
            Part::Letter => (self.rest[0].into(), 1, None),
            Part::Suffix => match self.suffix() {
                Some((value, length)) => (value, length, None),
                None => return self.invalid(),
            },
            Part::Invalid | Part::End => return self.invalid(),
        };
        self.rest = &self.rest[length..];
        match then {
            _ if self.rest.is_empty() => self.part = Part::End,
            Some(part) => self.part = part,
            None => self.next(),
        }
        value
    }

    fn invalid(&mut self) -> i64 {
        self.part = Part::Invalid;
        -1
    }

    fn suffix(&self) -> Option<(i64, usize)> {
        let found = |names: &[&str]| {
            let at = names.iter().position(|name| self.rest.starts_with(name.as_bytes()))?;
            Some((i64::try_from(at).ok()?, names[at].len()))
        };
        let before = found(&BEFORE).map(|(at, length)| (at - 4, length));
        before.or_else(|| found(&AFTER))
    }

    /// Which part is next, by its first byte.
    fn next(&mut self) {
        let part = self.part;
        let next = match self.rest[0] {
            b if matches!(part, Part::Digit | Part::DigitOrZero) && b.is_ascii_lowercase() => Part::Letter,
            b if part == Part::Letter && b.is_ascii_digit() => Part::Digit,
            b if part == Part::Suffix && b.is_ascii_digit() => Part::SuffixNumber,
            first => {
                self.rest = &self.rest[1..];
                match first {
                    b'.' => Part::DigitOrZero,
                    b'_' => Part::Suffix,
                    b'-' if self.rest.first() == Some(&b'r') => {
                        self.rest = &self.rest[1..];
                        Part::Release
                    }
                    _ => Part::Invalid,
                }
            }
        };
        let goes_back = matches!(
            (next, part),
            (Part::DigitOrZero, Part::Digit) | (Part::Suffix, Part::SuffixNumber) | (Part::Digit, Part::Letter)
        );
        self.part = if next < part && !goes_back { Part::Invalid } else { next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_apk() {
        use Ordering::{Equal, Greater, Less};
        // Each line is what `apk version --test` of apk 2.14 answers.
        for (a, b, order) in [
            ("1.2.3-r0", "1.2.3-r1", Less),
            ("1.2.3-r10", "1.2.3-r9", Greater),
            ("1.10", "1.9", Greater),
            ("1.0", "1.0.1", Less),
            ("1.0a", "1.0", Greater),
            ("1.0b", "1.0a", Greater),
            ("1.0_rc1", "1.0", Less),
            ("1.0_rc2", "1.0_rc1", Greater),
            ("1.0_alpha", "1.0_beta", Less),
            ("1.0_p1", "1.0", Greater),
            ("1.0_git20240101", "1.0", Greater),
            ("1.0_git20240101-r0", "1.0_git20240102-r0", Less),
            ("1.0_p1", "1.0_git1", Greater),
            ("1.01", "1.1", Less),
            ("1.001", "1.01", Less),
            ("01", "1", Equal),
            ("1.0-r0", "1.0", Greater),
            ("3.3.1-r0", "3.3.0-r3", Greater),
            ("9.7_p1-r4", "9.7_p1-r5", Less),
            ("6.6.32-r0", "6.6.32-r0", Equal),
            ("20240705-r0", "20240226-r0", Greater),
            ("1.0", "1.0_foo", Greater),
        ] {
            assert_eq!(compare(a, b), order, "{a} and {b}");
            assert_eq!(compare(b, a), order.reverse(), "{b} and {a}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_path_is_no_version() {
        for good in ["1.2.3-r0", "9.7_p1-r4", "20240705.123456", "1.0~abc-r0"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "-r1", "../x", "1/2", "1 2", "*", "é", "1=2", &"1".repeat(300)] {
            assert!(!is_version(bad), "{bad}");
        }
        assert_eq!((compare("", ""), compare("é", "1")), (Ordering::Equal, Ordering::Less));
    }
}
