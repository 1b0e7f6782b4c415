//! Reads `pacman-pending`, and the simulation of a full upgrade: which packages would come, and which they replace.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kernel::is_kernel,
    state::{is_name, package},
    trouble::complaints,
    version::{compare, is_version},
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Exact, Package, Pending, Simulation, Stays, Update,
        answer::{before_end, tagged},
    },
};

/// What the script says.
#[derive(Debug, Default)]
struct Seen {
    installed: BTreeMap<String, String>,
    /// Name, version and source.
    brings: Vec<(String, String, String)>,
    /// Installed packages that one of these replaces.
    replaced: BTreeSet<String>,
    /// Name and newer version of each installed package that has one, and whether `IgnorePkg` or `IgnoreGroup` names
    /// it.
    newer: Vec<(String, String, bool)>,
    /// Names of kernels.
    kernels: BTreeSet<String>,
}

impl Seen {
    fn read(output: &Output) -> Result<Self, Unreadable> {
        let mut seen = Self::default();
        for line in before_end(output, "end")? {
            let unreadable = || Unreadable::new(format!("not understood: {}", printable(&line)));
            let (tag, rest) = tagged(&line);
            match tag {
                "pkg" => {
                    let (name, version) = package(rest)?;
                    let known = seen.installed.entry(name.to_owned()).or_default();
                    if known.is_empty() || compare(known, version).is_lt() {
                        version.clone_into(known);
                    }
                }
                "bring" => {
                    let (exact, source) = rest.rsplit_once(' ').ok_or_else(unreadable)?;
                    let (name, version) = package(exact)?;
                    seen.brings.push((name.to_owned(), version.to_owned(), printable(source)));
                }
                "replace" => seen.replace(rest),
                "newer" => {
                    let words: Vec<&str> = rest.split(' ').collect();
                    match words[..] {
                        [name, _, "->", version, ..] if is_name(name) && is_version(version) => {
                            seen.newer.push((name.to_owned(), version.to_owned(), words.len() > 4));
                        }
                        _ => return Err(unreadable()),
                    }
                }
                "kernel" => drop(seen.kernels.insert(rest.to_owned())),
                _ => return Err(unreadable()),
            }
        }
        if seen.installed.is_empty() {
            return Err(Unreadable::new("pacman names no package"));
        }
        Ok(seen)
    }

    /// `NAME OLD...`, each perhaps with versions: `OLD<2`.
    fn replace(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let by = words.next().unwrap_or_default();
        for word in words.filter(|word| is_one_of(&self.installed, word)) {
            let (name, ..) = relation(word);
            if name != by {
                self.replaced.insert(name.to_owned());
            }
        }
    }

    fn is_kernel(&self, name: &str) -> bool {
        is_kernel(name) || self.kernels.contains(name.strip_suffix("-headers").unwrap_or(name))
    }

    fn removals(&self) -> Vec<Package> {
        self.replaced.iter().map(|name| Package::named(name)).collect()
    }
}

/// Name, operator and version of `foo`, `foo=1`, `foo<2`, `foo>=1`.
fn relation(text: &str) -> (&str, &str, &str) {
    let Some(at) = text.find(['<', '>', '=']) else { return (text, "", "") };
    let (name, rest) = text.split_at(at);
    let version = rest.trim_start_matches(['<', '>', '=']);
    (name, &rest[..rest.len() - version.len()], version)
}

/// Whether an installed package is meant by a relation.
pub(super) fn is_one_of(installed: &BTreeMap<String, String>, text: &str) -> bool {
    let (name, operator, version) = relation(text);
    installed.get(name).is_some_and(|own| {
        let order = compare(own, version);
        match operator {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            "=" => order.is_eq(),
            ">=" => order.is_ge(),
            ">" => order.is_gt(),
            _ => true,
        }
    })
}

pub(super) fn read(output: &Output) -> Result<Pending, Unreadable> {
    if !output.success() {
        return Ok(Pending { refused: complaints(output), ..Pending::default() });
    }
    let seen = Seen::read(output)?;
    let mut updates: BTreeMap<String, Update> = BTreeMap::new();
    for (name, version, source) in &seen.brings {
        let update = Update::new(name, seen.installed.get(name).cloned(), version);
        let update = Update { kernel: seen.is_kernel(name), source: Some(source.clone()), ..update };
        updates.insert(name.clone(), update);
    }
    for (name, version, ignored) in &seen.newer {
        let Some(own) = seen.installed.get(name) else { continue };
        if updates.contains_key(name) || (seen.replaced.contains(name) && !ignored) {
            continue;
        }
        let update = Update::new(name, Some(own.clone()), version);
        let stays = Some(Stays::KeptBack);
        updates.insert(name.clone(), Update { kernel: seen.is_kernel(name), stays, ..update });
    }
    Ok(Pending {
        updates: updates.into_values().collect(),
        removals: seen.removals(),
        knows_security: false,
        refused: Vec::new(),
    })
}

/// Reads the simulation of a full upgrade.
pub(super) fn simulation(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: complaints(output), ..Simulation::default() });
    }
    let seen = Seen::read(output)?;
    let install = |(name, version, _): &(String, String, String)| {
        (Exact { name: name.clone(), version: version.clone() }, seen.installed.get(name).cloned())
    };
    Ok(Simulation {
        installs: seen.brings.iter().map(install).collect(),
        removals: seen.removals(),
        refused: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_counts_only_for_the_versions_that_it_names() {
        let installed = [("foo", "1:2.0-1")].map(|(name, version)| (name.to_owned(), version.to_owned())).into();
        for (text, yes) in [
            ("foo", true),
            ("foo<1:2.1", true),
            ("foo<2.1", false),
            ("foo>=1:2.0", true),
            ("foo>1:2.0-1", false),
            ("foo=1:2.0-1", true),
            ("foo<=1:2.0-1", true),
            ("bar", false),
            ("<", false),
        ] {
            assert_eq!(is_one_of(&installed, text), yes, "{text}");
        }
    }
}
