//! Reads `zypper-pending`: what an upgrade would do, what it leaves out, and which of it fixes a security problem.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{
    patches::Patches,
    resolved::{Parts, resolved, rpm},
    trouble::complaints,
    xml::Element,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Pending, Security, Update,
        rpm::{kernel::is_kernel, newest::Newest, present::Present, state::Rpm, version::compare},
    },
};

pub(super) fn read(output: &Output) -> Result<Pending, Unreadable> {
    if !output.success() {
        return Ok(Pending { refused: complaints(output), ..Pending::default() });
    }
    let parts = Parts::read(output)?;
    let present = parts.present()?;
    let would = resolved(&parts.elements("update")?)?;
    let offers = offers(&parts.elements("all")?)?;
    let patches = Patches::read(&parts.elements("patches")?, &parts.elements("info")?);
    let enabled: BTreeSet<String> = parts
        .elements("sources")?
        .iter()
        .filter(|element| element.name == "repo")
        .map(|element| element.get("alias").to_owned())
        .collect();
    // The folder of a source is its alias, with `_` for what cannot be in a file's name.
    let marks: BTreeSet<String> =
        parts.text("marks")?.lines().filter_map(|line| line.strip_prefix("marks ")).map(str::to_owned).collect();
    let marks: BTreeSet<String> =
        enabled.into_iter().filter(|alias| marks.contains(&alias.replace('/', "_"))).collect();
    let known = Known { present: &present, patches: &patches, marks: &marks };
    let mut updates = Newest::default();
    for rpm in &would.brings {
        let source = offers.iter().find(|(offered, _)| offered == rpm).map(|(_, source)| source.clone());
        let own = present.newest(&present.key(rpm)).map(str::to_owned);
        updates.brings(known.update(rpm, own, source));
    }
    for (rpm, source) in &offers {
        let key = present.key(rpm);
        let Some(own) = present.newest(&key) else { continue };
        if compare(&rpm.version, own) == Ordering::Greater {
            updates.offers(&key, &rpm.version, own, |above| {
                known.update(rpm, Some(above.to_owned()), Some(source.clone()))
            });
        }
    }
    Ok(Pending {
        updates: updates.all(),
        removals: would.removes.iter().map(|rpm| present.package(rpm)).collect(),
        knows_security: !marks.is_empty(),
        refused: Vec::new(),
    })
}

/// The newest version of each package that is newer than the installed one, and its source.
fn offers(elements: &[Element]) -> Result<Vec<(Rpm, String)>, Unreadable> {
    let mut offers: Vec<(Rpm, String)> = Vec::new();
    for element in elements {
        match element.name.as_str() {
            "update" if element.get("kind") == "package" => offers.push((rpm(element, "edition")?, String::new())),
            "source" if element.is_in("update") => {
                if let Some((_, source)) = offers.last_mut() {
                    *source = printable(element.get("alias"));
                }
            }
            _ => {}
        }
    }
    Ok(offers)
}

/// Everything that an update is described with.
struct Known<'a> {
    present: &'a Present,
    patches: &'a Patches,
    /// Sources that have patches.
    marks: &'a BTreeSet<String>,
}

impl Known<'_> {
    /// `own`: the version above which advisories count.
    fn update(&self, rpm: &Rpm, own: Option<String>, source: Option<String>) -> Update {
        let is_in = |version: &str| {
            let newer = own.as_ref().is_none_or(|own| compare(version, own) == Ordering::Greater);
            newer && compare(version, &rpm.version) != Ordering::Greater
        };
        let mut advisories = Vec::new();
        let mut fix: Option<&str> = None;
        for (version, advisory) in self.patches.of(&rpm.name, &rpm.arch).filter(|(version, _)| is_in(version)) {
            if advisory.security && fix.is_none_or(|fix| compare(version, fix) == Ordering::Greater) {
                fix = Some(version);
            }
            advisories.push(advisory.clone());
        }
        advisories.sort();
        advisories.dedup();
        let security = match fix {
            Some(fix) => Security::Fix(fix.to_owned()),
            None if source.as_ref().is_some_and(|source| self.marks.contains(source)) => Security::No,
            None => Security::Unknown,
        };
        let update = Update::new(self.present.key(rpm), own, &rpm.version);
        Update { security, kernel: is_kernel(&rpm.name), source, advisories, ..update }
    }
}
