//! Another program installs packages during a wave: a step that would reboot the host, or stop what its packages need,
//! waits and then refuses. And reboots that the host itself refuses.

use serde_json::Value;

use crate::{fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 3s, handshake_timeout: 3s } } }
";

const PLAYBOOK: &str = "
name: In the middle of somebody
steps:
  - { reboot: { when: always, stable: 1s, timeout: 60s, lock_timeout: 3s }, when: inventory_hostname == 'h1' }
  - { reboot: { when: always, stable: 1s, timeout: 60s, lock_timeout: 60s }, when: inventory_hostname == 'h2' or inventory_hostname == 'h3' }
  - { cleanup: { package_cache: true, lock_timeout: 3s }, when: inventory_hostname == 'h4' }
  - { service: { name: lab-svc, state: restarted }, when: inventory_hostname == 'h4' or inventory_hostname == 'h5' }
  - { service: { name: dbus, state: restarted }, timeout: 35s, when: inventory_hostname == 'h5' }
  - { service: { name: somebody, state: stopped }, timeout: 35s, when: inventory_hostname == 'h6' }
  - { reboot: { when: always, stable: 1s, timeout: 4m }, when: inventory_hostname == 'h7' or inventory_hostname == 'h8' }
";

/// Another program's installation, which takes this many seconds or until it is released.
fn somebody_installs(lab: &Lab, host: &str, seconds: Option<u32>) {
    let (seconds, hold) = seconds.map_or((0, "touch /etc/lab-hold; "), |seconds| (seconds, ""));
    lab.on(host, &format!("echo {seconds} >/etc/lab-slow-secs; {hold}apt-get -qq update"));
    lab.on(host, "systemd-run --quiet --unit=somebody sh -c 'apt-get -y install lab-slow'");
    lab.until(host, "grep -q 'begin lab-slow ' /var/log/lab-slow");
}

#[test]
fn nobody_is_cut_off_in_the_middle_of_an_installation() {
    let Some(lab) = Lab::up_of(8, "", "trixie=h7") else { return };
    for host in ["h1", "h4", "h5", "h6"] {
        somebody_installs(&lab, host, None);
    }
    somebody_installs(&lab, "h2", Some(8));
    // It begins when no one can ask any more: the host is going down.
    let late = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=true\\nExecStop=dpkg --unpack /srv/repo/main/lab-plain_2.0_all.deb\\n";
    lab.on("h3", &format!("printf '{late}' >/etc/systemd/system/late.service; systemctl start late"));
    lab.on("h7", "systemd-run --quiet systemd-inhibit --what=shutdown --who=backup --why=dump --mode=block sleep 900");
    lab.until("h7", "systemd-inhibit --list | grep -q backup");
    lab.on("h8", "systemctl --quiet mask reboot.target");
    let boots = ["h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"].map(|host| (host, lab.boot_id(host)));

    let ended = Patchwave::new(&lab, INVENTORY, PLAYBOOK).run(&[]).must(6);
    let events = ended.events();
    let came = |host: &str, index: usize| {
        let result = events.result(host, index);
        let word = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let rebooted = result["rebooted"] == true;
        format!("{}: {} {} {rebooted}", events.outcome(host), word("verdict"), word("class"))
    };
    let expected = [
        ("h1", 0, "failed: failed lock false"),
        ("h2", 1, "ok: ok  true"),
        ("h3", 1, "failed: failed broken-packages true"),
        ("h4", 2, "failed: failed lock false"),
        ("h5", 4, "failed: failed lock false"),
        ("h6", 5, "failed: failed lock false"),
        ("h7", 6, "failed: failed reboot-refused false"),
        ("h8", 6, "failed: failed reboot-refused false"),
    ];
    let found = expected.map(|(host, index, _)| (host, index, came(host, index)));
    assert_eq!(found, expected.map(|(host, index, words)| (host, index, words.to_owned())), "{}", ended.err);
    for (host, boot) in &boots {
        let rebooted = *host == "h2" || *host == "h3";
        assert_eq!(lab.boot_id(host) != *boot, rebooted, "{host}");
    }
    for (host, index) in [("h1", 0), ("h4", 2), ("h5", 4), ("h6", 5)] {
        let result = events.result(host, index);
        let summary = result["summary"].as_str().unwrap_or_default();
        assert!(summary.contains("lock held by apt-get (pid ") || summary.contains("lock held by dpkg"), "{result}");
        assert_ne!(result["changed"], true, "{host}: {result}");
        // The other installation goes on and completes.
        lab.on(host, "rm /etc/lab-hold");
        lab.until(host, "test \"$(dpkg-query -W -f '${db:Status-Status} ${Version}' lab-slow)\" = 'installed 2.0'");
    }
    assert_eq!(events.result("h5", 3)["verdict"], "ok", "a unit that no package needs is not held up");
    assert_eq!(lab.package("h2", "lab-slow"), "installed 2.0", "the reboot came after the installation");
    assert_eq!(lab.on("h2", "dpkg --audit"), "");
    let broken = events.result("h3", 1)["summary"].as_str().unwrap_or_default();
    assert!(broken.contains("lab-plain is unpacked"), "{broken}");

    for (host, words) in [("h7", ["backup", "dump"]), ("h8", ["masked", "reboot.target"])] {
        let result = events.result(host, 6);
        let summary = result["summary"].as_str().unwrap_or_default();
        assert!(words.iter().all(|word| summary.contains(word)), "{result}");
        assert!(result["took"]["secs"].as_u64().is_some_and(|secs| secs < 60), "{host}: at once: {result}");
        assert_ne!(result["changed"], true, "{host}: {result}");
        assert_eq!(lab.on(host, "systemctl list-units --state=failed --no-legend 'patchwave-*'"), "", "{host}");
    }
}
