//! Reads `pacman-state`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::version::{compare, is_version};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Installed, PackageState,
        answer::{before_end, tagged},
        patterns::globs,
    },
};

/// Whether `text` is a package name; anything else never reaches a command line.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 256
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b"@_+".contains(&b))
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"@._+-".contains(&b))
}

/// `NAME VERSION`.
pub(super) fn package(line: &str) -> Result<(&str, &str), Unreadable> {
    line.split_once(' ')
        .filter(|(name, version)| is_name(name) && is_version(version))
        .ok_or_else(|| Unreadable::new(format!("not a package: {}", printable(line))))
}

pub(super) fn read(output: &Output) -> Result<PackageState, Unreadable> {
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut auto, mut held, mut unfinished) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    let (mut lists, mut now): (Option<u64>, Option<u64>) = (None, None);
    let mut state = PackageState::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        match tag {
            "pkg" => {
                let (name, version) = package(rest)?;
                packages.entry(name.to_owned()).or_default().insert(version.to_owned());
            }
            "auto" => drop(auto.insert(rest.to_owned())),
            "held" => held.push(rest.to_owned()),
            "unfinished" => drop(unfinished.insert(rest.to_owned())),
            "left-lock" | "open" => state.interrupted = true,
            "review" => drop(state.review.insert(printable(rest))),
            "lists" => lists = lists.max(rest.parse().ok()),
            "now" => now = rest.parse().ok(),
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(&line)))),
        }
    }
    if packages.is_empty() {
        return Err(Unreadable::new("pacman names no package"));
    }
    state.lists_age = lists.zip(now).map(|(then, now)| Duration::from_secs(now.saturating_sub(then)));
    let held = globs(&held);
    for (name, versions) in packages {
        let mut versions: Vec<String> = versions.into_iter().collect();
        versions.sort_by(|a, b| compare(a, b));
        let newest = versions.last().cloned().unwrap_or_default();
        for version in versions {
            let broken = if unfinished.contains(&format!("{name}-{version}")) {
                Some("half-installed".to_owned())
            } else {
                (version != newest).then(|| format!("left over beside {newest}"))
            };
            let (held, auto) = (held.is_match(&name), auto.contains(&name));
            state.add(&name, Installed { version, broken, held, auto, ..Installed::default() });
        }
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_an_option_or_a_pattern_is_no_name() {
        for good in ["glibc", "gtk2+extra", "lib32-glibc", "r8168", "@x", "python-foo.bar"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-y", ".hidden", "a b", "a*", "core/a", "a=1", "é", &"a".repeat(300)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
