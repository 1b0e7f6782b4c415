//! Reads `dnf-pending`: what an upgrade would do, what it leaves out, and which of it fixes a security problem.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    advisory::Advisories,
    resolved::{Resolved, is_five, part, parts, resolved},
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Pending, Security, Stays, Update,
        answer::tagged,
        rpm::{
            kernel::is_kernel,
            names::is_name,
            newest::Newest,
            present::Present,
            state::Rpm,
            version::{compare, is_version, without_zero},
        },
    },
};

pub(super) fn read(allow_removals: bool, output: &Output) -> Result<Pending, Unreadable> {
    if !output.success() {
        return Ok(Pending { refused: super::trouble::complaints(output), ..Pending::default() });
    }
    let parts = parts(output)?;
    let present = Present::read(part(&parts, "")?.iter())?;
    let would = resolved(&parts, &present)?;
    let offers = offers(part(&parts, "upgrades")?)?;
    let sources = Sources::read(part(&parts, "sources")?);
    let advisories = Advisories::read(part(&parts, "advisories")?, part(&parts, "references")?, is_five(&parts));
    let known = Known { present: &present, offers: &offers, sources: &sources, advisories: &advisories };
    let removals = if allow_removals { would.removes.clone() } else { Vec::new() };
    Ok(Pending {
        updates: known.updates(&would, allow_removals),
        removals: removals.iter().map(|rpm| present.package(rpm)).collect(),
        knows_security: sources.any_marks(),
        refused: Vec::new(),
    })
}

/// A version that a source has, and that source.
type Offer = (Rpm, String);

/// `NAME VERSION ARCHITECTURE SOURCE`; version 4 puts an empty line after each.
fn offers(lines: &[String]) -> Result<Vec<Offer>, Unreadable> {
    let mut offers = Vec::new();
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            [name, version, arch, source] if is_name(name) && is_version(without_zero(version)) && is_name(arch) => {
                let version = without_zero(version).to_owned();
                offers.push((Rpm { name: name.to_owned(), version, arch: arch.to_owned() }, printable(source)));
            }
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(line)))),
        }
    }
    Ok(offers)
}

/// Which sources there are, and which of them mark security fixes.
#[derive(Debug, Default)]
struct Sources {
    enabled: BTreeSet<String>,
    /// When the lists were made, and whether advisories are among them.
    marks: BTreeMap<String, (u64, bool)>,
}

impl Sources {
    /// `enabled ID`, and `source ID-HASH SECONDS yes|no`; the hash is that of the address, so an old one may be left.
    fn read(lines: &[String]) -> Self {
        let mut sources = Self::default();
        for line in lines {
            match (tagged(line), line.split(' ').collect::<Vec<_>>().as_slice()) {
                (("enabled", id), _) => drop(sources.enabled.insert(id.to_owned())),
                (_, ["source", folder, time, marks]) => {
                    let Some((id, _)) = folder.rsplit_once('-') else { continue };
                    let seen = (time.parse().unwrap_or(0), *marks == "yes");
                    let newest = sources.marks.entry(id.to_owned()).or_insert(seen);
                    if seen.0 > newest.0 {
                        *newest = seen;
                    }
                }
                _ => {}
            }
        }
        sources
    }

    fn marks(&self, id: &str) -> bool {
        self.marks.get(id).is_some_and(|(_, marks)| *marks)
    }

    fn any_marks(&self) -> bool {
        self.enabled.iter().any(|id| self.marks(id))
    }
}

/// Everything that an update is described with.
struct Known<'a> {
    present: &'a Present,
    offers: &'a [Offer],
    sources: &'a Sources,
    advisories: &'a Advisories,
}

impl Known<'_> {
    fn updates(&self, would: &Resolved, allow_removals: bool) -> Vec<Update> {
        let mut updates = Newest::default();
        for (rpm, source) in &would.brings {
            let key = self.present.key(rpm);
            let old = would.replaces.iter().find(|(by, _)| *by == rpm.name).map(|(_, old)| old.version.clone());
            let own = self.present.newest(&key).map(str::to_owned);
            // What replaces a package of another name removes that.
            let stays = (old.is_some() && own.is_none() && !allow_removals).then_some(Stays::KeptBack);
            let source = source.clone().or_else(|| self.source(rpm));
            updates.brings(Update { stays, ..self.update(rpm, own, old, source) });
        }
        let gone: Vec<String> = would.removes.iter().map(|rpm| self.present.key(rpm)).collect();
        for (rpm, source) in self.offers {
            let key = self.present.key(rpm);
            let Some(own) = self.present.newest(&key).filter(|_| !gone.contains(&key)) else { continue };
            if compare(&rpm.version, own) == Ordering::Greater {
                updates.offers(&key, &rpm.version, own, |above| {
                    self.update(rpm, Some(above.to_owned()), None, Some(source.clone()))
                });
            }
        }
        updates.all()
    }

    /// `own`: the installed version; `replaced`: that of a package with another name, which this one replaces.
    fn update(&self, rpm: &Rpm, own: Option<String>, replaced: Option<String>, source: Option<String>) -> Update {
        let is_in = |version: &str| {
            let newer = own.as_ref().is_none_or(|own| compare(version, own) == Ordering::Greater);
            newer && compare(version, &rpm.version) != Ordering::Greater
        };
        let mut advisories = Vec::new();
        let mut fix: Option<&str> = None;
        for (version, advisory) in self.advisories.of(&rpm.name, &rpm.arch).filter(|(version, _)| is_in(version)) {
            if advisory.security && fix.is_none_or(|fix| compare(version, fix) == Ordering::Greater) {
                fix = Some(version);
            }
            advisories.push(advisory.clone());
        }
        advisories.sort();
        advisories.dedup();
        let marks = source.as_ref().is_some_and(|source| self.sources.marks(source));
        let security = match fix {
            Some(fix) => Security::Fix(fix.to_owned()),
            None if marks => Security::No,
            None => Security::Unknown,
        };
        let update = Update::new(self.present.key(rpm), own.or(replaced), &rpm.version);
        Update { security, kernel: is_kernel(&rpm.name), source, advisories, ..update }
    }

    fn source(&self, rpm: &Rpm) -> Option<String> {
        self.offers.iter().find(|(offered, _)| offered == rpm).map(|(_, source)| source.clone())
    }
}
