use super::*;
use crate::record::{InstalledPackage, KernelFacts};

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + 86_400 * day).unwrap()
}

fn import(day: i64) -> ImportedFeed {
    let (file, sha256) = ("feed.json".to_owned(), "0".to_owned());
    ImportedFeed { file, format: Format::Tracker, at: at(day), sha256, count: 1 }
}

fn row(package: &str, fixed: Option<&str>) -> Affected {
    Affected {
        system: "debian".to_owned(),
        release: "bookworm".to_owned(),
        package: package.to_owned(),
        introduced: None,
        fixed: fixed.map(str::to_owned),
    }
}

fn knowledge(rows: Vec<Affected>, day: i64) -> Knowledge {
    let mut knowledge = Knowledge::default();
    let problem =
        Problem { id: "CVE-2026-0001".to_owned(), severity: "high".to_owned(), affected: rows, ..Problem::default() };
    knowledge.add(&import(day), Feed(vec![problem]), at(10));
    knowledge
}

fn facts() -> HostDocument {
    let mut facts = HostDocument { manager: Some("apt".to_owned()), ..HostDocument::default() };
    facts.system.os.id = "debian".to_owned();
    facts.system.os.version_id = "12".to_owned();
    facts.system.os.codename = "bookworm".to_owned();
    let image = |n: &str| (format!("6.1.0-{n}-amd64"), vec![format!("linux-image-6.1.0-{n}-amd64")]);
    facts.kernels = Some(KernelFacts {
        running: "6.1.0-40-amd64".to_owned(),
        installed: vec!["6.1.0-40-amd64".to_owned(), "6.1.0-41-amd64".to_owned()],
        packages: [image("40"), image("41")].into(),
        newest: Some("6.1.0-41-amd64".to_owned()),
        starts: None,
        ..KernelFacts::default()
    });
    facts
}

fn packages() -> Packages {
    let plain = |version: &str| vec![InstalledPackage { version: version.to_owned(), source: None }];
    let of = |version: &str, source: (&str, &str)| {
        vec![InstalledPackage { version: version.to_owned(), source: Some((source.0.to_owned(), source.1.to_owned())) }]
    };
    Packages(
        [
            ("openssl".to_owned(), plain("3.0.11-1")),
            ("libssl3:i386".to_owned(), of("3.0.11-1", ("openssl", "3.0.11-1"))),
            ("linux-image-6.1.0-40-amd64".to_owned(), of("6.1.100-1", ("linux-signed-amd64", "6.1.100+1"))),
            ("linux-image-6.1.0-41-amd64".to_owned(), of("6.1.101-1", ("linux-signed-amd64", "6.1.101+1"))),
        ]
        .into(),
    )
}

fn state(knowledge: &Knowledge, facts: &HostDocument) -> (CveState, String) {
    let CveVerdict { state, why } = knowledge.verdict("CVE-2026-0001", facts, Some(&packages()), None);
    (state, why)
}

#[test]
fn each_state_has_its_reason() {
    let check = |row: Affected, expected: CveState, why: &str| {
        let (state, said) = state(&knowledge(vec![row], 9), &facts());
        assert_eq!(state, expected, "{said}");
        assert!(said.contains(why), "{said}");
    };
    check(row("openssl", Some("3.0.15-1")), CveState::Missing, "3.0.11-1 is older than 3.0.15-1");
    check(row("openssl", None), CveState::Missing, "no fix yet");
    check(row("openssl", Some("3.0.9-1")), CveState::Fixed, "has the fix of 3.0.9-1");
    check(row("openssl", Some("0")), CveState::NotAffected, "never had it");
    let from = |introduced: &str, fixed: &str| Affected {
        introduced: Some(introduced.to_owned()),
        ..row("openssl", Some(fixed))
    };
    check(from("3.0.12-1", "3.0.15-1"), CveState::NotAffected, "older than 3.0.12-1, which brought it");
    check(from("3.0.11-1", "3.0.15-1"), CveState::Missing, "older than 3.0.15-1");
    check(row("curl", Some("1")), CveState::NotAffected, "nothing of curl is installed");
    // The name of a binary package is not the name of a source.
    check(row("libssl3", Some("9")), CveState::NotAffected, "nothing of libssl3");
    check(row("linux", Some("6.1.101-1")), CveState::NotBooted, "kernel 6.1.0-40-amd64 is running");
    check(row("linux", Some("6.1.102-1")), CveState::Missing, "6.1.100-1 is older");
    check(row("linux", Some("6.1.99-1")), CveState::Fixed, "6.1.100-1 has the fix");
}

/// On the other managers' hosts a scan of an older version did not say what a package was built from.
#[test]
fn a_source_that_no_package_is_named_after_may_be_there_all_the_same() {
    let mut facts = HostDocument { manager: Some("dnf".to_owned()), ..HostDocument::default() };
    (facts.system.os.id, facts.system.os.version_id) = ("rocky".to_owned(), "9.4".to_owned());
    let row = Affected {
        system: "rocky".to_owned(),
        release: "9".to_owned(),
        package: "openssl".to_owned(),
        introduced: None,
        fixed: Some("3.0.7-28".to_owned()),
    };
    let verdict = |source: Option<(&str, &str)>| {
        let source = source.map(|(name, version)| (name.to_owned(), version.to_owned()));
        let installed = vec![InstalledPackage { version: "1:3.0.7-27".to_owned(), source }];
        let packages = Packages([("openssl-libs".to_owned(), installed)].into());
        knowledge(vec![row.clone()], 9).verdict("CVE-2026-0001", &facts, Some(&packages), None).state
    };
    assert_eq!(verdict(None), CveState::Unknown);
    assert_eq!(verdict(Some(("openssl", "3.0.7-27"))), CveState::Missing);
    assert_eq!(verdict(Some(("openssl", "3.0.7-28"))), CveState::Fixed);
    assert_eq!(verdict(Some(("bash", "5"))), CveState::NotAffected);
}

/// Kernels of one name side by side: what counts is the version that runs.
#[test]
fn a_kernel_beside_the_old_one_is_fixed_only_when_it_runs() {
    let versions = ["5.14.0-1.el9", "5.14.0-2.el9"];
    let release = |version: &str| format!("{version}.x86_64");
    let of = |running: &str| {
        let mut facts = HostDocument { manager: Some("dnf".to_owned()), ..HostDocument::default() };
        facts.system.os.id = "rocky".to_owned();
        facts.system.os.version_id = "9.4".to_owned();
        facts.kernels = Some(KernelFacts {
            running: release(running),
            installed: versions.map(release).to_vec(),
            packages: versions.map(|version| (release(version), vec!["kernel".to_owned()])).into(),
            versions: versions.map(|version| (release(version), version.to_owned())).into(),
            newest: Some(release(versions[1])),
            starts: None,
        });
        facts
    };
    let installed = versions.map(|version| InstalledPackage { version: version.to_owned(), source: None });
    let packages = Packages([("kernel".to_owned(), installed.to_vec())].into());
    let fixed = |version: &str| Affected {
        introduced: None,
        system: "rocky".to_owned(),
        release: "9".to_owned(),
        package: "kernel".to_owned(),
        fixed: Some(version.to_owned()),
    };
    for (running, fix, expected) in [
        (versions[0], versions[1], CveState::NotBooted),
        (versions[1], versions[1], CveState::Fixed),
        (versions[1], "5.14.0-3.el9", CveState::Missing),
        (versions[0], versions[0], CveState::Fixed),
    ] {
        let verdict = knowledge(vec![fixed(fix)], 9).verdict("CVE-2026-0001", &of(running), Some(&packages), None);
        assert_eq!(verdict.state, expected, "{running} {fix}: {}", verdict.why);
    }
}

/// Alpine and Arch have one kernel package: the version that is installed is not the one that runs.
#[test]
fn a_kernel_that_replaced_the_running_one_is_not_fixed_before_the_reboot() {
    for (manager, name) in [("apk", "linux-lts"), ("pacman", "linux")] {
        let mut facts = HostDocument { manager: Some(manager.to_owned()), ..HostDocument::default() };
        facts.system.os.id = "alpine".to_owned();
        facts.system.os.version_id = "3.20".to_owned();
        let row = Affected {
            introduced: None,
            system: "alpine".to_owned(),
            release: "3".to_owned(),
            package: name.to_owned(),
            fixed: Some("6.6.33-r0".to_owned()),
        };
        let installed = InstalledPackage { version: "6.6.33-r0".to_owned(), source: None };
        let packages = Packages([(name.to_owned(), vec![installed])].into());
        let knowledge = knowledge(vec![row], 9);
        for (running, expected) in [("6.6.32-0-lts", CveState::Unknown), ("6.6.33-0-lts", CveState::Fixed)] {
            facts.kernels = Some(KernelFacts {
                running: running.to_owned(),
                installed: vec!["6.6.33-0-lts".to_owned()],
                packages: [("6.6.33-0-lts".to_owned(), vec![name.to_owned()])].into(),
                newest: Some("6.6.33-0-lts".to_owned()),
                ..KernelFacts::default()
            });
            let verdict = knowledge.verdict("CVE-2026-0001", &facts, Some(&packages), None);
            assert_eq!(verdict.state, expected, "{manager}: {}", verdict.why);
        }
    }
}

#[test]
fn no_data_is_unknown_and_never_not_affected() {
    let missing = || vec![row("openssl", Some("3.0.15-1"))];
    let unknown = |knowledge: &Knowledge, facts: &HostDocument, why: &str| {
        let (state, said) = state(knowledge, facts);
        assert_eq!(state, CveState::Unknown, "{said}");
        assert!(said.contains(why), "{said}");
    };
    unknown(&Knowledge::default(), &facts(), "no advisories were imported");
    // Seven days are the limit.
    assert_eq!(state(&knowledge(missing(), 3), &facts()).0, CveState::Missing);
    unknown(&knowledge(missing(), 2), &facts(), "older than 7 days");
    let mut other = facts();
    other.system.os.codename = "trixie".to_owned();
    other.system.os.version_id = "13".to_owned();
    unknown(&knowledge(missing(), 9), &other, "for this system");
    let verdict = knowledge(missing(), 9).verdict("CVE-2026-0001", &facts(), None, None);
    assert_eq!(verdict.state, CveState::Unknown);
    let mut own = facts();
    own.kernels = Some(KernelFacts { running: "6.9.3-own".to_owned(), ..KernelFacts::default() });
    let kernel = || knowledge(vec![row("linux", Some("6.1.99-1"))], 9);
    unknown(&kernel(), &own, "no installed package has the running kernel");
    own.kernels = None;
    unknown(&kernel(), &own, "its kernels are not known");
}

#[test]
fn what_the_host_itself_says_needs_no_import() {
    let advisory = Advisory {
        id: "RHSA-1".to_owned(),
        security: true,
        severity: String::new(),
        cves: vec!["CVE-2026-0001".to_owned()],
    };
    let update = Update { advisories: vec![advisory], ..Update::new("openssl", Some("1".to_owned()), "2") };
    let pending = Pending { updates: vec![update], ..Pending::default() };
    let verdict = Knowledge::default().verdict("CVE-2026-0001", &facts(), Some(&packages()), Some(&pending));
    assert_eq!((verdict.state, verdict.why.as_str()), (CveState::Missing, "openssl 1 → 2 is pending"));
}

#[test]
fn updates_get_the_cves_that_they_fix() {
    let update = |name: &str, to: &str| Update::new(name, Some("3.0.11-1".to_owned()), to);
    let all = vec![update("openssl", "3.0.15-1"), update("libssl3:i386", "3.0.15-1"), update("curl", "3.0.15-1")];
    let mut pending = Pending { updates: all, ..Pending::default() };
    let too_new = knowledge(vec![row("openssl", Some("3.0.16-1"))], 9);
    too_new.annotate(&mut pending, &facts(), &packages());
    assert!(pending.updates.iter().all(|update| update.advisories.is_empty()));
    knowledge(vec![row("openssl", Some("3.0.12-1"))], 9).annotate(&mut pending, &facts(), &packages());
    let noted: Vec<(usize, Option<&str>)> = pending
        .updates
        .iter()
        .map(|update| (update.advisories.len(), update.advisories.first().map(|one| one.severity.as_str())))
        .collect();
    assert_eq!(noted, [(1, Some("high")), (1, Some("high")), (0, None)]);
    assert_eq!(pending.updates[0].security, Security::Fix("3.0.15-1".to_owned()));
}
