//! Numbers that an operator writes as a count or as a percentage, and the arithmetic that turns them into numbers of
//! hosts. Pure integer arithmetic: 29 % of 100 is 29. Start at [`Amount`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A count or a percentage (0 to 100) of some total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// This many.
    Count(u32),
    /// This many per cent, 0 to 100.
    Percent(u8),
}

/// Why a text is not an [`Amount`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is neither a number nor a percentage from 0% to 100%")]
pub struct BadAmount {
    text: String,
}

impl Amount {
    /// Reads `3` or `25%`.
    ///
    /// # Errors
    /// Everything else, negatives and more than 100 % included.
    pub fn parse(text: &str) -> Result<Self, BadAmount> {
        let bad = || BadAmount { text: text.chars().take(40).collect() };
        let digits = |s: &str| -> Option<u32> {
            (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok()).flatten()
        };
        let text_trimmed = text.trim();
        match text_trimmed.strip_suffix('%') {
            Some(number) => match digits(number.trim_end()) {
                Some(n) if n <= 100 => Ok(Self::Percent(n as u8)),
                _ => Err(bad()),
            },
            None => digits(text_trimmed).map(Self::Count).ok_or_else(bad),
        }
    }

    /// True for `0` and `0%`, which are errors as a batch.
    pub fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }

    /// Rounded down; the rule for failure budgets.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(n) => n as usize,
            Self::Percent(p) => total * usize::from(p) / 100,
        }
    }

    /// Rounded down but at least 1; the rule for batch sizes.
    pub fn of_at_least_one(self, total: usize) -> usize {
        self.of(total).max(1)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            Self::Percent(p) => write!(f, "{p}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_integers_rounded_down() {
        for (text, total, of, batch) in [
            ("29%", 100, 29, 29),
            ("25%", 10, 2, 2),
            ("10%", 9, 0, 1),
            ("100%", 7, 7, 7),
            ("0%", 7, 0, 1),
            ("3", 2, 3, 3),
            ("33%", 0, 0, 1),
        ] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!((amount.of(total), amount.of_at_least_one(total)), (of, batch), "{text} of {total}");
        }
    }

    #[test]
    fn what_is_no_amount_is_an_error() {
        for bad in ["", "-1", "101%", "1.5", "ten", "%", "5%%", "99999999999", "+1"] {
            assert!(Amount::parse(bad).is_err(), "{bad:?}");
        }
    }
}
