//! Hosts with zypper: what is pending and what its patches say, what is taken, kernels whose patches zypper leaves out,
//! scripts that fail in a transaction that goes on, a transaction that is killed, and the way back. `zypper.sh` has the
//! hosts and their packages.

use std::collections::{BTreeMap, BTreeSet};

use patchwave::{
    command::Exit,
    pkg::{Accepts, Exact, Package, PackageManager, Security, Stays, Transaction, zypper::Zypper},
};

use crate::{
    fleet::Lab,
    on_host::{ask, changed, go, packages},
    patchwave::Patchwave,
};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";

fn rpms(lab: &Lab, host: &str) -> BTreeSet<String> {
    packages(lab, host, "rpm -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'")
}

#[test]
fn scopes_take_what_the_patches_say() {
    let Some(lab) = Lab::up_of(6, "", "suse=h1,h2,h3,h4,h5,h6") else { return };
    let hosts = ["h1", "h2", "h3", "h4", "h5", "h6"];
    lab.on("h2", "touch /etc/lab-fail-fixed");
    // A source that is gone, and a host whose sources have no patches.
    lab.on("h5", "printf '[dead]\\nname=dead\\nenabled=1\\nbaseurl=file:///srv/gone\\n' >/etc/zypp/repos.d/dead.repo");
    lab.on("h6", "rm /etc/zypp/repos.d/update.repo");
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
  - { upgrade: { scope: cve, cves: [CVE-2026-0004] }, when: inventory_hostname == 'h3' }
  - { upgrade: { scope: packages, packages: [lab-fail, lab-plain] }, when: inventory_hostname == 'h4' }
  - upgrade: security
    when: inventory_hostname in ['h5', 'h6']
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
    assert_eq!(outcomes, ["ok", "ok", "ok", "failed", "failed", "failed"], "{}", ended.err);

    let security = [
        "+lab-masked 2.0-1.lp156",
        "+lab-new 1.0-1.lp156",
        "+lab-sec 1:1.0-2.lp156",
        "+lab-slowsec 1.1-1.lp156",
        "-lab-masked 1.0-1.lp156",
        "-lab-sec 1:1.0-1.lp156",
        "-lab-slowsec 1.0-1.lp156",
    ];
    assert_eq!(change(0), security);
    let unsure = events.result("h1", 1).to_string();
    assert!(unsure.contains("lab-third"), "its source does not say: {unsure}");

    let all: Vec<String> = change(1).into_iter().filter(|one| one.starts_with('+')).collect();
    let expected = [
        "+kernel-default 6.4.0-3.1",
        "+lab-conf 1.1-1.lp156",
        "+lab-fail 1.1-1.lp156",
        "+lab-masked 2.0-1.lp156",
        "+lab-new 1.0-1.lp156",
        "+lab-plain 2.0-1.lp156",
        "+lab-sec 1:1.0-2.lp156",
        "+lab-slowsec 1.1-1.lp156",
        "+lab-third 1.1-1",
        "+lib-security-tools 2.0-1.lp156",
    ];
    assert_eq!(all, expected);
    assert!(after[1].contains("kernel-default 6.4.0-1.1"), "no kernel is removed unasked");
    let result = events.result("h2", 2).to_string();
    for says in ["held: lab-held", "kept back: lab-stuck", "/etc/lab-rpm.conf.rpmnew"] {
        assert!(result.contains(says), "{says}: {result}");
    }
    assert_eq!(lab.on("h2", "cat /etc/lab-rpm.conf; uname -r"), "setting = edited here\n6.4.0-3.1-default");
    assert_eq!(ask(&lab, "h2", &Zypper.reboot_reasons()), []);

    // `zypper patch` leaves this patch out, and says with exit code 0 that it is done.
    assert_eq!(lab.on("h3", "uname -r"), "6.4.0-3.1-default");
    let kernels: Vec<&String> = after[2].iter().filter(|one| one.starts_with("kernel")).collect();
    assert_eq!(kernels, ["kernel-default 6.4.0-2.1", "kernel-default 6.4.0-3.1"], "the running one and one more");
    assert_eq!(change(2).len(), 2);

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
    assert_eq!(change(3).iter().filter(|one| one.starts_with('+')).count(), 2, "{:?}", change(3));
    for (host, class) in [("h5", "refresh"), ("h6", "no-security-source")] {
        let refused = events.result(host, 5);
        assert_eq!((refused["class"].as_str(), refused["changed"].as_bool()), (Some(class), Some(false)), "{refused}");
    }
    assert_eq!((change(4), change(5)), (vec![], vec![]));
}

/// On h1 the transaction of a run is killed, on h2 that of somebody else, before a run.
#[test]
fn a_transaction_that_is_killed_is_found_and_finished() {
    let Some(lab) = Lab::up_of(2, "", "suse=h1,h2") else { return };
    let hosts = ["h1", "h2"];
    let playbook = "
steps:
  - upgrade: { scope: packages, packages: [lab-plain, lab-slowsec], repair: REPAIR }
  - verify: { packages: healthy }
";
    let jump = |name: &str, repair: &str| Patchwave::named(&lab, name, MANY, &playbook.replace("REPAIR", repair));
    for host in hosts {
        lab.on(host, "touch /etc/lab-hold; zypper -n refresh");
    }
    let running = jump("first", "false").start_run(&["--limit", "h1"]);
    lab.leave_on("h2", "zypper -n install lab-slowsec");
    for host in hosts {
        lab.until(host, "grep -q 'begin lab-slowsec' /var/log/lab-slow");
        // The old version is still there, and the new one is, too.
        assert_eq!(lab.on(host, "rpm -q lab-slowsec | wc -l"), "2", "{host}");
        let holders = ask(&lab, host, &Zypper.lock_holders());
        assert!(holders.iter().any(|one| one.program == "zypper"), "{host}: {holders:?}");
        // rpm first: it does not end with zypper, and it goes on when its script ends with the unit.
        lab.on(host, "pkill -9 -x rpm; pkill -9 -x zypper; rm /etc/lab-hold");
    }
    let killed = running.wait().must(0).events().result("h1", 0).clone();
    assert!(killed.to_string().contains("the transaction was killed; the repair completed it"), "{killed}");
    assert!(ask(&lab, "h1", &Zypper.health()).is_good(), "{killed}");

    let broken = jump("second", "false").run(&["--limit", "h2"]).must(6).events().result("h2", 0).clone();
    assert_eq!(broken["class"], "broken-packages", "{broken}");
    assert!(broken.to_string().contains("lab-slowsec is left over beside 1.1-1.lp156"), "{broken}");
    jump("third", "true").run(&[]).must(0);
    for host in hosts {
        let state = rpms(&lab, host);
        assert!(state.contains("lab-slowsec 1.1-1.lp156") && !state.contains("lab-slowsec 1.0-1.lp156"), "{host}");
        assert!(state.contains("lab-plain 2.0-1.lp156"), "{host}");
        assert!(ask(&lab, host, &Zypper.health()).is_good(), "{host}");
        assert_eq!(ask(&lab, host, &Zypper.lock_holders()), []);
    }
}

#[test]
fn the_set_from_before_comes_back_name_by_name() {
    let Some(lab) = Lab::up_of(1, "", "suse=h1") else { return };
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    ask(&lab, host, &Zypper.refresh());
    let before = ask(&lab, host, &Zypper.state()).versions();
    let listed = rpms(&lab, host);
    let pending = ask(&lab, host, &Zypper.pending(Accepts::default()));
    let by_name: BTreeMap<&str, _> = pending.updates.iter().map(|update| (update.name.as_str(), update)).collect();
    assert!(pending.knows_security && pending.refused.is_empty(), "{pending:?}");
    assert_eq!(by_name["lab-masked"].security, Security::Fix("1.1-1.lp156".into()));
    assert_eq!((&by_name["lab-conf"].security, &by_name["lab-third"].security), (&Security::No, &Security::Unknown));
    assert_eq!((by_name["lab-held"].stays, by_name["lab-stuck"].stays), (Some(Stays::KeptBack), Some(Stays::KeptBack)));
    assert_eq!(by_name["lab-sec"].advisories[0].cves, ["CVE-2026-0001", "CVE-2026-0002"]);

    let take: Vec<Exact> = pending
        .updates
        .iter()
        .filter(|update| update.stays.is_none() && update.from.is_some())
        .map(|update| Exact { name: update.name.clone(), version: update.to.clone() })
        .collect();
    let up = go(&lab, host, &Zypper.transact(&Transaction::upgrade(&take)).expect("zypper can"));
    assert_eq!(up.exit, Exit::Code(0), "{}", up.text());
    // The kernel's patch wants a reboot; zypper says that only if it installs the patch itself.
    let reasons = ask(&lab, host, &Zypper.reboot_reasons());
    assert!(reasons.iter().any(|reason| reason.to_string() == "requested by openSUSE-2026-4"), "{reasons:?}");

    let after = ask(&lab, host, &Zypper.state()).versions();
    let mut back = Transaction { allow_removals: true, ..Transaction::default() };
    let none = patchwave::pkg::Versions::default();
    for (name, versions) in &after {
        let (old, new) = (&before.get(name).unwrap_or(&none).0, &versions.0);
        match (old.difference(new).next(), new.difference(old).next()) {
            (Some(old), Some(_)) => back.downgrade.push(Exact { name: name.clone(), version: old.clone() }),
            (None, Some(new)) => back.remove.push(Package { name: name.clone(), version: Some(new.clone()) }),
            _ => {}
        }
    }
    assert_eq!(back.remove.len(), 2, "the kernel and lab-new: {back:?}");
    let would = ask(&lab, host, &Zypper.simulate(&back).expect("zypper can"));
    assert_eq!((would.installs.len(), would.removals.len()), (back.downgrade.len(), 2), "{would:?}");
    let done = go(&lab, host, &Zypper.transact(&back).expect("zypper can"));
    assert_eq!(done.exit, Exit::Code(0), "{}", done.text());
    assert_eq!(rpms(&lab, host), listed);
    assert!(ask(&lab, host, &Zypper.health()).is_good());
}

/// The archives of before were fetched, so nothing else needs to have them.
#[test]
fn what_was_upgraded_is_rolled_back_and_held() {
    let Some(lab) = Lab::up_of(1, "", "suse=h1") else { return };
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    let before = rpms(&lab, host);
    lab.on(host, "mkdir -p /var/lib/zypp; printf 'lab-plain\\nlab-sec\\nnot-there\\n' >/var/lib/zypp/AutoInstalled");
    let marks = || lab.on(host, "grep -v '^#' /var/lib/zypp/AutoInstalled | sort");
    let play = "steps:\n  - upgrade: { scope: all, exclude: ['kernel*'], rollback: required }\n";
    let jump = Patchwave::new(&lab, MANY, play);
    let run = jump.run(&[]).must(0).run_id();
    assert_ne!(rpms(&lab, host), before);
    assert_eq!(marks(), "lab-new\nlab-plain\nlab-sec");
    lab.on(
        host,
        "set -e; cp -a /srv/repo /srv/bare; cd /srv/bare; for f in old/*.rpm; do rm -f base/${f##*/} third/${f##*/}; done; \
         createrepo_c -q base; createrepo_c -q third; sed -i s,/srv/repo/,/srv/bare/, /etc/zypp/repos.d/*.repo; zypper -n refresh; zypper -n clean",
    );
    let events = jump.call(&["rollback", &run, "--yes", "--json", "--reason", "breaks the shop"]).must(4).events();
    assert_eq!(events.outcome(host), "rolled_back", "{}", events.result(host, 0));
    assert_eq!(rpms(&lab, host), before);
    assert_eq!(marks(), "lab-plain\nlab-sec");
    assert!(ask(&lab, host, &Zypper.health()).is_good());

    // The next upgrade leaves alone what is held, until its time is over.
    let named = "steps:\n  - upgrade: { scope: packages, packages: [lab-plain] }\n";
    let next = Patchwave::named(&lab, "next", MANY, named);
    let detail = next.run(&[]).must(0).events().result(host, 0)["detail"].to_string();
    assert!(detail.contains("lab-plain is held until") && detail.contains("breaks the shop"), "{detail}");
    assert_eq!(rpms(&lab, host), before);
    lab.on(host, "sed -i 's/^[0-9]*/1000/' /var/lib/patchwave/holds");
    next.run(&[]).must(0);
    assert!(rpms(&lab, host).contains("lab-plain 2.0-1.lp156"), "{:?}", rpms(&lab, host));
}
