//! Reads `apk-pending` and `apk-simulate`: which packages would come, and which would go.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    kernel::is_kernel,
    lines::{Change, Installed, change, is_name, split},
    state::installed,
    trouble::complaints,
    version::is_version,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Exact, Package, Pending, Simulation, Stays, Update,
        answer::{before_end, tagged},
    },
};

/// The sources of each version of a package.
#[derive(Debug, Default)]
struct Policy {
    by_version: BTreeMap<(String, String), BTreeSet<String>>,
    name: String,
    version: String,
}

impl Policy {
    /// `NAME policy:`, `  VERSION:`, `    SOURCE`, the source perhaps behind its tag.
    fn take(&mut self, line: &str) {
        if let Some(name) = line.strip_suffix(" policy:").filter(|name| is_name(name)) {
            name.clone_into(&mut self.name);
            self.version.clear();
        } else if let Some(version) = line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':'))
            && is_version(version)
        {
            version.clone_into(&mut self.version);
        } else if let Some(source) = line.strip_prefix("    ").and_then(|rest| rest.split(' ').next_back()) {
            // Neither the installed packages nor the cache is a source.
            let is_here =
                ["lib/apk/db/installed", "etc/apk/cache", "var/cache/apk"].iter().any(|end| source.ends_with(end));
            if !is_here && !self.version.is_empty() {
                let known = self.by_version.entry((self.name.clone(), self.version.clone())).or_default();
                known.insert(short(source));
            }
        }
    }

    fn of(&self, name: &str, version: &str) -> Option<&BTreeSet<String>> {
        self.by_version.get(&(name.to_owned(), version.to_owned()))
    }
}

/// `v3.20/main` of `https://dl-cdn.alpinelinux.org/alpine/v3.20/main`.
fn short(source: &str) -> String {
    let parts: Vec<&str> = source.rsplitn(3, '/').take(2).collect();
    printable(&parts.into_iter().rev().collect::<Vec<_>>().join("/"))
}

/// The changes in the words of the resolver. What would be installed again as it is does not count.
fn changes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Change>, Unreadable> {
    let mut changes = Vec::new();
    for line in lines {
        changes.extend(change(line)?.filter(|change| !change.again));
    }
    Ok(changes)
}

pub(super) fn read(output: &Output) -> Result<Pending, Unreadable> {
    if !output.success() {
        return Ok(Pending { refused: complaints(output), ..Pending::default() });
    }
    let lines = before_end(output, "end")?;
    let with = |wanted: &'static str| {
        lines.iter().map(|line| tagged(line)).filter(move |(tag, _)| *tag == wanted).map(|(_, rest)| rest)
    };
    let present = installed(lines.iter())?;
    let kernels: BTreeSet<&str> = with("kernel").collect();
    let mut policy = Policy::default();
    with("policy").for_each(|line| policy.take(line));
    let update = |name: &str, to: &str| {
        let from = present.get(name).cloned();
        let offers = |from: &String| policy.of(name, from).is_some();
        Update {
            kernel: is_kernel(name) || kernels.contains(name.strip_suffix("-dev").unwrap_or(name)),
            source: policy.of(name, to).and_then(|sources| sources.first().cloned()),
            offers_from: from.as_ref().map(offers),
            ..Update::new(name, from, to)
        }
    };
    let mut updates: BTreeMap<String, Update> = BTreeMap::new();
    let mut removals = Vec::new();
    for change in changes(with("said"))? {
        match change.to {
            Some(to) => drop(updates.insert(change.name.clone(), update(&change.name, &to))),
            None => removals.push(Package::named(&change.name)),
        }
    }
    for line in with("newer") {
        let (full, to) = line.split_once(' ').unwrap_or((line, ""));
        let Some((name, _)) = split(&present, full).filter(|_| is_version(to)) else {
            return Err(Unreadable::new(format!("not understood: {}", printable(line))));
        };
        let goes = removals.iter().any(|package| package.name == name);
        if !goes && !updates.contains_key(name) {
            updates.insert(name.to_owned(), Update { stays: Some(Stays::KeptBack), ..update(name, to) });
        }
    }
    Ok(Pending { updates: updates.into_values().collect(), removals, knows_security: false, refused: Vec::new() })
}

/// Reads `apk-simulate`.
pub(super) fn simulation(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: complaints(output), ..Simulation::default() });
    }
    let lines = before_end(output, "end")?;
    let present: Installed = installed(lines.iter())?;
    let mut simulation = Simulation::default();
    for change in changes(lines.iter().filter_map(|line| line.strip_prefix("said ")))? {
        let Change { name, to, .. } = change;
        match to {
            Some(version) => {
                let from = present.get(&name).cloned();
                simulation.installs.push((Exact { name, version }, from));
            }
            None => simulation.removals.push(Package::named(&name)),
        }
    }
    Ok(simulation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_only_the_host_has_is_offered_by_nobody() {
        let mut policy = Policy::default();
        for line in [
            "busybox policy:",
            "  1.36.1-r5:",
            "    @edge https://dl-cdn.alpinelinux.org/alpine/v3.20/main",
            "  1.36.1-r2:",
            "    lib/apk/db/installed",
            "    etc/apk/cache",
        ] {
            policy.take(line);
        }
        let sources = policy.of("busybox", "1.36.1-r5").unwrap();
        assert_eq!(sources.first().map(String::as_str), Some("v3.20/main"));
        assert_eq!(policy.of("busybox", "1.36.1-r2"), None);
    }
}
