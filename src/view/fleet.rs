//! What scans say about hosts: which updates are pending where, since when, and which hosts are the same. Pure; draws
//! nothing. Start at [`FleetView`].

use std::{collections::BTreeMap, sync::Arc};

use indexmap::IndexMap;
use jiff::Timestamp;

use crate::{
    host::HostName,
    pkg::{Pending, Security, Stays, Update},
    record::{HostDocument, HostNotScanned, HostScanned, Since},
};

/// One host's newest scan.
#[derive(Clone, Debug)]
pub struct HostScan {
    /// The host.
    pub host: HostName,
    /// When it was scanned.
    pub at: Timestamp,
    /// What it said, or why there is no answer.
    pub answer: Result<ScanAnswer, HostNotScanned>,
    /// Since when its updates are pending.
    pub since: Since,
}

/// What a host said.
#[derive(Clone, Debug)]
pub struct ScanAnswer {
    /// What it is.
    pub facts: Arc<HostDocument>,
    /// What is pending; `None`: not known. Hosts with the same updates may share it.
    pub pending: Option<Arc<Pending>>,
    /// What was pending at the scan before; `None`: there was none, or it was not known.
    pub before: Option<Arc<Pending>>,
    /// What is not known, and why.
    pub unknown: BTreeMap<String, String>,
}

/// Which updates count.
#[derive(Clone, Debug, Default)]
pub struct UpdateFilter {
    /// Security fixes, and updates of which it is not known.
    pub security: bool,
    /// Kernels.
    pub kernel: bool,
    /// Fixes of this CVE, by what the host or imported advisories say.
    pub cve: Option<String>,
    /// Packages of these names; empty: all.
    pub packages: Vec<String>,
}

impl UpdateFilter {
    /// Whether this update counts.
    pub fn takes(&self, update: &Update) -> bool {
        let bare = |name: &str| name.split(':').next().unwrap_or(name).to_owned();
        let named = |name: &String| *name == update.name || *name == bare(&update.name);
        let fixes = |id: &String| update.advisories.iter().any(|one| one.id == *id || one.cves.contains(id));
        (!self.security || update.security != Security::No)
            && (!self.kernel || update.kernel)
            && self.cve.as_ref().is_none_or(fixes)
            && (self.packages.is_empty() || self.packages.iter().any(named))
    }

    /// Whether it leaves anything out.
    pub fn is_any(&self) -> bool {
        !self.security && !self.kernel && self.cve.is_none() && self.packages.is_empty()
    }
}

/// How many pending updates of each class there are. An update is counted in one of the first three, and again in each
/// of the others that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct UpdateCounts {
    /// Security fixes.
    pub security: usize,
    /// Updates that are not security fixes.
    pub other: usize,
    /// It is not known whether they are security fixes.
    pub unknown: usize,
    /// Kernels.
    pub kernel: usize,
    /// Held, or not possible without a removal.
    pub kept_back: usize,
    /// Not this host's turn yet.
    pub phased: usize,
}

/// Hosts with the same pending updates and the same need of a reboot.
#[derive(Clone, Debug)]
pub struct FleetRow<'a> {
    /// The hosts, in the order of the scan.
    pub hosts: Vec<&'a HostScan>,
    /// Their updates that count; `None`: not known.
    pub updates: Option<Vec<&'a Update>>,
    /// How many of each class.
    pub counts: UpdateCounts,
    /// Since when the oldest of these updates is pending on any of the hosts.
    pub oldest: Option<Timestamp>,
    /// Whether they need a reboot; `None`: not known.
    pub reboot: Option<bool>,
    /// When the oldest of their package lists was fetched; `None`: of at least one it is not known.
    pub lists_at: Option<Timestamp>,
}

/// Scans of many hosts.
#[derive(Clone, Debug)]
pub struct FleetView<'a> {
    /// Every scan, in order.
    pub scans: &'a [HostScan],
    /// Which updates count.
    pub filter: &'a UpdateFilter,
}

impl<'a> FleetView<'a> {
    /// The class of a host that was not asked, or had not answered, when the scan was interrupted.
    pub const INTERRUPTED: &'static str = "interrupted";

    /// The updates of a host that count; `None`: not known.
    pub fn updates(&self, answer: &'a ScanAnswer) -> Option<Vec<&'a Update>> {
        let pending = answer.pending.as_ref()?;
        Some(pending.updates.iter().filter(|update| self.filter.takes(update)).collect())
    }

    /// Hosts that answered, folded: most security fixes first.
    pub fn rows(&self) -> Vec<FleetRow<'a>> {
        // Hosts with the same list share one value, so comparing addresses folds most of them; lists are compared after
        // that.
        let mut by_list: IndexMap<(Option<usize>, Option<bool>), Vec<&'a HostScan>> = IndexMap::new();
        for scan in self.scans {
            let Ok(answer) = &scan.answer else { continue };
            let list = answer.pending.as_ref().map(|pending| Arc::as_ptr(pending) as usize);
            by_list.entry((list, needs_reboot(answer))).or_default().push(scan);
        }
        let mut rows: Vec<FleetRow<'a>> = Vec::new();
        for ((_, reboot), hosts) in by_list {
            let updates = hosts[0].answer.as_ref().ok().and_then(|answer| self.updates(answer));
            match rows.iter_mut().find(|row| row.reboot == reboot && row.updates == updates) {
                Some(row) => row.hosts.extend(hosts),
                None => rows.push(FleetRow {
                    counts: counts(updates.iter().flatten().copied()),
                    hosts,
                    updates,
                    reboot,
                    oldest: None,
                    lists_at: None,
                }),
            }
        }
        for row in &mut rows {
            row.oldest = row.hosts.iter().filter_map(|scan| oldest(scan, row.updates.iter().flatten().copied())).min();
            let lists = row.hosts.iter().map(|scan| scan.answer.as_ref().ok()?.facts.lists_at);
            row.lists_at = lists.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
        }
        rows.sort_by_key(|row| {
            let UpdateCounts { security, other, unknown, .. } = row.counts;
            std::cmp::Reverse((row.updates.is_none(), security, unknown, other, row.reboot))
        });
        rows
    }

    /// Hosts without an answer, by class and reason.
    pub fn silent(&self) -> Vec<(&'a HostNotScanned, Vec<&'a HostName>)> {
        let mut groups: IndexMap<(String, String), (&'a HostNotScanned, Vec<&'a HostName>)> = IndexMap::new();
        for scan in self.scans {
            if let Err(not) = &scan.answer {
                let key = (not.class.clone(), super::shape(&not.why, not.host.as_str()));
                groups.entry(key).or_insert_with(|| (not, Vec::new())).1.push(&scan.host);
            }
        }
        groups.into_values().collect()
    }

    /// What is not known, with the hosts that do not say it.
    pub fn unknown(&self) -> Vec<(String, String, Vec<&'a HostName>)> {
        let mut groups: IndexMap<(String, String), Vec<&'a HostName>> = IndexMap::new();
        for scan in self.scans {
            for (part, why) in scan.answer.iter().flat_map(|answer| &answer.unknown) {
                let key = (part.clone(), super::shape(why, scan.host.as_str()));
                groups.entry(key).or_default().push(&scan.host);
            }
        }
        groups.into_iter().map(|((part, why), hosts)| (part, why, hosts)).collect()
    }

    /// How many hosts have at least one update that counts.
    pub fn hosts_with_updates(&self) -> usize {
        let has = |scan: &&HostScan| {
            scan.answer.as_ref().is_ok_and(|answer| self.updates(answer).is_some_and(|updates| !updates.is_empty()))
        };
        self.scans.iter().filter(has).count()
    }

    /// How many hosts answered, and it is not known, or not of all their sources, what is pending there.
    pub fn hosts_not_known(&self) -> usize {
        let unknown = |answer: &ScanAnswer| answer.pending.is_none() || HostScanned::is_partial(&answer.unknown);
        self.scans.iter().filter(|scan| scan.answer.as_ref().is_ok_and(unknown)).count()
    }

    /// Hosts whose package database is broken, and how.
    pub fn broken(&self) -> Vec<(&'a str, Vec<&'a HostName>)> {
        let mut groups: IndexMap<&'a str, Vec<&'a HostName>> = IndexMap::new();
        for scan in self.scans {
            if let Some(broken) = scan.answer.as_ref().ok().and_then(|answer| answer.facts.broken.as_deref()) {
                groups.entry(broken).or_default().push(&scan.host);
            }
        }
        groups.into_iter().collect()
    }

    /// The exit code of a scan, the worst first: 7 what is pending on a host is not known, 6 a host answered badly or
    /// its package database is broken, 5 a host was not reached, 4 the scan was interrupted, 8 updates that count are
    /// pending, 0 none are.
    pub fn exit_code(&self) -> u8 {
        let failed = |such: &dyn Fn(&HostNotScanned) -> bool| {
            self.scans.iter().any(|scan| scan.answer.as_ref().is_err_and(such))
        };
        let interrupted = |not: &HostNotScanned| not.class == Self::INTERRUPTED;
        match () {
            () if self.hosts_not_known() > 0 => 7,
            () if !self.broken().is_empty() => 6,
            () if failed(&|not| !not.unreachable && !interrupted(not)) => 6,
            () if failed(&|not| not.unreachable) => 5,
            () if failed(&interrupted) => 4,
            () if self.hosts_with_updates() > 0 => 8,
            () => 0,
        }
    }
}

/// Whether a host needs a reboot; `None`: not known.
pub fn needs_reboot(answer: &ScanAnswer) -> Option<bool> {
    answer.facts.reboot.as_ref().map(|reasons| !reasons.is_empty())
}

fn oldest<'a>(scan: &HostScan, updates: impl Iterator<Item = &'a Update>) -> Option<Timestamp> {
    updates.filter_map(|update| scan.since.of(&update.name)).min()
}

fn counts<'a>(updates: impl Iterator<Item = &'a Update>) -> UpdateCounts {
    let mut counts = UpdateCounts::default();
    for update in updates {
        match update.security {
            Security::Fix(_) => counts.security += 1,
            Security::No => counts.other += 1,
            Security::Unknown => counts.unknown += 1,
        }
        counts.kernel += usize::from(update.kernel);
        match update.stays {
            Some(Stays::Phased) => counts.phased += 1,
            Some(Stays::KeptBack | Stays::PinnedBack) => counts.kept_back += 1,
            None => {}
        }
    }
    counts
}

/// What has changed since the scan before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateChange<'a> {
    /// It was not pending before.
    New(&'a Update),
    /// It was pending in another version, or with another class.
    Changed(&'a Update, &'a Update),
    /// It is not pending any more.
    Gone(&'a Update),
}

/// What has changed between two scans, by name.
pub fn update_changes<'a>(
    before: &'a Pending,
    now: &'a Pending,
    takes: impl Fn(&Update) -> bool,
) -> Vec<UpdateChange<'a>> {
    // Of one name there may be a version that can be installed, and behind it a newer one that cannot.
    let by_name = |pending: &'a Pending| -> BTreeMap<(&'a str, usize), &'a Update> {
        let mut found = BTreeMap::new();
        for update in pending.updates.iter().filter(|update| takes(update)) {
            let name = update.name.as_str();
            let nth = usize::from(found.contains_key(&(name, 0)));
            found.insert((name, nth), update);
        }
        found
    };
    let (before, now) = (by_name(before), by_name(now));
    let mut changes: Vec<(&(&str, usize), UpdateChange<'a>)> = Vec::new();
    for (key, update) in &now {
        match before.get(key) {
            None => changes.push((key, UpdateChange::New(update))),
            Some(old) if old != update => changes.push((key, UpdateChange::Changed(old, update))),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(key, _)| !now.contains_key(*key));
    changes.extend(gone.map(|(key, update)| (key, UpdateChange::Gone(update))));
    changes.sort_by_key(|(key, _)| *key);
    changes.into_iter().map(|(_, change)| change).collect()
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
