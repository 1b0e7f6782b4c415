//! Reads files of advisories in four public formats. The format is recognised by what is in the file. Files come from
//! outside: an entry of another form is left out, a file of another form is an error. Start at [`read_feed`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::advisories::{Affected, Feed, Format, Problem};

const ECOSYSTEMS: &str = include_str!("ecosystems.tsv");
/// More problems than all distributions have published so far.
const MOST: usize = 2_000_000;

/// A file that is none of the formats.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadFeed {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It is JSON of another form.
    #[error(
        "it is none of: OSV, a security tracker's JSON, a database of security notices, CISA's list of exploited vulnerabilities"
    )]
    NotAFeed,
    /// Nothing was found in it.
    #[error("no problem with a package is in it")]
    Empty,
    /// It is too long.
    #[error("it has more than {MOST} entries")]
    TooLong,
}

/// Reads a file.
///
/// # Errors
/// Why it is not a feed.
pub fn read_feed(text: &str) -> Result<(Format, Feed), BadFeed> {
    let format = format_of(text)?;
    let broken = |error: serde_json::Error| BadFeed::NotJson(error.to_string());
    let problems = match format {
        Format::Osv if text.trim_start().starts_with('[') => {
            let all: Vec<Osv> = serde_json::from_str(text).map_err(broken)?;
            all.into_iter().flat_map(osv).collect()
        }
        Format::Osv => osv(serde_json::from_str(text).map_err(broken)?),
        Format::Tracker => tracker(serde_json::from_str(text).map_err(broken)?),
        Format::Usn => usn(serde_json::from_str(text).map_err(broken)?),
        Format::Kev => kev(serde_json::from_str(text).map_err(broken)?),
    };
    match merged(problems) {
        problems if problems.is_empty() => Err(BadFeed::Empty),
        problems if problems.len() > MOST => Err(BadFeed::TooLong),
        problems => Ok((format, Feed(problems))),
    }
}

/// The first keys that tell the formats apart; the rest of the file is passed over.
fn format_of(text: &str) -> Result<Format, BadFeed> {
    #[derive(Deserialize)]
    struct Keys {
        vulnerabilities: Option<serde::de::IgnoredAny>,
        id: Option<serde::de::IgnoredAny>,
        affected: Option<serde::de::IgnoredAny>,
    }
    let broken = |error: serde_json::Error| BadFeed::NotJson(error.to_string());
    if text.trim_start().starts_with('[') {
        let list: Vec<Keys> = serde_json::from_str(text).map_err(broken)?;
        let is_osv = list.first().is_some_and(|keys| keys.id.is_some() && keys.affected.is_some());
        return if is_osv { Ok(Format::Osv) } else { Err(BadFeed::NotAFeed) };
    }
    let keys: Keys = serde_json::from_str(text).map_err(broken)?;
    if keys.id.is_some() && keys.affected.is_some() {
        return Ok(Format::Osv);
    }
    if keys.vulnerabilities.is_some() {
        return Ok(Format::Kev);
    }
    // Both others are maps of maps. A notice has releases itself, a package of a tracker has problems with releases.
    #[derive(Deserialize)]
    struct Entry {
        releases: Option<serde::de::IgnoredAny>,
        cves: Option<serde::de::IgnoredAny>,
    }
    let entries: BTreeMap<String, Entry> = serde_json::from_str(text).map_err(|_| BadFeed::NotAFeed)?;
    match entries.values().next() {
        None => Err(BadFeed::Empty),
        Some(entry) if entry.releases.is_some() || entry.cves.is_some() => Ok(Format::Usn),
        Some(_) => Ok(Format::Tracker),
    }
}

/// Problems of the same id become one, in the order of their ids.
fn merged(problems: Vec<Problem>) -> Vec<Problem> {
    let mut by_id: BTreeMap<String, Problem> = BTreeMap::new();
    for problem in problems {
        match by_id.get_mut(&problem.id) {
            None => drop(by_id.insert(problem.id.clone(), problem)),
            Some(known) => {
                known.names.extend(problem.names);
                known.affected.extend(problem.affected);
                known.exploited |= problem.exploited;
                if known.severity.is_empty() {
                    known.severity = problem.severity;
                }
            }
        }
    }
    for problem in by_id.values_mut() {
        problem.names.sort();
        problem.names.dedup();
        problem.affected.sort();
        problem.affected.dedup();
    }
    by_id.into_values().collect()
}

/// The `ID` of os-release for a name of a distribution in a feed; other distributions keep their name.
fn system(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let rows = ECOSYSTEMS.lines().filter_map(|line| line.split_once('\t'));
    rows.into_iter().find(|(known, _)| *known == name).map_or(name.clone(), |(_, id)| id.to_owned())
}

#[derive(Deserialize)]
struct Osv {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    affected: Vec<OsvAffected>,
    #[serde(default)]
    database_specific: OsvSpecific,
}

#[derive(Default, Deserialize)]
struct OsvSpecific {
    #[serde(default)]
    severity: serde_json::Value,
}

#[derive(Deserialize)]
struct OsvAffected {
    #[serde(default)]
    package: Option<OsvPackage>,
    #[serde(default)]
    ranges: Vec<OsvRange>,
}

#[derive(Deserialize)]
struct OsvPackage {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct OsvRange {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<BTreeMap<String, String>>,
}

/// One object: a problem for each CVE that it is about, or else for its own id.
fn osv(entry: Osv) -> Vec<Problem> {
    if entry.withdrawn.is_some() {
        return Vec::new();
    }
    let mut affected = Vec::new();
    for one in &entry.affected {
        let Some(package) = &one.package else { continue };
        let mut parts = package.ecosystem.split(':');
        let system = system(parts.next().unwrap_or_default());
        // `12`, `v3.20`, `22.04:LTS`, `Leap 15.6`.
        let release = parts.next().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        let release = release.trim_start_matches('v').to_owned();
        // A commit is not a version of a package.
        for range in one.ranges.iter().filter(|range| range.kind != "GIT") {
            for (introduced, fixed) in intervals(&range.events) {
                let (system, release) = (system.clone(), release.clone());
                affected.push(Affected { system, release, package: package.name.clone(), introduced, fixed });
            }
        }
    }
    let names = [vec![entry.id], entry.aliases, entry.upstream, entry.related].concat();
    let severity = entry.database_specific.severity.as_str().unwrap_or_default().to_lowercase();
    let is_cve = |name: &&String| cve_in(name).is_some();
    let cves: Vec<String> = names.iter().filter(is_cve).filter_map(|name| cve_in(name)).collect();
    let ids = if cves.is_empty() { names[..1].to_vec() } else { cves };
    let names: Vec<String> = names.into_iter().filter(|name| !ids.contains(name)).collect();
    let problem = |id: String| Problem {
        id,
        names: names.clone(),
        severity: severity.clone(),
        exploited: false,
        affected: affected.clone(),
    };
    ids.into_iter().map(problem).collect()
}

/// From which version to which a range has the problem. `0` is the first of all versions.
fn intervals(events: &[BTreeMap<String, String>]) -> Vec<(Option<String>, Option<String>)> {
    let mut found = Vec::new();
    let mut open: Option<Option<String>> = None;
    for event in events {
        if let Some(from) = event.get("introduced") {
            open = Some(Some(from.clone()).filter(|from| from != "0"));
        } else if let Some(fixed) = event.get("fixed") {
            found.push((open.take().flatten(), Some(fixed.clone())));
        }
    }
    found.extend(open.map(|from| (from, None)));
    found
}

/// `CVE-2026-1234` in that, or in `DEBIAN-CVE-2026-1234`.
fn cve_in(name: &str) -> Option<String> {
    let at = name.find("CVE-")?;
    (at == 0 || name[..at].ends_with('-')).then(|| name[at..].to_owned())
}

#[derive(Deserialize)]
struct TrackerEntry {
    #[serde(default)]
    releases: BTreeMap<String, TrackerRelease>,
}

#[derive(Deserialize)]
struct TrackerRelease {
    #[serde(default)]
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: String,
}

/// Source package → problem → release.
fn tracker(packages: BTreeMap<String, BTreeMap<String, TrackerEntry>>) -> Vec<Problem> {
    let system = system("tracker");
    let mut problems = Vec::new();
    for (package, entries) in packages {
        for (id, entry) in entries {
            let mut severity = String::new();
            let mut affected = Vec::new();
            for (release, state) in entry.releases {
                let fixed = match state.status.as_str() {
                    "resolved" => Some(state.fixed_version.unwrap_or_else(|| "0".to_owned())),
                    "open" => None,
                    // The tracker itself does not know.
                    _ => continue,
                };
                if let "low" | "medium" | "high" | "unimportant" = state.urgency.trim_end_matches('*') {
                    severity = state.urgency.trim_end_matches('*').to_owned();
                }
                affected.push(Affected {
                    system: system.clone(),
                    release,
                    package: package.clone(),
                    introduced: None,
                    fixed,
                });
            }
            problems.push(Problem { id, severity, affected, ..Problem::default() });
        }
    }
    problems
}

#[derive(Deserialize)]
struct Notice {
    #[serde(default)]
    cves: Vec<String>,
    #[serde(default)]
    releases: BTreeMap<String, NoticeRelease>,
}

#[derive(Deserialize)]
struct NoticeRelease {
    #[serde(default)]
    sources: BTreeMap<String, NoticeSource>,
}

#[derive(Deserialize)]
struct NoticeSource {
    version: Option<String>,
}

/// Notice → release → source package.
fn usn(notices: BTreeMap<String, Notice>) -> Vec<Problem> {
    let system = system("usn");
    let mut problems = Vec::new();
    for (number, notice) in notices {
        let name = if number.starts_with("USN-") { number } else { format!("USN-{number}") };
        let mut affected = Vec::new();
        for (release, about) in notice.releases {
            for (package, source) in about.sources {
                let (system, release) = (system.clone(), release.clone());
                affected.push(Affected { system, release, package, introduced: None, fixed: source.version });
            }
        }
        let cves: Vec<String> = notice.cves.into_iter().filter(|cve| cve.starts_with("CVE-")).collect();
        let (ids, names) = if cves.is_empty() { (vec![name], Vec::new()) } else { (cves, vec![name]) };
        problems.extend(ids.into_iter().map(|id| Problem {
            id,
            names: names.clone(),
            affected: affected.clone(),
            ..Problem::default()
        }));
    }
    problems
}

#[derive(Deserialize)]
struct Kev {
    #[serde(default)]
    vulnerabilities: Vec<Exploited>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exploited {
    #[serde(rename = "cveID", default)]
    cve_id: String,
}

fn kev(list: Kev) -> Vec<Problem> {
    let ids = list.vulnerabilities.into_iter().map(|one| one.cve_id).filter(|id| id.starts_with("CVE-"));
    ids.map(|id| Problem { id, exploited: true, ..Problem::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let (format, Feed(problems)) = read_feed(text).unwrap();
        let affected = |one: &Affected| {
            let fixed = one.fixed.as_deref().unwrap_or("-");
            format!("{} {} {} {fixed}", one.system, one.release, one.package)
        };
        let line = |one: &Problem| {
            let affected: Vec<String> = one.affected.iter().map(affected).collect();
            let exploited = if one.exploited { " exploited" } else { "" };
            format!("{:?} {} {:?} {}{exploited}: {}", format, one.id, one.names, one.severity, affected.join(", "))
        };
        problems.iter().map(line).collect()
    }

    #[test]
    fn each_format_is_recognised_and_read() {
        let osv = r#"{"id":"DSA-1-1","upstream":["CVE-2026-0001"],"affected":[{"package":{"ecosystem":"Debian:12",
            "name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.15-1"}]}]}]}"#;
        let one = "Osv CVE-2026-0001 [\"DSA-1-1\"] : debian 12 openssl 3.0.15-1";
        assert_eq!(shown(osv), [one]);
        assert_eq!(shown(&format!("[{osv}]")), [one]);
        let tracker = r#"{"openssl":{"CVE-2026-0001":{"scope":"remote","releases":{"bookworm":{"status":"resolved",
            "fixed_version":"3.0.15-1","urgency":"high**"},"trixie":{"status":"open","urgency":"not yet assigned"},
            "sid":{"status":"undetermined"}}},"CVE-2026-0002":{"releases":{"bookworm":{"status":"resolved",
            "fixed_version":"0"}}}}}"#;
        assert_eq!(
            shown(tracker),
            [
                "Tracker CVE-2026-0001 [] high: debian bookworm openssl 3.0.15-1, debian trixie openssl -",
                "Tracker CVE-2026-0002 [] : debian bookworm openssl 0"
            ]
        );
        let usn = r#"{"7000-1":{"cves":["CVE-2026-0001","https://launchpad.net/bugs/1"],"releases":{"jammy":{"sources":
            {"openssl":{"version":"3.0.2-0ubuntu1.19"}},"binaries":{"libssl3":{"version":"x"}}}}}}"#;
        assert_eq!(shown(usn), ["Usn CVE-2026-0001 [\"USN-7000-1\"] : ubuntu jammy openssl 3.0.2-0ubuntu1.19"]);
        let kev = r#"{"title":"x","vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}]}"#;
        assert_eq!(shown(kev), ["Kev CVE-2026-0001 []  exploited: "]);
    }

    #[test]
    fn a_range_may_begin_and_end_several_times_and_commits_are_no_versions() {
        let osv = r#"{"id":"CVE-2026-0001","affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ranges":[
            {"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0.5"},{"introduced":"0.9"},{"fixed":"1.5"},
            {"introduced":"2"}]},{"type":"GIT","events":[{"introduced":"0"},{"fixed":"0aabbcc"}]}]}]}"#;
        let (_, Feed(problems)) = read_feed(osv).unwrap();
        let range = |one: &Affected| format!("{:?} {:?}", one.introduced.as_deref(), one.fixed.as_deref());
        let ranges: Vec<String> = problems[0].affected.iter().map(range).collect();
        assert_eq!(ranges, [r#"None Some("0.5")"#, r#"Some("0.9") Some("1.5")"#, r#"Some("2") None"#]);
    }

    #[test]
    fn what_is_not_a_feed_is_an_error() {
        for text in
            ["", "{", "null", "7", "[]", "{}", "[7]", "{\"a\": 1}", "{\"a\": {\"b\": 7}}", "{\"vulnerabilities\": []}"]
        {
            assert!(read_feed(text).is_err(), "{text}");
        }
        let withdrawn = r#"{"id":"X-1","withdrawn":"2026-01-01T00:00:00Z","affected":[]}"#;
        assert_eq!(read_feed(withdrawn), Err(BadFeed::Empty));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,a-zC0-9.-]{0,80}") {
            let _ = read_feed(&text);
        }
    }
}
