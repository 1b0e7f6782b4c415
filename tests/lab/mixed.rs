//! The shipped playbooks on hosts with different package managers, in one run each.

use std::fs;

use patchwave::pkg::{PackageManager, apt::Apt, dnf::Dnf, pacman::Pacman, zypper::Zypper};

use crate::{
    fleet::{Lab, at_once},
    on_host::{ask, packages},
    patchwave::Patchwave,
};

const INVENTORY: &str = "
all:
  vars: { services: [ssh] }
  children:
    debian: { vars: { patchwave: { environment: staging, risk: low, batch: 100% } }, hosts: { h1: , h2: } }
    others: { vars: { patchwave: { environment: production, risk: low, batch: 100% } }, hosts: { h3: , h4: } }
    rolling: { vars: { patchwave: { environment: production, risk: high } }, hosts: { h5: } }
";

/// A shipped playbook; only what it waits for is shorter.
fn shipped(name: &str) -> String {
    let path = format!("{}/playbooks/{name}.yml", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).expect("the playbook");
    [
        ("warn: 1m,", "warn: 1s, stable: 1s,"),
        ("warn: 2m", "warn: 1s"),
        ("stable: 30s", "stable: 1s"),
        ("soak: 5m", "soak: 1s"),
    ]
    .iter()
    .chain(&[("soak: 2m", "soak: 1s"), ("soak: 30s", "soak: 1s"), ("approve: true", "approve: no")])
    .fold(text, |text, (long, short)| text.replace(long, short))
}

/// Every package of the host, each with its versions.
fn listed(lab: &Lab, host: &str) -> std::collections::BTreeSet<String> {
    let list = match host {
        "h3" | "h4" => "rpm -qa",
        "h5" => "pacman -Q",
        _ => "dpkg-query -W",
    };
    packages(lab, host, list)
}

#[test]
fn the_shipped_playbooks_on_a_mixed_fleet() {
    // Debian sid, whose apt is the newest, changes every day, so it is built only on request.
    let newest = if std::env::var_os("PATCHWAVE_LAB_SID").is_some() { "sid" } else { "trixie" };
    let suites = format!("{newest}=h2 rocky=h3 suse=h4 arch=h5");
    let Some(lab) = Lab::up_of(5, "linux-image-amd64=h1,h2", &suites) else { return };
    let managers: [(&str, &dyn PackageManager); 5] =
        [("h1", &Apt), ("h2", &Apt), ("h3", &Dnf), ("h4", &Zypper), ("h5", &Pacman)];
    let driven = ["h1", "h2", "h3", "h4"];
    at_once(&managers, |(host, _)| drop(lab.on(host, "touch /etc/lab-fail-fixed")));
    for hook in ["snapshot", "restore", "drain", "undrain"] {
        let path = lab.write(&format!("jump/hooks/{hook}"), "#!/bin/sh\necho done-$1\n");
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    }
    let arch = listed(&lab, "h5");
    let boots = driven.map(|host| lab.boot_id(host));
    let jump = |name: &str| Patchwave::new(&lab, INVENTORY, &shipped(name));

    // One fix, by name; the next playbook finds the rest.
    let fix = ["-e", r#"{"packages": ["lab-sec"]}"#, "--limit"];
    let events = jump("emergency-cve").run(&[&fix[..], &["!rolling"]].concat()).must(0).events();
    let versions = ["1.0+deb12u1", "1.0+deb12u1", "1:1.0-2.el9", "1:1.0-2.lp156"];
    for ((host, manager), version) in managers.iter().zip(versions) {
        assert_eq!(events.outcome(host), "ok", "{host}: {}", events.result(host, 1));
        assert_eq!(ask(&lab, host, &manager.state()).of("lab-sec")[0].version, version, "{host}");
    }
    // Arch has full upgrades only, and says so before anything is changed.
    let refused =
        jump("emergency-cve").run(&[&fix[..], &["rolling"]].concat()).must(6).events().result("h5", 1).clone();
    assert_eq!(refused["changed"], false, "{refused}");
    assert!(refused.to_string().contains("Arch supports full upgrades only (`scope: all`"), "{refused}");

    let wave = jump("rolling-patch").run(&["--limit", "!rolling"]).must(0).events();
    for (n, (host, manager)) in managers[..4].iter().enumerate() {
        assert_eq!(wave.outcome(host), "ok", "{host}");
        let changes = wave.result(host, 2)["packages"].to_string();
        assert!(changes.contains("lab-slowsec") && !changes.contains("lab-plain"), "{host}: {changes}");
        assert_ne!(lab.boot_id(host), boots[n], "{host}: its kernel is a security update");
        assert!(ask(&lab, host, &manager.health()).is_good(), "{host}");
        assert_eq!(ask(&lab, host, &manager.reboot_reasons()), [], "{host}");
    }

    let kernels = jump("kernel-upgrade").run(&["--limit", "!rolling"]).must(0).events();
    for (host, manager) in &managers[..4] {
        assert_eq!(kernels.result(host, 1)["verdict"], "skipped", "{host}: {}", kernels.result(host, 1));
        let kept = ask(&lab, host, &manager.kernels());
        assert!(kept.installed.len() <= 2, "{host}: {kept:?}");
    }

    let services = jump("services-only").run(&[]).must(0).events();
    for (host, _) in &managers {
        assert_eq!(services.outcome(host), "ok", "{host}");
    }
    assert_eq!(listed(&lab, "h5"), arch, "only its services were touched");
}
