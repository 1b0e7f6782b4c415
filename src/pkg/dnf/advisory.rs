//! Reads advisories: which versions they name, how severe they are, and their CVEs. Version 4 calls them updateinfo.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    command::printable,
    pkg::{
        Advisory,
        rpm::{names::nevra, version::without_zero},
    },
};

/// What the sources publish about newer versions of installed packages.
#[derive(Debug, Default)]
pub(super) struct Advisories {
    by_id: BTreeMap<String, Advisory>,
    /// Name, version, architecture, and the advisory.
    packages: BTreeSet<(String, String, String, String)>,
}

impl Advisories {
    /// `list` has a line for each package of each advisory, `info` the identifiers and CVEs of the advisories.
    pub(super) fn read(list: &[String], info: &[String], five: bool) -> Self {
        let mut advisories = Self::default();
        for line in list {
            let words: Vec<&str> = line.split_whitespace().collect();
            let found = match (five, words.as_slice()) {
                // The severity may be missing.
                (true, [id, kind, severity @ .., package, _, _]) => {
                    Some((*id, *kind, severity.first().copied().unwrap_or_default(), *package))
                }
                (false, [id, kind, .., package]) => match kind.strip_suffix("/Sec.") {
                    Some(severity) => Some((*id, "security", severity, *package)),
                    None => Some((*id, *kind, "", *package)),
                },
                _ => None,
            };
            // The heading of the list has no package in it.
            if let Some((id, kind, severity, package)) = found
                && let Some((name, version, arch)) = nevra(package)
            {
                advisories.add(&printable(id), kind, severity, (name, version, arch));
            }
        }
        let mut current = String::new();
        for line in info {
            let (label, value) = line.split_once(": ").unwrap_or((line, ""));
            match (label.trim(), value.trim()) {
                ("Update ID" | "Name", id) => id.clone_into(&mut current),
                (_, cve) if is_cve(cve) => {
                    if let Some(advisory) = advisories.by_id.get_mut(&current) {
                        advisory.cves.push(cve.to_owned());
                    }
                }
                _ => {}
            }
        }
        for advisory in advisories.by_id.values_mut() {
            advisory.cves.sort();
            advisory.cves.dedup();
        }
        advisories
    }

    fn add(&mut self, id: &str, kind: &str, severity: &str, (name, version, arch): (&str, &str, &str)) {
        let severity = severity.to_ascii_lowercase();
        let known = !["none", "unknown"].contains(&severity.as_str());
        self.by_id.entry(id.to_owned()).or_insert_with(|| Advisory {
            id: id.to_owned(),
            security: kind == "security",
            severity: if known { printable(&severity) } else { String::new() },
            cves: Vec::new(),
        });
        let of = |text: &str| text.to_owned();
        self.packages.insert((of(name), of(without_zero(version)), of(arch), of(id)));
    }

    /// The advisories of a package, each with the version that it names.
    pub(super) fn of<'a>(&'a self, name: &'a str, arch: &'a str) -> impl Iterator<Item = (&'a str, &'a Advisory)> {
        let from = (name.to_owned(), String::new(), String::new(), String::new());
        let same = self.packages.range(from..).take_while(move |(own, ..)| own == name);
        same.filter(move |(_, _, own, _)| own == arch)
            .filter_map(|(_, version, _, id)| Some((version.as_str(), self.by_id.get(id)?)))
    }
}

fn is_cve(text: &str) -> bool {
    let rest = text.strip_prefix("CVE-").unwrap_or_default();
    !rest.is_empty() && rest.len() <= 24 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}
