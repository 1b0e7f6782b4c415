//! What imported advisories and a host's own package manager say about a CVE on a host. No data is never "not
//! affected". Pure. Start at [`Knowledge`].

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;

use crate::{
    facts::OsRelease,
    host::HostName,
    pkg::{self, Advisory, PackageManager, Pending, Security, Update},
    record::{Affected, Feed, Format, HostDocument, Packages, Problem},
};

/// Advisories that were imported this long ago say nothing about today.
const FRESH_DAYS: i64 = 7;

/// One imported file.
#[derive(Clone, Debug)]
pub struct ImportedFeed {
    /// Its file's name.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// When it was imported.
    pub at: Timestamp,
    /// The hash of the file.
    pub sha256: String,
    /// How many problems are in it.
    pub count: u64,
}

impl ImportedFeed {
    /// Whether it is young enough to say something about today.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_second() - self.at.as_second() <= FRESH_DAYS * 86_400
    }
}

/// What is known of a CVE on a host, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CveState {
    /// The fix is not installed.
    Missing,
    /// There is no data to tell.
    Unknown,
    /// The fixed kernel is installed, but another one is running.
    NotBooted,
    /// The fix is installed, and is running if it is a kernel's.
    Fixed,
    /// No package with the problem is installed, or its version never had it.
    NotAffected,
}

impl CveState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::NotBooted => "fixed but not booted",
            Self::Fixed => "fixed",
            Self::NotAffected => "not affected",
        }
    }
}

/// The answer for one host, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct CveVerdict {
    /// What is known.
    pub state: CveState,
    /// The packages and versions that say so, or why it is not known.
    pub why: String,
}

/// The answer for one host.
#[derive(Clone, Debug)]
pub struct CveRow {
    /// The host.
    pub host: HostName,
    /// When it was scanned.
    pub at: Timestamp,
    /// The answer.
    pub verdict: CveVerdict,
}

impl CveRow {
    /// The exit code for these answers: 8 the fix is missing or not running on a host, 7 it is not known of one, else
    /// 0.
    pub fn exit_code(rows: &[Self]) -> u8 {
        let any = |state: CveState| rows.iter().any(|row| row.verdict.state == state);
        match () {
            () if any(CveState::Missing) || any(CveState::NotBooted) => 8,
            () if any(CveState::Unknown) => 7,
            () => 0,
        }
    }
}

/// All fresh advisories, ready to be asked.
#[derive(Debug, Default)]
pub struct Knowledge {
    problems: Vec<Problem>,
    by_id: BTreeMap<String, Vec<usize>>,
    /// Distribution and source package, with the problems that name it.
    by_package: BTreeMap<(String, String), BTreeSet<usize>>,
    exploited: BTreeSet<String>,
    /// Files that are too old.
    pub stale: Vec<String>,
}

impl Knowledge {
    /// Takes in a file.
    pub fn add(&mut self, import: &ImportedFeed, feed: Feed, now: Timestamp) {
        if !import.is_fresh(now) {
            self.stale.push(import.file.clone());
            return;
        }
        for problem in feed.0 {
            let at = self.problems.len();
            for id in std::iter::once(&problem.id).chain(&problem.names) {
                self.by_id.entry(id.clone()).or_default().push(at);
            }
            for one in &problem.affected {
                self.by_package.entry((one.system.clone(), one.package.clone())).or_default().insert(at);
            }
            if problem.exploited {
                self.exploited.insert(problem.id.clone());
            }
            self.problems.push(problem);
        }
    }

    /// Whether a fresh file names this problem.
    pub fn names(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whether nothing was imported that is fresh.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether a CVE is known to be used in attacks; `None`: no fresh list of those was imported.
    pub fn exploited(&self, cve: &str) -> Option<bool> {
        (!self.exploited.is_empty()).then(|| self.exploited.contains(cve))
    }

    /// What is known of a CVE on a host. `pending`: what its own package manager says.
    pub fn verdict(
        &self,
        cve: &str,
        facts: &HostDocument,
        packages: Option<&Packages>,
        pending: Option<&Pending>,
    ) -> CveVerdict {
        if let Some(update) = pending.and_then(|pending| fixing(pending, cve)) {
            let from = update.from.as_deref().unwrap_or("none");
            let why = format!("{} {from} → {} is pending", update.name, update.to);
            return CveVerdict { state: CveState::Missing, why };
        }
        let unknown = |why: &str| CveVerdict { state: CveState::Unknown, why: why.to_owned() };
        let Some(packages) = packages else { return unknown("what is installed is not known") };
        let Some(manager) = facts.manager.as_deref().and_then(pkg::named) else {
            return unknown("its package manager is not known");
        };
        let rows = self.rows(cve, &facts.system.os);
        if rows.is_empty() {
            return unknown(match (self.is_empty(), self.stale.is_empty()) {
                (true, true) => "no advisories were imported",
                (true, false) => "all imported advisories are older than 7 days",
                (false, _) => "no imported advisory speaks about it for this system",
            });
        }
        let found: Vec<CveVerdict> = rows.iter().flat_map(|row| judge(row, facts, packages, manager)).collect();
        // The package may be there under the name of another one that is built from it.
        let named = packages.0.values().flatten().any(|one| one.source.is_some());
        if found.is_empty() && manager.origins().is_some() && !named {
            return unknown("from which sources its packages are built is not known");
        }
        found.into_iter().min().unwrap_or_else(|| {
            let names: BTreeSet<&str> = rows.iter().map(|row| row.package.as_str()).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            CveVerdict { state: CveState::NotAffected, why: format!("nothing of {names} is installed") }
        })
    }

    fn rows(&self, cve: &str, os: &OsRelease) -> Vec<&Affected> {
        let problems = self.by_id.get(cve).into_iter().flatten().map(|at| &self.problems[*at]);
        problems.flat_map(|problem| &problem.affected).filter(|row| is_of(row, os)).collect()
    }

    /// Adds to each update the CVEs that it fixes, as the imported advisories say.
    pub fn annotate(&self, pending: &mut Pending, facts: &HostDocument, packages: &Packages) {
        let Some(manager) = facts.manager.as_deref().and_then(pkg::named) else { return };
        for update in &mut pending.updates {
            let Some(from) = update.from.clone() else { continue };
            let installed = packages.0.get(&update.name).and_then(|all| all.first());
            let (source, from) = match installed.and_then(|one| one.source.clone()) {
                Some((source, version)) => (source, version),
                None => (manager.bare(&update.name).to_owned(), from),
            };
            let known = self.by_package.get(&(facts.system.os.id.clone(), source.clone()));
            for problem in known.into_iter().flatten().map(|at| &self.problems[*at]) {
                let mut rows =
                    problem.affected.iter().filter(|row| row.package == source && is_of(row, &facts.system.os));
                let before = |version: &str, other: &str| manager.compare(version, other) == Ordering::Less;
                let fixes = |row: &Affected| {
                    let has = row.introduced.as_deref().is_none_or(|first| !before(&from, first));
                    has && row.fixed.as_deref().is_some_and(|fixed| before(&from, fixed) && !before(&update.to, fixed))
                };
                if rows.any(fixes) {
                    self.note(update, problem);
                }
            }
        }
    }

    fn note(&self, update: &mut Update, problem: &Problem) {
        if update.advisories.iter().any(|known| known.id == problem.id || known.cves.contains(&problem.id)) {
            return;
        }
        let severity = if self.exploited.contains(&problem.id) { "exploited" } else { &problem.severity };
        update.advisories.push(Advisory {
            id: problem.id.clone(),
            security: true,
            severity: severity.to_owned(),
            cves: vec![problem.id.clone()],
        });
        if update.security == Security::Unknown {
            update.security = Security::Fix(update.to.clone());
        }
    }
}

/// The pending update that fixes this CVE, by what the package manager says.
fn fixing<'a>(pending: &'a Pending, cve: &str) -> Option<&'a Update> {
    let names = |advisory: &Advisory| advisory.id == cve || advisory.cves.iter().any(|one| one == cve);
    pending.updates.iter().find(|update| update.from.is_some() && update.advisories.iter().any(names))
}

/// Whether an advisory is about this release.
fn is_of(row: &Affected, os: &OsRelease) -> bool {
    let release =
        |of: &str| row.release == of || (!row.release.is_empty() && of.split('.').next() == Some(&row.release));
    row.system == os.id && (row.release.is_empty() || row.release == os.codename || release(&os.version_id))
}

/// A verdict for each installed package that is built from this source.
fn judge(
    row: &Affected,
    facts: &HostDocument,
    packages: &Packages,
    manager: &'static dyn PackageManager,
) -> Vec<CveVerdict> {
    if manager.is_kernel_source(&row.package) {
        return vec![judge_kernels(row, facts, packages, manager)];
    }
    let mut found = Vec::new();
    for (name, versions) in &packages.0 {
        for one in versions {
            let (source, version) = match &one.source {
                Some((source, version)) => (source.as_str(), version.as_str()),
                None => (manager.bare(name), one.version.as_str()),
            };
            if source == row.package {
                found.push(compared(row, name, version, manager));
            }
        }
    }
    found
}

fn compared(row: &Affected, name: &str, version: &str, manager: &dyn PackageManager) -> CveVerdict {
    if let Some(from) = row.introduced.as_deref().filter(|from| manager.compare(version, from) == Ordering::Less) {
        let why = format!("{name} {version} is older than {from}, which brought it");
        return CveVerdict { state: CveState::NotAffected, why };
    }
    let (state, why) = match row.fixed.as_deref() {
        None => (CveState::Missing, format!("{name} {version}: there is no fix yet")),
        Some("0") => (CveState::NotAffected, format!("{name} never had it on this release")),
        Some(fixed) if manager.compare(version, fixed) == Ordering::Less => {
            (CveState::Missing, format!("{name} {version} is older than {fixed}"))
        }
        Some(fixed) => (CveState::Fixed, format!("{name} {version} has the fix of {fixed}")),
    };
    CveVerdict { state, why }
}

/// A kernel counts when it runs; the others on the disk only say whether a reboot would help.
fn judge_kernels(
    row: &Affected,
    facts: &HostDocument,
    packages: &Packages,
    manager: &dyn PackageManager,
) -> CveVerdict {
    let verdict = |state: CveState, why: String| CveVerdict { state, why };
    let Some(kernels) = &facts.kernels else {
        return verdict(CveState::Unknown, "its kernels are not known".to_owned());
    };
    if facts.system.container.is_some() {
        return verdict(CveState::NotAffected, "a container runs the kernel of another machine".to_owned());
    }
    let of = |release: &str| -> Option<CveVerdict> {
        let names = kernels.packages.get(release)?.iter();
        let name = names.clone().find(|name| name.contains("image")).or_else(|| names.clone().next())?;
        let only = || Some(&packages.0.get(name)?.first()?.version);
        let version = kernels.versions.get(release).or_else(only)?;
        Some(compared(row, name, version, manager))
    };
    let Some(running) = of(&kernels.running) else {
        let why = format!("no installed package has the running kernel {}", kernels.running);
        return verdict(CveState::Unknown, why);
    };
    let next = kernels.starts.as_ref().or(kernels.newest.as_ref()).filter(|next| **next != kernels.running);
    match next.and_then(|next| of(next)) {
        Some(next) if running.state == CveState::Missing && next.state == CveState::Fixed => {
            let why = format!("{}; kernel {} is running", next.why, kernels.running);
            verdict(CveState::NotBooted, why)
        }
        _ => running,
    }
}

#[cfg(test)]
#[path = "cve_tests.rs"]
mod tests;
