//! The main task as a whole: nine hosts in three environments, the shipped playbook.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::{
    events::Events,
    fleet::Lab,
    patchwave::{Ended, Patchwave},
};

const INVENTORY: &str = "
all:
  vars: { services: [ssh, lab-svc] }
  children:
    development: { vars: { patchwave: { environment: development, risk: low, batch: 100% } }, hosts: { h1: , h2: , h3: } }
    staging:
      vars: { patchwave: { environment: staging, risk: medium, batch: 50% } }
      hosts: { h4: , h5: , h6: { patchwave: { batch: 100% } } }
    production: { vars: { patchwave: { environment: production, risk: high, canary: 1, batch: 100% } }, hosts: { h7: , h8: , h9: } }
";

const REBOOT: [(&str, &str); 1] = [("lab-reboot", "1.0+deb12u1")];
const KERNEL: [(&str, &str); 2] = [("linux-image-6.1.0-99-amd64", "6.1.99-1"), ("linux-image-amd64", "6.1.99-1")];

/// The shipped playbook; only the minute of warning and the wait after a reboot are left out.
fn shipped() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/rolling-patch.yml");
    let text = fs::read_to_string(path).expect("the playbook");
    assert!(text.contains("warn: 1m,") && text.contains("hooks/snapshot"), "the shipped playbook is another one");
    text.replace("warn: 1m,", "warn: 1s, stable: 1s,")
}

/// A hook that writes down that it ran.
fn hook(lab: &Lab, name: &str, last: &str) {
    let trace = lab.folder().join("trace");
    let path = lab.write(
        &format!("jump/hooks/{name}"),
        &format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{last}\n", trace.display()),
    );
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a mode");
}

#[test]
fn a_full_wave() {
    let Some(lab) = Lab::up(9, "linux-image-amd64=h1,h5,h8 lab-reboot=h2,h9") else { return };
    let hosts: Vec<String> = (1..=9).map(|n| format!("h{n}")).collect();
    let before: BTreeMap<&str, _> = hosts.iter().map(|h| (h.as_str(), (lab.packages(h), lab.boot_id(h)))).collect();
    hook(&lab, "snapshot", "echo snap-$1");
    hook(&lab, "restore", "");
    let jump = Patchwave::new(&lab, INVENTORY, &shipped());

    let ended = jump.run(&[]).must(0);
    let events = ended.events();

    for host in &hosts {
        let (packages, boot) = &before[host.as_str()];
        let kernel = ["h1", "h5", "h8"].contains(&host.as_str());
        let reboots = kernel || ["h2", "h9"].contains(&host.as_str());
        let more: &[_] = if kernel {
            &KERNEL
        } else if reboots {
            &REBOOT
        } else {
            &[]
        };
        lab.is_patched(host, packages, more);
        let now = lab.boot_id(host);
        assert_eq!(now != *boot, reboots, "{host}: restarted");
        let result = events.result(host, 3);
        assert_eq!((result["rebooted"] == true, result["verdict"] == "ok"), (reboots, reboots), "{host}: {result}");
        if kernel {
            assert_eq!(lab.on(host, "uname -r"), "6.1.0-99-amd64", "{host}");
        }
        assert_eq!(events.outcome(host), "ok");
        assert_eq!(
            lab.on(host, "ls /run/reboot-required 2>/dev/null || echo no; ls /var/lib/patchwave"),
            "no\njobs\nlease.lock"
        );
        let installed: Vec<&str> = events.result(host, 2)["packages"]
            .as_array()
            .expect("packages")
            .iter()
            .filter_map(|p| p["name"].as_str())
            .collect();
        assert_eq!(installed.len(), 7 + more.len(), "{host}: {installed:?}");
        is_left(&events, host, reboots);
    }
    in_order(&events);
    let mut trace: Vec<String> =
        fs::read_to_string(lab.folder().join("trace")).expect("a trace").lines().map(str::to_owned).collect();
    trace.sort();
    assert_eq!(
        trace,
        hosts.iter().map(|h| format!("snapshot {h}")).collect::<Vec<_>>(),
        "one snapshot each, no restore"
    );
    assert_eq!(events.result("h4", 1)["vars"]["snapshot"]["id"], "snap-h4");
    the_ledger_says_the_same(&jump, &ended);
    again_is_nothing(&lab, &jump);
}

/// What its upgrade could not do is in the record: the held security update, and the new text of the edited file.
fn is_left(events: &Events, host: &str, reboots: bool) {
    let held = json!({
        "name": "lab-held", "installed": "1.0", "available": "1.0+deb12u1", "security": true, "why": "held"
    });
    let left = json!({ "packages": [held], "files": ["/etc/lab-conf.conf.dpkg-dist"] });
    let mut recorded = events.result(host, 2)["left_behind"].clone();
    // The reboot is a step of its own.
    let due = recorded.as_object_mut().and_then(|map| map.remove("reboot"));
    assert_eq!(due.is_some(), reboots, "{host}: {due:?}");
    assert_eq!(recorded, left, "{host}");
}

/// Environments one after the other, in production the canary alone and first.
fn in_order(events: &Events) {
    let order = events.started();
    let number = |host: &String| host[1..].parse::<usize>().expect("a number");
    assert!(order[..3].iter().all(|h| number(h) <= 3), "{order:?}");
    assert!(order[3..6].iter().all(|h| (4..=6).contains(&number(h))), "{order:?}");
    assert_eq!(order[6], "h7", "{order:?}");
    let done = events.place("host_finished", "h7");
    for host in ["h8", "h9"] {
        assert!(events.place("host_started", host) > done, "{host} was started before the canary was done");
    }
    for host in ["h1", "h2", "h3"] {
        assert!(events.place("host_finished", host) < events.place("host_started", &order[3]), "{host}");
    }
    let first_wave: Vec<_> = ["h1", "h2", "h3"].map(|h| events.place("host_started", h)).into();
    let first_done = ["h1", "h2", "h3"].map(|h| events.place("host_finished", h));
    assert!(first_wave.iter().max() < first_done.iter().min(), "the hosts of a wave go together");
}

fn the_ledger_says_the_same(jump: &Patchwave, ended: &Ended) {
    let run = ended.run_id();
    let shown = jump.call(&["show", &run]).must(0);
    for word in ["9 hosts: 9 ok", "5 reboots"] {
        assert!(shown.out.contains(word), "{word:?} is not in\n{}", shown.out);
    }
    let mut replayed = jump.call(&["show", &run, "--json"]).must(0).events();
    // The ledger adds where the run was when it began.
    let head = replayed.0[0].as_object_mut().and_then(|event| event.shift_remove("ledger_head"));
    assert!(head.is_some_and(|head| head.as_str().is_some_and(|head| head.len() == 64)));
    assert_eq!(replayed.0, ended.events().0);
    assert_eq!(replayed.0.first().map(|event| event["event"].clone()), Some("run_started".into()));
    assert_eq!(replayed.0.last().map(|event| event["event"].clone()), Some("run_finished".into()));
    assert!(jump.call(&["runs"]).must(0).out.contains(&run));
    assert!(jump.log_of(&run, "h2").contains("Setting up lab-sec (1.0+deb12u1)"));
}

/// A second run finds nothing to do and does nothing.
fn again_is_nothing(lab: &Lab, jump: &Patchwave) {
    let boots: Vec<String> = ["h1", "h4"].map(|h| lab.boot_id(h)).into();
    let events = jump.run(&["--limit", "h1,h4"]).must(0).events();
    for (host, boot) in ["h1", "h4"].into_iter().zip(boots) {
        assert_eq!(events.result(host, 2)["verdict"], "skipped", "{host}");
        assert_eq!(events.result(host, 3)["verdict"], "skipped", "{host}");
        assert_eq!(lab.boot_id(host), boot, "{host}");
    }
}
