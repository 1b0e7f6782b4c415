//! Reads `apk-state`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    lines::{self, is_name},
    version::is_version,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Installed, PackageState,
        answer::{before_end, tagged},
    },
};

/// The beginning of the virtual package that keeps a package where it is.
pub(super) const HOLD: &str = ".patchwave-hold-";

/// A line of the installed packages: name, version, and what is wrong with it.
///
/// # Errors
/// It is not one.
pub(super) fn package(rest: &str) -> Result<(&str, &str, Option<&'static str>), Unreadable> {
    let fields: Vec<&str> = rest.split('\t').collect();
    match fields[..] {
        [name, version, flags] if is_name(name) && is_version(version) => {
            // `S` only says how it was packed.
            let broken = match flags {
                flags if flags.contains('f') => Some("installed without some of its files"),
                flags if flags.contains('s') => Some("installed, but its script failed"),
                flags if flags.contains('x') => Some("installed without some attributes of its files"),
                _ => None,
            };
            Ok((name, version, broken))
        }
        _ => Err(Unreadable::new(format!("not a package: {}", printable(rest)))),
    }
}

/// The lines of installed packages, as the resolver's words are read beside them.
///
/// # Errors
/// One cannot be read, or there is none.
pub(super) fn installed<'a>(all: impl Iterator<Item = &'a String>) -> Result<lines::Installed, Unreadable> {
    let mut installed = lines::Installed::new();
    for (_, rest) in all.map(|line| tagged(line)).filter(|(tag, _)| *tag == "pkg") {
        let (name, version, _) = package(rest)?;
        installed.insert(name.to_owned(), version.to_owned());
    }
    if installed.is_empty() { Err(Unreadable::new("apk names no package")) } else { Ok(installed) }
}

/// What an entry of the world says about a package: its name, and whether it is pinned to one version.
fn wanted(entry: &str) -> (&str, bool) {
    let end = entry.find(['@', '<', '>', '=', '~']).unwrap_or(entry.len());
    let (name, rest) = entry.split_at(end);
    let constraint = rest.trim_start_matches(|c: char| !"<>=~".contains(c));
    // `><` is a local archive, by its checksum. A bound or a series leaves room for updates.
    (name, constraint.starts_with('=') || constraint.starts_with("><"))
}

pub(super) fn read(output: &Output) -> Result<PackageState, Unreadable> {
    let mut packages = Vec::new();
    let mut world: BTreeMap<String, bool> = BTreeMap::new();
    let (mut lists, mut now): (Option<u64>, Option<u64>) = (None, None);
    let mut state = PackageState::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "pkg" => {
                let (name, version, broken) = package(rest)?;
                packages.push((name.to_owned(), version.to_owned(), broken.map(str::to_owned)));
            }
            "world" => {
                let (name, pinned) = wanted(rest);
                *world.entry(name.to_owned()).or_default() |= pinned;
            }
            "cut-off" => state.interrupted = true,
            "review" => drop(state.review.insert(printable(rest))),
            "lists" => lists = lists.max(rest.parse().ok()),
            "now" => now = rest.parse().ok(),
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(&line)))),
        }
    }
    if packages.is_empty() {
        return Err(Unreadable::new("apk names no package"));
    }
    state.lists_age = lists.zip(now).map(|(then, now)| Duration::from_secs(now.saturating_sub(then)));
    let holds: BTreeSet<String> =
        packages.iter().filter_map(|(name, ..)| name.strip_prefix(HOLD)).map(str::to_owned).collect();
    for (name, version, broken) in packages.into_iter().filter(|(name, ..)| !name.starts_with(HOLD)) {
        let held = holds.contains(&name) || world.get(&name).is_some_and(|pinned| *pinned);
        let auto = !world.contains_key(&name);
        state.add(&name, Installed { version, broken, held, auto, ..Installed::default() });
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pin_to_one_version_is_a_hold() {
        for (entry, expected) in [
            ("nginx", ("nginx", false)),
            ("nginx@edge", ("nginx", false)),
            ("nginx=1.2-r0", ("nginx", true)),
            ("nginx@edge=1.2-r0", ("nginx", true)),
            ("nginx><Q1abc=", ("nginx", true)),
            ("nginx<2", ("nginx", false)),
            ("nginx~1.2", ("nginx", false)),
            ("nginx>=1.2", ("nginx", false)),
            ("!nginx", ("!nginx", false)),
            ("", ("", false)),
        ] {
            assert_eq!(wanted(entry), expected, "{entry}");
        }
    }
}
