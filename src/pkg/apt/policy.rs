//! Reads the version tables of `apt-cache policy` and the sources of `apt-get indextargets`.
//!
//! The candidate's origin is not enough to know a security fix: with 1.1 in the security suite and 1.2 in the normal
//! one, apt installs 1.2 and names the normal suite only.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use super::version::compare;
use crate::command::{Output, Unreadable};

/// The source of what is installed, in a version table.
const INSTALLED: &str = "/var/lib/dpkg/status";

/// One package's table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub installed: Option<String>,
    pub candidate: Option<String>,
    pub rows: Vec<Row>,
}

/// One version that apt knows.
#[derive(Debug)]
pub(super) struct Row {
    pub version: String,
    /// `(phased N%)` follows it.
    pub phased: bool,
    /// A security source has it.
    pub security: bool,
    /// Some package source has it, not only dpkg's record of what is installed.
    pub offered: bool,
    /// A source has it whose publisher also has a security source, so that "not a security fix" means something.
    pub judged: bool,
}

impl Table {
    /// The highest security version above `from` and not above `to`.
    pub(super) fn security(&self, from: Option<&str>, to: &str) -> Option<String> {
        let inside = |version: &str| {
            from.is_none_or(|from| compare(from, version) == Ordering::Less)
                && compare(version, to) != Ordering::Greater
        };
        let fixes = self.rows.iter().filter(|row| row.security && inside(&row.version));
        fixes.max_by(|a, b| compare(&a.version, &b.version)).map(|row| row.version.clone())
    }

    /// The highest security version above `from`, whatever the candidate is.
    pub(super) fn security_above(&self, from: &str) -> Option<String> {
        let fixes = self.rows.iter().filter(|row| row.security && compare(from, &row.version) == Ordering::Less);
        fixes.max_by(|a, b| compare(&a.version, &b.version)).map(|row| row.version.clone())
    }

    /// Whether a package source has this version.
    pub(super) fn offers(&self, version: &str) -> bool {
        self.rows.iter().any(|row| row.offered && row.version == version)
    }

    /// Whether a publisher that marks its security fixes has this version.
    pub(super) fn is_judged(&self, version: &str) -> bool {
        self.rows.iter().any(|row| row.judged && row.version == version)
    }

    /// Whether the candidate is rolled out gradually.
    pub(super) fn candidate_is_phased(&self) -> bool {
        self.rows.iter().any(|row| row.phased && Some(&row.version) == self.candidate.as_ref())
    }
}

/// Descriptions of package sources, as version tables have them, with who publishes each and whether it brings security
/// fixes.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<String, Source>);

#[derive(Debug)]
struct Source {
    origin: String,
    security: bool,
}

impl Sources {
    /// `DESCRIPTION|ORIGIN|LABEL|SUITE|CODENAME` per line.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        Self(
            lines
                .filter_map(|line| {
                    let mut fields = line.rsplitn(5, '|');
                    let (codename, suite, label) = (fields.next()?, fields.next()?, fields.next()?);
                    let (origin, description) = (fields.next()?.to_owned(), fields.next()?);
                    let security = is_security(label, suite, codename);
                    Some((description.to_owned(), Source { origin, security }))
                })
                .collect(),
        )
    }

    /// Whether any source brings security fixes: without one, "no fix pending" would mean nothing.
    pub(super) fn any_security(&self) -> bool {
        self.0.values().any(|source| source.security)
    }

    fn is_security(&self, description: &str) -> bool {
        self.0.get(description).is_some_and(|source| source.security)
    }

    /// Whether the publisher of this source also has a security source. A third party has none.
    fn is_judged(&self, description: &str) -> bool {
        let Some(source) = self.0.get(description) else { return false };
        self.0.values().any(|other| other.security && other.origin == source.origin)
    }
}

/// Debian: label `Debian-Security`. Ubuntu and ESM: `jammy-security`, `jammy-apps-security`, `jammy-infra-security`.
pub(super) fn is_security(label: &str, suite: &str, codename: &str) -> bool {
    label == "Debian-Security" || suite.ends_with("-security") || codename.ends_with("-security")
}

/// Tables by name, as apt writes it.
pub(super) fn tables<'a>(lines: impl Iterator<Item = &'a str>, sources: &Sources) -> HashMap<String, Table> {
    let mut tables: HashMap<String, Table> = HashMap::new();
    let mut current = None;
    for line in lines {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            current = Some(tables.entry(name.to_owned()).or_default());
            continue;
        }
        let Some(table) = current.as_mut() else { continue };
        if let Some(version) = line.strip_prefix("  Installed: ") {
            table.installed = filled(version);
        } else if let Some(version) = line.strip_prefix("  Candidate: ") {
            table.candidate = filled(version);
        } else if let Some(source) = line.strip_prefix("       ") {
            // ` 500 http://… bookworm/main amd64 Packages`, below its version.
            let description = source.trim_start().split_once(' ').map_or("", |(_priority, rest)| rest);
            if let Some(row) = table.rows.last_mut() {
                row.offered |= !description.trim().is_empty() && description.trim() != INSTALLED;
                row.security |= sources.is_security(description.trim());
                row.judged |= sources.is_judged(description.trim());
            }
        } else if let Some(row) = line.strip_prefix("     ").or_else(|| line.strip_prefix(" *** ")) {
            let version = row.split(' ').next().unwrap_or_default().to_owned();
            let phased = row.contains("(phased ");
            table.rows.push(Row { version, phased, security: false, offered: false, judged: false });
        }
    }
    tables
}

/// Which of `wanted` apt knows: it prints a table for each of those, and nothing about the others.
pub(super) fn known(wanted: &BTreeSet<String>, output: &Output) -> Result<BTreeSet<String>, Unreadable> {
    if !output.success() {
        return Err(Unreadable::new(format!("apt-cache policy: {}", output.last_lines(1))));
    }
    let text = output.text();
    let tables = tables(text.lines(), &Sources::default());
    // `libssl3:amd64` is listed as `libssl3` where that is the host's own architecture.
    let bare = |name: &str| name.split_once(':').map_or(name, |(bare, _)| bare).to_owned();
    let heard = |name: &&String| tables.contains_key(*name) || tables.contains_key(&bare(name));
    Ok(wanted.iter().filter(heard).cloned().collect())
}

fn filled(version: &str) -> Option<String> {
    (version != "(none)").then(|| version.to_owned())
}
