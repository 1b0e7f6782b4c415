//! Words that apk prints: names, names with versions, and what a transaction would change.

use std::collections::BTreeMap;

use super::version::is_version;
use crate::command::{Unreadable, printable};

/// Whether `text` is a package name; anything else never reaches a command line. Names of virtual packages begin with a
/// point.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 256
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
}

/// The installed packages by name, each with its version.
pub(super) type Installed = BTreeMap<String, String>;

/// `NAME-VERSION` of an installed package. Both may have hyphens, so only the packages tell where one ends.
pub(super) fn split<'a>(installed: &Installed, text: &'a str) -> Option<(&'a str, &'a str)> {
    let splits = text.match_indices('-').map(|(at, _)| (&text[..at], &text[at + 1..]));
    splits.into_iter().find(|(name, version)| installed.get(*name).is_some_and(|own| own == version))
}

/// What a transaction would do to one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub name: String,
    /// `None`: it would be removed.
    pub to: Option<String>,
    /// It is there in this version already, and would be installed again.
    pub again: bool,
}

/// Reads `(1/3) Upgrading NAME (FROM -> TO)`, `Installing NAME (VERSION)` and the like. A name may have the tag of its
/// source behind it: `NAME@edge`. `None`: another line.
///
/// # Errors
/// It is such a line, and cannot be read.
pub(super) fn change(line: &str) -> Result<Option<Change>, Unreadable> {
    let Some(rest) = numbered(line) else { return Ok(None) };
    let unreadable = || Unreadable::new(format!("not understood: {}", printable(line)));
    let words: Vec<&str> = rest.split(' ').collect();
    let (verb, name, to) = match words[..] {
        [verb, name, version] => (verb, name, version.strip_prefix('(')),
        [verb, name, _, "->", version] => (verb, name, Some(version)),
        // `[APK unavailable, skipped] Reinstalling NAME (VERSION)`, `Updating pinning NAME (VERSION)`
        [.., "Reinstalling" | "pinning", _, _] => return Ok(None),
        _ => return Err(unreadable()),
    };
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let to = to.and_then(|to| to.strip_suffix(')')).filter(|to| is_version(to)).ok_or_else(unreadable)?;
    if !is_name(name) {
        return Err(unreadable());
    }
    let (to, again) = match verb {
        "Installing" | "Upgrading" | "Downgrading" | "Replacing" => (Some(to.to_owned()), false),
        "Reinstalling" => (Some(to.to_owned()), true),
        "Purging" => (None, false),
        _ => return Err(unreadable()),
    };
    Ok(Some(Change { name: name.to_owned(), to, again }))
}

/// What follows `(1/3) `, with spaces before the first number as apk 3 has them.
fn numbered(line: &str) -> Option<&str> {
    let (numbers, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let (at, of) = numbers.split_once('/')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_number(at.trim_start()) && is_number(of)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_whatever_it_is() {
        let plain = |name: &str, to: Option<&str>, again| {
            Ok(Some(Change { name: name.to_owned(), to: to.map(str::to_owned), again }))
        };
        for (line, expected) in [
            ("(1/3) Upgrading busybox (1.36.1-r2 -> 1.36.1-r5)", plain("busybox", Some("1.36.1-r5"), false)),
            ("( 1/13) Installing a@edge (1-r0)", plain("a", Some("1-r0"), false)),
            ("(2/3) Downgrading a (2-r0 -> 1-r0)", plain("a", Some("1-r0"), false)),
            ("(2/3) Replacing a (1-r0 -> 1-r0)", plain("a", Some("1-r0"), false)),
            ("(3/3) Purging .deps (20240101.010203)", plain(".deps", None, false)),
            ("(3/3) Reinstalling a (1-r0)", plain("a", Some("1-r0"), true)),
            ("(3/3) [APK unavailable, skipped] Reinstalling a (1-r0)", Ok(None)),
            ("(3/3) Updating pinning a@edge (1-r0)", Ok(None)),
            ("OK: 7 MiB in 15 packages", Ok(None)),
            ("(a/b) Upgrading a (1 -> 2)", Ok(None)),
        ] {
            assert_eq!(change(line), expected, "{line}");
        }
        for bad in ["(1/1) Upgrading a (1 -> 2", "(1/1) Upgrading --x (1 -> 2)", "(1/1) Eating a (1)", "(1/1) "] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_ends_where_the_installed_version_begins() {
        let installed = [("gtk+2.0", "2.24.33-r9"), ("a", "1-2-r0"), ("a-1", "2-r1")];
        let installed: Installed = installed.map(|(name, version)| (name.to_owned(), version.to_owned())).into();
        assert_eq!(split(&installed, "gtk+2.0-2.24.33-r9"), Some(("gtk+2.0", "2.24.33-r9")));
        assert_eq!(split(&installed, "a-1-2-r0"), Some(("a", "1-2-r0")));
        assert_eq!(split(&installed, "a-1-2-r1"), Some(("a-1", "2-r1")));
        assert_eq!(split(&installed, "a-1-2-r2"), None);
    }

    #[test]
    fn what_could_be_an_option_or_a_conflict_is_no_name() {
        for good in ["musl", "gtk+2.0", ".build-deps", "py3-foo_bar"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-y", "!a", "a b", "a=1", "a@edge", "a*", "é", "/a.apk", &"a".repeat(300)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
