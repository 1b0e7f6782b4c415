//! Hosts with an rpm database and dnf: what is pending, what is taken, kernels, scripts that fail in a transaction that
//! succeeds, a transaction that is killed, and the way back. `rpm.sh` has the hosts and their packages.

use std::collections::{BTreeMap, BTreeSet};

use patchwave::{
    command::Exit,
    pkg::{Accepts, Exact, Package, PackageManager, Security, Stays, Transaction, dnf::Dnf},
};

use crate::{
    fleet::Lab,
    on_host::{ask, changed, go, packages},
    patchwave::Patchwave,
};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";

/// Every package of the host, each with its versions.
fn rpms(lab: &Lab, host: &str) -> BTreeSet<String> {
    packages(lab, host, "rpm -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'")
}

/// Does this on hosts with version 4, and on those with dnf5 where they are asked for: Debian sid, on which they stand,
/// changes every day.
fn on_each(hosts: usize, test: impl Fn(Lab)) {
    let with_five = std::env::var_os("PATCHWAVE_LAB_SID").is_some();
    for suite in ["rocky", "fedora"].into_iter().filter(|suite| *suite == "rocky" || with_five) {
        let names: Vec<String> = (1..=hosts).map(|n| format!("h{n}")).collect();
        let Some(lab) = Lab::up_of(hosts, "", &format!("{suite}={}", names.join(","))) else { return };
        test(lab);
    }
}

#[test]
fn scopes_take_what_the_advisories_say() {
    on_each(6, scopes);
}

fn scopes(lab: Lab) {
    let hosts = ["h1", "h2", "h3", "h4", "h5", "h6"];
    lab.on("h2", "touch /etc/lab-fail-fixed");
    // A source that is gone, although its own file allows that it is skipped.
    lab.on(
        "h5",
        "printf '[dead]\\nname=dead\\nbaseurl=file:///srv/gone\\nskip_if_unavailable=1\\n' >/etc/yum.repos.d/dead.repo",
    );
    let before = hosts.map(|host| rpms(&lab, host));
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
steps:
  - precheck: { packages: healthy }
  - upgrade: { scope: security, exclude: [lab-fail, 'kernel*'] }
    when: inventory_hostname == 'h1'
  - { upgrade: all, when: inventory_hostname == 'h2' }
  - { upgrade: kernel, when: inventory_hostname == 'h3' }
  - { upgrade: { scope: packages, packages: [lab-fail, lab-plain] }, when: inventory_hostname == 'h4' }
  - { upgrade: security, when: inventory_hostname == 'h5' }
  - { upgrade: { scope: packages, packages: [lab-plain, lab-held] }, when: inventory_hostname == 'h6' }
  - reboot: { when: required, stable: 1s, timeout: 90s }
  - { cleanup: { old_kernels: 1, package_cache: true }, when: inventory_hostname == 'h3' }
  - { verify: { kernel: newest, packages: healthy } }
",
    );
    let ended = jump.run(&[]).must(6);
    let events = ended.events();
    let after = hosts.map(|host| rpms(&lab, host));
    let change = |n: usize| changed(&before[n], &after[n]);
    let outcomes = hosts.map(|host| events.outcome(host).to_owned());
    assert_eq!(outcomes, ["ok", "ok", "ok", "failed", "failed", "ok"], "{}", ended.err);

    let security = [
        "+lab-masked 2.0-1.el9",
        "+lab-sec 1:1.0-2.el9",
        "+lab-slowsec 1.1-1.el9",
        "-lab-masked 1.0-1.el9",
        "-lab-sec 1:1.0-1.el9",
        "-lab-slowsec 1.0-1.el9",
    ];
    assert_eq!(change(0), security);
    let unsure = events.result("h1", 1).to_string();
    assert!(unsure.contains("lab-third"), "its source does not say: {unsure}");

    let all: Vec<String> = change(1).into_iter().filter(|one| one.starts_with('+')).collect();
    let expected = [
        "+kernel 5.14.0-3.el9",
        "+kernel-core 5.14.0-3.el9",
        "+kernel-modules 5.14.0-3.el9",
        "+lab-conf 1.1-1.el9",
        "+lab-fail 1.1-1.el9",
        "+lab-masked 2.0-1.el9",
        "+lab-plain 2.0-1.el9",
        "+lab-sec 1:1.0-2.el9",
        "+lab-slowsec 1.1-1.el9",
        "+lab-third 1.1-1",
        "+lib-security-tools 2.0-1.el9",
    ];
    assert_eq!(all, expected);
    assert!(after[1].contains("kernel-core 5.14.0-1.el9"), "no kernel is removed unasked");
    let result = events.result("h2", 2).to_string();
    for says in ["held: lab-held", "kept back: lab-stuck", "/etc/lab-rpm.conf.rpmnew"] {
        assert!(result.contains(says), "{says}: {result}");
    }
    assert_eq!(lab.on("h2", "cat /etc/lab-rpm.conf; uname -r"), "setting = edited here\n5.14.0-3.el9.x86_64");

    assert_eq!(lab.on("h3", "uname -r"), "5.14.0-3.el9.x86_64");
    let kernels: Vec<&String> = after[2].iter().filter(|one| one.starts_with("kernel")).collect();
    let left = ["kernel", "kernel-core", "kernel-modules"];
    let left: Vec<String> = left.iter().flat_map(|name| [2, 3].map(|n| format!("{name} 5.14.0-{n}.el9"))).collect();
    assert_eq!(kernels, left.iter().collect::<Vec<_>>(), "the running one and one more");

    let failed = events.result("h4", 4);
    assert_eq!(
        (failed["class"].as_str(), failed["changed"].as_bool()),
        (Some("package-failed"), Some(true)),
        "{failed}"
    );
    assert!(
        failed["summary"].as_str().is_some_and(|text| text.contains("lab-fail: its %post script failed")),
        "{failed}"
    );
    assert!(after[3].contains("lab-fail 1.1-1.el9") && after[3].contains("lab-plain 2.0-1.el9"), "both are in");

    assert_eq!(events.result("h5", 5)["class"], "refresh", "{}", events.result("h5", 5));
    assert_eq!(change(4), [""; 0], "a dead source is not a host without updates");
    assert_eq!(change(5), ["+lab-plain 2.0-1.el9", "-lab-plain 1.0-1.el9"]);
}

/// On h1 the transaction of a run is killed, on h2 that of somebody else, before a run.
#[test]
fn a_transaction_that_is_killed_is_found_and_finished() {
    on_each(2, killed);
}

fn killed(lab: Lab) {
    let hosts = ["h1", "h2"];
    let playbook = "
steps:
  - upgrade: { scope: packages, packages: [lab-plain, lab-slowsec], repair: REPAIR }
  - verify: { packages: healthy }
";
    let jump = |name: &str, repair: &str| Patchwave::named(&lab, name, MANY, &playbook.replace("REPAIR", repair));
    for host in hosts {
        lab.on(host, "touch /etc/lab-hold");
    }
    let first = jump("first", "false");
    let running = first.start_run(&["--limit", "h1"]);
    lab.leave_on("h2", "dnf -y upgrade lab-slowsec");
    for host in hosts {
        lab.until(host, "grep -q 'begin lab-slowsec' /var/log/lab-slow");
        // The old version is still there, and the new one is, too.
        assert_eq!(lab.on(host, "rpm -q lab-slowsec | wc -l"), "2", "{host}");
        let holders = ask(&lab, host, &Dnf.lock_holders());
        let is_dnf = |program: &str| ["dnf", "dnf5"].contains(&program);
        assert!(holders.iter().all(|one| is_dnf(&one.program)) && !holders.is_empty(), "{host}: {holders:?}");
        lab.on(host, &format!("kill -9 {} && rm /etc/lab-hold", holders[0].pid));
    }
    let ended = running.wait().must(6);
    let killed = ended.events().result("h1", 0).clone();
    assert_eq!(killed["class"], "interrupted", "{killed}");
    assert!(killed.to_string().contains("a repair was attempted once"), "{killed}");
    assert!(ask(&lab, "h1", &Dnf.health()).is_good(), "{killed}");

    let broken = jump("second", "false").run(&["--limit", "h2"]).must(6).events().result("h2", 0).clone();
    assert_eq!(broken["class"], "broken-packages", "{broken}");
    let said = broken.to_string();
    for says in ["lab-slowsec is left over beside 1.1-1.el9", "an earlier transaction was interrupted"] {
        assert!(said.contains(says), "{broken}");
    }
    assert!(broken["help"].as_str().is_some_and(|text| text.contains("dnf remove --duplicates")), "{broken}");
    jump("third", "true").run(&[]).must(0);
    for host in hosts {
        let state = rpms(&lab, host);
        assert!(state.contains("lab-slowsec 1.1-1.el9") && !state.contains("lab-slowsec 1.0-1.el9"), "{host}");
        assert!(state.contains("lab-plain 2.0-1.el9"), "{host}");
        assert_eq!(lab.on(host, "dnf -q check >&2 && echo fine"), "fine", "{host}");
        assert!(ask(&lab, host, &Dnf.health()).is_good(), "{host}");
        assert_eq!(ask(&lab, host, &Dnf.lock_holders()), []);
    }
}

#[test]
fn the_set_from_before_comes_back_name_by_name() {
    on_each(1, back);
}

fn back(lab: Lab) {
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    ask(&lab, host, &Dnf.refresh());
    let before = ask(&lab, host, &Dnf.state()).versions();
    let listed = rpms(&lab, host);
    let pending = ask(&lab, host, &Dnf.pending(Accepts::default()));
    let by_name: BTreeMap<&str, _> = pending.updates.iter().map(|update| (update.name.as_str(), update)).collect();
    assert!(pending.knows_security && pending.refused.is_empty(), "{pending:?}");
    assert_eq!(by_name["lab-masked"].security, Security::Fix("1.1-1.el9".into()));
    assert_eq!(
        (&by_name["lib-security-tools"].security, &by_name["lab-third"].security),
        (&Security::No, &Security::Unknown)
    );
    assert_eq!((by_name["lab-held"].stays, by_name["lab-stuck"].stays), (Some(Stays::KeptBack), Some(Stays::KeptBack)));
    assert_eq!(by_name["lab-sec"].advisories[0].cves, ["CVE-2026-0001", "CVE-2026-0002"]);

    let take: Vec<Exact> = pending
        .updates
        .iter()
        .filter(|update| update.stays.is_none())
        .map(|update| Exact { name: update.name.clone(), version: update.to.clone() })
        .collect();
    let up = Dnf.transact(&Transaction::upgrade(&take)).expect("dnf can");
    assert_eq!(go(&lab, host, &up).exit, Exit::Code(0));
    assert_eq!(changed(&listed, &rpms(&lab, host)).iter().filter(|one| one.starts_with('+')).count(), take.len());

    let after = ask(&lab, host, &Dnf.state()).versions();
    let mut back = Transaction { allow_removals: true, ..Transaction::default() };
    for (name, versions) in &after {
        let (old, new) = (&before[name].0, &versions.0);
        match (old.difference(new).next(), new.difference(old).next()) {
            (Some(old), Some(_)) => back.downgrade.push(Exact { name: name.clone(), version: old.clone() }),
            (None, Some(new)) => back.remove.push(Package { name: name.clone(), version: Some(new.clone()) }),
            _ => {}
        }
    }
    assert_eq!(back.remove.len(), 3, "the kernel: {back:?}");
    let would = ask(&lab, host, &Dnf.simulate(&back).expect("dnf can"));
    assert_eq!((would.installs.len(), would.removals.len()), (back.downgrade.len(), 3), "{would:?}");
    assert_eq!(go(&lab, host, &Dnf.transact(&back).expect("dnf can")).exit, Exit::Code(0));
    assert_eq!(rpms(&lab, host), listed);
    assert!(ask(&lab, host, &Dnf.health()).is_good());
}

/// The archives of before were fetched, so nothing else needs to have them.
#[test]
fn what_was_upgraded_is_rolled_back_and_held() {
    on_each(1, rolled_back);
}

fn rolled_back(lab: Lab) {
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    let before = rpms(&lab, host);
    lab.on(host, "dnf -q mark remove lab-plain lab-sec || dnf -q -y mark dependency lab-plain lab-sec");
    let reasons = || lab.on(host, "dnf -q -C repoquery --installed --qf '%{name} %{reason}\n' | grep . | sort");
    let of_before = reasons();
    assert!(of_before.contains("lab-sec dependency"), "{of_before}");
    let play = "steps:\n  - upgrade: { scope: all, exclude: ['kernel*'], rollback: required }\n";
    let jump = Patchwave::new(&lab, MANY, play);
    let run = jump.run(&[]).must(0).run_id();
    assert_ne!(rpms(&lab, host), before);
    lab.on(
        host,
        "set -e; cp -a /srv/repo /srv/bare; cd /srv/bare; for f in old/*.rpm; do rm -f base/${f##*/} third/${f##*/}; done; \
         createrepo_c -q base; createrepo_c -q third; sed -i s,/srv/repo/,/srv/bare/, /etc/yum.repos.d/*.repo; dnf -q makecache --refresh; rm -rf /var/cache/dnf/*/packages",
    );
    let events = jump.call(&["rollback", &run, "--yes", "--json", "--reason", "breaks the shop"]).must(4).events();
    assert_eq!(events.outcome(host), "rolled_back", "{}", events.result(host, 0));
    assert_eq!(rpms(&lab, host), before);
    assert_eq!(reasons(), of_before);
    assert!(ask(&lab, host, &Dnf.health()).is_good());

    // The next upgrade leaves alone what is held, until its time is over.
    let named = "steps:\n  - upgrade: { scope: packages, packages: [lab-plain] }\n";
    let next = Patchwave::named(&lab, "next", MANY, named);
    let detail = next.run(&[]).must(0).events().result(host, 0)["detail"].to_string();
    assert!(detail.contains("lab-plain is held until") && detail.contains("breaks the shop"), "{detail}");
    assert_eq!(rpms(&lab, host), before);
    lab.on(host, "sed -i 's/^[0-9]*/1000/' /var/lib/patchwave/holds");
    next.run(&[]).must(0);
    assert!(rpms(&lab, host).contains("lab-plain 2.0-1.el9"), "{:?}", rpms(&lab, host));
}
