//! Updates that only look done, or only look pending: phased ones, kernels that are installed and not booted.

use serde_json::{Value, json};

use crate::{fleet::Lab, on_host::flat_source, patchwave::Patchwave};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";

#[test]
fn a_phased_update_waits_until_it_is_asked_for() {
    let Some(lab) = Lab::up_of(2, "", "trixie=h2") else { return };
    let play = "
steps:
  - upgrade: { scope: all, exclude: ['lab-fail', 'linux-*'] }
  - { upgrade: { scope: all, include_phased: true, exclude: ['lab-fail', 'linux-*'] }, when: inventory_hostname == 'h2' }
";
    // The newer version is for no host yet.
    let release = "Origin: Debian\\nLabel: Debian\\nSuite: stable-updates\\nCodename: stable-updates";
    let source = flat_source("lab-phased", release, "Phased-Update-Percentage: 0\\n");
    for host in ["h1", "h2"] {
        lab.on(host, &source);
    }
    let events = Patchwave::new(&lab, MANY, play).run(&[]).must(0).events();
    for host in ["h1", "h2"] {
        let first = events.result(host, 0);
        assert!(first["detail"].to_string().contains("phased: lab-phased"), "{host}: {first}");
        assert!(!first["packages"].to_string().contains("lab-phased"), "{host}: {first}");
    }
    let version = |host: &str| lab.on(host, "dpkg-query -W -f '${Version}' lab-phased");
    assert_eq!([version("h1"), version("h2")], ["1.0", "2.0"]);
}

#[test]
fn a_kernel_that_is_installed_and_not_booted_is_not_fixed() {
    let Some(lab) = Lab::up_of(2, "linux-image-amd64=h1", "rocky=h2") else { return };
    let play = "
steps:
  - upgrade: kernel
  - { reboot: { when: required, stable: 1s, timeout: 90s }, when: again is defined }
";
    let jump = Patchwave::new(&lab, MANY, play);
    let file = |system: &str, package: &str, fixed: &str| {
        let affected = json!({"package": {"ecosystem": system, "name": package},
            "ranges": [{"events": [{"introduced": "0"}, {"fixed": fixed}]}]});
        let advisory = json!({"id": format!("{package}-1"), "aliases": ["CVE-2026-0004"], "affected": [affected]});
        lab.write(&format!("{package}.json"), &advisory.to_string()).display().to_string()
    };
    for file in [file("Debian:12", "linux", "6.1.99-1"), file("Rocky Linux:9", "kernel", "5.14.0-3.el9")] {
        jump.call(&["advisories", "import", &file]).must(0);
    }
    let inventory = lab.state().join("inventory.yml").display().to_string();
    let trust = lab.state().join("known_hosts").display().to_string();
    let states = |code: i32| -> Vec<Value> {
        // A container runs its host's kernel, whatever is installed; these play machines of their own.
        for host in ["h1", "h2"] {
            lab.on(host, "rm -f /run/systemd/container");
        }
        let scanned = jump.call(&["scan", "-i", &inventory, "--known-hosts", &trust, "--refresh"]);
        assert!([0, 8].contains(&scanned.code), "{}", scanned.err);
        let said = jump.call(&["cve", "CVE-2026-0004", "--json"]).must(code).out;
        said.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["state"].clone()).collect()
    };
    assert_eq!(states(8), [json!("missing"), json!("missing")]);
    jump.run(&[]).must(0);
    assert_eq!(states(8), [json!("not_booted"), json!("not_booted")]);
    jump.run(&["-e", "again=1"]).must(0);
    assert_eq!(states(0), [json!("fixed"), json!("fixed")]);
}
