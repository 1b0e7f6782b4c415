//! Reads patches: how severe they are, their CVEs, and which versions they ask for. zypper writes that as conflicts: a
//! patch is in conflict with every version below the one that it brings.

use std::collections::BTreeMap;

use super::xml::Element;
use crate::{
    command::printable,
    pkg::{
        Advisory,
        rpm::{
            names::{is_name, split_arch},
            version::{is_version, without_zero},
        },
    },
};

/// The patches that are needed.
#[derive(Debug, Default)]
pub(super) struct Patches {
    by_id: BTreeMap<String, Advisory>,
    /// Package, architecture if it is said, version, and patch.
    packages: Vec<(String, Option<String>, String, String)>,
}

impl Patches {
    /// `list`: from `zypper list-patches`; `info`: from `zypper info`.
    pub(super) fn read(list: &[Element], info: &[Element]) -> Self {
        let mut patches = Self::default();
        let mut current = String::new();
        for element in list {
            match element.name.as_str() {
                "update" if element.get("kind") == "patch" => {
                    current = printable(element.get("name"));
                    patches.by_id.insert(current.clone(), advisory(element));
                }
                "issue" if is_cve(element.get("id")) => {
                    if let Some(advisory) = patches.by_id.get_mut(&current) {
                        advisory.cves.push(element.get("id").to_owned());
                    }
                }
                _ => {}
            }
        }
        for advisory in patches.by_id.values_mut() {
            advisory.cves.sort();
            advisory.cves.dedup();
        }
        for message in info.iter().filter(|element| element.name == "message" && element.get("type") == "info") {
            patches.conflicts(&message.text);
        }
        patches
    }

    /// `Name : ID`, and below `Conflicts : [2]` lines like `kernel-default.x86_64 < 6.4.0-3.1`.
    fn conflicts(&mut self, text: &str) {
        let (mut id, mut listed) = (String::new(), false);
        for line in text.lines() {
            if !line.starts_with(' ') {
                let (label, value) = line.split_once(':').unwrap_or((line, ""));
                listed = label.trim() == "Conflicts";
                if label.trim() == "Name" {
                    id = printable(value.trim());
                }
                // One conflict alone stands on the same line.
                if listed && value.contains(" < ") {
                    self.conflict(&id, value);
                }
            } else if listed {
                self.conflict(&id, line);
            }
        }
    }

    fn conflict(&mut self, id: &str, line: &str) {
        let Some((name, version)) = line.trim().split_once(" < ") else { return };
        let (name, arch) = split_arch(name);
        if is_name(name) && is_version(version) {
            let version = without_zero(version).to_owned();
            self.packages.push((name.to_owned(), arch.map(str::to_owned), version, id.to_owned()));
        }
    }

    /// The patches of a package, each with the version that it asks for.
    pub(super) fn of<'a>(&'a self, name: &'a str, arch: &'a str) -> impl Iterator<Item = (&'a str, &'a Advisory)> {
        let same = self
            .packages
            .iter()
            .filter(move |(own, own_arch, ..)| own == name && own_arch.as_deref().is_none_or(|own| own == arch));
        same.filter_map(|(_, _, version, id)| Some((version.as_str(), self.by_id.get(id)?)))
    }
}

fn advisory(element: &Element) -> Advisory {
    let severity = element.get("severity").to_ascii_lowercase();
    let known = !["unspecified", "unknown", "none"].contains(&severity.as_str());
    Advisory {
        id: printable(element.get("name")),
        security: element.get("category") == "security",
        severity: if known { printable(&severity) } else { String::new() },
        cves: Vec::new(),
    }
}

fn is_cve(text: &str) -> bool {
    let rest = text.strip_prefix("CVE-").unwrap_or_default();
    !rest.is_empty() && rest.len() <= 24 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}
