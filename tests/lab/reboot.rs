//! Reboots that go wrong, each with its own class.

use serde_json::Value;

use crate::{fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, connect_timeout: 3s, handshake_timeout: 3s } } }
";

const PLAYBOOK: &str = "
name: Reboots
steps:
  - upgrade: { scope: packages, packages: [lab-sec, linux-image-amd64] }
    when: inventory_hostname == 'h6'
  - reboot: { when: always, stable: 1s, timeout: 40s }
  - command: touch /root/after
";

#[test]
fn reboots_that_go_wrong_are_told_apart() {
    let Some(lab) = Lab::up(7, "linux-image-amd64=h6") else { return };
    let modes = ["never", "sameid", "newkey", "nosshd", "hang", "oldkernel", "slow:6"];
    for (host, mode) in (1..).map(|n| format!("h{n}")).zip(modes) {
        lab.sh(&["next-boot", &host, mode]);
    }
    let ended = Patchwave::new(&lab, INVENTORY, PLAYBOOK).run(&[]).must(6);
    let events = ended.events();
    let came = |host: &str| {
        let result = events.result(host, 1);
        let word = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{}: {} {}", events.outcome(host), word("verdict"), word("class"))
    };
    let expected = [
        ("h1", "unreachable: unreachable never-came-back"),
        ("h2", "failed: failed same-boot-id"),
        ("h3", "failed: failed host-key-changed"),
        ("h4", "unreachable: unreachable never-came-back"),
        ("h5", "unreachable: unreachable never-came-back"),
        ("h6", "failed: failed wrong-kernel"),
        ("h7", "ok: ok "),
    ];
    let found = expected.map(|(host, _)| (host, came(host)));
    assert_eq!(found, expected.map(|(host, words)| (host, words.to_owned())), "{}", ended.err);
    assert_eq!(lab.on("h7", "ls /root/after"), "/root/after");
    for (host, _) in &expected[..6] {
        assert_eq!(events.steps(host), 2, "{host} goes no further");
        let result = events.result(host, 1);
        assert_eq!(result["changed"], true, "{host}: a reboot was asked for: {result}");
        assert!(result["took"]["secs"].as_u64().is_some_and(|secs| secs < 120), "{host}: {result}");
    }
}

#[test]
fn kernels_are_what_is_in_boot_and_the_boot_loader_decides() {
    let Some(lab) = Lab::up(4, "") else { return };
    let kernel = |host: &str, package: &str, release: &str| {
        let control =
            format!("Package: {package}\\nVersion: 1\\nArchitecture: all\\nMaintainer: lab <l@l>\\nDescription: x\\n");
        lab.on(
            host,
            &format!(
                "cd /root; mkdir -p p/DEBIAN p/boot p/lib/modules/{release}; printf '{control}' >p/DEBIAN/control; \
                 echo k >p/boot/vmlinuz-{release}; : >p/lib/modules/{release}/x; \
                 dpkg-deb --root-owner-group -b p x.deb >/dev/null; dpkg -i x.deb >/dev/null; rm -r p"
            ),
        );
    };
    // The host only checks at its next boot whether it is a container.
    for host in ["h1", "h2", "h3", "h4"] {
        lab.on(host, "rm /run/systemd/container");
    }
    // A vendor's kernel, and one that was built here.
    kernel("h1", "proxmox-kernel-6.8.4-2-pve-signed", "6.8.4-2-pve");
    lab.on("h1", "echo 6.8.4-2-pve >/run/lab-uname");
    kernel("h1", "proxmox-kernel-6.8.12-9-pve-signed", "6.8.12-9-pve");
    lab.on("h2", "mkdir /lib/modules/6.9.3-own; echo k >/boot/vmlinuz-6.9.3-own; echo 6.9.2-own >/run/lab-uname");
    lab.on("h2", "mkdir /lib/modules/6.9.2-own; echo k >/boot/vmlinuz-6.9.2-own");
    // A kernel of another flavour was installed, and the boot loader takes it for the newest; and one that must stay.
    kernel("h3", "linux-image-6.1.0-98-cloud-amd64", "6.1.0-98-cloud-amd64");
    lab.on("h3", "ln -s boot/vmlinuz-6.1.0-98-cloud-amd64 /vmlinuz");
    kernel("h4", "linux-image-6.1.0-99-amd64", "6.1.0-99-amd64");
    lab.on("h4", "ln -s boot/vmlinuz-6.1.0-98-amd64 /vmlinuz");
    let boots = ["h3", "h4"].map(|host| (host, lab.boot_id(host)));
    let playbook = "
name: Kernels
steps:
  - { reboot: { when: required, stable: 1s, timeout: 60s }, when: inventory_hostname != 'h3' }
  - { reboot: { when: always, stable: 1s, timeout: 60s }, when: inventory_hostname == 'h3' }
  - verify: { kernel: newest }
";
    let ended = Patchwave::new(&lab, INVENTORY, playbook).run(&[]).must(6);
    let events = ended.events();
    for (host, running) in [("h1", "6.8.12-9-pve"), ("h2", "6.9.3-own")] {
        assert_eq!(events.result(host, 0)["rebooted"], true, "{host}: {}", ended.err);
        assert_eq!((events.outcome(host), lab.on(host, "uname -r").as_str()), ("ok", running), "{}", ended.err);
    }
    for (host, boot) in &boots {
        assert_eq!(lab.boot_id(host), *boot, "{host}: {}", ended.err);
    }
    let refused = events.result("h3", 1);
    assert_eq!(refused["class"], "boot-loader", "{refused}");
    assert!(refused["summary"].to_string().contains("flavour cloud-amd64"), "{refused}");
    let told = "kernel 6.1.0-99-amd64 is installed, but the boot loader (/vmlinuz) starts 6.1.0-98-amd64";
    assert!(events.result("h4", 0)["summary"].to_string().contains(told), "{}", ended.err);
    let verified = events.result("h4", 2);
    assert_eq!(verified["class"], "wrong-kernel", "{verified}");
    assert!(verified["summary"].to_string().contains(told), "{verified}");
}
