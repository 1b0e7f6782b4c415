//! A production host fails: the rollout stops, hosts in flight finish, and the rest is done after the repair.

use std::collections::BTreeMap;

use crate::{events::is, fleet::Lab, moments::Moment, patchwave::Patchwave};

const INVENTORY: &str = "
all:
  vars: { services: [ssh, lab-svc] }
  children:
    production: { vars: { patchwave: { environment: production, risk: high, canary: 1, batch: 2 } }, hosts: { h1: , h2: , h3: , h4: , h5: } }
";

const PLAYBOOK: &str = "
name: Wave with a broken host
steps:
  - precheck: { packages: healthy, services: \"{{ services }}\" }
  - { name: Security updates, upgrade: security }
  - reboot: { when: required, stable: 1s, timeout: 60s }
  - verify: { services: \"{{ services }}\", packages: healthy, kernel: newest, journal: no_new_errors }
";

#[test]
fn a_broken_host_halts_the_wave_and_the_rest_follows_after_the_repair() {
    let Some(lab) = Lab::up(5, "lab-reboot=h3,h5") else { return };
    let before: BTreeMap<String, _> = (1..=5).map(|n| format!("h{n}")).map(|h| (h.clone(), lab.packages(&h))).collect();
    lab.sh(&["break", "h2"]);
    // So that it is in flight, with its reboot still to come, when h2 fails.
    lab.hold("h3", Moment::Install);
    let jump = Patchwave::new(&lab, INVENTORY, PLAYBOOK);

    let mut running = jump.start_run(&[]);
    running.until(|event| is(event, "host_finished", "h2"));
    lab.let_go("h3");
    let ended = running.wait().must(6);
    let first = ended.run_id();
    let events = ended.events();
    assert_eq!(events.started(), ["h1", "h2", "h3"]);
    assert_eq!(["h1", "h2", "h3", "h4"].map(|host| events.outcome(host)), ["ok", "failed", "ok", ""]);
    assert!(events.place("host_finished", "h2") < events.place("host_finished", "h3"), "h3 was to be in flight");
    assert_eq!((events.steps("h2"), events.steps("h3")), (2, 4));
    assert_eq!(events.result("h3", 2)["rebooted"], true);
    let result = events.result("h2", 1);
    assert_eq!((&result["verdict"], &result["class"]), (&"failed".into(), &"package-failed".into()), "{result}");
    for host in ["h4", "h5"] {
        assert_eq!(lab.packages(host), before[host], "{host} was touched");
        assert_eq!(lab.on(host, "ls /var/lib/patchwave 2>/dev/null || echo none"), "none", "{host}");
    }
    let more = |host: &str| if host == "h3" || host == "h5" { &[("lab-reboot", "1.0+deb12u1")][..] } else { &[] };
    for host in ["h1", "h3"] {
        lab.is_patched(host, &before[host], more(host));
    }
    let shown = jump.call(&["show", &first]).must(0).out;
    for text in [&ended.err, &shown] {
        for word in ["h2", "Security updates", "lab-fail", "h[4-5]", "not_started", "--limit @"] {
            assert!(text.contains(word), "{word:?} is not in\n{text}");
        }
    }

    lab.sh(&["fix", "h2"]);
    let again = jump.run(&["--limit", "@failed"]).must(0).events();
    assert_eq!(again.started(), ["h2"]);
    let rest = jump.run(&["--limit", &format!("@{first}:not_started")]).must(0).events();
    assert_eq!(rest.started(), ["h4", "h5"]);
    for (host, packages) in &before {
        lab.is_patched(host, packages, more(host));
    }
}
